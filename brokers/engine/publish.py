"""Accepting messages: checking, choosing a queue, de-duplicating, and one commit for the whole batch.

Owns: the rules of sending. Must not know: wires, sockets, who is asking (the door has checked that already).
Called by: dispatch (batches of many callers), console, jobs. Nothing is answered before its commit (promise P1).
"""

import itertools
import random
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple
from zlib import crc32

from .. import events
from ..catalog import snapshot
from ..catalog.snapshot import TopicEntry
from ..domain import clock, limits, messages
from ..domain.errors import BrokerError, ErrorCode, NotFound, Rejected, UnknownOutcome
from ..domain.messages import Outgoing
from ..models import Topic
from ..store import dedup, log, pending, session, tails
from ..store.link import Link as Link
from ..store.link import open_link as open_link

# Messages without a sharding key: so many of one batch go to the same queue before the next one's turn. Spreading them
# thinner would only lock more queue rows in each commit.
_RUN_COUNT = 64
_turn = itertools.count(random.randrange(1 << 16))  # noqa: S311 # which queue is first is no secret


class Send(NamedTuple):
    """One message for one topic. `is_typed`: its sender knows of topic types, so that it must keep to the topic's."""

    topic: TopicEntry
    message: Outgoing
    is_typed: bool = True


class Published(NamedTuple):
    """What became of a send. `offset` and `stored_at_ms` are None while the message waits for `deliver_at_ms`.

    `duplicate`: the dedup id was known; the rest describes the message that came first.
    """

    message_id: str
    queue: int | None
    offset: int | None
    stored_at_ms: int | None
    deliver_at_ms: int | None = None
    duplicate: bool = False


Result = Published | BrokerError


@dataclass(slots=True)
class _Entry:
    send: Send
    result: Result | None = None
    queue: int = 0
    is_parked: bool = False

    @property
    def dedup_key(self) -> dedup.Key | None:
        dedup_id = self.send.message.dedup_id
        return None if dedup_id is None else (self.send.topic.id, dedup_id)


def publish(sends: Sequence[Send]) -> list[Result]:
    """Stores a batch and returns one result a send, in order; a bad one does not spoil the others.

    Effects: one transaction; locks dedup keys, then queue rows in order; announces the topics after the commit.
    Raises: TryLater, UnknownOutcome, for the batch as a whole (see store.session).
    """
    entries, accepted = _examine(sends)
    if accepted:
        _store(accepted)
        _announce(accepted)
    return [entry.result or _lost() for entry in entries]


def is_one_statement(sends: Sequence[Send]) -> bool:
    """Returns True if a batch can be stored by `publishing`."""
    return len(sends) < log.COPY_FROM_COUNT and not any(
        send.message.dedup_id is not None or send.message.is_delayed for send in sends
    )


def publishing(
    sends: Sequence[Send], link: Link
) -> Generator[Any, Any, list[Result] | None]:  # Any: what the link waits for, and what comes back
    """As `publish` of a batch that `is_one_statement`, without blocking: for an event loop with a link of its own.

    Returns None when PostgreSQL refused, so that nothing was done: `publish` knows what to do then.
    Raises: UnknownOutcome for the batch as a whole.
    """
    entries, accepted = _examine(sends)
    if accepted:
        places = yield from log.appending([_row(entry) for entry in accepted], link)
        if places is None:
            return None
        _place(accepted, places)
        _announce(accepted)
    return [entry.result or _lost() for entry in entries]


def outcome_unknown() -> UnknownOutcome:
    """Returns the error of a batch whose link broke while it was waited for."""
    return session.unknown()


def rows(sends: Sequence[Send]) -> list[log.Row | BrokerError]:
    """Returns each message as it would be appended, checked and with a queue: for those who store it elsewhere."""
    entries, _ = _examine(sends)
    return [entry.result if isinstance(entry.result, BrokerError) else _row(entry) for entry in entries]


def instant_ms(message: Outgoing) -> int | None:
    """Returns when a message may be seen, in milliseconds since 1970; None when it names no instant."""
    # Rounded up: a message is never early (promise P5).
    return None if message.deliver_at is None else clock.to_ms(message.deliver_at + timedelta(microseconds=999))


