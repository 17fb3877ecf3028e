"""A page hears that what it shows has changed, of its own account only."""

import json
from typing import Any

from asgiref.sync import async_to_sync, sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator

from accounts import grants, members, sessions
from accounts.models import User
from brokers.live.hints import UNAUTHENTICATED_CLOSE, Hints
from tests import tempo
from tests.integration.console.shop import Shop, browser_of


def test_page_hears_of_its_own_objects_and_of_no_others(shop: Shop) -> None:
    owner, stranger = shop.people.owner.user, shop.people.stranger.user
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


def test_page_hears_no_more_within_two_seconds_of_a_revocation(shop: Shop) -> None:
    actor, member = shop.people.owner.actor, shop.people.member.user
    mine = f"topic:{shop.topic.pk}"
    group = f"hints.topic.{shop.topic.pk}"
    document = {"Effect": "Allow", "Action": "mq:QueryTopic", "Resource": "acs:mq:*:*:shop%orders"}
    grants.create_policy(actor, "look", json.dumps({"Version": "1", "Statement": document}))
    grants.attach(actor, "look", user="mia")

    async def scene() -> tuple[float, int]:
        socket = _socket(member)
        await socket.connect(timeout=60)
        await socket.send_json_to({"watch": [mine]})
        layer = get_channel_layer()
        assert layer is not None
        await _hear(socket, group, mine)
        await sync_to_async(grants.detach)(actor, "look", user="mia")
        last = 0.0
        with tempo.watch() as watch:
            while watch.seconds() < 4:
                await layer.group_send(group, {"type": "hint", "name": mine})
                if not await socket.receive_nothing(timeout=0.1):
                    await socket.receive_json_from(timeout=60)
                    last = watch.seconds()
        await sync_to_async(members.set_active)(actor, "mia", False)
        closed = await socket.receive_output(timeout=60)
        return last, int(closed["code"])

    seconds, code = async_to_sync(scene)()
    assert seconds <= 2.0
    assert code == UNAUTHENTICATED_CLOSE


def test_open_page_is_cut_off_when_its_session_is_ended(shop: Shop) -> None:
    member = shop.people.member
    session = browser_of(member).session

    async def scene() -> tuple[Any, float]:
        socket = _socket(member.user)
        scope: Any = socket.scope  # Any: as below
        scope["session"] = session
        await socket.connect(timeout=60)
        await socket.receive_nothing(timeout=0.2)
        with tempo.watch() as watch:
            await sync_to_async(sessions.end_all)(member.user, actor="root@acme")
            return await socket.receive_output(timeout=60), watch.seconds()

    heard, seconds = async_to_sync(scene)()
    assert heard == {"type": "websocket.close", "code": UNAUTHENTICATED_CLOSE}
    assert seconds <= 2.0


def test_nobody_is_turned_away(shop: Shop) -> None:
    async def scene() -> int:
        socket = _socket(None)
        await socket.connect(timeout=60)
        return int((await socket.receive_output(timeout=60))["code"])

    assert async_to_sync(scene)() == UNAUTHENTICATED_CLOSE


def test_what_is_not_understood_is_left_alone(shop: Shop) -> None:
    async def scene() -> bool:
        socket = _socket(shop.people.owner.user)
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
    while True:
        await layer.group_send(group, {"type": "hint", "name": name})
        if not await socket.receive_nothing(timeout=0.2):
            assert await socket.receive_json_from(timeout=60) == {"changed": name}
            return


def _socket(user: User | None) -> WebsocketCommunicator:
    socket = WebsocketCommunicator(Hints.as_asgi(), "/ws/v1/hints")
    scope: Any = socket.scope  # Any: Channels' middleware adds what its types do not know
    scope["user"] = user
    return socket
