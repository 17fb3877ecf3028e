"""The durable log: appending batches and reading ranges.

Owns: the `message` table, `queue.next_offset`, `segment_range`. Must not know: groups, leases, who sends.
Called by: engine. Offsets are handed out under the queue's row lock in the transaction that inserts, so they are
dense from 0 and a reader never sees a hole (promise P2).
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from zlib import crc32

import orjson
import psycopg

from ..domain.messages import Stored
from . import arrays, copying, floors, prepared, queries, segments, session
from .link import Link
from .rows import Row as Row

_SQL = queries.load("log")
_APPEND = prepared.Statement(_SQL["append"])
_RESERVE = prepared.Statement(_SQL["reserve"])
_READ = prepared.Statement(_SQL["read_ranges"])
# From about this many rows on, reserve + COPY beats the one-statement insert (benchmarks/results).
COPY_FROM_COUNT = 100


class Position(NamedTuple):
    """Where a row went."""

    offset: int
    stored_at_ms: int


@dataclass(frozen=True, slots=True)
class Range:
    """Offsets `start` to `end` (excluded) of a queue; ranges of one `share` have one allowance of bytes."""

    share: int
    queue_id: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Cut:
    """A message that stands in a range but did not fit its allowance of bytes."""

    queue_id: int
    offset: int


def append(rows: Sequence[Row]) -> list[Position | None]:
    """Appends `rows` and returns where each went, in order; None where the queue no longer exists.

    Rows of one queue get consecutive offsets in the order given.
    Effects: one statement of its own, or part of the caller's transaction; locks the queue rows in id order.
    Raises: TryLater, UnknownOutcome (see `session`).
    """
    return segments.with_partitions(lambda: _append(rows)) if rows else []


def appending(
    rows: Sequence[Row], link: Link
) -> Generator[Any, Any, list[Position | None] | None]:  # Any: what the link waits for, and what comes back
    """As `append` of fewer than `COPY_FROM_COUNT` rows, on `link` and without blocking: for an event loop.

    Returns None when PostgreSQL refused the statement, so that nothing was appended: `append` knows what to do then.
    Raises: UnknownOutcome.
    """
    ordinals, counts = _ordinals(rows)
    try:
        found = yield from _APPEND.start(link.raw, _parameters(rows, ordinals, counts))
    except psycopg.Error as error:
        if link.is_lost:
            raise session.unknown() from error
        return None
    session.reached("appended")
    return _places(rows, ordinals, {queue_id: (base, stored) for queue_id, base, stored in found})


def read(ranges: Sequence[Range], *, max_bytes: int) -> list[list[Stored | Cut]]:
    """Returns the messages of each range in offset order. Dropped or never written offsets are simply absent.

    Units and bounds: bodies of one share add up to at most `max_bytes` plus one body; the rest come as `Cut`.
    """
    found: list[list[Stored | Cut]] = [[] for _ in ranges]
    if not ranges:
        return found
    rows = _READ.run(
        {
            "positions": arrays.int4s(range(len(ranges))),
            "shares": arrays.int4s([r.share for r in ranges]),
            "queue_ids": arrays.int8s([r.queue_id for r in ranges]),
            "starts": arrays.int8s([r.start for r in ranges]),
            "ends": arrays.int8s([r.end for r in ranges]),
            "segment": prepared.int4(floors.oldest([(r.queue_id, r.start) for r in ranges])),
            "max_bytes": prepared.int8(max_bytes),
        }
    )
    for row in rows:
        found[row[0]].append(Cut(row[1], row[2]) if row[7] is None else stored(row[1:]))
    return found


def stored(columns: Sequence[Any]) -> Stored:  # Any: what the statements select
    """Returns a message from its columns, which are selected in the order of its fields."""
    queue_id, offset, message_id, tag, keys, properties, *rest = columns
    return Stored(queue_id, offset, message_id, tag, tuple(keys) if keys else (), unpack_properties(properties), *rest)


def as_read(row: Row, place: Position) -> Stored:
    """Returns the message a row became, as reading it at its place would."""
    return Stored(
        row.queue_id,
        place.offset,
        row.message_id,
        row.tag,
        tuple(row.keys.split(" ")) if row.keys else (),
        unpack_properties(row.properties),
        row.body,
        row.sys_flag,
        crc32(row.body),
        row.born_at_ms,
        row.born_host,
        place.stored_at_ms,
        row.reconsume_times,
    )


def pack_properties(properties: Any) -> str | None:  # Any: a mapping of str to str
    """Returns the stored form of properties: a JSON object, or None for none."""
    return orjson.dumps(dict(properties)).decode() if properties else None


def unpack_properties(text: str | None) -> dict[str, str]:
    """Returns what `pack_properties` was given, as a dict."""
    return orjson.loads(text) if text else {}


def _append(rows: Sequence[Row]) -> list[Position | None]:
    ordinals, counts = _ordinals(rows)
    bases = _copy(rows, ordinals, counts) if len(rows) >= COPY_FROM_COUNT else _insert(rows, ordinals, counts)
    session.reached("appended")
    return _places(rows, ordinals, bases)


def _ordinals(rows: Sequence[Row]) -> tuple[list[int], dict[int, int]]:
    """Returns each row's number within its queue, and how many rows each queue gets."""
    counts: dict[int, int] = {}
    ordinals: list[int] = []
    for row in rows:
        ordinal = counts.get(row.queue_id, 0)
        ordinals.append(ordinal)
        counts[row.queue_id] = ordinal + 1
    return ordinals, counts


