"""How far each group is in each queue.

Owns: the `cursor` and `subscription` tables and the arithmetic of settled offsets.
Must not know: leases, receipts, messages. Called by: engine.
An offset is settled when it was acknowledged, filtered out, moved to retry or buried. Below `committed` all are;
`islands` are settled ranges above it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.types.multirange import Multirange

from . import arrays, prepared, queries, session

_SQL = queries.load("cursors")
_POSITIONS = prepared.Statement(_SQL["positions"])
_SETTLE = prepared.Statement(_SQL["settle"])

Islands = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """A queue as one group sees it. `committed` is None before the group's first receive."""

    queue_id: int
    next_offset: int
    min_offset: int
    committed: int | None
    islands: Islands
    epoch: int
    head_attempts: int
    is_blocked: bool


@dataclass(frozen=True, slots=True)
class Cursor:
    """A locked cursor."""

    epoch: int
    committed: int
    islands: Islands
    head_attempts: int

    def has_settled(self, offset: int) -> bool:
        """Returns True if this offset needs nothing more."""
        return offset < self.committed or any(start <= offset < end for start, end in self.islands)


@dataclass(frozen=True, slots=True)
class Settlement:
    """Offsets to settle in one cursor. `attempt` is set for ordered groups only."""

    group_id: int
    queue_id: int
    epoch: int
    offsets: tuple[int, ...]
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a settlement. `already` are the offsets that were settled before."""

    is_valid: bool
    already: Islands
    committed: int
    islands: Islands

    def covers(self, start: int, end: int) -> bool:
        """Returns True if every offset from `start` to `end` (excluded) is settled now."""
        return end <= self.committed or any(a <= max(start, self.committed) and end <= b for a, b in self.islands)


def positions(group_id: int, queue_ids: Sequence[int]) -> list[QueuePosition]:
    """Returns one position per existing queue, in no order."""
    rows = _POSITIONS.run({"group_id": prepared.int8(group_id), "queue_ids": arrays.int8s(queue_ids)})
    return [
        QueuePosition(
            queue_id=row[0],
            next_offset=row[1],
            min_offset=row[2],
            committed=row[3],
            islands=islands(row[4]),
            epoch=row[5] or 0,
            head_attempts=row[6] or 0,
            is_blocked=row[7],
        )
        for row in rows
    ]


def create(group_id: int, queue_ids: Sequence[int], *, latest: bool) -> None:
    """Makes the cursors that are missing: at the oldest kept message, or behind the newest when `latest`."""
    with session.cursor() as cur:
        cur.execute(_SQL["create"], {"group_id": group_id, "queue_ids": list(queue_ids), "latest": latest})


def lock(pairs: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Cursor]:
    """Locks the cursors of (group, queue) pairs in order and returns those that exist. Needs a transaction."""
    wanted = sorted(set(pairs))
    with session.cursor() as cur:
        cur.execute(
            _SQL["lock"],
            {"group_ids": [g for g, _ in wanted], "queue_ids": [q for _, q in wanted]},
            prepare=True,
        )
        return {(r[0], r[1]): Cursor(r[2], r[3], islands(r[4]), r[5]) for r in cur}


def settle(settlements: Sequence[Settlement], *, acknowledged: bool) -> dict[tuple[int, int], Settled]:
    """Settles offsets; at most one settlement per cursor. Missing cursors are absent from the answer.

    Shapes: keys are (group, queue). Effects: one statement; locks cursors in order. `acknowledged` counts them as such.
    """
    rows = _settle(
        [(s.group_id, s.queue_id, s.epoch, s.attempt, _ranges_text(s.offsets)) for s in settlements],
        acknowledged=acknowledged,
    )
    return {(r[0], r[1]): Settled(r[2], islands(r[3]), r[4], islands(r[5])) for r in rows}


def advance(commits: Sequence[tuple[int, int, int | None, int]]) -> set[tuple[int, int]]:
    """Settles everything below an offset in each cursor (group, queue, epoch, offset); one commit a cursor.

    Never moves a cursor back. Returns the (group, queue) that were of that epoch; an epoch of None fits any.
    Effects: one statement; locks cursors in order; counts what it settles as acknowledged.
    """
    rows = _settle([(c[0], c[1], c[2], None, f"{{[0,{c[3]})}}") for c in commits], acknowledged=True)
    return {(r[0], r[1]) for r in rows if r[2]}


def _settle(
    wanted: Sequence[tuple[int, int, int | None, int | None, str]], *, acknowledged: bool
) -> list[tuple[Any, ...]]:  # Any: as the statement selects
    groups, queues, epochs, attempts, ranges = zip(*wanted, strict=True) if wanted else ((), (), (), (), ())
    return _SETTLE.run(
        {
            "group_ids": arrays.int8s(groups),
            "queue_ids": arrays.int8s(queues),
            "epochs": arrays.nullable_int4s(epochs),
            "attempts": arrays.nullable_int4s(attempts),
            "ranges": arrays.texts(ranges),
            "acknowledged": prepared.boolean(acknowledged),
        }
    )


def block_heads(heads: Sequence[tuple[int, int, float]]) -> None:
    """Counts a failed delivery of the head of (group, queue) and holds the queue for so many seconds."""
    with session.cursor() as cur:
        cur.execute(
            _SQL["block_head"],
            {
                "group_ids": [h[0] for h in heads],
                "queue_ids": [h[1] for h in heads],
                "delays": [h[2] for h in heads],
            },
        )


def failed(deliveries: Sequence[tuple[int, int, int, int]]) -> set[int]:
    """Returns the indexes of those deliveries (group, queue, offset, attempt) that were noted as failed."""
    with session.cursor() as cur:
        cur.execute(
            _SQL["failed"],
            {
                "group_ids": [d[0] for d in deliveries],
                "queue_ids": [d[1] for d in deliveries],
                "offsets": [d[2] for d in deliveries],
                "attempts": [d[3] for d in deliveries],
            },
        )
        return {row[0] - 1 for row in cur}


def subscribe(group_id: int, topic_id: int, expression: str) -> str | None:
    """Notes the filter a group uses on a topic. Returns the one noted before, or None."""
    with session.cursor() as cur:
        cur.execute(_SQL["subscribe"], {"group_id": group_id, "topic_id": topic_id, "filter": expression})
        row = cur.fetchone()
        return row[0] if row else None


def islands(value: Multirange[int] | None) -> Islands:
    """Returns a multirange as PostgreSQL gives it, lowest first."""
    if not value:
        return ()
    return tuple((r.lower or 0, r.upper or 0) for r in value)


def multirange(ranges: Islands) -> str:
    """Returns ranges as a multirange literal: ((1, 3), (5, 6)) gives {[1,3),[5,6)}."""
    return "{" + ",".join(f"[{start},{end})" for start, end in ranges) + "}"


def _ranges_text(offsets: tuple[int, ...]) -> str:
    """Returns offsets as a multirange literal, neighbours joined: (1, 2, 5) gives {[1,3),[5,6)}."""
    ranges: list[tuple[int, int]] = []
    start = end = -1
    for offset in sorted(set(offsets)):
        if offset == end:
            end += 1
            continue
        if end >= 0:
            ranges.append((start, end))
        start, end = offset, offset + 1
    if end >= 0:
        ranges.append((start, end))
    return multirange(tuple(ranges))
