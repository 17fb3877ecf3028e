"""Consuming by offset: members read queues where they like and say how far they are.

Owns: the rules of pulling and committing, and sending back what failed. Must not know: wires, who is a member.
Called by: dispatch (all waiting pulls at once), doors. The cursor is the one leases move too (`engine.ways`).

A reset of a group's offsets raises the cursor's epoch. A caller gives the epoch it knows: when it is an old one a pull
says where to go on instead of returning messages, and a commit does nothing, so a reset is not undone by members
that did not hear of it yet.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from ..catalog import snapshot
from ..catalog.snapshot import GroupEntry, TopicEntry
from ..domain import limits
from ..domain.errors import BrokerError, ErrorCode, NotFound, Rejected, TryLater
from ..domain.filters import Filter
from ..domain.messages import Stored
from ..events import News
from ..store import browse, cursors, log, looks, session, tails
from ..store import pulls as rows
from ..store.link import Link
from . import subscriptions, ways


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """A wish for messages of one queue from `offset` on. `is_shared`: the group's cursor is kept for its members."""

    group: GroupEntry
    topic: TopicEntry
    queue: int
    offset: int
    max_count: int
    max_bytes: int
    filter: Filter
    is_shared: bool
    epoch: int | None = None


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull found. `next_offset` is where to go on; `is_moved` when the asked one cannot be read.

    `was_filtered`: messages stood there and none was wanted.
    """

    messages: tuple[Stored, ...]
    next_offset: int
    min_offset: int
    max_offset: int
    epoch: int
    is_moved: bool = False
    was_filtered: bool = False


@dataclass(frozen=True, slots=True)
class Commit:
    """Everything below `offset` is done. `epoch` None: the caller never pulled there."""

    group_id: int
    queue_id: int
    offset: int
    epoch: int | None


Result = Pulled | BrokerError


def pull(pulls: Sequence[Pull]) -> list[Result]:
    """Returns what each pull finds now, in order; never waits.

    Effects: begins cursors of shared groups where they read first; notes filters. One statement for all of them.
    Raises: TryLater STORE_UNAVAILABLE for all of them.
    """
    results, asked = _examine(pulls)
    seen = looks.look(_wishes(asked))
    fresh = _newcomers(asked, seen)
    if fresh:
        rows.begin(sorted(set(fresh)))
    for (index, one), look in zip(asked, seen, strict=True):
        results[index] = _result(one, look)
        if look is not None and one.is_shared:
            subscriptions.note(one.group.id, [(one.topic.id, one.filter.expression)])
    return [result or _lost() for result in results]


def pulling(pulls: Sequence[Pull], link: Link) -> Generator[Any, Any, list[Result] | None]:  # Any: see `looks.looking`
    """As `pull`, without blocking: for an event loop with a link of its own.

    Returns None when there is more to do than to look, or looking failed: `pull` does it all.
    """
    if not all(_is_settled(one) for one in pulls):
        return None
    results, asked = _examine(pulls)
    if asked:
        seen = yield from looks.looking(_wishes(asked), link)
        if seen is None or _newcomers(asked, seen):
            return None
        for (index, one), look in zip(asked, seen, strict=True):
            results[index] = _result(one, look)
    return [result or _lost() for result in results]


def at_hand(one: Pull) -> Result | None:
    """Returns what `pull` would, if that is known without asking PostgreSQL; else None. Never blocks.

    It is known at a queue's end, where this process itself stores what comes next.
    """
    if not _is_settled(one):
        return None
    refusal = _refusal(one)
    if refusal is not None:
        return refusal
    look = looks.at_hand(_wish(one))
    if look is None or (one.is_shared and look.place.committed is None) or _moved(one, look.place):
        return None
    return _pulled(one, look)


def hear(news: News) -> None:
    """Takes note that something happened to queues which this process may not know of. Never blocks."""
    tails.doubt(news.queues - news.held)
    for topic_id in news.vague:
        topic = snapshot.cached_topic_by_id(topic_id)
        if topic is None:
            tails.doubt_all()
        else:
            tails.doubt(topic.queue_ids)


def miss() -> None:
    """Takes note that news may have been missed. Never blocks."""
    tails.doubt_all()


def bounds(topic: TopicEntry, queue: int) -> tuple[int, int]:
    """Returns the oldest kept offset of a queue and the one the next message gets. Raises NotFound, Rejected."""
    (place,) = rows.places([(0, queue_id(topic, queue))])
    if place is None:
        raise _gone(topic)
    return place.min_offset, place.next_offset


def committed(group: GroupEntry, topic: TopicEntry, queue: int) -> int | None:
    """Returns how far a group is in a queue, or None when it has no place there yet. Raises NotFound, Rejected."""
    (place,) = rows.places([(group.id, queue_id(topic, queue))])
    if place is None:
        raise _gone(topic)
    return place.committed


def commit(commits: Sequence[Commit]) -> list[bool]:
    """Moves cursors forward and returns which commits were heard, in order; never back, never past the queue's end.

    Effects: one transaction of two statements for all cursors.
    """
    return session.again_after_deadlock(partial(_commit, commits))


def offset_at(topic: TopicEntry, queue: int, *, at: datetime) -> int:
    """Returns the first offset stored at or after an instant; the queue's end when there is none."""
    try:
        (offset,) = browse.offsets_at([browse.Edge(queue_id(topic, queue), at, False)])
    except LookupError:
        raise _gone(topic) from None
    return offset


