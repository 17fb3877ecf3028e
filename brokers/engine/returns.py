"""What members of a group that consumes by offset could not deal with: sent back for a retry, or buried.

Owns: those rules. Must not know: wires. Called by: doors. What leases lead to is in `engine.failures`; the rows
written are the same, so the console and the timelines show both alike. Nothing is settled here: the member commits
its own offset once the server has the message back.

A member that hears no answer asks again, so each of these may come twice. A retry that still waits is not arranged
again, and a dead letter that still waits is the same one (promise P4).
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from .. import events
from ..catalog import snapshot
from ..catalog.snapshot import GroupEntry
from ..domain import clock, retry
from ..domain.errors import BrokerError
from ..domain.messages import ORIGIN_TOPIC, Stored
from ..store import dedup, log, pending, session
from . import pulls
from .failures import copy_of

# How many copies of a message are looked through for the one that failed.
_COPY_COUNT = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """A message that failed in a group. `delay` None takes the group's back-off.

    `max_retries`: how often it may come again; None takes the group's. `is_final`: do not try it again.
    `failures`: how often it failed by now, when the member counts that itself; None: the message's own count says it.
    """

    group: GroupEntry
    message: Stored
    client_id: str
    delay: timedelta | None = None
    max_retries: int | None = None
    is_final: bool = False
    failures: int | None = None


def send_back(back: Return) -> bool:
    """Arranges a retry and returns True, or buries the message and returns False.

    Effects: one transaction (attempt, pending or dead letter); announces. A call that repeats one whose retry or dead
    letter still waits does nothing more.
    """
    failure = _failure(back)
    topics: set[int] = set()
    with session.transaction():
        if failure.delay is not None:
            _arrange_retry(back, failure)
        elif pending.bury([failure], only_new=True):
            pending.note_attempts([failure])
            log.append([copy_of(failure, back.group.dead_letter_topic.queue_ids[0], failure.attempt)])
            topics.add(back.group.dead_letter_topic.id)
        session.reached("sent_back")
    events.announce(topics, {f"group:{back.group.id}"})
    return failure.delay is not None


def send_whole(back: Return) -> bool:
    """Does as `send_back` with a message the member sent whole, because it could not say which stored one it means.

    The copy that failed is looked up by its id, so that what comes again or is buried is what was stored. When there is
    none any more, what the member sent stands for it; its place is then the one it gets in the dead-letter topic.
    """
    stored = _failed_copy(back)
    if stored is not None:
        return send_back(replace(back, message=stored))
    group, failure = back.group, _failure(back)
    is_dead = failure.delay is None
    queue_id = (group.dead_letter_topic if is_dead else group.retry_topic).queue_ids[0]
    with session.transaction():
        key = (group.retry_topic.id, f"sent back {failure.message.message_id} {failure.attempt}")
        if not dedup.claim([(key, failure.message.message_id)]):
            return not is_dead
        if is_dead:
            (place,) = log.append([copy_of(failure, queue_id, failure.attempt)])
            offset = place.offset if place is not None else 0
            buried = replace(failure, message=failure.message._replace(queue_id=queue_id, offset=offset))
            pending.note_attempts([buried])
            pending.bury([buried])
        else:
            pending.add([_parked(failure, queue_id)])
    events.announce({group.dead_letter_topic.id} if is_dead else (), {f"group:{group.id}"})
    return not is_dead


def _arrange_retry(back: Return, failure: pending.Failure) -> None:
    times = back.message.reconsume_times + 1
    if not pending.is_retry_waiting(back.group.id, back.message.message_id, times):
        pending.note_attempts([failure])
        pending.add([_parked(failure, back.group.retry_topic.queue_ids[0])])


def _parked(failure: pending.Failure, queue_id: int) -> pending.Parked:
    assert failure.delay is not None
    return pending.Parked(
        kind="RETRY",
        row=copy_of(failure, queue_id, failure.message.reconsume_times + 1),
        topic_id=failure.topic_id,
        group_id=failure.group_id,
        delay=failure.delay,
    )


def _failed_copy(back: Return) -> Stored | None:
    """Returns the stored copy a member means: the retry with its count, else the one in the topic it came from."""
    group, sent = back.group, back.message
    retries = pulls.find(group.retry_topic, message_id=sent.message_id, limit=_COPY_COUNT)
    for copy in retries:
        if copy.reconsume_times + 1 == back.failures:
            return copy
    try:
        origin = snapshot.topic(group.account_id, group.instance, sent.properties.get(ORIGIN_TOPIC, ""))
    except BrokerError:
        return None
    first = pulls.find(origin, message_id=sent.message_id, limit=1)
    return first[0] if first else None


def _failure(back: Return) -> pending.Failure:
    group, message = back.group, back.message
    attempt = message.reconsume_times + 1
    place = snapshot.topic_of_queue(message.queue_id)
    name = message.properties.get(ORIGIN_TOPIC) or (place[0].name if place else "")
    topic_id = place[0].id if place else group.retry_topic.id
    if topic_id == group.retry_topic.id:
        try:
            topic_id = snapshot.topic(group.account_id, group.instance, name).id
        except BrokerError:
            topic_id = group.retry_topic.id  # the origin topic was deleted; the group's own topic stands for it
    is_over = _is_over(back)
    if back.failures is not None and message.reconsume_times == 0:
        attempt = back.failures
        if is_over and attempt > 1 and back.max_retries is not None:
            # An orderly member tries in place and counts by itself; versions before 5 leave out the last failure.
            attempt = max(attempt, back.max_retries + 1)
    delay = back.delay if back.delay is not None else retry.backoff(attempt=attempt, steps=group.backoff_seconds)
    return pending.Failure(
        group_id=group.id,
        topic_id=topic_id,
        topic_name=name,
        message=message,
        attempt=attempt,
        outcome="REFUSED",
        client_id=back.client_id,
        error="sent back by the consumer",
        started_ms=clock.now_ms(),
        delay=None if is_over or back.is_final else delay,
    )


def _is_over(back: Return) -> bool:
    failures = back.failures
    if back.max_retries is not None:
        retries = failures if failures is not None else back.message.reconsume_times
        return retries >= back.max_retries
    attempt = failures if failures is not None else back.message.reconsume_times + 1
    return retry.is_exhausted(attempt=attempt, max_attempts=back.group.max_attempts)
