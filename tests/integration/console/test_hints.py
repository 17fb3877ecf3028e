"""A page hears that what it shows has changed, of its own account only."""

import json
import time
from dataclasses import dataclass
from typing import Any

from asgiref.sync import async_to_sync, sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator

from accounts import grants, members, roles, sessions
from accounts.models import User
from brokers.catalog import quotas
from brokers.domain.quotas import Quota, Scope
from brokers.live.hints import UNAUTHENTICATED_CLOSE, Hints
from tests.integration.console.shop import Shop, browser_of
from tests.integration.three_people import Person


def test_page_hears_of_its_own_objects_and_of_no_others(shop: Shop) -> None:
    owner, stranger = _tab(shop.people.owner), _tab(shop.people.stranger)
    mine = f"topic:{shop.topic.pk}"

    async def scene() -> tuple[list[object], bool]:
        own, foreign = _socket(owner), _socket(stranger)
        for socket in (own, foreign):
            await socket.connect(timeout=60)
            await socket.send_json_to({"watch": [mine, "topic:999999", "topic:x", "secrets:1", 7]})
        layer = get_channel_layer()
        assert layer is not None
        heard: list[object] = []
        # Joining is asked for, not answered: repeat the hint until the page has joined.
        while not heard:
            await layer.group_send(f"hints.topic.{shop.topic.pk}", {"type": "hint", "name": mine})
            if not await own.receive_nothing(timeout=0.2):
                heard.append(await own.receive_json_from(timeout=60))
        is_quiet = await foreign.receive_nothing(timeout=0.2)
        for socket in (own, foreign):
            await socket.disconnect()
        return heard, is_quiet

    heard, is_quiet = async_to_sync(scene)()
    assert heard == [{"changed": mine}]
    assert is_quiet


def test_page_hears_no_more_after_a_revocation(shop: Shop) -> None:
    actor, member = shop.people.owner.actor, _tab(shop.people.member)
    mine = f"topic:{shop.topic.pk}"
    group = f"hints.topic.{shop.topic.pk}"
    document = {"Effect": "Allow", "Action": "mq:QueryTopic", "Resource": "acs:mq:*:*:shop%orders"}
    grants.create_policy(actor, "look", json.dumps({"Version": "1", "Statement": document}))
    grants.attach(actor, "look", user="mia")

    async def scene() -> int:
        socket = _socket(member)
        await socket.connect(timeout=60)
        await socket.send_json_to({"watch": [mine]})
        layer = get_channel_layer()
        assert layer is not None
        await _hear(socket, group, mine)
        await sync_to_async(grants.detach)(actor, "look", user="mia")
        await _hear_no_more(socket, group, mine)
        await sync_to_async(members.set_active)(actor, "mia", False)
        closed = await socket.receive_output(timeout=60)
        return int(closed["code"])

    assert async_to_sync(scene)() == UNAUTHENTICATED_CLOSE


def test_open_page_is_cut_off_when_its_session_is_ended(shop: Shop) -> None:
    member = _tab(shop.people.member)

    async def scene() -> Any:
        socket = _socket(member)
        await socket.connect(timeout=60)
        await socket.receive_nothing(timeout=0.2)
        await sync_to_async(sessions.end_all)(member.user, actor="root@acme")
        return await socket.receive_output(timeout=60)

    assert async_to_sync(scene)() == {"type": "websocket.close", "code": UNAUTHENTICATED_CLOSE}


def test_nobody_is_turned_away(shop: Shop) -> None:
    async def scene() -> int:
        socket = _socket(None)
        await socket.connect(timeout=60)
        return int((await socket.receive_output(timeout=60))["code"])

    assert async_to_sync(scene)() == UNAUTHENTICATED_CLOSE


