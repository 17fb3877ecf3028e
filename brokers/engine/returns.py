"""What members of a group that consumes by offset could not deal with: sent back for a retry, or buried.

Owns: those rules. Must not know: wires. Called by: doors. What leases lead to is in `engine.failures`; the rows
written are the same, so the console and the timelines show both alike. Nothing is settled here: the member commits
its own offset once the server has the message back.
"""

from dataclasses import dataclass
from datetime import timedelta

from .. import events
from ..catalog import snapshot
from ..catalog.snapshot import GroupEntry
from ..domain import clock, retry
from ..domain.errors import BrokerError
from ..domain.messages import ORIGIN_MESSAGE_ID, ORIGIN_TOPIC, Stored
from ..store import log, pending, session


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """A message that failed in a group. `delay` None takes the group's back-off.

    `max_retries`: how often it may come again; None takes the group's. `is_final`: do not try it again.
    """

    group: GroupEntry
    message: Stored
    client_id: str
    delay: timedelta | None = None
    max_retries: int | None = None
    is_final: bool = False


def send_back(back: Return) -> bool:
    """Arranges a retry and returns True, or buries the message and returns False.

    Effects: one transaction (attempt, pending or dead letter); announces. A repeated call repeats the retry: the
    member that asks twice did not hear the first answer, and a message is rather seen twice than not at all.
    """
    failure = _failure(back)
    topics: set[int] = set()
    with session.transaction():
        pending.note_attempts([failure])
        if failure.delay is not None:
            row = _copy(failure, back.group.retry_topic.queue_ids[0], back.message.reconsume_times + 1)
            pending.add(
                [
                    pending.Parked(
                        kind="RETRY",
                        row=row,
                        topic_id=failure.topic_id,
                        group_id=back.group.id,
                        delay=failure.delay,
                    )
                ]
            )
        else:
            pending.bury([failure])
            log.append([_copy(failure, back.group.dead_letter_topic.queue_ids[0], failure.attempt)])
            topics.add(back.group.dead_letter_topic.id)
    events.announce(topics, {f"group:{back.group.id}"})
    return failure.delay is not None


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
    if back.max_retries is None:
        is_over = retry.is_exhausted(attempt=attempt, max_attempts=group.max_attempts)
    else:
        is_over = message.reconsume_times >= back.max_retries
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


def _copy(failure: pending.Failure, queue_id: int, reconsume_times: int) -> log.Row:
    message = failure.message
    properties = {
        ORIGIN_TOPIC: failure.topic_name,
        ORIGIN_MESSAGE_ID: message.message_id,
        **message.properties,
    }
    return log.Row(
        queue_id=queue_id,
        message_id=message.message_id,
        tag=message.tag,
        keys=" ".join(message.keys) or None,
        properties=log.pack_properties(properties),
        body=message.body,
        sys_flag=message.sys_flag,
        born_at_ms=message.born_at_ms,
        born_host=message.born_host,
        reconsume_times=reconsume_times,
    )
