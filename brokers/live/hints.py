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
from django.db import close_old_connections

from accounts import key_cache, roles, sessions
from accounts import limits as account_limits
from accounts.errors import TryLater
from accounts.models import User
from brokers.catalog import access, readers
from brokers.dispatch import connections
from brokers.domain import clock, limits
from brokers.domain.actor import Actor
from brokers.domain.errors import BrokerError
from brokers.models import Group, Instance, Operation, Topic

UNAUTHENTICATED_CLOSE = 4401
# The database cannot say whether the reader may stay: the page comes back by itself.
UNKNOWN_CLOSE = 1013
KINDS = ("topic", "group", "operation", "instance", "transactions")
# How often a connection looks whether anybody's rights changed at all; only then it asks for its own reader's.
RECHECK_SECONDS = 0.5
# So often it asks all the same: a session ends, and a condition on the time stops to hold, without a change of rights.
SESSION_SECONDS = 60.0
# The oldest comparison with the database that counts: together a right that is gone ends its hints within two seconds.
_COMPARED_SECONDS = account_limits.KEY_CHECK_SECONDS


class Hints(AsyncJsonWebsocketConsumer):
    """One browser page."""

    _user: User
    _reader: Actor | None
    _session_key: str
    _changing: asyncio.Lock
    _names: set[str]
    _check: asyncio.Task[None] | None

    async def connect(self) -> None:
        self._names = set()
        self._check = None
        self._reader = None
        reader = await self._who()
        if reader is not None:
            try:
                await connections.enter(reader)
            except BrokerError:  # one connection too many, or nobody can say: the page asks by itself meanwhile
                await self.close()
                return
        self._reader = reader
        await self.accept()
        if reader is None:
            await self.close(UNAUTHENTICATED_CLOSE)
            return
        self._changing = asyncio.Lock()
        self._check = asyncio.create_task(self._recheck(reader))

    async def disconnect(self, code: int) -> None:
        self._leave()
        if self._check is not None:
            self._check.cancel()
        for name in self._names:
            await self.channel_layer.group_discard(_channel_group(name), self.channel_name)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:  # Any: whatever the browser sent
        """Takes the names a page shows, instead of those it showed before."""
        if self._check is None or self._reader is None or not isinstance(content, dict):
            return
        asked = content.get("watch")
        if not isinstance(asked, list):
            return
        names = [name for name in asked[: limits.HINT_NAME_COUNT] if isinstance(name, str)]
        async with self._changing:
            await self._keep(await sync_to_async(_visible)(self._reader, names))

    async def hint(self, event: dict[str, Any]) -> None:  # Any: as Channels defines it
        """Passes one hint on. Called by Channels for messages of type `hint`."""
        if event["name"] in self._names:
            await self.send_json({"changed": event["name"]})

    def _leave(self) -> None:
        if self._reader is not None:
            connections.leave(self._reader)
        self._reader = None

    async def _who(self) -> Actor | None:
        """Returns whose page this is, in the role they have taken on; None when nobody is signed in."""
        user: object = self.scope.get("user")
        session: Any = self.scope.get("session")  # Any: Django's lazy object, which Channels has no type for
        if not isinstance(user, User) or session is None:
            return None
        self._user, self._session_key = user, session.session_key or ""
        client = self.scope.get("client") or ("",)
        return await sync_to_async(_reader)(
            user, session, source_ip=str(client[0]), is_secure=self.scope.get("scheme") == "wss"
        )

    async def _keep(self, allowed: set[str]) -> None:
        """Listens to these names instead of those before."""
        for name in allowed - self._names:
            await self.channel_layer.group_add(_channel_group(name), self.channel_name)
        for name in self._names - allowed:
            await self.channel_layer.group_discard(_channel_group(name), self.channel_name)
        self._names = allowed

    async def _recheck(self, reader: Actor) -> None:
        """Ends the connection of somebody who was switched off, and forgets names that are no longer theirs to see."""
        seen, due = await _rights(), clock.monotonic() + SESSION_SECONDS
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            now = await _rights()
            if now is seen and now is not None and clock.monotonic() < due:
                continue
            if now is None or not await sync_to_async(_may_stay)(self._user, self._session_key):
                self._leave()
                await self.close(UNKNOWN_CLOSE if now is None else UNAUTHENTICATED_CLOSE)
                return
            async with self._changing:
                await self._keep(await sync_to_async(_visible)(reader, self._names))
            seen, due = now, clock.monotonic() + SESSION_SECONDS


async def _rights() -> object:
    """Returns something that is another one after any change of rights, keys or users; None when that is unknown."""
    try:
        return key_cache.recent(_COMPARED_SECONDS) or await sync_to_async(key_cache.compared)()
    except TryLater:
        return None


def _channel_group(name: str) -> str:
    return f"hints.{name.replace(':', '.')}"


def _reader(user: User, session: SessionBase, *, source_ip: str, is_secure: bool) -> Actor:
    close_old_connections()
    role = roles.of_session(session, user)
    return readers.of_session(user, session, role, source_ip=source_ip, is_secure=is_secure)


def _may_stay(user: User, session_key: str) -> bool:
    """Returns whether the user is active, and the session still theirs. One query."""
    close_old_connections()
    return sessions.is_alive(session_key, user.pk)


def _visible(actor: Actor, names: Iterable[str]) -> set[str]:
    """Returns those names that mean something of this account which the reader may see. One query a kind."""
    close_old_connections()
    wanted: dict[str, set[int]] = {}
    for name in names:
        kind, _, number = name.partition(":")
        if kind in KINDS and number.isascii() and number.isdigit() and int(number) <= limits.INT64_MAX:
            wanted.setdefault(kind, set()).add(int(number))
    found: set[str] = set()
    for kind, rows, instance, name in (
        ("topic", Topic.objects.filter(instance__account_id=actor.account_id), "instance__name", "name"),
        ("group", Group.objects.filter(instance__account_id=actor.account_id), "instance__name", "name"),
        ("operation", Operation.objects.filter(instance__account_id=actor.account_id), "instance__name", "group__name"),
        ("instance", Instance.objects.filter(account_id=actor.account_id), "name", "name"),
        # The transactions of an instance, by the instance's number.
        ("transactions", Instance.objects.filter(account_id=actor.account_id), "name", "name"),
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
    if kind in {"instance", "transactions"}:
        return access.may(actor, "mq:QueryInstanceBaseInfo", scope)
    if kind == "operation":
        return access.may_on_group(actor, "mq:QueryOperation", instance=instance, group=name)
    action = "mq:QueryTopic" if kind == "topic" else "mq:QueryGroup"
    return access.may(actor, action, access.resource(actor.account_id, instance, name))
