"""A page hears that what it shows has changed, of its own account only."""

import time
from typing import Any

from asgiref.sync import async_to_sync, sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.contrib.sessions.backends.base import SessionBase

from accounts import sessions
from accounts.models import User
from brokers.live.hints import UNAUTHENTICATED_CLOSE, Hints
from tests.integration.console.shop import Shop, browser_of
from tests.integration.three_people import Person


def test_page_hears_of_its_own_objects_and_of_no_others(shop: Shop) -> None:
    owner, stranger = _reader(shop.people.owner), _reader(shop.people.stranger)
    mine = f"topic:{shop.topic.pk}"

    async def scene() -> tuple[list[object], bool]:
        own, foreign = _socket(owner), _socket(stranger)
        for socket in (own, foreign):
            await socket.connect()
            await socket.send_json_to({"watch": [mine, "topic:999999", "topic:x", "secrets:1", 7]})
        layer = get_channel_layer()
        assert layer is not None
        heard: list[object] = []
        # Joining is asked for, not answered: repeat the hint until the page has joined.
        while not heard:
            await layer.group_send(f"hints.topic.{shop.topic.pk}", {"type": "hint", "name": mine})
            if not await own.receive_nothing(timeout=0.2):
                heard.append(await own.receive_json_from())
        is_quiet = await foreign.receive_nothing(timeout=0.2)
        for socket in (own, foreign):
            await socket.disconnect()
        return heard, is_quiet

    heard, is_quiet = async_to_sync(scene)()
    assert heard == [{"changed": mine}]
    assert is_quiet


def test_nobody_is_turned_away(shop: Shop) -> None:
    async def scene() -> int:
        socket = _socket(None)
        await socket.connect()
        return int((await socket.receive_output())["code"])

    assert async_to_sync(scene)() == UNAUTHENTICATED_CLOSE


def test_what_is_not_understood_is_left_alone(shop: Shop) -> None:
    reader = _reader(shop.people.owner)

    async def scene() -> bool:
        socket = _socket(reader)
        await socket.connect()
        nonsenses: list[Any] = [[], {"watch": "topic:1"}, {"watch": [[]]}, {"other": 1}, "text", None]
        for nonsense in nonsenses:
            await socket.send_json_to(nonsense)
        is_quiet = await socket.receive_nothing(timeout=0.2)
        await socket.disconnect()
        return is_quiet

    assert async_to_sync(scene)()
    assert async_to_sync(sync_to_async(User.objects.count))() >= 3


def test_open_page_is_cut_off_when_its_session_is_ended(shop: Shop) -> None:
    reader = _reader(shop.people.member)

    async def scene() -> tuple[dict[str, Any], float]:
        socket = _socket(reader)
        await socket.connect()
        await socket.send_json_to({"watch": [f"topic:{shop.topic.pk}"]})
        began = time.monotonic()
        await sync_to_async(sessions.end_all)(shop.people.member.user, actor="root@acme")
        heard = await socket.receive_output(timeout=5)
        return heard, time.monotonic() - began

    heard, seconds = async_to_sync(scene)()
    assert heard == {"type": "websocket.close", "code": UNAUTHENTICATED_CLOSE}
    assert seconds < 3


Reader = tuple[User, SessionBase]


def _reader(person: Person) -> Reader:
    return person.user, browser_of(person).session


def _socket(reader: Reader | None) -> WebsocketCommunicator:
    socket = WebsocketCommunicator(Hints.as_asgi(), "/ws/v1/hints")
    scope: Any = socket.scope  # Any: Channels' middleware adds what its types do not know
    scope["user"], scope["session"] = reader or (None, None)
    return socket
