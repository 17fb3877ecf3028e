"""The servers and the running product as objects a test can hold. `conftest.py` makes fixtures of them."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import redis

from mqconsole import settings
from mqconsole.local import plan, prepare, servers
from mqconsole.local.greet import why_not_listening, why_not_ready

PROJECT = Path(__file__).parent.parent
# Rows every database has from its migrations; a test must find them.
KEPT_TABLES = {"django_migrations", "django_content_type", "brokers_catalogversion"}
# Smaller than a real server's; the promises (fsync and its kin) stay.
TEST_SETTINGS = {"shared_buffers": "128MB", "max_wal_size": "1GB"}
START_SECONDS = 300.0
STOP_SECONDS = 180.0
# Below those that operating systems give to clients' connections, above those that have a name.
OWN_PORTS = range(12_000, 32_000)
# A table of the tests that takes more than this is truncated, a smaller one emptied row by row.
GROWN_BYTES = 256 * 1024
_TABLES = """
    SELECT t.oid, relname FROM pg_class t JOIN pg_namespace n ON n.oid = relnamespace
    WHERE nspname = 'public' AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> ALL(%s)
    ORDER BY relname"""
# With its partitions and their long values. A table nothing was written to since it was truncated takes nothing.
_BYTES = """
    SELECT t, sum(pg_relation_size(c.oid) + coalesce(pg_relation_size(nullif(reltoastrelid, 0)), 0))::bigint
    FROM unnest(%s::oid[]) t
    JOIN pg_class c ON c.oid = t OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = t)
    GROUP BY t"""
# What TRUNCATE … RESTART IDENTITY does, without new files for it.
_RESTART_NUMBERS = """
    SELECT setval(seqrelid::regclass, seqstart, false)
    FROM pg_sequence JOIN pg_depend ON objid = seqrelid AND classid = 'pg_class'::regclass AND deptype IN ('a', 'i')
    WHERE refobjid = ANY(%s::oid[]) AND pg_sequence_last_value(seqrelid::regclass) IS NOT NULL"""


@contextmanager
def stores(log_dir: Path) -> Iterator[None]:
    """Runs the servers the settings do not name otherwise, and waits until both answer."""
    with ExitStack() as stack:
        if settings.EMBEDDED_POSTGRES:
            log = log_dir / "postgres.log"
            stack.enter_context(servers.running_postgres(plan.cluster(), log=log, changes=TEST_SETTINGS))
        if settings.EMBEDDED_REDIS:
            stack.enter_context(servers.running_redis(plan.cache(), log=log_dir / "redis.log"))
        prepare.wait_for_stores()
        yield


@contextmanager
def test_database() -> Iterator[None]:
    """Makes Django's test database for the block. The tests' own server is thrown away with all that is in it."""
    from django.db import connection
    from django.test.utils import setup_databases

    before = setup_databases(verbosity=0, interactive=False, aliases={"default": None})
    yield
    if settings.EMBEDDED_POSTGRES:
        return
    with connection.cursor() as cursor:  # threads of the product keep their connections for later
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    for database, name, is_first in before:
        if is_first:
            database.creation.destroy_test_db(name, verbosity=0)


def redis_client() -> Any:
    """Returns a client of the tests' Redis."""
    return redis.Redis.from_url(settings.REDIS_URL)


def empty_database() -> None:
    """Removes every row but those of `KEPT_TABLES`, whatever connection wrote it, and begins all numbers anew.

    Waits for whoever still writes. To truncate is to give a table and each of its indexes a new file, and there are
    hundreds of those: only a table that has grown, be it by rows deleted from it here, is worth that.
    """
    from django.db import connection, transaction

    from brokers.store import floors, recent, tails

    assert str(connection.settings_dict["NAME"]).startswith("test_"), "this would empty a database that is in use"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_TABLES, [sorted(KEPT_TABLES)])
        names = {table: connection.ops.quote_name(name) for table, name in cursor.fetchall()}
        cursor.execute(f"LOCK TABLE {', '.join(names.values())} IN ACCESS EXCLUSIVE MODE")
        cursor.execute(_BYTES, [list(names)])
        sizes = {names[table]: size for table, size in cursor.fetchall() if size > 0}
        # Foreign keys and triggers need not look: all goes. Only a superuser may say so; another truncates.
        cursor.execute("SELECT usesuper FROM pg_user WHERE usename = current_user")
        (may_delete,) = cursor.fetchone() or (False,)
        grown = [name for name, size in sizes.items() if size > GROWN_BYTES or not may_delete]
        if grown:
            cursor.execute(f"TRUNCATE {', '.join(grown)} CASCADE")
        small = [f"DELETE FROM {name}" for name in sizes if name not in grown]
        if small:
            cursor.execute("; ".join(["SET LOCAL session_replication_role = replica", *small]))
        cursor.execute(_RESTART_NUMBERS, [list(names)])
    floors.forget()
    recent.forget()
    tails.forget()


