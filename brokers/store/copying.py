"""Rows of the log as COPY takes them in binary, packed for a whole batch at once.

Owns: COPY's wire form of the columns of `message`. Must not know: where rows come from. Called by: `log`.
psycopg packs a row value by value, which costs twice what this does and more than PostgreSQL's own work.
Source: postgresql.org/docs/current/sql-copy.html, "Binary Format"; timestamptz is in microseconds since 2000.
"""

import struct
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zlib import crc32

from . import arrays
from .rows import Row

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
_COLUMN_COUNT = 14
_START = struct.Struct(">hiiiqiqi")  # column count, segment, queue, offset, length of the message id
_MIDDLE = struct.Struct(">iiiqiqi")  # flags, checksum, born at, length of the host
_END = struct.Struct(">iqii")  # stored at, reconsume times
_LENGTH = struct.Struct(">i")
_NULL = _LENGTH.pack(-1)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def pack(rows: Iterable[tuple[Row, int, int, int]]) -> bytes:
    """Returns the data of one COPY for (row, offset, segment, stored at as `microseconds` says)."""
    parts = [HEADER]
    for row, offset, segment, stored_at in rows:
        message_id, host = row.message_id.encode(), row.born_host.encode()
        parts.append(_START.pack(_COLUMN_COUNT, 4, segment, 8, row.queue_id, 8, offset, len(message_id)))
        parts.append(message_id)
        _text(parts, row.tag)
        if not row.keys:
            parts.append(_NULL)
        else:
            keys = arrays.texts(row.keys.split(" "))
            parts += (_LENGTH.pack(len(keys)), keys)
        _text(parts, row.properties)
        parts += (_LENGTH.pack(len(row.body)), row.body)
        parts.append(_MIDDLE.pack(4, row.sys_flag, 8, crc32(row.body), 8, row.born_at_ms, len(host)))
        parts.append(host)
        parts.append(_END.pack(8, stored_at, 4, row.reconsume_times))
    parts.append(TRAILER)
    return b"".join(parts)


def microseconds(instant: datetime) -> int:
    """Returns an aware instant as PostgreSQL stores it."""
    return (instant - _EPOCH) // _MICROSECOND


def _text(parts: list[bytes], value: str | None) -> None:
    if value is None:
        parts.append(_NULL)
    else:
        raw = value.encode()
        parts += (_LENGTH.pack(len(raw)), raw)
