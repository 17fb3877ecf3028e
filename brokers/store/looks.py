"""What pulls see at one glance: a queue's bounds, a group's cursor in it, and the messages from an offset on.

Owns: that statement, and when it reads more than was asked for. Must not know: leases, wires. Called by: engine.pulls.
Bounds and cursor come from PostgreSQL, but for a while not at a queue's end (`tails`); messages come from memory
(`recent`) where this process has them.
"""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections

from ..domain.messages import Stored
from . import arrays, floors, log, prepared, queries, recent, tails
from .link import Link
from .pulls import Place

_LOOK = prepared.Statement(queries.load("pulls")["look"])
# Who reads on where others, or itself, have been is given the next ones from memory.
_AHEAD_COUNT = 256
_AHEAD_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Wish:
    """What to see of a queue: at most `count` messages from `offset` on, and bodies of `max_bytes` plus one body."""

    group_id: int
    queue_id: int
    offset: int
    count: int
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen. Messages are in the order of their offsets, without those that are gone."""

    place: Place
    messages: Sequence[Stored]


def at_hand(wish: Wish) -> Look | None:
    """Returns what a look would see, if that is known without one; else None. Never blocks."""
    place = tails.place(wish.group_id, wish.queue_id)
    if place is None or not place.min_offset <= wish.offset <= place.next_offset:
        return None
    if wish.offset == place.next_offset:
        return Look(place, [])
    messages = recent.take(wish.queue_id, wish.offset, count=wish.count, max_bytes=wish.max_bytes)
    return Look(place, messages) if messages else None


def look(wishes: Sequence[Wish]) -> list[Look | None]:
    """Returns what each wish sees, in order; None where the queue is gone. Group 0 is nobody.

    Effects: one statement for all of them. Raises: as `session.cursor`.
    """
    plan = _Plan(wishes)
    # What an open transaction wrote may yet be rolled back.
    is_kept = not connections[DEFAULT_DB_ALIAS].in_atomic_block
    return plan.found(_LOOK.run(plan.parameters()), is_kept=is_kept)


def looking(
    wishes: Sequence[Wish], link: Link
) -> Generator[Any, Any, list[Look | None] | None]:  # Any: what the link waits for, and what comes back
    """As `look`, on `link` and without blocking: for an event loop. Returns None when `look` has to find out why."""
    plan = _Plan(wishes)
    try:
        rows = yield from _LOOK.start(link.raw, plan.parameters())
    except psycopg.Error:
        return None
    return plan.found(rows, is_kept=True)


def is_ready(queue_ids: Iterable[int]) -> bool:
    """Returns True if looking at these queues needs no other statement first."""
    return floors.are_known(queue_ids)


@dataclass(slots=True)
class _Reading:
    """Messages of a queue from `start` on, read once for every wish that needs them; bounds as a `Wish` has."""

    start: int
    count: int = 0
    max_bytes: int = 0
    messages: list[Stored] = field(default_factory=list)


class _Plan:
    """Wishes, what is at hand for each, and what is read for them all."""

    def __init__(self, wishes: Sequence[Wish]) -> None:
        self._wishes = wishes
        self._marks = tails.mark([wish.queue_id for wish in wishes])
        self._at_hand: list[list[Stored]] = []
        # What each wish needs, and what is read in its name: nothing when it needs nothing, or another reads it too.
        self._needed: list[_Reading | None] = []
        self._read: list[_Reading] = []
        self._by_start: dict[tuple[int, int], _Reading] = {}
        for wish in wishes:
            self._add(wish)

    def _add(self, wish: Wish) -> None:
        offset = max(wish.offset, 0)
        at_hand = recent.take(wish.queue_id, offset, count=wish.count, max_bytes=wish.max_bytes)
        self._at_hand.append(at_hand)
        start = offset + len(at_hand)
        missing = wish.count - len(at_hand)
        if missing <= 0 or _size(at_hand) >= wish.max_bytes:
            self._needed.append(None)
            self._read.append(_Reading(start))
            return
        needed = self._by_start.get((wish.queue_id, start))
        if needed is None:
            needed = self._by_start[wish.queue_id, start] = _Reading(start)
            self._read.append(needed)
        else:
            self._read.append(_Reading(start))
        self._needed.append(needed)
        goes_on = bool(at_hand) or recent.has(wish.queue_id, start - 1)
        needed.count = max(needed.count, missing, _AHEAD_COUNT if goes_on else 0)
        needed.max_bytes = max(needed.max_bytes, wish.max_bytes, _AHEAD_BYTES if goes_on else 0)

    def parameters(self) -> dict[str, bytes]:
        """Returns the statement's parameters."""
        reads = zip(self._wishes, self._read, strict=True)
        starts = [(wish.queue_id, read.start) for wish, read in reads if read.count]
        return {
            "group_ids": arrays.int8s([wish.group_id for wish in self._wishes]),
            "queue_ids": arrays.int8s([wish.queue_id for wish in self._wishes]),
            "starts": arrays.int8s([read.start for read in self._read]),
            "counts": arrays.int4s([read.count for read in self._read]),
            "sizes": arrays.int8s([read.max_bytes for read in self._read]),
            "segment": prepared.int4(floors.oldest(starts)),
        }

    def found(self, rows: Iterable[tuple[Any, ...]], *, is_kept: bool) -> list[Look | None]:  # Any: as selected
        """Returns what each wish sees, from the statement's rows."""
        places: list[Place | None] = [None] * len(self._wishes)
        for row in rows:
            number = row[0] - 1
            if places[number] is None:
                places[number] = Place(row[1], row[2], row[3], row[4])
            if row[11] is not None:  # else there is no message, or one that passes what its reading may take
                self._read[number].messages.append(log.stored(row[5:]))
        if is_kept:
            for read in self._read:
                recent.keep(read.messages)
            for wish, mark, place in zip(self._wishes, self._marks, places, strict=True):
                if place is not None:
                    tails.note(mark, wish.group_id, place)
        return [None if place is None else Look(place, self._messages(number)) for number, place in enumerate(places)]

    def _messages(self, number: int) -> list[Stored]:
        wish, needed, found = self._wishes[number], self._needed[number], self._at_hand[number]
        if needed is None:
            return found
        size = _size(found)
        for message in needed.messages:
            if len(found) >= wish.count or size >= wish.max_bytes:
                break
            found.append(message)
            size += len(message.body)
        return found


def _size(messages: Iterable[Stored]) -> int:
    return sum(len(message.body) for message in messages)