def test_page_of_somebody_in_a_role_hears_of_the_roles_account(shop: Shop) -> None:
    owner, stranger = shop.people.owner.actor, shop.people.stranger
    mine = f"topic:{shop.topic.pk}"
    roles.create(owner, "helper", max_seconds=600)
    grants.attach(owner, "ReadOnly", role="helper")
    roles.trust(owner, "helper", stranger.user.login)
    taken, _ = roles.assume(
        stranger.user, "acme", "helper", seconds=600, reason="", source_ip="127.0.0.1", with_key=False
    )
    tab = _tab(stranger)
    roles.take_on(tab.session, taken.pk)
    tab.session.save()

    async def scene() -> None:
        socket = _socket(tab)
        await socket.connect(timeout=60)
        await socket.send_json_to({"watch": [mine]})
        await _hear(socket, f"hints.topic.{shop.topic.pk}", mine)
        await sync_to_async(roles.revoke)(owner, "helper", taken.pk)
        await _hear_no_more(socket, f"hints.topic.{shop.topic.pk}", mine)
        await socket.disconnect()

    async_to_sync(scene)()


def test_page_beyond_the_limit_of_connections_asks_by_itself(shop: Shop) -> None:
    owner = _tab(shop.people.owner)
    quotas.set_limits(shop.people.owner.actor, Scope.ACCOUNT, "", values={Quota.CONNECTIONS: 1})

    async def scene() -> tuple[bool, bool, bool]:
        first, second, third = _socket(owner), _socket(owner), _socket(owner)
        is_first_in, _ = await first.connect(timeout=60)
        is_second_in, _ = await second.connect(timeout=60)
        await first.disconnect()
        is_third_in, _ = await third.connect(timeout=60)
        await third.disconnect()
        return is_first_in, is_second_in, is_third_in

    assert async_to_sync(scene)() == (True, False, True)


def test_what_is_not_understood_is_left_alone(shop: Shop) -> None:
    owner = _tab(shop.people.owner)

    async def scene() -> bool:
        socket = _socket(owner)
        await socket.connect(timeout=60)
        nonsenses: list[Any] = [[], {"watch": "topic:1"}, {"watch": [[]]}, {"other": 1}, "text", None]
        for nonsense in nonsenses:
            await socket.send_json_to(nonsense)
        is_quiet = await socket.receive_nothing(timeout=0.2)
        await socket.disconnect()
        return is_quiet

    assert async_to_sync(scene)()
    assert async_to_sync(sync_to_async(User.objects.count))() >= 3


async def _hear(socket: WebsocketCommunicator, group: str, name: str) -> None:
    """Repeats the hint until the page has joined: joining is asked for, not answered."""
    layer = get_channel_layer()
    assert layer is not None
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        await layer.group_send(group, {"type": "hint", "name": name})
        if not await socket.receive_nothing(timeout=0.2):
            assert await socket.receive_json_from(timeout=60) == {"changed": name}
            return
    raise AssertionError("the page hears nothing")


async def _hear_no_more(socket: WebsocketCommunicator, group: str, name: str) -> None:
    """Repeats the hint until the page hears of it no more; fails when it still does after a minute."""
    layer = get_channel_layer()
    assert layer is not None
    deadline, quiet = time.monotonic() + 60, 0
    while quiet < 5:
        assert time.monotonic() < deadline, "the page still hears"
        await layer.group_send(group, {"type": "hint", "name": name})
        if await socket.receive_nothing(timeout=0.4):
            quiet += 1
        else:
            await socket.receive_json_from(timeout=60)
            quiet = 0


@dataclass(frozen=True, slots=True)
class Tab:
    """A browser's page: whose it is, and the session it was opened in."""

    user: User
    session: Any


def _tab(person: Person) -> Tab:
    return Tab(person.user, browser_of(person).session)


def _socket(tab: Tab | None) -> WebsocketCommunicator:
    socket = WebsocketCommunicator(Hints.as_asgi(), "/ws/v1/hints")
    scope: Any = socket.scope  # Any: Channels' middleware adds what its types do not know
    scope["user"], scope["session"] = (tab.user, tab.session) if tab else (None, None)
    return socket
