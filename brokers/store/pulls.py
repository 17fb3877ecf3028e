"""Queues and cursors as consumers see them who name their offsets themselves.

Owns: those statements. Must not know: leases, wires. Called by: engine.pulls.
"""

from collections.abc import Sequence
from typing import NamedTuple

from . import queries, session

_SQL = queries.load("pulls")


class Place(NamedTuple):
    """A queue's bounds, and a group's cursor in it; `committed` is None when the group has none there."""

    min_offset: int
    next_offset: int
    committed: int | None
    epoch: int


def places(wanted: Sequence[tuple[int, int]]) -> list[Place | None]:
    """Returns one place for each (group, queue), in order; None when the queue is gone. Group 0 is nobody."""
    found: list[Place | None] = [None] * len(wanted)
    with session.cursor() as cur:
        cur.execute(
            _SQL["places"],
            {"group_ids": [g for g, _ in wanted], "queue_ids": [q for _, q in wanted]},
            prepare=True,
        )
        for row in cur:
            found[row[0] - 1] = Place(*row[1:])
    return found


def begin(starts: Sequence[tuple[int, int, int]]) -> None:
    """Makes missing cursors of (group, queue) at an offset, kept within what the queue holds."""
    with session.cursor() as cur:
        cur.execute(
            _SQL["begin"],
            {
                "group_ids": [s[0] for s in starts],
                "queue_ids": [s[1] for s in starts],
                "offsets": [s[2] for s in starts],
            },
        )


def by_message_id(message_id: str, queue_ids: Sequence[int], *, limit: int) -> list[tuple[int, int]]:
    """Returns (queue, offset) of a message's copies in these queues, newest first."""
    with session.cursor() as cur:
        cur.execute(_SQL["by_message_id"], {"message_id": message_id, "queue_ids": list(queue_ids), "limit": limit})
        return [(row[0], row[1]) for row in cur]


def by_key(key: str, queue_ids: Sequence[int], *, start_ms: int, end_ms: int, limit: int) -> list[tuple[int, int]]:
    """Returns (queue, offset) of the newest messages with a key that were stored in a span of time."""
    with session.cursor() as cur:
        cur.execute(
            _SQL["by_key"],
            {"key": key, "queue_ids": list(queue_ids), "start_ms": start_ms, "end_ms": end_ms, "limit": limit},
        )
        return [(row[0], row[1]) for row in cur]
