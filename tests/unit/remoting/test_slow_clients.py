"""A connection that never finishes a frame ends, however busily it trickles."""

import asyncio
import contextlib

import pytest

from brokers.domain import limits
from brokers.doors.remoting.call import Place
from brokers.doors.remoting.connection import Connection
from brokers.doors.remoting.members import Members
from brokers.doors.remoting.tls import Certificate


async def trickle(writer: asyncio.StreamWriter, *, until: asyncio.Event) -> None:
    """Sends a frame's bytes as slowly as the loop turns, and then nothing."""
    writer.write(b"\0\0\0\x64")
    while not until.is_set():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.02):
                await until.wait()
        writer.write(b"\0")


@pytest.mark.parametrize("is_silent", [True, False], ids=["silent", "trickling"])
async def test_a_frame_that_does_not_end_in_time_ends_its_connection(
    monkeypatch: pytest.MonkeyPatch, is_silent: bool
) -> None:
    monkeypatch.setattr(limits, "CONNECTION_FRAME_SECONDS", 0.5)
    monkeypatch.setattr(limits, "CONNECTION_IDLE_SECONDS", 0.5 if is_silent else 60)

    serving: set[asyncio.Task[None]] = set()

    def welcome(connection: Connection) -> bool:
        serving.add(asyncio.create_task(connection.serve()))
        return True

    def connection() -> Connection:
        place = Place("127.0.0.1", 1)
        return Connection(members=Members(), place=place, certificate=Certificate(), welcome=welcome)

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        over = asyncio.Event()
        sending = asyncio.create_task(asyncio.sleep(0) if is_silent else trickle(writer, until=over))
        async with asyncio.timeout(20):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        over.set()
        await sending
        writer.close()
        await asyncio.gather(*serving)
