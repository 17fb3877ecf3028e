"""How far groups are in queues, for people to look at, and moving a group to other offsets.

Owns: the statements of `sql/progress.sql`. Must not know: why somebody asks. Called by: engine.offsets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from . import cursors, queries, session
from .cursors import Islands

_SQL = queries.load("progress")


@dataclass(frozen=True, slots=True)
class TopicRow:
    """A group's way through one topic. `oldest_seconds` is None when nothing waits; `is_age_unknown`: a row is gone."""

    group_id: int
    topic_id: int
    topic: str
    kind: str
    lag: int
    oldest_seconds: float | None
    is_age_unknown: bool
    expired_count: int
    acked_count: int
    updated_at: datetime
    is_blocked: bool
    filter: str | None


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A group's way through one queue. `oldest_seconds` is None when nothing waits, and when the row is gone."""

    group_id: int
    group: str
    topic_id: int
    topic: str
    kind: str
    queue_id: int
    queue: int
    min_offset: int
    next_offset: int
    committed: int
    lag: int
    oldest_seconds: float | None
    expired_count: int
    acked_count: int
    updated_at: datetime
    epoch: int
    head_attempts: int
    blocked_until: datetime | None


@dataclass(frozen=True, slots=True)
class StatsRow:
    """What a topic holds."""

    topic_id: int
    kept_count: int
    stored_count: int
    last_stored_at: datetime | None
    group_ids: list[int]


@dataclass(frozen=True, slots=True)
class Place:
    """A queue and a group's place in it; `committed` is None when the group never read there.

    `islands`: settled ranges above `committed`, lowest first; gaps in the offsets are among them.
    """

    queue_id: int
    queue: int
    min_offset: int
    next_offset: int
    committed: int | None
    islands: Islands


def of_groups(group_ids: Sequence[int]) -> list[TopicRow]:
    """Returns one row per (group, topic the group read from)."""
    return [TopicRow(*row) for row in _rows("of_groups", {"group_ids": list(group_ids)})]


def retrying(group_ids: Sequence[int]) -> dict[int, int]:
    """Returns how many messages of each group wait for their back-off; groups without any are absent."""
    return {row[0]: row[1] for row in _rows("retrying", {"group_ids": list(group_ids)})}


def dead(group_ids: Sequence[int]) -> dict[int, int]:
    """Returns how many dead letters of each group wait for somebody; groups without any are absent."""
    return {row[0]: row[1] for row in _rows("dead", {"group_ids": list(group_ids)})}


def of_queues(*, group_id: int | None = None, queue_ids: Sequence[int] | None = None) -> list[QueueRow]:
    """Returns the cursors of one group, or of everybody in some queues. At least one argument is given."""
    assert group_id is not None or queue_ids is not None
    ids = None if queue_ids is None else list(queue_ids)
    return [QueueRow(*row) for row in _rows("of_queues", {"group_id": group_id, "queue_ids": ids})]


def of_topics(topic_ids: Sequence[int]) -> list[StatsRow]:
    """Returns one row per existing topic."""
    return [StatsRow(*row) for row in _rows("of_topics", {"topic_ids": list(topic_ids)})]


def scheduled(topic_ids: Sequence[int]) -> dict[int, int]:
    """Returns how many messages of each topic wait for their time; topics without any are absent."""
    return {row[0]: row[1] for row in _rows("scheduled", {"topic_ids": list(topic_ids)})}


def places(group_id: int, topic_id: int) -> list[Place]:
    """Returns the queues of a topic in id order with the group's place in each."""
    rows = _rows("queues", {"group_id": group_id, "topic_id": topic_id})
    return [Place(row[0], row[1], row[2], row[3], row[4], cursors.islands(row[5])) for row in rows]


def move(group_id: int, targets: Mapping[int, int], settled: Mapping[int, Islands]) -> None:
    """Puts the group's cursors at the offset chosen for each queue; `settled` above it needs nothing more.

    Effects: needs a transaction; locks the cursors in queue order.
    """
    ordered = sorted(targets.items())
    with session.cursor() as cur:
        cur.execute(
            _SQL["move"],
            {
                "group_id": group_id,
                "queue_ids": [queue_id for queue_id, _ in ordered],
                "offsets": [offset for _, offset in ordered],
                "settled": [cursors.multirange(settled.get(queue_id, ())) for queue_id, _ in ordered],
            },
        )


def _rows(name: str, parameters: Mapping[str, Any]) -> list[psycopg.rows.TupleRow]:  # Any: SQL parameters
    with session.cursor() as cur:
        cur.execute(_SQL[name], parameters)
        return cur.fetchall()
