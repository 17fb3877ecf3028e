"""In which segment an offset is at the earliest, from memory: a read then opens only the partitions it needs.

Owns: what this process knows of `segment_range`. Must not know: messages. Called by: `log`.
Rows of `segment_range` never change, so what is known stays right; what is new here may be missing for a while, and a
read then only opens one partition more than it had to.
"""

from bisect import bisect_right
from collections.abc import Iterable

from ..domain import clock
from . import arrays, prepared, queries

_FRESH_SECONDS = 60.0
_QUEUE_COUNT = 100_000
_SELECT = prepared.Statement(queries.load("log")["segment_starts"])

# Of each queue: when it was asked for, first offsets in order, and the segment that begins at each.
_known: dict[int, tuple[float, list[int], list[int]]] = {}


def oldest(places: Iterable[tuple[int, int]]) -> int:
    """Returns a segment none of these (queue, offset) is older than; 0 when nothing is known."""
    wanted = list(places)
    now = clock.monotonic()
    unknown = {queue_id for queue_id, _ in wanted if _known.get(queue_id, (0.0,))[0] < now - _FRESH_SECONDS}
    if unknown:
        _learn(unknown, now)
    return min((_floor(queue_id, offset) for queue_id, offset in wanted), default=0)


def are_known(queue_ids: Iterable[int]) -> bool:
    """Returns True if `oldest` would ask nothing of the database for these queues now."""
    fresh = clock.monotonic() - _FRESH_SECONDS
    return all(_known.get(queue_id, (fresh - 1,))[0] >= fresh for queue_id in queue_ids)


def forget() -> None:
    """Forgets everything: the database was emptied, so that numbers of queues begin anew."""
    _known.clear()


def _floor(queue_id: int, offset: int) -> int:
    _, starts, segments = _known.get(queue_id, (0.0, [], []))
    at = bisect_right(starts, offset) - 1
    return segments[at] if at >= 0 else 0


def _learn(queue_ids: set[int], now: float) -> None:
    if len(_known) > _QUEUE_COUNT:
        _known.clear()
    found: dict[int, tuple[float, list[int], list[int]]] = {queue_id: (now, [], []) for queue_id in queue_ids}
    for queue_id, segment, first in _SELECT.run({"queue_ids": arrays.int8s(sorted(queue_ids))}):
        found[queue_id][1].append(first)
        found[queue_id][2].append(segment)
    _known.update(found)
