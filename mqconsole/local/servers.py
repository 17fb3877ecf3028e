"""The embedded servers alone, without the product: for tests and measurements.

Owns: starting PostgreSQL and Redis as children of the calling process and stopping them again.
Must not know: what they are used for.
Called by: `tests/conftest.py`, the benchmarks.
"""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from .postgres import Cluster
from .valkey import Cache

STOP_SECONDS = 30


@contextmanager
def running_postgres(cluster: Cluster, *, log: Path, changes: Mapping[str, str] | None = None) -> Iterator[int]:
    """Runs the server inside the block, which gets its process number. `changes` are settings on top of ours.

    The server may still be starting when the block begins: connect with patience.
    """
    cluster.socket_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    cluster.make()
    cluster.configure(changes)
    with _running(cluster.command(parent=os.getpid()), log=log, stop=signal.SIGINT) as pid:
        yield pid


@contextmanager
def running_redis(cache: Cache, *, log: Path) -> Iterator[int]:
    """Runs the server inside the block, which gets its process number."""
    cache.socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    cache.make()
    with _running(cache.command(parent=os.getpid()), log=log, stop=signal.SIGTERM) as pid:
        yield pid


@contextmanager
def _running(command: list[str], *, log: Path, stop: signal.Signals) -> Iterator[int]:
    with ExitStack() as stack:
        output: IO[bytes] = stack.enter_context(log.open("ab"))
        # A session of its own: Ctrl-C at the terminal is for the caller, which then stops the server in order.
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
        stack.callback(_stop, server, stop)
        yield server.pid


def _stop(server: "subprocess.Popen[bytes]", stop: signal.Signals) -> None:
    server.send_signal(stop)
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
