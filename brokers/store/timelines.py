"""Everything the store knows of one message id: its copies, what waits, what died, and every failed delivery.

Owns: the statements of `sql/timelines.sql`. Must not know: what the facts add up to. Called by: engine.message_page,
engine.setbacks.
Nothing here changes a row or takes a lock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from ..domain import limits
from . import log, queries, session

_SQL = queries.load("timelines")


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What all copies of a message have in common, without the body."""

    tag: str | None
    keys: tuple[str, ...]
    properties: Mapping[str, str]
    sys_flag: int
    born_at_ms: int
    born_host: str
    body_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy(Envelope):
    """A copy in the log. `kind` is its topic's, `group_id` the owner of a derived topic, `queue` the queue's number."""

    queue_id: int
    offset: int
    segment: int
    topic_id: int
    topic: str
    kind: str
    group_id: int | None
    queue: int
    stored_at: datetime
    reconsume_times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting(Envelope):
    """A row that waits: SCHEDULED for its time, or RETRY for a group's back-off. `topic` is the one people know."""

    id: int
    kind: str
    due_at: datetime
    created_at: datetime
    topic: str
    group_id: int | None
    reconsume_times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dead(Envelope):
    """A dead letter. The last three say where a redrive put its copy, as far as that still exists."""

    id: int
    group_id: int
    topic: str
    attempts: int
    error: str
    client_id: str
    died_at: datetime
    state: str
    replayed_at: datetime | None
    replayed_by: int | None
    replayed_to: str | None
    replayed_queue: int | None
    replayed_offset: int | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """A failed delivery. `topic` is the one people know; `next_at` is None when it was the last."""

    group_id: int
    group: str
    topic: str
    queue_id: int
    offset: int
    attempt: int
    outcome: str
    client_id: str
    error: str
    started_at: datetime
    ended_at: datetime
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class Setback:
    """The last failed delivery of a message that still waits. `topic` is the one people know."""

    message_id: str
    topic: str
    queue_id: int
    attempt: int
    client_id: str
    error: str
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class Settlement:
    """What one group did with the offset of copy number `index`; `filter` is the one it last used on the topic."""

    index: int
    group_id: int
    group: str
    order: str
    epoch: int
    committed: int
    head_attempts: int
    blocked_until: datetime | None
    is_settled: bool
    filter: str | None
    filter_changed_at: datetime | None


def copies(instance_id: int, message_id: str) -> list[Copy]:
    """Returns the copies in the log, oldest first, at most `MESSAGE_COPY_COUNT` (a full list may lack some)."""
    return [
        Copy(
            queue_id=row[0],
            offset=row[1],
            segment=row[2],
            topic_id=row[3],
            topic=row[4],
            kind=row[5],
            group_id=row[6],
            queue=row[7],
            stored_at=row[14],
            reconsume_times=row[15],
            **_envelope(row[8:14], row[16]),
        )
        for row in _rows("copies", _who(instance_id, message_id))
    ]


def waiting(instance_id: int, message_id: str) -> list[Waiting]:
    """Returns the rows that wait, the soonest first, at most `MESSAGE_COPY_COUNT`."""
    return [
        Waiting(
            id=row[0],
            kind=row[1],
            due_at=row[2],
            created_at=row[3],
            topic=row[4],
            group_id=row[5],
            reconsume_times=row[12],
            **_envelope(row[6:12], row[13]),
        )
        for row in _rows("waiting", _who(instance_id, message_id))
    ]


def dead(instance_id: int, message_id: str) -> list[Dead]:
    """Returns the dead letters, oldest first, at most `MESSAGE_COPY_COUNT`."""
    return [
        Dead(
            id=row[0],
            group_id=row[1],
            topic=row[2],
            attempts=row[3],
            error=row[4],
            client_id=row[5],
            died_at=row[6],
            state=row[7],
            replayed_at=row[8],
            replayed_by=row[9],
            replayed_to=row[10],
            replayed_queue=row[11],
            replayed_offset=row[12],
            **_envelope(row[13:19], row[19]),
        )
        for row in _rows("dead", _who(instance_id, message_id))
    ]


def attempts(instance_id: int, message_id: str) -> list[Attempt]:
    """Returns the failed deliveries, oldest first, at most `MESSAGE_COPY_COUNT`."""
    return [Attempt(*row) for row in _rows("attempts", _who(instance_id, message_id))]


def heads_failed(group_id: int, places: Sequence[tuple[int, int]]) -> list[Setback]:
    """Returns the group's last failure at each (queue id, offset) where one failed, the oldest first."""
    asked = {"group_id": group_id, "queue_ids": [q for q, _ in places], "offsets": [offset for _, offset in places]}
    return [Setback(*row) for row in _rows("heads_failed", asked)] if places else []


def retry_failed(group_id: int) -> Setback | None:
    """Returns the last failure of the message that waits longest for its next attempt, None when none is known."""
    found = _rows("retry_failed", {"group_id": group_id})
    return Setback(*found[0]) if found else None


def settlements(places: Sequence[Copy], known_as: Sequence[str]) -> list[Settlement]:
    """Returns what each group did with each copy. `known_as[n]` is the topic people know copy n by."""
    parameters = {
        "queue_ids": [c.queue_id for c in places],
        "offsets": [c.offset for c in places],
        "topics": list(known_as),
        "limit": limits.SCAN_ROW_COUNT,
    }
    return [Settlement(row[0] - 1, *row[1:]) for row in _rows("settlements", parameters)] if places else []


def body_of(row: Copy | Waiting | Dead) -> tuple[bytes, int | None] | None:
    """Returns the stored body and its noted CRC (None while it waits: none is kept then); None when the row is gone."""
    if isinstance(row, Copy):
        name, key = "copy_body", {"queue_id": row.queue_id, "segment": row.segment, "queue_offset": row.offset}
    else:
        name, key = ("waiting_body" if isinstance(row, Waiting) else "dead_body"), {"id": row.id}
    found = _rows(name, key)
    return (found[0][0], found[0][1]) if found else None


def _rows(name: str, parameters: Mapping[str, Any]) -> list[psycopg.rows.TupleRow]:  # Any: SQL parameters
    with session.cursor() as cur:
        cur.execute(_SQL[name], parameters)
        return cur.fetchall()


def _who(instance_id: int, message_id: str) -> dict[str, Any]:  # Any: SQL parameters
    return {"instance_id": instance_id, "message_id": message_id, "limit": limits.MESSAGE_COPY_COUNT}


def _envelope(columns: Sequence[Any], body_size: int) -> dict[str, Any]:  # Any: columns as the statements select them
    tag, keys, properties, sys_flag, born_at_ms, born_host = columns
    return {
        "tag": tag,
        "keys": tuple(keys or ()),
        "properties": log.unpack_properties(properties),
        "sys_flag": sys_flag,
        "born_at_ms": born_at_ms,
        "born_host": born_host,
        "body_size": body_size,
    }
