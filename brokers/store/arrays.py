"""Arrays as PostgreSQL takes them in binary, packed a whole column at a time.

Owns: the array's wire form and its psycopg dumpers. Must not know: which columns there are. Called by: `log`.
psycopg packs lists element by element; for a batch of messages that costs more than PostgreSQL's own work.
Source: postgres `src/backend/utils/adt/arrayfuncs.c` (array_recv).
"""

import struct
from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from django.db.backends.signals import connection_created
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEADER = struct.Struct(">iiiii")  # dimensions, has nulls, element type, length, lower bound
_LENGTH = struct.Struct(">i")
_NULL = _LENGTH.pack(-1)


class Packed(bytes):
    """A packed array; the subclasses name its type."""

    element_oid = 0


class Int4s(Packed):
    """integer[]"""

    element_oid = 23


class Int8s(Packed):
    """bigint[]"""

    element_oid = 20


class Texts(Packed):
    """text[]"""

    element_oid = 25


class Byteas(Packed):
    """bytea[]"""

    element_oid = 17


def int4s(values: Sequence[int]) -> Int4s:
    """Returns integers of 32 bits as an array."""
    return Int4s(_HEADER.pack(1, 0, Int4s.element_oid, len(values), 1) + _numbers(values, "i", size=4))


def int8s(values: Sequence[int]) -> Int8s:
    """Returns integers of 64 bits as an array."""
    return Int8s(_HEADER.pack(1, 0, Int8s.element_oid, len(values), 1) + _numbers(values, "q", size=8))


def nullable_int4s(values: Sequence[int | None]) -> Int4s:
    """Returns integers of 32 bits as an array; None is NULL."""
    return Int4s(_blobs([None if value is None else struct.pack(">i", value) for value in values], Int4s.element_oid))


def texts(values: Sequence[str | None]) -> Texts:
    """Returns texts as an array; None is NULL."""
    return Texts(_blobs([None if value is None else value.encode() for value in values], Texts.element_oid))


def byteas(values: Sequence[bytes]) -> Byteas:
    """Returns byte strings as an array."""
    return Byteas(_blobs(values, Byteas.element_oid))


def _numbers(values: Sequence[int], kind: str, *, size: int) -> bytes:
    each = [size] * (2 * len(values))
    each[1::2] = values
    return struct.pack(">" + f"i{kind}" * len(values), *each)


def _blobs(values: Sequence[bytes | None], oid: int) -> bytes:
    parts: list[bytes] = [_HEADER.pack(1, int(None in values), oid, len(values), 1)]
    for value in values:
        if value is None:
            parts.append(_NULL)
        else:
            parts.append(_LENGTH.pack(len(value)))
            parts.append(value)
    return b"".join(parts)


def _dumper(array_oid: int) -> type[Dumper]:
    class ArrayDumper(Dumper):
        format = Format.BINARY
        oid = array_oid

        def dump(self, obj: Any) -> bytes:  # Any: as psycopg declares it
            return bytes(obj)

    return ArrayDumper


_DUMPERS: Iterable[tuple[type[Packed], type[Dumper]]] = (
    (Int4s, _dumper(1007)),
    (Int8s, _dumper(1016)),
    (Texts, _dumper(1009)),
    (Byteas, _dumper(1001)),
)


def _register(connection: Any, **_: Any) -> None:  # Any: a Django signal's arguments
    raw: psycopg.Connection[Any] = connection.connection
    for packed, dumper in _DUMPERS:
        raw.adapters.register_dumper(packed, dumper)


connection_created.connect(_register, dispatch_uid="brokers.store.arrays")
