"""Dead letters: finding them, and what a redrive notes about them.

Owns: the statements of `sql/dead_letters.sql`, the tables `dead_letter` (once written by a burial) and `redrive_entry`.
Must not know: operations and their states, destinations. Called by: engine.dead_letters, engine.redrive.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

import psycopg

from ..domain import limits
from . import log, queries, session

_SQL = queries.load("dead_letters")
_HEAD_BYTES = 256

Outcome = Literal["MOVED", "SKIPPED", "FAILED"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which dead letters; None means any. `end` is excluded. `tags`: one of them.

    `error` is a part of the last error's text, whatever its case; `failure` is a whole kind of failure (see `Failure`).
    """

    state: str | None = None
    topic: str | None = None
    key: str | None = None
    tags: tuple[str, ...] | None = None
    message_id: str | None = None
    error: str | None = None
    failure: str | None = None
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message whose last attempt failed. (`queue_id`, `offset`) is the delivery that failed last.

    `head` is the beginning of the body. `replayed_by` is the operation that sent it on its way again.
    """

    id: int
    group_id: int
    topic_id: int | None
    topic: str
    queue_id: int
    offset: int
    message_id: str
    tag: str | None
    keys: tuple[str, ...]
    properties: Mapping[str, str]
    sys_flag: int
    born_at_ms: int
    born_host: str
    attempts: int
    error: str
    client_id: str
    died_at: datetime
    state: str
    replayed_at: datetime | None
    replayed_by: int | None
    body_size: int
    head: bytes
    body_crc: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Dead letters that failed alike. `failure` is the error's first line with ids as <id> and numbers as <n>."""

    failure: str
    count: int
    first_at: datetime
    last_at: datetime
    newest_id: int
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """What a redrive did with one dead letter. Place and position are set when it was moved."""

    dead_letter_id: int
    outcome: Outcome
    detail: str = ""
    queue_id: int | None = None
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """An entry as people read it; `message_id` is None when the dead letter is gone by now."""

    dead_letter_id: int
    outcome: str
    detail: str
    at: datetime
    topic: str | None
    queue: int | None
    offset: int | None
    message_id: str | None


def page(group_id: int, wanted: Filter, *, before_id: int, limit: int) -> tuple[list[DeadLetter], int, int | None]:
    """Returns what matches, newest first; how many rows were looked at; the lowest id among those."""
    scan_limit = limits.SCAN_ROW_COUNT if wanted != Filter() else limit
    parameters = {**_conditions(group_id, wanted), "before_id": before_id, "limit": limit, "scan_limit": scan_limit}
    found = _rows("page", {**parameters, "head": _HEAD_BYTES})
    return [_letter(row) for row in found if row[0] is not None], found[0][-2], found[0][-1]


def get(group_id: int, dead_letter_id: int) -> tuple[DeadLetter, bytes] | None:
    """Returns a dead letter of the group with its body, or None."""
    found = _rows("get", {"group_id": group_id, "id": dead_letter_id, "head": _HEAD_BYTES})
    return (_letter(found[0]), found[0][-1]) if found else None


def newest_id(group_id: int) -> int:
    """Returns the highest id of the group's dead letters, 0 when it has none."""
    return _rows("newest", {"group_id": group_id})[0][0] or 0


def count(group_id: int, wanted: Filter, *, upper_id: int, scan_limit: int) -> tuple[int, int]:
    """Returns how many match, and how many rows were looked at (`scan_limit`: perhaps not all)."""
    parameters = {**_conditions(group_id, wanted), "upper_id": upper_id, "scan_limit": scan_limit}
    matching, looked_at = _rows("count", parameters)[0]
    return matching, looked_at


def failures(group_id: int, *, scan_limit: int) -> tuple[list[Failure], int]:
    """Returns the kinds of failure, the most frequent first, and how many dead letters were looked at."""
    found = _rows("failures", {"group_id": group_id, "scan_limit": scan_limit})
    return [Failure(row[0], row[1], row[2], row[3], row[4], tuple(row[5])) for row in found], found[0][
        6
    ] if found else 0


