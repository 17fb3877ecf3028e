"""Messages that wait for their time: scheduled ones and retries move from `pending` to the log, or are recalled.

Owns: the move, and taking back what has not moved. Must not know: timers (the broker worker calls again and again).
Called by: the broker worker, any number of them at once; doors, console and api recall.
"""

from dataclasses import dataclass

from .. import events
from ..catalog import access, changes, snapshot
from ..catalog.snapshot import TopicEntry
from ..domain.actor import Actor
from ..domain.errors import ErrorCode, NotFound, Rejected
from ..store import log, pending, session
from . import pulls


@dataclass(frozen=True, slots=True)
class Recalled:
    """A scheduled message nobody will see, and when it would have been due, in ms since 1970."""

    message_id: str
    due_ms: int


def move_due(limit: int) -> int:
    """Appends at most `limit` due messages and returns how many; the database's clock says what is due (promise P5).

    Effects: one transaction (delete and append together), rows other workers hold are passed over; announces.
    """
    with session.transaction():
        rows = pending.take_due(limit)
        if rows:
            log.append(rows)
        session.reached("moved_due")
    queues = {row.queue_id for row in rows}
    places = [snapshot.topic_of_queue(queue_id) for queue_id in queues]
    events.announce({place[0].id for place in places if place}, queue_ids=queues)
    return len(rows)


def recall(actor: Actor, topic: TopicEntry, message_id: str) -> Recalled:
    """Takes a scheduled message back before anybody saw it. Either it is recalled or it is delivered, never both.

    Effects: one transaction (the message's rows go, audit row). Needs `mq:PUB` on the topic.
    Raises: Denied; Rejected CONFLICT when it was delivered; NotFound when it is not known or was recalled before.
    """
    resource = access.resource(topic.account_id, topic.instance, topic.name)
    access.check(actor, "mq:PUB", resource)
    with session.transaction():
        due = pending.recall(topic.id, message_id)
        if due:
            changes.record(actor, "mq:RecallMessage", resource, message_id=message_id, due_ms=min(due))
        session.reached("recalled")
    if due:
        events.announce(hints={f"topic:{topic.id}"})
        return Recalled(message_id, min(due))
    if pulls.find(topic, message_id=message_id, limit=1):
        raise Rejected("Too late: the message was delivered to its topic already.", ErrorCode.CONFLICT)
    raise NotFound(
        "No scheduled message of this topic has this id: it was never sent, or it was recalled before.",
        ErrorCode.MESSAGE_NOT_FOUND,
    )


def seconds_to_next() -> float | None:
    """Returns how long until something is due (negative: late), or None when nothing waits."""
    return pending.seconds_to_next()