def read_one(queue: int, offset: int) -> Stored:
    """Returns the message at an offset of a queue (by id). Raises NotFound MESSAGE_NOT_FOUND."""
    (found,) = log.read([log.Range(0, queue, offset, offset + 1)], max_bytes=limits.BODY_BYTES)
    if not found or not isinstance(found[0], Stored):
        raise NotFound("There is no such message any more.", ErrorCode.MESSAGE_NOT_FOUND)
    return found[0]


def find(
    topic: TopicEntry,
    *,
    message_id: str | None = None,
    key: str = "",
    start_ms: int = 0,
    end_ms: int = limits.INT64_MAX,
    limit: int,
) -> list[Stored]:
    """Returns messages of a topic by id, else by key and time, newest first."""
    if message_id is not None:
        places = rows.by_message_id(message_id, topic.queue_ids, limit=limit)
    else:
        latest = 253_402_300_799_000  # the end of the year 9999: clients ask for "any time" with the greatest number
        places = rows.by_key(
            key, topic.queue_ids, start_ms=max(0, min(start_ms, latest)), end_ms=min(end_ms, latest), limit=limit
        )
    ranges = [log.Range(0, queue, offset, offset + 1) for queue, offset in places]
    return [m for found in log.read(ranges, max_bytes=limits.PULL_BYTES) for m in found if isinstance(m, Stored)]


def queue_id(topic: TopicEntry, queue: int) -> int:
    """Returns the store's id of a queue. Raises Rejected when the topic has no such queue."""
    if not 0 <= queue < len(topic.queue_ids):
        raise Rejected(f"Topic {topic.name!r} has queues 0 to {len(topic.queue_ids) - 1}.")
    return topic.queue_ids[queue]


def _refusal(one: Pull) -> BrokerError | None:
    try:
        queue_id(one.topic, one.queue)
        if one.group.paused:
            raise TryLater(
                f"Group {one.group.name!r} is paused. Resume it in the console or with PATCH.", ErrorCode.GROUP_PAUSED
            )
        if one.is_shared and one.group.is_popped:
            raise Rejected(
                f"Clients of group {one.group.name!r} are to pop: turn their clientRebalance off, or set the group's"
                " remoting_mode to PULL.",
                ErrorCode.CONFLICT,
            )
        if one.is_shared:
            ways.check(one.group, ways.OFFSETS)
    except BrokerError as error:
        return error
    return None


def _examine(pulls: Sequence[Pull]) -> tuple[list[Result | None], list[tuple[int, Pull]]]:
    """Returns the refusals, each in its place, and the pulls that are not refused, with theirs."""
    results: list[Result | None] = [_refusal(one) for one in pulls]
    return results, [(index, one) for index, one in enumerate(pulls) if results[index] is None]