def wait_until(look: Callable[[], Any], *, what: str, seconds: float = 120.0) -> Any:
    """Returns the first true thing `look` returns; fails the test when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for: {what}"
        time.sleep(0.02)
    return seen


@dataclass(slots=True)
class Running:
    """A running product: where it is, who may enter, and its processes."""

    data_dir: Path
    ports: Mapping[str, int]
    process: "subprocess.Popen[bytes]"
    output: Path
    environment: Mapping[str, str]
    credentials: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['MQ_HTTP_PORT']}"

    def pids(self) -> dict[str, int]:
        """Returns the number of each running process by its name (postgres, redis, web, broker, jobs, beat)."""
        return dict(json.loads((self.data_dir / "run" / "pids.json").read_text()))

    def kill(self, name: str) -> int:
        """Sends SIGKILL to one process and returns the number it had."""
        pid = self.pids()[name]
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_ready(self) -> None:
        """Waits until the product answers that it is ready; shows its output if it does not."""
        deadline = time.monotonic() + START_SECONDS
        while (reason := why_not_ready(f"{self.url}/readyz") or why_not_listening(self.ports)) is not None:
            ended = self.process.poll()
            if ended is not None or time.monotonic() > deadline:
                raise AssertionError(f"not ready (exit code {ended}): {reason}\n{self.output.read_text()}")
            time.sleep(0.05)

    def wait_restarted(self, name: str, *, old: int) -> None:
        """Waits until a process that was killed runs again and the product is ready."""
        wait_until(lambda: self.pids().get(name, old) != old, what=f"{name} to be restarted")
        self.wait_ready()

    def stop(self, with_signal: signal.Signals = signal.SIGINT) -> int:
        """Stops the product and returns its exit code; fails if any process of it is left."""
        family = psutil.Process(self.process.pid).children(recursive=True) if self.process.poll() is None else []
        self.process.send_signal(with_signal)
        code = self.process.wait(STOP_SECONDS)
        _, left = psutil.wait_procs(family, timeout=60)
        assert not left, f"still running: {left}"
        return code


@contextmanager
def running(**environment: str) -> Iterator[Running]:
    """Runs the product in a new temporary directory on free ports; `environment` are settings on top."""
    data_dir = Path(tempfile.mkdtemp(prefix="mqrun-"))
    try:
        product = start(data_dir, environment=environment)
        try:
            product.wait_ready()
            product.credentials = json.loads((data_dir / "credentials.json").read_text())
            yield product
        finally:
            if product.process.poll() is None:
                product.stop()
    finally:
        shutil.rmtree(data_dir, ignore_errors=True)


def start(data_dir: Path, *, environment: Mapping[str, str]) -> Running:
    """Starts the product on `data_dir` and returns at once."""
    ports = {name: free_port() for name in plan.ports()}
    # What one process says, another has heard two seconds later; most tests do not wait for that.
    alone = {"MQ_WEB_PROCESSES": "1"}
    given = {"MQ_DATA_DIR": str(data_dir), **{name: str(port) for name, port in ports.items()}, **alone, **environment}
    data_dir.mkdir(parents=True, exist_ok=True)
    output = data_dir / "output"
    with output.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "mqconsole.local"],
            cwd=PROJECT,
            env={**inherited(), **given},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    return Running(data_dir=data_dir, ports=ports, process=process, output=output, environment=environment)


def inherited() -> dict[str, str]:
    """Returns this process's environment without the settings of a product."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MQ_", "DJANGO_"))}


def free_port() -> int:
    """Returns a port nobody listens on at this moment, and none that a connection of a client may have in the next."""
    while True:
        port = secrets.choice(OWN_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
