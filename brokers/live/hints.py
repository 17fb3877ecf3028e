"""Tells a browser that something it shows has changed; never what.

Owns: who may hear of which object, and the channel-layer groups a page joins.
Must not know: pages or data. Called by: browsers, through `routing`; fed by `events.announce`.

A page sends {"watch": ["topic:42", "group:7"]} and hears {"changed": "topic:42"}. It then fetches its own fragment with
the ordinary permission check, so a hint reveals nothing. Names of other accounts, or of nothing, are left out silently.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.contrib.sessions.backends.base import SessionBase
from django.db import DatabaseError, close_old_connections

from accounts import key_cache, sessions
from accounts.errors import TryLater as AccountTryLater
from accounts.models import User
from brokers.catalog import access
from brokers.domain import limits
from brokers.domain.actor import Actor
from brokers.models import Group, Instance, Operation, Topic

UNAUTHENTICATED_CLOSE = 4401
KINDS = ("topic", "group", "operation", "instance")
# A connection notices after so long that keys, users, policies or sessions changed, and then looks at its own session.
NOTICE_SECONDS = 1
# A session that ends by itself changes nothing; it is looked at so often.
RECHECK_SECONDS = 60


class Hints(AsyncJsonWebsocketConsumer):
    """One browser page."""

    _user: User
    _session: SessionBase
    _names: set[str]
    _check: asyncio.Task[None] | None

    async def connect(self) -> None:
        user: object = self.scope.get("user")
        self._names = set()
        self._check = None
        await self.accept()
        if not isinstance(user, User):
            await self.close(UNAUTHENTICATED_CLOSE)
            return
        self._user = user
        self._session = self.scope["session"]
        self._check = asyncio.create_task(self._recheck())

    async def disconnect(self, code: int) -> None:
        if self._check is not None:
            self._check.cancel()
        for name in self._names:
            await self.channel_layer.group_discard(_channel_group(name), self.channel_name)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:  # Any: whatever the browser sent
        """Takes the names a page shows, instead of those it showed before."""
        if self._check is None or not isinstance(content, dict):
            return
        asked = content.get("watch")
        if not isinstance(asked, list):
            return
        names = [name for name in asked[: limits.HINT_NAME_COUNT] if isinstance(name, str)]
        allowed = await sync_to_async(_visible)(self._user, names, self._session)
        for name in allowed - self._names:
            await self.channel_layer.group_add(_channel_group(name), self.channel_name)
        for name in self._names - allowed:
            await self.channel_layer.group_discard(_channel_group(name), self.channel_name)
        self._names = allowed

    async def hint(self, event: dict[str, Any]) -> None:  # Any: as Channels defines it
        """Passes one hint on. Called by Channels for messages of type `hint`."""
        await self.send_json({"changed": event["name"]})

    async def _recheck(self) -> None:
        """Ends the connection when its session is over: signed out, ended by somebody, or its user switched off."""
        seen: object = None
        quiet_seconds = RECHECK_SECONDS
        while True:
            generation = key_cache.generation() or await sync_to_async(_generation)()
            if generation is not None and (generation is not seen or quiet_seconds >= RECHECK_SECONDS):
                seen, quiet_seconds = generation, 0
                if not await sync_to_async(_is_alive)(self._session.session_key or "", self._user.pk):
                    await self.close(UNAUTHENTICATED_CLOSE)
                    return
            await asyncio.sleep(NOTICE_SECONDS)
            quiet_seconds += NOTICE_SECONDS


def _channel_group(name: str) -> str:
    return f"hints.{name.replace(':', '.')}"


def _generation() -> object | None:
    """Returns the present generation, None while the database cannot be asked: nothing is judged then."""
    close_old_connections()
    try:
        return key_cache.compared()
    except AccountTryLater:
        return None


def _is_alive(session_key: str, user_id: int) -> bool:
    close_old_connections()
    try:
        return sessions.is_alive(session_key, user_id)
    except DatabaseError:
        return True  # it is asked again when the database is back; what a hint leads to asks for itself


def _visible(user: User, names: Iterable[str], session: SessionBase) -> set[str]:
    """Returns those names that mean something of this account which the reader may see. One query a kind."""
    close_old_connections()
    wanted: dict[str, set[int]] = {}
    for name in names:
        kind, _, number = name.partition(":")
        if kind in KINDS and number.isascii() and number.isdigit() and int(number) <= limits.INT64_MAX:
            wanted.setdefault(kind, set()).add(int(number))
    found: set[str] = set()
    actor = Actor(
        account_id=user.account_id,
        user_id=user.pk,
        name=user.login,
        is_root=user.is_root,
        has_second_factor=sessions.has_second_factor(session),
    )
    for kind, rows, instance, name in (
        ("topic", Topic.objects.filter(instance__account_id=user.account_id), "instance__name", "name"),
        ("group", Group.objects.filter(instance__account_id=user.account_id), "instance__name", "name"),
        ("operation", Operation.objects.filter(instance__account_id=user.account_id), "instance__name", "group__name"),
        ("instance", Instance.objects.filter(account_id=user.account_id), "name", "name"),
    ):
        ids = wanted.get(kind)
        if ids:
            seen = rows.filter(pk__in=ids).values_list("pk", instance, name)
            found.update(
                f"{kind}:{pk}" for pk, where, what in seen if _may_hear(actor, kind, instance=where, name=what)
            )
    return found


def _may_hear(actor: Actor, kind: str, *, instance: str, name: str) -> bool:
    scope = access.resource(actor.account_id, instance)
    if kind == "instance":
        return access.may(actor, "mq:QueryInstanceBaseInfo", scope)
    if kind == "operation":
        return access.may_on_group(actor, "mq:QueryOperation", instance=instance, group=name)
    action = "mq:QueryTopic" if kind == "topic" else "mq:QueryGroup"
    return access.may(actor, action, access.resource(actor.account_id, instance, name))
