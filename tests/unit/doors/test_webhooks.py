"""Where a webhook may lead, what it gets, and what of its answer is read."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from django.test import override_settings

from brokers.doors import webhooks

SECRET = b"shh"
Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1",
        "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
        "2001:db8::1",
    ],
)  # fmt: skip
def test_an_address_inside_is_not_public(address: str) -> None:
    assert not webhooks.is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_an_address_outside_is_public(address: str) -> None:
    assert webhooks.is_public(address)


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/x", "https://localhost/x", "https://[::1]/x", "http://1.1.1.1/x", "https://0x7f.1/x"]
)
async def test_nobody_inside_is_called(url: str) -> None:
    async with listening(_answer(b"HTTP/1.0 200 OK\r\n\r\n{}")) as (port, heard):
        with pytest.raises(webhooks.Failed, match=r"not public|only https"):
            await webhooks.post(url.replace("/x", f":{port}/x"), b"{}", secret=SECRET)
        assert heard == []


@override_settings(WEBHOOK_ALLOW_PRIVATE=True)
async def test_a_call_is_signed_and_its_answer_is_read() -> None:
    async with listening(_answer(b'HTTP/1.1 200 OK\r\nContent-Type: x\r\n\r\n{"decision": "commit"}')) as (port, heard):
        url = f"http://127.0.0.1:{port}/checks?till=1"
        answer = await webhooks.post(url, b'{"a": 1}', secret=SECRET)
    assert (answer.status, json.loads(answer.body)) == (200, {"decision": "commit"})
    head, _, body = heard[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[:2] == ["POST /checks?till=1 HTTP/1.0", f"Host: 127.0.0.1:{port}"]
    (signature,) = [line.partition(": ")[2] for line in lines if line.startswith("MQ-Signature")]
    timestamp, _, digest = signature.removeprefix("t=").partition(",v1=")
    assert body == b'{"a": 1}'
    assert digest == hmac.new(SECRET, f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


@override_settings(WEBHOOK_ALLOW_PRIVATE=True)
@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "connection failed"),
        (b"SSH-2.0-x\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "chunked"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 17_000, "longer than"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 10_000, "connection failed"),
    ],
)
async def test_what_comes_back_is_bounded_and_must_be_http(raw: bytes, reason: str) -> None:
    async with listening(_answer(raw)) as (port, _):
        with pytest.raises(webhooks.Failed, match=reason):
            await webhooks.post(f"http://127.0.0.1:{port}/", b"{}", secret=SECRET)


@override_settings(WEBHOOK_ALLOW_PRIVATE=True)
async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async with listening(_answer(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n")) as (port, heard):
        answer = await webhooks.post(f"http://127.0.0.1:{port}/", b"{}", secret=SECRET)
    assert answer.status == 302 and len(heard) == 1


@override_settings(WEBHOOK_ALLOW_PRIVATE=True)
async def test_a_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brokers.domain.limits.WEBHOOK_SECONDS", 0.1)
    silent = asyncio.Event()

    async def wait(_: bytes, __: asyncio.StreamWriter) -> None:
        await silent.wait()

    async with listening(wait) as (port, _):
        with pytest.raises(webhooks.Failed, match="no answer"):
            await webhooks.post(f"http://127.0.0.1:{port}/", b"{}", secret=SECRET)
        silent.set()


@asynccontextmanager
async def listening(answer: Answer) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Gives the port of a server and what it heard."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = next(int(line[16:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length: "))
        request = head + await reader.readexactly(size)
        heard.append(request)
        await answer(request, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], heard


def _answer(raw: bytes) -> Answer:
    async def write(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)

    return write
