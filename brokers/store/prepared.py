"""Statements of the hot paths: prepared once a connection, run by libpq directly, parameters packed by the caller.

Owns: naming and preparing statements, running them, turning their rows into Python values.
Must not know: what a statement means. Called by: `log`, `cursors`.
A cursor of psycopg costs more than such a statement does in PostgreSQL: 0.3 ms against 0.1 for an append of one row.
Source: psycopg.org, "psycopg.pq – libpq wrapper module" and `psycopg.adapt.Transformer`.
"""

import itertools
import re
import struct
from collections.abc import Generator
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg import generators, pq
from psycopg.adapt import Transformer

from . import session

_PARAMETER = re.compile(r"%\((\w+)\)s")
_INT8 = struct.Struct(">q")
_INT4 = struct.Struct(">i")
_numbers = itertools.count(1)
# Of each connection: what loads its rows, and which statements it has.
_known: "WeakKeyDictionary[psycopg.Connection[Any], tuple[Any, set[bytes]]]" = WeakKeyDictionary()  # Any: a Transformer


class Statement:
    """One statement. Its parameters are named as in the SQL files, each with a cast that fixes its type."""

    def __init__(self, sql: str) -> None:
        names: dict[str, int] = {}
        self.sql = _PARAMETER.sub(lambda found: f"${names.setdefault(found[1], len(names) + 1)}", sql).encode()
        self.parameters = tuple(names)
        self.name = b"mq_%d" % next(_numbers)
        self._formats = [pq.Format.BINARY] * len(names)

    def run(self, values: dict[str, bytes]) -> list[tuple[Any, ...]]:  # Any: what the statement selects
        """Returns the rows. Parameters are in PostgreSQL's binary form (`int8`, `arrays`), each name exactly once.

        Runs inside the open transaction if there is one. Raises: as `session.cursor`.
        """
        with session.connected() as raw:
            pgconn = raw.pgconn
            if not raw.autocommit and pgconn.transaction_status == pq.TransactionStatus.IDLE:
                _check(pgconn, pgconn.exec_(b"BEGIN"))
            transformer, prepared = _known_of(raw)
            if self.name not in prepared:
                _check(pgconn, pgconn.prepare(self.name, self.sql))
                prepared.add(self.name)
            packed = [values[name] for name in self.parameters]
            result = pgconn.exec_prepared(self.name, packed, self._formats, pq.Format.BINARY)
            _check(pgconn, result)
            return _load(transformer, result)

    def start(
        self, raw: "psycopg.Connection[Any]", values: dict[str, bytes]
    ) -> Generator[Any, Any, list[tuple[Any, ...]]]:  # Any: what the connection waits for, and what comes back
        """Runs on a connection of the caller's own without blocking: as `run`, in a transaction of its own.

        A generator as `psycopg.waiting` drives them. Raises: psycopg's errors.
        """
        pgconn = raw.pgconn
        transformer, prepared = _known_of(raw)
        if self.name not in prepared:
            pgconn.send_prepare(self.name, self.sql)
            _last(pgconn, (yield from generators.execute(pgconn)))
            prepared.add(self.name)
        packed = [values[name] for name in self.parameters]
        pgconn.send_query_prepared(self.name, packed, self._formats, pq.Format.BINARY)
        return _load(transformer, _last(pgconn, (yield from generators.execute(pgconn))))


def int8(value: int) -> bytes:
    """Returns a bigint."""
    return _INT8.pack(value)


def int4(value: int) -> bytes:
    """Returns an integer."""
    return _INT4.pack(value)


def boolean(value: bool) -> bytes:
    """Returns a boolean."""
    return b"\x01" if value else b"\x00"


def _known_of(raw: "psycopg.Connection[Any]") -> tuple[Any, set[bytes]]:  # Any: a Transformer
    known = _known.get(raw)
    if known is None:
        known = _known[raw] = (Transformer(raw), set())
    return known


def _load(transformer: Any, result: pq.abc.PGresult) -> list[tuple[Any, ...]]:  # Any: a Transformer; what is selected
    if not result.ntuples:
        return []
    transformer.set_pgresult(result)
    rows: list[tuple[Any, ...]] = transformer.load_rows(0, result.ntuples, tuple)
    return rows


def _last(pgconn: pq.abc.PGconn, results: list[Any]) -> Any:  # Any: results of libpq
    """Returns the last result of a statement that went well: a commit that fails says so behind the rows."""
    for result in results:
        _check(pgconn, result)
    return results[-1]


def _check(pgconn: pq.abc.PGconn, result: pq.abc.PGresult) -> None:
    if result.status in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
        return
    if pgconn.status != pq.ConnStatus.OK:
        raise psycopg.OperationalError("the connection was lost")
    raise psycopg.errors.error_from_result(result)
