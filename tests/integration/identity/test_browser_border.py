"""What keeps other sites out of a reader's browser: the origin of WebSockets, and the policy of the sign-in pages."""

import importlib
import re
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.test import Client

from brokers.live.hints import UNAUTHENTICATED_CLOSE
from tests.integration.identity.entering import give_app, sign_in
from tests.integration.three_people import People


@pytest.mark.parametrize(
    ("origin", "enters"),
    [
        (b"http://localhost", True),
        (b"http://evil.example", False),
        (b"http://localhost.evil.example", False),
        (b"null", False),
        (None, False),
    ],
)
def test_only_pages_of_this_site_open_a_websocket_with_the_readers_cookie(
    people: People, origin: bytes | None, enters: bool
) -> None:
    browser, _ = sign_in(people.owner.user)
    cookie = f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}".encode()
    headers = [(b"host", b"localhost"), (b"cookie", cookie), *([(b"origin", origin)] if origin else [])]
    # Loads the whole site, which wants a folder of static files: the fixture has made one by now.
    app: Any = importlib.import_module("mqconsole.asgi").application  # Any: ASGI as Channels and as we write it

    async def scene() -> tuple[bool, Any]:
        socket = WebsocketCommunicator(app, "/ws/v1/hints", headers=headers)
        accepted, _protocol = await socket.connect(timeout=60)
        quiet = accepted and await socket.receive_nothing(timeout=0.5)
        closed = None if not accepted or quiet else await socket.receive_output(timeout=60)
        await socket.disconnect()
        return accepted, closed

    accepted, closed = async_to_sync(scene)()
    assert accepted is enters
    assert closed is None or closed["code"] != UNAUTHENTICATED_CLOSE


def test_pages_about_signing_in_carry_no_code_of_their_own_and_are_kept_by_nobody(people: People) -> None:
    inside, _ = sign_in(people.owner.user)
    give_app(people.member.user)
    half, _ = sign_in(people.member.user)
    pages = [(Client(), "/signin"), (Client(), "/signin-passkey"), (half, "/signin-second"), (Client(), "/invitation")]
    pages += [(inside, f"/{path}") for path in ("security", "security/app", "security/passkey", "sessions", "confirm")]
    for browser, path in pages:
        answer = browser.get(path)
        text = answer.content.decode()
        policy = answer.headers["Content-Security-Policy"]
        nonce = re.search(r"script-src 'nonce-([^']+)'", policy)
        assert nonce, path
        assert f'nonce="{nonce[1]}"' in text, path
        assert "unsafe" not in policy
        assert not re.search(r"<[^>]+\s(style|on[a-z]+)=", text), path
        assert not re.search(r"<style|<script(?![^>]*\bnonce=)[^>]*>|<script[^>]*>[^<]", text), path
        assert "no-store" in answer.headers["Cache-Control"], path
        assert answer.headers["Referrer-Policy"] == "same-origin"
