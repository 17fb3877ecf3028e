"""Ends of queues that readers of this process have reached, so that what is stored there next needs no look.

Owns: how far such queues go and where groups are in them, as far as this process has heard, and for how long that is
believed. Must not know: SQL, who waits, who sends. Called by: `looks`, the engine after its commits, dispatch.
What is known comes from looks and from what this process stored itself. News from elsewhere (another process, another
way of storing, a reset) make it doubtful until somebody has looked again; should news get lost, nothing is believed
for longer than `BELIEVED_SECONDS` after a look.
"""

import itertools
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ..domain import clock
from ..domain.messages import Stored
from . import recent
from .pulls import Place

BELIEVED_SECONDS = 1.0
# No two tails begin with the same number: what was seen before one was forgotten says nothing of the next.
_beginnings: Iterator[int] = itertools.count(step=1 << 32)
# Nobody has read the queue for so long: what is stored there is not kept for anybody.
_IDLE_SECONDS = 20.0


@dataclass(slots=True)
class _Seen:
    """A group's place as a look found it. `doubts` are those of the tail as that look began."""

    place: Place
    doubts: int
    at: float


@dataclass(slots=True)
class _Tail:
    """`end`: nothing stands there or beyond, as far as was heard. `doubts` counts news that only a look can explain."""

    end: int = 0
    doubts: int = field(default_factory=lambda: next(_beginnings))
    used_at: float = 0.0
    groups: dict[int, _Seen] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mark:
    """What was known of a queue as a look at it began."""

    queue_id: int
    doubts: int
    at: float


_lock = threading.Lock()
_tails: dict[int, _Tail] = {}
_sweep_at = 0.0


def mark(queue_ids: Sequence[int]) -> list[Mark]:
    """Returns what `note` wants to know of each queue; call before the look's statement begins."""
    now = clock.monotonic()
    with _lock:
        _sweep(now)
        marks = []
        for queue_id in queue_ids:
            tail = _tails.get(queue_id) or _tails.setdefault(queue_id, _Tail())
            tail.used_at = now
            marks.append(Mark(queue_id, tail.doubts, now))
        return marks


def note(before: Mark, group_id: int, place: Place) -> None:
    """Takes note of what a look found that began at `before`."""
    with _lock:
        tail = _tails.get(before.queue_id)
        if tail is not None:
            tail.end = max(tail.end, place.next_offset)
            tail.groups[group_id] = _Seen(place, before.doubts, before.at)


def place(group_id: int, queue_id: int) -> Place | None:
    """Returns a group's place in a queue and the queue's bounds, if a look would find the same; None if it may not."""
    now = clock.monotonic()
    with _lock:
        tail = _tails.get(queue_id)
        seen = tail.groups.get(group_id) if tail is not None else None
        if tail is None or seen is None or seen.doubts != tail.doubts or now - seen.at > BELIEVED_SECONDS:
            return None
        tail.used_at = now
        known = seen.place
        return Place(known.min_offset, tail.end, known.committed, known.epoch)


def are_read(queue_ids: Iterable[int]) -> bool:
    """Returns True if somebody reads near the end of one of these queues, so that `extend` is worth its while."""
    return not _tails.keys().isdisjoint(queue_ids)


def extend(messages: Sequence[Stored]) -> None:
    """Takes note of messages that this process has just committed; those of one queue are in the order of offsets."""
    by_queue: dict[int, list[Stored]] = {}
    for message in messages:
        by_queue.setdefault(message.queue_id, []).append(message)
    for queue_id, stored in by_queue.items():
        if queue_id in _tails:
            recent.keep(stored)
            with _lock:
                tail = _tails.get(queue_id)
                if tail is not None:
                    tail.end = max(tail.end, stored[-1].offset + 1)


def doubt(queue_ids: Iterable[int]) -> None:
    """Believes nothing of these queues until they were looked at again: something happened there."""
    with _lock:
        for queue_id in queue_ids:
            tail = _tails.get(queue_id)
            if tail is not None:
                tail.doubts += 1


def doubt_all() -> None:
    """Believes nothing of any queue until it was looked at again: news may have been missed."""
    with _lock:
        for tail in _tails.values():
            tail.doubts += 1


def forget() -> None:
    """Forgets everything: the database may be another one than it was."""
    with _lock:
        _tails.clear()


def _sweep(now: float) -> None:
    global _sweep_at
    if now < _sweep_at:
        return
    _sweep_at = now + _IDLE_SECONDS
    for queue_id in [queue_id for queue_id, tail in _tails.items() if now - tail.used_at > _IDLE_SECONDS]:
        del _tails[queue_id]
