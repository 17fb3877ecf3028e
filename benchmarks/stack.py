"""The product under test: the whole of it, in a directory of its own, on free ports."""

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

PROJECT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Stack:
    """A running product: where it listens and how to get in."""

    port: int
    namesrv_port: int
    broker_port: int
    data_dir: Path
    key: tuple[str, str]
    database_url: str

    @property
    def authorization(self) -> str:
        """Returns the header that lets a REST client in."""
        return "Basic " + base64.b64encode(":".join(self.key).encode()).decode()

    def call(self, method: str, path: str, value: Any = None) -> Any:  # Any: JSON values
        """Returns the JSON answer of a management or message request."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if value is None else json.dumps(value).encode(),
            headers={"Authorization": self.authorization, "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def rest(self) -> None:
        """Waits until the disk is done with what was written before: nobody pays for another's gigabytes."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
        os.sync()


@contextmanager
def running() -> Iterator[Stack]:
    """Starts the product and stops it afterwards, by the process id it was started with."""
    directory = Path(tempfile.mkdtemp(prefix="mq-bench-"))
    ports = {name: free_port() for name in ("MQ_HTTP_PORT", "MQ_NAMESRV_PORT", "MQ_BROKER_PORT")}
    port = ports["MQ_HTTP_PORT"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MQ_", "DJANGO_"))}
    chosen = {name: str(number) for name, number in ports.items()}
    environment = {**kept, "MQ_DATA_DIR": str(directory / "var"), **chosen}
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mqconsole.local"], cwd=PROJECT, env=environment, stdout=log, stderr=log
        )
        try:
            _wait(port, process)
            yield _stack(ports, directory / "var")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)
            shutil.rmtree(directory, ignore_errors=True)


def free_port() -> int:
    """Returns a port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _stack(ports: dict[str, int], data_dir: Path) -> Stack:
    credentials = json.loads((data_dir / "credentials.json").read_text())
    sockets = next(path.parent for path in data_dir.rglob(".s.PGSQL.*") if path.suffix != ".lock")
    return Stack(
        port=ports["MQ_HTTP_PORT"],
        namesrv_port=ports["MQ_NAMESRV_PORT"],
        broker_port=ports["MQ_BROKER_PORT"],
        data_dir=data_dir,
        key=(credentials["access_key_id"], credentials["access_key_secret"]),
        database_url=f"host={sockets} user=postgres dbname=mqconsole",
    )


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError("the product ended while it started")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("the product was not ready within two minutes")


def wait_for_port(port: int, *, seconds: float = 20) -> None:
    """Returns once somebody listens on the port."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"nobody listens on port {port}")