def oldest_waiting(group_id: int) -> datetime | None:
    """Returns when the oldest of the group's dead letters died that nobody replayed, None when there is none."""
    found = _rows("oldest_waiting", {"group_id": group_id})
    return found[0][0] if found else None


def states(group_id: int, ids: Sequence[int]) -> dict[int, str]:
    """Returns the state of each of the group's dead letters that exists."""
    return {row[0]: row[1] for row in _rows("states", {"group_id": group_id, "ids": list(ids)})}


def next_sizes(
    group_id: int, wanted: Filter, *, position: int, upper_id: int, since: datetime, limit: int
) -> list[tuple[int, int]]:
    """Returns (id, bytes of body) of the next dead letters of a redrive, oldest first: waiting, or replayed since."""
    window = {"position": position, "upper_id": upper_id, "since": since, "limit": limit}
    return [(row[0], row[1]) for row in _rows("next_ids", {**_conditions(group_id, wanted), **window})]


def sizes(group_id: int, ids: Sequence[int]) -> list[tuple[int, int]]:
    """Returns (id, bytes of body) of those that exist, in id order."""
    return [(row[0], row[1]) for row in _rows("sizes", {"group_id": group_id, "ids": list(ids)})]


def take(group_id: int, ids: Sequence[int]) -> list[tuple[DeadLetter, bytes]]:
    """Locks dead letters in id order and returns those that still exist with their bodies. Needs a transaction."""
    found = _rows("take", {"group_id": group_id, "ids": list(ids), "head": _HEAD_BYTES})
    return [(_letter(row), row[-1]) for row in found]


def mark_replayed(ids: Sequence[int], operation_id: int) -> int:
    """Marks waiting dead letters as replayed and returns how many there were. Needs the locks of `take`."""
    with session.cursor() as cur:
        cur.execute(_SQL["mark_replayed"], {"ids": list(ids), "operation_id": operation_id})
        return cur.rowcount


def note(operation_id: int, entries: Sequence[Entry]) -> None:
    """Writes what a redrive did, in the transaction that did it."""
    with session.cursor() as cur:
        cur.execute(
            _SQL["note"],
            {
                "operation_id": operation_id,
                "ids": [e.dead_letter_id for e in entries],
                "outcomes": [e.outcome for e in entries],
                "details": [e.detail for e in entries],
                "queue_ids": [e.queue_id for e in entries],
                "offsets": [e.offset for e in entries],
            },
        )


def ledger(operation_id: int, *, outcome: str | None, after_id: int, limit: int) -> list[LedgerRow]:
    """Returns entries of an operation in order of dead letters, those after `after_id`."""
    window = {"operation_id": operation_id, "outcome": outcome, "after_id": after_id, "limit": limit}
    return [LedgerRow(*row) for row in _rows("ledger", window)]


def now() -> datetime:
    """Returns the database's time."""
    instant: datetime = _rows("now", {})[0][0]
    return instant


def _conditions(group_id: int, wanted: Filter) -> dict[str, Any]:  # Any: SQL parameters
    tags = None if wanted.tags is None else list(wanted.tags)
    return {**asdict(wanted), "tags": tags, "group_id": group_id}


def _rows(name: str, parameters: Mapping[str, Any]) -> list[psycopg.rows.TupleRow]:  # Any: SQL parameters
    with session.cursor() as cur:
        cur.execute(_SQL[name], parameters)
        return cur.fetchall()


def _letter(row: Sequence[Any]) -> DeadLetter:  # Any: columns as the statements select them
    return DeadLetter(
        id=row[0],
        group_id=row[1],
        topic_id=row[2],
        topic=row[3],
        queue_id=row[4],
        offset=row[5],
        message_id=row[6],
        tag=row[7],
        keys=tuple(row[8] or ()),
        properties=log.unpack_properties(row[9]),
        sys_flag=row[10],
        born_at_ms=row[11],
        born_host=row[12],
        attempts=row[13],
        error=row[14],
        client_id=row[15],
        died_at=row[16],
        state=row[17],
        replayed_at=row[18],
        replayed_by=row[19],
        body_size=row[20],
        head=row[21],
        body_crc=row[22],
    )
