"""Reads of the log, of waiting messages and of dead letters for people who look for something.

Owns: the statements of `sql/browse.sql` and the shape of what they find. Must not know: pages, permissions, who asks.
Called by: engine.browse and engine.offsets. Nothing here changes a row or takes a lock.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any

from ..domain import limits
from . import queries, session

_SQL = queries.load("browse")
# So much of a body comes with a list.
HEAD_BYTES = 256


class Source(IntEnum):
    """Where a message was found. The number is its rank among messages of one instant."""

    LOG = 1
    PENDING = 2
    DEAD = 3


# Newest first is descending order of this: instant, source, queue, and the offset or row number.
Key = tuple[datetime, int, int, int]


@dataclass(frozen=True, slots=True)
class Found:
    """One place where a message stands. `place` is an offset in the log, else the row's id; `queue_id` is 0 there.

    `at`: when it was stored, parked or buried. `status`: SCHEDULED, RETRY, DEAD, REPLAYED, or empty in the log.
    `body` is there only for a compressed body when a text was looked for.
    """

    source: Source
    at: datetime
    queue_id: int
    place: int
    topic_id: int | None
    group_id: int | None
    status: str
    due_at: datetime | None
    message_id: str
    tag: str | None
    keys: tuple[str, ...]
    sys_flag: int
    tries: int
    born_at_ms: int
    body_size: int
    head: bytes
    body: bytes | None

    @property
    def key(self) -> Key:
        """Returns its place in newest-first order."""
        return (self.at, int(self.source), self.queue_id, self.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a message must be like to be found. None means anything. `end` is excluded; `needle` is found in bodies."""

    instance_id: int
    topic_id: int | None = None
    message_id: str | None = None
    key: str | None = None
    tags: tuple[str, ...] | None = None
    needle: bytes | None = None
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """What an index led to. `looked_at` counts rows read; `is_cut`: a bound stopped it, more may match."""

    found: list[Found]
    looked_at: int
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Window:
    """Offsets `low` to `high` (excluded) of a queue."""

    queue_id: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Edge:
    """A queue and an instant: asks for the first offset stored at or after it. None: the queue's beginning or end."""

    queue_id: int
    at: datetime | None
    is_end: bool


def offsets_at(edges: Sequence[Edge]) -> list[int]:
    """Returns the offset at each edge, in order. Raises LookupError when a queue is gone."""
    if not edges:
        return []
    with session.cursor() as cur:
        cur.execute(
            _SQL["offsets_at"],
            {
                "queue_ids": [e.queue_id for e in edges],
                "instants": [e.at for e in edges],
                "ends": [e.is_end for e in edges],
            },
        )
        found = [row[1] for row in cur]
    if len(found) != len(edges):
        raise LookupError("a queue was deleted")
    return found


def gaps(queue_ids: Sequence[int]) -> dict[int, list[tuple[int, int]]]:
    """Returns the ranges of offsets (end excluded, ascending) that no message has, of the queues that have such."""
    found: dict[int, list[tuple[int, int]]] = {}
    with session.cursor() as cur:
        cur.execute(_SQL["gaps"], {"queue_ids": list(queue_ids)})
        for queue_id, first, past in cur:
            found.setdefault(queue_id, []).append((first, past))
    return found


def body_sizes(windows: Sequence[Window]) -> list[list[tuple[int, int]]]:
    """Returns for each window its (offset, bytes of body), newest first."""
    sizes: list[list[tuple[int, int]]] = [[] for _ in windows]
    with session.cursor() as cur:
        cur.execute(_SQL["windows"], _windows(windows))
        for place, offset, size in cur:
            sizes[place - 1].append((offset, size))
    return sizes


def stored_at(places: Sequence[tuple[int, int]]) -> list[datetime | None]:
    """Returns when the row at each (queue, offset) was stored, in order; None where retention dropped it."""
    if not places:
        return []
    with session.cursor() as cur:
        cur.execute(_SQL["stored_at"], {"queue_ids": [p[0] for p in places], "offsets": [p[1] for p in places]})
        return [row[1] for row in cur]


def scan(windows: Sequence[Window], wanted: Wanted, *, limit: int) -> list[Found]:
    """Returns what matches in the windows, newest first. Ids and times of `wanted` are not looked at: windows are."""
    parameters = {**_windows(windows), "tags": _list(wanted.tags), "key": wanted.key, "needle": wanted.needle}
    with session.cursor() as cur:
        cur.execute(_SQL["scan"], {**parameters, "head": HEAD_BYTES, "limit": limit})
        return [_row(row) for row in cur]


def count_key(key: str, *, at_most: int) -> int:
    """Returns how many log rows of all instances have the key; stops counting at `at_most`."""
    with session.cursor() as cur:
        cur.execute(_SQL["count_key"], {"key": key, "scan_limit": at_most})
        row = cur.fetchone()
    assert row is not None
    return int(row[0])


def copies(wanted: Wanted, *, before: Key | None, limit: int) -> Looked:
    """Returns log rows by id, else by key, newest first, older than `before`."""
    return _look("by_message_id" if wanted.message_id is not None else "by_key", wanted, before=before, limit=limit)


def pending(wanted: Wanted, *, before: Key | None, limit: int) -> Looked:
    """Returns waiting messages that match, newest first, older than `before`."""
    return _look("pending_hits", wanted, before=before, limit=limit)


def dead(wanted: Wanted, *, before: Key | None, limit: int) -> Looked:
    """Returns dead letters that match an id or a key, newest first, older than `before`."""
    return _look("dead_hits", wanted, before=before, limit=limit)


def _look(name: str, wanted: Wanted, *, before: Key | None, limit: int) -> Looked:
    at, source, queue, place = before or (None, None, None, None)
    parameters = {
        "instance_id": wanted.instance_id,
        "topic_id": wanted.topic_id,
        "message_id": wanted.message_id,
        "key": wanted.key,
        "tags": _list(wanted.tags),
        "needle": wanted.needle,
        "start": wanted.start,
        "end": wanted.end,
        "before_at": at,
        "before_source": source,
        "before_queue": queue,
        "before_place": place,
        "head": HEAD_BYTES,
        "limit": limit,
        "scan_limit": limits.SCAN_ROW_COUNT,
        "max_bytes": limits.SCAN_BODY_BYTES,
    }
    with session.cursor() as cur:
        cur.execute(_SQL[name], parameters)
        rows = cur.fetchall()
    return Looked([_row(row) for row in rows if row[0] is not None], int(rows[0][-2]), bool(rows[0][-1]))


def _row(row: Sequence[Any]) -> Found:  # Any: columns as the statement selects them
    return Found(
        source=Source(row[0]),
        at=row[1],
        queue_id=row[2],
        place=row[3],
        topic_id=row[4],
        group_id=row[5],
        status=row[6],
        due_at=row[7],
        message_id=row[8],
        tag=row[9],
        keys=tuple(row[10] or ()),
        sys_flag=row[11],
        tries=row[12],
        born_at_ms=row[13],
        body_size=row[14],
        head=row[15],
        body=row[16],
    )


def _windows(windows: Iterable[Window]) -> dict[str, Any]:  # Any: SQL parameters
    held = list(windows)
    return {
        "queue_ids": [w.queue_id for w in held],
        "lows": [w.low for w in held],
        "highs": [w.high for w in held],
    }


def _list(values: tuple[str, ...] | None) -> list[str] | None:
    return None if values is None else list(values)
