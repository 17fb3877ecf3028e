"""RabbitMQ as a peer, where `rabbitmq-server` is installed: a quorum queue, persistent messages, publisher confirms.

It runs by itself in a temporary directory and on free ports. The client speaks as much AMQP 0-9-1 as this load needs.
"""

import asyncio
import contextlib
import os
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import uvloop

from . import stack
from .client import percentiles

_QUEUE = b"bench"
_BODY = b"x" * 1024
_START_SECONDS = 90
_DEBIAN = "/usr/lib/rabbitmq/bin"
_METHOD, _HEADER, _BODY_FRAME = 1, 2, 3
_ACK = (60, 80)


def why_not() -> str | None:
    """Returns why it cannot run here."""
    return None if _program() else "no rabbitmq-server (on Debian: apt install rabbitmq-server)"


def _program() -> str | None:
    # Debian's command of this name changes the user; behind it is the program.
    return shutil.which("rabbitmq-server", path=f"{_DEBIAN}{os.pathsep}{os.environ.get('PATH', '')}")


@dataclass(frozen=True, slots=True)
class Rabbit:
    """A running server."""

    port: int

    def send(self, *, connections: int, seconds: float) -> dict[str, float]:
        """Returns confirmed messages a second, one under way on each connection."""
        return uvloop.run(_send(self.port, connections, seconds))


@contextlib.contextmanager
def running() -> Iterator[Rabbit]:
    """Starts a server and stops it afterwards."""
    with tempfile.TemporaryDirectory(prefix="mq-bench-rabbit-") as home:
        port, peers, names = stack.free_port(), stack.free_port(), stack.free_port()
        plugins = Path(home, "plugins")
        plugins.write_text("[].\n")
        environment = {
            "HOME": home,
            "RABBITMQ_NODENAME": f"bench{port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(peers),
            "RABBITMQ_MNESIA_BASE": f"{home}/data",
            "RABBITMQ_LOG_BASE": f"{home}/log",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins),
            "RABBITMQ_CONF_ENV_FILE": f"{home}/none",
            "ERL_EPMD_PORT": str(names),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        program = _program()
        assert program is not None, "asked before whether it is there"
        with Path(home, "output").open("wb") as output:
            process = subprocess.Popen([program], env={**os.environ, **environment}, stdout=output, stderr=output)
            try:
                stack.wait_for_port(port, seconds=_START_SECONDS)
                yield Rabbit(port)
            finally:
                process.terminate()
                process.wait(timeout=60)
                # Erlang's register of names outlives what it was started for.
                subprocess.run(["epmd", "-kill"], env={**os.environ, **environment}, capture_output=True, check=False)


class _Line:
    """One connection with one channel in confirm mode."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> "_Line":
        line = cls(*await asyncio.open_connection("127.0.0.1", port))
        line._writer.write(b"AMQP\0\0\x09\x01")
        await line._expect(10, 10)
        line._method(0, (10, 11), struct.pack(">I", 0) + _short(b"PLAIN") + _long(b"\0guest\0guest") + _short(b"en_US"))
        tuned = await line._expect(10, 30)
        line._method(0, (10, 31), tuned[:6] + b"\0\0")
        line._method(0, (10, 40), _short(b"/") + b"\0\0")
        await line._expect(10, 41)
        line._method(1, (20, 10), b"\0")
        await line._expect(20, 11)
        arguments = _short(b"x-queue-type") + b"S" + _long(b"quorum")
        line._method(1, (50, 10), b"\0\0" + _short(_QUEUE) + b"\x02" + _long(arguments))
        await line._expect(50, 11)
        line._method(1, (85, 10), b"\0")
        await line._expect(85, 11)
        return line

    async def publish(self) -> None:
        """Sends a persistent message and waits for its confirmation."""
        publish = struct.pack(">HHH", 60, 40, 0) + _short(b"") + _short(_QUEUE) + b"\0"
        # Of the properties only the delivery mode: 2 is persistent.
        header = struct.pack(">HHQHB", 60, 0, len(_BODY), 1 << 12, 2)
        self._writer.write(_frame(_METHOD, 1, publish) + _frame(_HEADER, 1, header) + _frame(_BODY_FRAME, 1, _BODY))
        await self._expect(*_ACK)

    def close(self) -> None:
        self._writer.close()

    def _method(self, channel: int, method: tuple[int, int], arguments: bytes) -> None:
        self._writer.write(_frame(_METHOD, channel, struct.pack(">HH", *method) + arguments))

    async def _expect(self, kind: int, number: int) -> bytes:
        """Returns the arguments of the next method, which must be this one."""
        while True:
            frame_kind, _, size = struct.unpack(">BHI", await self._reader.readexactly(7))
            payload = await self._reader.readexactly(size + 1)
            if frame_kind == _METHOD:
                break
        found = struct.unpack_from(">HH", payload)
        if found != (kind, number):
            raise RuntimeError(f"RabbitMQ answered {found} instead of {(kind, number)}: {payload[4:200]!r}")
        return payload[4:-1]


async def _send(port: int, connections: int, seconds: float) -> dict[str, float]:
    latencies: list[float] = []
    is_stopped = False

    async def work(line: _Line) -> None:
        while not is_stopped:
            began = time.perf_counter()
            await line.publish()
            latencies.append(time.perf_counter() - began)
        line.close()

    lines = [await _Line.open(port) for _ in range(connections)]
    tasks = [asyncio.create_task(work(line)) for line in lines]
    await asyncio.sleep(1)
    latencies.clear()
    start = time.perf_counter()
    await asyncio.sleep(seconds)
    count, span = len(latencies), time.perf_counter() - start
    is_stopped = True
    await asyncio.gather(*tasks)
    return {"per_second": count / span, **percentiles(latencies[:count])}


def _frame(kind: int, channel: int, payload: bytes) -> bytes:
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"


def _short(text: bytes) -> bytes:
    return bytes([len(text)]) + text


def _long(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data