def sharded_queue(key: str, queue_count: int) -> int:
    """Returns the queue number a sharding key belongs to; the same in every process and version."""
    return crc32(key.encode()) % queue_count


def _examine(sends: Sequence[Send]) -> tuple[list[_Entry], list[_Entry]]:
    """Returns an entry a send, and those of them that may be stored, each with a queue."""
    entries = [_Entry(send) for send in sends]
    accepted = [entry for entry in entries if _accept(entry)]
    _choose_queues(accepted)
    return entries, accepted


def _announce(entries: Sequence[_Entry]) -> None:
    stored = [entry for entry in entries if not entry.is_parked]
    queue_ids = {entry.send.topic.queue_ids[entry.queue] for entry in stored}
    if tails.are_read(queue_ids):
        _extend_tails(stored)
    events.announce({entry.send.topic.id for entry in stored}, queue_ids=queue_ids, are_held=True)


def _extend_tails(entries: Sequence[_Entry]) -> None:
    """Tells readers in this process what was stored, as they would read it."""
    tails.extend(
        [
            log.as_read(_row(entry), log.Position(result.offset, result.stored_at_ms))
            for entry in entries
            if isinstance(result := entry.result, Published) and not result.duplicate
            if result.offset is not None and result.stored_at_ms is not None
        ]
    )


def _accept(entry: _Entry) -> bool:
    topic, message = entry.send.topic, entry.send.message
    try:
        messages.check(message)
        if topic.kind in Topic.GROUPS_OWN:
            raise Rejected(
                f"Topic {topic.name!r} belongs to a consumer group; send to the topic the group reads.",
                ErrorCode.TOPIC_TYPE_MISMATCH,
            )
        if topic.type == Topic.Type.FIFO and message.sharding_key is None and message.queue is None:
            raise Rejected(
                f"Topic {topic.name!r} is FIFO: give each message a sharding_key; its messages stay in order.",
                ErrorCode.TOPIC_TYPE_MISMATCH,
            )
        if entry.send.is_typed and message.is_delayed and topic.type != Topic.Type.DELAY:
            raise Rejected(
                f"Topic {topic.name!r} is {topic.type}: only topics of type DELAY take deliver_at or delay_seconds.",
                ErrorCode.TOPIC_TYPE_MISMATCH,
            )
        if message.queue is not None and not 0 <= message.queue < len(topic.queue_ids):
            raise Rejected(f"Topic {topic.name!r} has queues 0 to {len(topic.queue_ids) - 1}.")
        entry.is_parked = _is_due_later(message)
    except Rejected as error:
        entry.result = error
        return False
    return True


def _is_due_later(message: Outgoing) -> bool:
    if message.delay is not None:
        return message.delay > timedelta()
    if message.deliver_at is None:
        return False
    wait = message.deliver_at - clock.now()
    if wait.total_seconds() > limits.DELAY_MAX_SECONDS:
        raise Rejected(f"deliver_at is at most {limits.DELAY_MAX_SECONDS // 86400} days from now.")
    return True


