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
from django.db import close_old_connections

from accounts.models import User
from brokers.catalog import access
from brokers.domain import limits
from brokers.domain.actor import Actor
from brokers.models import Group, Instance, Operation, Topic

UNAUTHENTICATED_CLOSE = 4401
KINDS = ("topic", "group", "operation", "instance", "transactions")
# How often a quiet connection looks whether its reader may still be here.
RECHECK_SECONDS = 60


class Hints(AsyncJsonWebsocketConsumer):
    """One browser page."""

    _user: User
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
        allowed = await sync_to_async(_visible)(self._user, names)
        for name in allowed - self._names:
            await self.channel_layer.group_add(_channel_group(name), self.channel_name)
        for name in self._names - allowed:
            await self.channel_layer.group_discard(_channel_group(name), self.channel_name)
        self._names = allowed

    async def hint(self, event: dict[str, Any]) -> None:  # Any: as Channels defines it
        """Passes one hint on. Called by Channels for messages of type `hint`."""
        await self.send_json({"changed": event["name"]})

    async def _recheck(self) -> None:
        """Ends the connection of somebody who was switched off meanwhile."""
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            if not await sync_to_async(_is_active)(self._user.pk):
                await self.close(UNAUTHENTICATED_CLOSE)
                return


def _channel_group(name: str) -> str:
    return f"hints.{name.replace(':', '.')}"


def _is_active(user_id: int) -> bool:
    close_old_connections()
    return User.objects.filter(pk=user_id, is_active=True).exists()


def _visible(user: User, names: Iterable[str]) -> set[str]:
    """Returns those names that mean something of this account which the reader may see. One query a kind."""
    close_old_connections()
    wanted: dict[str, set[int]] = {}
    for name in names:
        kind, _, number = name.partition(":")
        if kind in KINDS and number.isascii() and number.isdigit() and int(number) <= limits.INT64_MAX:
            wanted.setdefault(kind, set()).add(int(number))
    found: set[str] = set()
    actor = Actor(account_id=user.account_id, user_id=user.pk, name=user.login, is_root=user.is_root)
    for kind, rows, instance, name in (
        ("topic", Topic.objects.filter(instance__account_id=user.account_id), "instance__name", "name"),
        ("group", Group.objects.filter(instance__account_id=user.account_id), "instance__name", "name"),
        ("operation", Operation.objects.filter(instance__account_id=user.account_id), "instance__name", "group__name"),
        ("instance", Instance.objects.filter(account_id=user.account_id), "name", "name"),
        # The transactions of an instance, by the instance's number.
        ("transactions", Instance.objects.filter(account_id=user.account_id), "name", "name"),
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
