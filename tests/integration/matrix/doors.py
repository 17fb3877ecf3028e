"""Every door of the product in this process, so that a test asks thousands of times in a minute.

Pages and management API through Django's client; the hot routes through the ASGI application; remoting through its
server on a socket; hints through the WebSocket application. Nothing stands in for any of them.
"""

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.db import connections
from django.test import Client

from accounts import remoting_signature
from brokers.dispatch import bridge, desk
from brokers.doors.http.routes import find
from brokers.doors.remoting.server import RemotingServer
from brokers.protocols.remoting import frames
from brokers.protocols.remoting.frames import Command, Decoder
from tests import stack
from tests.integration.matrix.world import Who

Result = TypeVar("Result")
ORIGIN = "https://testserver"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a door said: an HTTP status or remoting code, and everything that can be read in it."""

    status: int
    text: str
    location: str = ""


class Doors:
    """The doors, with an event loop of their own on a thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: RemotingServer | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._decoder = Decoder(1 << 24)
        self._client = Client()  # one for everybody: each would load the whole of the middleware

    def open(self) -> None:
        self._thread.start()
        self.run(self._open())

    def close(self) -> None:
        self.run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def page(self, who: Who, method: str, path: str, *, form: dict[str, str] | None = None) -> Answer:
        """Asks the console. A nobody sends whatever session it has."""
        client = self._forgetful()
        if who.session:
            client.cookies[settings.SESSION_COOKIE_NAME] = who.session
        return _read(client.generic(method, path, _encoded(form), "application/x-www-form-urlencoded"))

    def api(self, who: Who, method: str, path: str, *, body: bytes = b"") -> Answer:
        """Asks the HTTP API with an access key; hot routes reach their own application as they do in the product."""
        headers = {"Authorization": who.basic} if who.basic else {}
        route = find(path.partition("?")[0].encode())
        if route is not None and method == route.method:
            return self.run(self._hot(method, path, body=body, headers=headers))
        return _read(self._forgetful().generic(method, path, body, "application/json", headers=headers))

    def remoting(self, who: Who, code: int, fields: dict[str, str], *, body: bytes = b"") -> Answer:
        """Sends one signed request on the open connection."""
        if who.key_id:
            fields = {**fields, "AccessKey": who.key_id}
            fields = {**fields, "Signature": remoting_signature.sign(who.secret.encode(), fields, body)}
        answer = self.run(self._ask(Command(code=code, opaque=7, fields=fields, body=body)))
        told = f"{answer.remark or ''} {dict(answer.fields)} {answer.body.decode(errors='replace')}"
        return Answer(answer.code, told)

    def hints(self, who: Who, names: list[str], *, expected: set[str] | None) -> set[str] | None:
        """Returns which of these names somebody hears of, or None when the socket closes.

        What is expected is waited for, a minute at most; beyond that whatever comes within a few looks.
        """
        return self.run(_hear(who, names, expected=expected))

    def _forgetful(self) -> Client:
        self._client.cookies.clear()
        return self._client

    async def _open(self) -> None:
        self._server = RemotingServer("matrix")
        await self._server.start()

    async def _close(self) -> None:
        assert self._server is not None
        if self._writer is not None:
            self._writer.close()
        await self._server.stop()
        await desk.close()
        await sync_to_async(connections.close_all)()
        bridge.close()

    async def _hot(self, method: str, path: str, *, body: bytes, headers: dict[str, str]) -> Answer:
        from mqconsole.asgi import application

        app: Any = application  # Any: httpx has another type of the same protocol
        transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN.replace("https", "http")) as client:
            headers = {**headers, "Content-Type": "application/json"}
            answer = await client.request(method, path, content=body, headers=headers)
        return Answer(answer.status_code, answer.text)

    async def _ask(self, command: Command) -> Command:
        """Asks on the connection that is open, whoever asked on it before; on another when the server ended it."""
        for _ in range(2):
            if self._writer is None or self._reader is None or self._reader.at_eof():
                self._reader, self._writer = await asyncio.open_connection("127.0.0.1", settings.BROKER_PORT)
                self._decoder = Decoder(1 << 24)
            try:
                return await self._answered(command, self._reader, self._writer)
            except OSError:
                self._writer = None
        raise AssertionError("the server ends every connection")

    async def _answered(self, command: Command, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Command:
        writer.write(frames.encode(command))
        async with asyncio.timeout(30):
            while True:
                got = self._decoder.next()
                if isinstance(got, Command) and got.is_response:
                    return got
                if got is None:
                    data = await reader.read(65536)
                    if not data:
                        raise ConnectionError
                    self._decoder.feed(data)


@contextmanager
def opened() -> Iterator[Doors]:
    doors = Doors()
    doors.open()
    try:
        yield doors
    finally:
        doors.close()


def free_ports() -> dict[str, int]:
    return {"NAMESRV_PORT": stack.free_port(), "BROKER_PORT": stack.free_port()}


def _encoded(form: dict[str, str] | None) -> bytes:
    return str(httpx.QueryParams(form or {})).encode()


def _read(response: Any) -> Answer:  # Any: Django's test response
    body = b"".join(response.streaming_content) if response.streaming else response.content
    told = " ".join(f"{name}: {value}" for name, value in response.headers.items())
    text = body.decode(errors="replace") + told
    return Answer(response.status_code, text, response.headers.get("Location", ""))


async def _hear(who: Who, names: list[str], *, expected: set[str] | None) -> set[str] | None:
    from mqconsole.asgi import application

    headers = [(b"origin", ORIGIN.encode()), (b"host", b"testserver")]
    headers.append((b"cookie", f"{settings.SESSION_COOKIE_NAME}={who.session}".encode()))
    any_app: Any = application  # Any: Channels' type of one protocol differs from ours
    socket = WebsocketCommunicator(any_app, "/ws/v1/hints", headers=headers)
    scope: Any = socket.scope
    scope["client"] = ("127.0.0.1", 1)
    await socket.connect(timeout=60)
    await socket.send_json_to({"watch": names})
    layer = get_channel_layer()
    assert layer is not None
    heard: set[str] = set()
    quiet, deadline = 0, time.monotonic() + 60
    while quiet < 3 or (heard != expected and expected != set() and time.monotonic() < deadline):
        for name in names:
            await layer.group_send(f"hints.{name.replace(':', '.')}", {"type": "hint", "name": name})
        before = len(heard)
        while not await socket.receive_nothing(timeout=0.1):
            output = await socket.receive_output(timeout=60)
            if output["type"] == "websocket.close":
                return None
            heard.add(str(httpx.Response(200, text=output["text"]).json()["changed"]))
        quiet = quiet + 1 if len(heard) == before else 0
    await socket.disconnect()
    return heard