def _is_settled(one: Pull) -> bool:
    """Returns True if a pull needs nothing but a look, of all that is known without asking anybody."""
    if not 0 <= one.queue < len(one.topic.queue_ids):
        return True  # it is refused without a look
    return (
        looks.is_ready([one.topic.queue_ids[one.queue]])
        and (not one.is_shared or ways.is_known(one.group.id))
        and (not one.is_shared or subscriptions.is_noted(one.group.id, one.topic.id, one.filter.expression))
    )


def _wishes(asked: Sequence[tuple[int, Pull]]) -> list[looks.Wish]:
    return [_wish(one) for _, one in asked]


def _wish(one: Pull) -> looks.Wish:
    return looks.Wish(
        group_id=one.group.id,
        queue_id=one.topic.queue_ids[one.queue],
        offset=one.offset,
        # A narrow filter looks further than it returns, so that it does not need one call a message.
        count=one.max_count if one.filter.passes_all else min(4 * one.max_count, limits.FILTER_SCAN_COUNT),
        max_bytes=one.max_bytes,
    )


def _newcomers(asked: Sequence[tuple[int, Pull]], seen: Sequence[looks.Look | None]) -> list[tuple[int, int, int]]:
    """Returns (group, queue, offset) of groups that read where they have no cursor yet."""
    return [
        (one.group.id, one.topic.queue_ids[one.queue], one.offset)
        for (_, one), look in zip(asked, seen, strict=True)
        if look is not None and look.place.committed is None and one.is_shared and one.offset <= look.place.next_offset
    ]


def _result(one: Pull, look: looks.Look | None) -> Result:
    if look is None:
        return _gone(one.topic)
    return _moved(one, look.place) or _pulled(one, look)


def _moved(one: Pull, place: rows.Place) -> Pulled | None:
    """Returns where to go on when the asked offset cannot be read, or the group was moved meanwhile."""
    target = None
    if one.epoch is not None and one.epoch != place.epoch and place.committed is not None:
        target = min(max(place.committed, place.min_offset), place.next_offset)
    elif one.offset > place.next_offset:
        target = place.next_offset
    elif one.offset < place.min_offset:
        target = place.min_offset
    if target is None or target == one.offset:
        return None
    return Pulled((), target, place.min_offset, place.next_offset, place.epoch, is_moved=True)


def _pulled(one: Pull, look: looks.Look) -> Pulled:
    place = look.place
    messages: Sequence[Stored] = look.messages
    if one.filter.passes_all:
        next_offset = messages[-1].offset + 1 if messages else one.offset
    else:
        messages, next_offset = _filtered(one, messages)
    was_filtered = next_offset > one.offset and not messages
    return Pulled(
        tuple(messages), next_offset, place.min_offset, place.next_offset, place.epoch, was_filtered=was_filtered
    )


def _filtered(one: Pull, found: Sequence[Stored]) -> tuple[list[Stored], int]:
    """Returns the messages that are wanted, and where to go on."""
    messages: list[Stored] = []
    next_offset = one.offset
    for message in found:
        if len(messages) >= one.max_count:
            break
        next_offset = message.offset + 1
        if one.filter.passes(message):
            messages.append(message)
    return messages, next_offset


def _commit(commits: Sequence[Commit]) -> list[bool]:
    furthest: dict[tuple[int, int], Commit] = {}
    for one in commits:
        key = (one.group_id, one.queue_id)
        if key not in furthest or furthest[key].offset < one.offset:
            furthest[key] = one
    keys = sorted(furthest)
    with session.transaction():
        places = dict(zip(keys, rows.places(keys), strict=True))
        missing = [
            (*key, furthest[key].offset) for key in keys if (p := places[key]) is not None and p.committed is None
        ]
        if missing:
            rows.begin(missing)
        heard = cursors.advance(
            [
                (*key, furthest[key].epoch, min(furthest[key].offset, place.next_offset))
                for key in keys
                if (place := places[key]) is not None and furthest[key].offset >= 0
            ]
        )
    return [(one.group_id, one.queue_id) in heard for one in commits]


def _gone(topic: TopicEntry) -> NotFound:
    return NotFound(f"Topic {topic.name!r} was deleted meanwhile.", ErrorCode.TOPIC_NOT_FOUND)


def _lost() -> BrokerError:
    return BrokerError("The pull was neither answered nor refused.")