def _places(rows: Sequence[Row], ordinals: list[int], bases: dict[int, tuple[int, int]]) -> list[Position | None]:
    places: list[Position | None] = []
    for row, ordinal in zip(rows, ordinals, strict=True):
        base = bases.get(row.queue_id)
        places.append(None if base is None else Position(base[0] + ordinal, base[1]))
    return places


def _insert(rows: Sequence[Row], ordinals: list[int], counts: dict[int, int]) -> dict[int, tuple[int, int]]:
    found = _APPEND.run(_parameters(rows, ordinals, counts))
    return {queue_id: (base, stored) for queue_id, base, stored in found}


def _parameters(rows: Sequence[Row], ordinals: list[int], counts: dict[int, int]) -> dict[str, bytes]:
    queues, message_ids, tags, keys, properties, bodies, sys_flags, born, hosts, reconsumes = zip(*rows, strict=True)
    return {
        "queue_ids": arrays.int8s(list(counts)),
        "counts": arrays.int4s(list(counts.values())),
        "row_queues": arrays.int8s(queues),
        "ordinals": arrays.int4s(ordinals),
        "message_ids": arrays.texts(message_ids),
        "tags": arrays.texts(tags),
        "keys": arrays.texts(keys),
        "properties": arrays.texts(properties),
        "bodies": arrays.byteas(bodies),
        "sys_flags": arrays.int4s(sys_flags),
        "crcs": arrays.int8s(list(map(crc32, bodies))),
        "born": arrays.int8s(born),
        "hosts": arrays.texts(hosts),
        "reconsumes": arrays.int4s(reconsumes),
    }


def _copy(rows: Sequence[Row], ordinals: list[int], counts: dict[int, int]) -> dict[int, tuple[int, int]]:
    with session.transaction():
        found = _RESERVE.run({"queue_ids": arrays.int8s(list(counts)), "counts": arrays.int4s(list(counts.values()))})
        bases = {row[0]: (row[1], row[2], row[3], copying.microseconds(row[4])) for row in found}
        placed = [
            (row, base[0] + ordinal, base[2], base[3])
            for row, ordinal in zip(rows, ordinals, strict=True)
            if (base := bases.get(row.queue_id)) is not None
        ]
        with session.cursor() as cur, cur.copy(_SQL["copy_rows"]) as copy:
            copy.write(copying.pack(placed))
    return {queue_id: (base[0], base[1]) for queue_id, base in bases.items()}