def _choose_queues(entries: Sequence[_Entry]) -> None:
    unkeyed: dict[int, int] = {}
    first = next(_turn)
    for entry in entries:
        topic, message = entry.send.topic, entry.send.message
        if message.queue is not None:
            entry.queue = message.queue
        elif message.sharding_key is not None:
            entry.queue = sharded_queue(message.sharding_key, len(topic.queue_ids))
        else:
            seen = unkeyed.get(topic.id, 0)
            unkeyed[topic.id] = seen + 1
            entry.queue = (first + seen // _RUN_COUNT) % len(topic.queue_ids)


def _store(entries: Sequence[_Entry]) -> None:
    if all(entry.send.message.dedup_id is None and not entry.is_parked for entry in entries):
        session.again_after_deadlock(lambda: _append(entries))
        return
    try:
        session.again_after_deadlock(lambda: _store_in_transaction(entries))
    except NotFound:
        # A topic was deleted meanwhile and nothing was kept; that is no business of the other topics' senders.
        _store_without_deleted(entries)


def _store_without_deleted(entries: Sequence[_Entry]) -> None:
    snapshot.forget()
    kept: list[_Entry] = []
    for entry in entries:
        if snapshot.topic_by_id(entry.send.topic.id) is None:
            entry.result = _deleted(entry)
        else:
            entry.result = None
            kept.append(entry)
    session.again_after_deadlock(lambda: _store_in_transaction(kept))


def _store_in_transaction(entries: Sequence[_Entry]) -> None:
    with session.transaction():
        fresh = _leave_out_duplicates(entries)
        _append([entry for entry in fresh if not entry.is_parked])
        _park([entry for entry in fresh if entry.is_parked])
    _answer_repeats(entries)


def _leave_out_duplicates(entries: Sequence[_Entry]) -> list[_Entry]:
    first: dict[dedup.Key, _Entry] = {}
    for entry in entries:
        if entry.dedup_key is not None:
            first.setdefault(entry.dedup_key, entry)
    if not first:
        return list(entries)
    new = dedup.claim([(key, entry.send.message.message_id) for key, entry in first.items()])
    session.reached("claimed_dedup")
    fresh: list[_Entry] = []
    repeated: list[_Entry] = []
    for entry in entries:
        key = entry.dedup_key
        is_fresh = key is None or (key in new and first[key] is entry)
        (fresh if is_fresh else repeated).append(entry)
    # A repeat within this very batch is answered like the entry it repeats, once that one has its place.
    known = dedup.earlier([key for key in {e.dedup_key for e in repeated} if key is not None and key not in new])
    for entry in repeated:
        earlier = known.get(entry.dedup_key) if entry.dedup_key else None
        if earlier is not None:
            entry.result = Published(
                earlier.message_id, earlier.queue, earlier.offset, earlier.stored_at_ms, earlier.due_ms, True
            )
    return fresh


def _answer_repeats(entries: Sequence[_Entry]) -> None:
    done = {entry.dedup_key: entry.result for entry in entries if isinstance(entry.result, Published)}
    for entry in entries:
        first = done.get(entry.dedup_key)
        if entry.result is None and isinstance(first, Published):
            entry.result = first._replace(duplicate=True)


def _append(entries: Sequence[_Entry]) -> None:
    if not entries:
        return
    _place(entries, log.append([_row(entry) for entry in entries]))


def _place(entries: Sequence[_Entry], places: Sequence[log.Position | None]) -> None:
    for entry, place in zip(entries, places, strict=True):
        if place is None:
            entry.result = _deleted(entry)
        else:
            entry.result = Published(entry.send.message.message_id, entry.queue, place.offset, place.stored_at_ms)


def _park(entries: Sequence[_Entry]) -> None:
    if not entries:
        return
    due = pending.add(
        [
            pending.Parked(
                kind="SCHEDULED",
                row=_row(entry),
                topic_id=entry.send.topic.id,
                due_ms=instant_ms(entry.send.message),
                delay=entry.send.message.delay or timedelta(),
            )
            for entry in entries
        ]
    )
    session.reached("parked")
    for entry, due_ms in zip(entries, due, strict=True):
        entry.result = Published(entry.send.message.message_id, entry.queue, None, None, due_ms)


def _row(entry: _Entry) -> log.Row:
    message = entry.send.message
    properties = message.properties
    if message.sharding_key is not None:
        properties = {**properties, messages.SHARDING_KEY: message.sharding_key}
    if message.wire_properties:
        properties = {**properties, **message.wire_properties}
    return log.Row(
        queue_id=entry.send.topic.queue_ids[entry.queue],
        message_id=message.message_id,
        tag=message.tag,
        keys=" ".join(message.keys) or None,
        properties=log.pack_properties(properties),
        body=message.body,
        sys_flag=message.sys_flag,
        born_at_ms=message.born_at_ms,
        born_host=message.born_host,
        reconsume_times=message.reconsume_times,
    )


def _deleted(entry: _Entry) -> NotFound:
    return NotFound(f"Topic {entry.send.topic.name!r} was deleted meanwhile.", ErrorCode.TOPIC_NOT_FOUND)


def _lost() -> BrokerError:
    return BrokerError("The message was neither stored nor refused.")
