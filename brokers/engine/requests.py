"""Asking and answering: messages that wait for replies.

Owns: the rules of requests, from the asking to the last reply. Must not know: sockets, wires, who may ask or answer.
Called by: dispatch.requests (batches of many callers), the broker worker, console.

A request is a message like any other, durable and delivered to every group that reads its topic. That somebody waits
for replies is state in Redis: when Redis is lost, requests in flight time out. Each group answers once; in a
broadcasting group each member does. Every end of a request is counted once, by whoever ended it (`leases/lua`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from .. import events
from ..catalog.snapshot import TopicEntry
from ..domain import clock, limits
from ..domain.errors import BrokerError, ErrorCode, NotFound, Rejected, Stale, TryLater
from ..domain.messages import Outgoing
from ..domain.requests import CORRELATION_ID, REPLY_TO, TIME_TO_LIVE_MS, Reply, ReplyAddress
from ..leases import requests as rows
from ..leases.requests import Name, Opening, Standing, Waiting, forget_process, note_process
from . import request_stats, responders
from .publish import Send

__all__ = ["Name", "Standing", "Waiting", "forget_process", "note_process"]

# Whoever waits closes its request at the deadline; one that nobody closed is found so much later.
_GRACE = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A message that wants replies. `reply_to` says to people and to clients of the same kind who asked.

    `process` waits for the replies, and when it dies so does the request, unless `is_kept`: then replies are kept for
    whoever comes and looks. `client_id` is set where the asking client can be found again by it.
    """

    name: Name
    topic: TopicEntry
    message: Outgoing
    timeout: timedelta
    reply_to: str
    asker: str
    user_id: int | None
    max_replies: int = 1
    process: str = ""
    client_id: str = ""
    is_kept: bool = False
    is_typed: bool = True

    @property
    def send(self) -> Send:
        """Returns the message as it is published."""
        known = {
            CORRELATION_ID: self.name.correlation_id,
            REPLY_TO: self.reply_to,
            TIME_TO_LIVE_MS: str(int(self.timeout.total_seconds() * 1000)),
        }
        message = self.message._replace(wire_properties={**self.message.wire_properties, **known})
        return Send(self.topic, message, is_typed=self.is_typed)


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply somebody gives. `topic` is the one its address names; the door has checked that whoever gives it may."""

    account_id: int
    topic: TopicEntry
    address: ReplyAddress
    reply: Reply


@dataclass(frozen=True, slots=True)
class Look:
    """A request as it stands, and replies. `standing` is None when nothing is known of it."""

    standing: Standing | None
    replies: list[Reply]

    @property
    def is_open(self) -> bool:
        """Returns True while more replies may come."""
        return self.standing is not None and self.standing.state == "OPEN"


def open_all(questions: Sequence[Question]) -> list[BrokerError | None]:
    """Notes requests that are about to be sent; returns None or why not, in order.

    TryLater NO_RESPONDER: nobody reads the topic. Rejected CONFLICT: another request has the id. TryLater OVERLOADED:
    too many are open. Where an error is returned nothing is to be sent. Raises: TryLater LEASES_UNAVAILABLE for all.
    """
    places = [responders.Place(q.topic.instance_id, q.topic.name) for q in questions]
    errors: list[BrokerError | None] = []
    for question, groups in zip(questions, responders.groups(places), strict=True):
        errors.append(None if groups is None or groups else _nobody(question))
    asked = [(i, q) for i, q in enumerate(questions) if errors[i] is None]
    for (index, question), opened in zip(asked, rows.open_all([_opening(q) for _, q in asked]), strict=True):
        errors[index] = _refusal(question, opened.outcome)
        if opened.outcome == "new":
            request_stats.count(question.topic.id, "asked")
    return errors


def reply_all(answers: Sequence[Answer]) -> list[BrokerError | None]:
    """Takes replies; returns None or why not, in order.

    NotFound REQUEST_NOT_FOUND: never asked, or too long ago, or Redis was lost. Stale REQUEST_OVER: its time is over.
    Stale REQUEST_ANSWERED: this group answered before, or all replies wanted are there. Stale REQUESTER_GONE: who asked
    is not there any more. Rejected MESSAGE_TOO_LARGE. Raises: TryLater LEASES_UNAVAILABLE for all.
    """
    results = [_too_long(answer.reply) for answer in answers]
    good = [(i, answer) for i, answer in enumerate(answers) if results[i] is None]
    named = [
        (
            Name(a.account_id, a.address.correlation_id),
            a.topic.id,
            a.address.responder,
            replace(a.reply, replied_at_ms=clock.now_ms()),
        )
        for _, a in good
    ]
    for (index, answer), taken in zip(good, rows.reply_all(named), strict=True):
        results[index] = _judge(answer, taken)
    events.announce(hints={f"topic:{answer.topic.id}" for _, answer in good})
    return results


def look(name: Name, *, after: int = 0) -> Look:
    """Returns how a request stands and its replies but the first `after`. Raises TryLater LEASES_UNAVAILABLE."""
    return Look(*rows.look(name, after=after))


def watch(name: Name, process: str) -> None:
    """Makes a process hear of the replies to a request that is kept for whoever looks. Raises TryLater."""
    rows.watch(name, process)


def time_out(names: Sequence[Name]) -> list[int]:
    """Ends requests whose time is over, and returns how many replies each has. Raises TryLater LEASES_UNAVAILABLE.

    The caller waited for as long as it asked for, or found them by `leases`; what is over already stays as it is.
    """
    return [_closed(closed) for closed in rows.close_all(names, "TIMEOUT")]


def abandon(names: Sequence[Name]) -> list[int]:
    """Ends requests nobody waits for any more, and returns how many replies each has. Raises TryLater."""
    return [_closed(closed) for closed in rows.close_all(names, "GONE")]


def expire(limit: int) -> int:
    """Ends at most `limit` requests that nobody ended in time. Returns how many. Raises TryLater LEASES_UNAVAILABLE."""
    names = rows.due(limit, grace=_GRACE)
    if names:
        time_out(names)
    return len(names)


def in_flight(instance_id: int, *, limit: int) -> tuple[list[tuple[Waiting, Standing]], int] | None:
    """Returns an instance's requests that time out first, at most `limit`, and how many there are; None: unknown."""
    waiting = rows.waiting(instance_id, now_ms=clock.now_ms())
    if waiting is None:
        return None
    found = rows.standings([one.name for one in waiting[:limit]])
    if found is None:
        return None
    pairs = zip(waiting[:limit], found, strict=True)
    return [(one, standing) for one, standing in pairs if standing is not None], len(waiting)


def nobody_answered() -> TryLater:
    """Returns the error for a request nobody answered in time; its message was sent and may be dealt with still."""
    return TryLater(
        "Nobody answered in time. The request was sent and may still be dealt with; a reply is refused from now on.",
        ErrorCode.REQUEST_TIMEOUT,
    )


def _opening(question: Question) -> Opening:
    return Opening(
        name=question.name,
        instance_id=question.topic.instance_id,
        topic_id=question.topic.id,
        message_id=question.message.message_id,
        timeout=question.timeout,
        most=question.max_replies,
        process=question.process,
        client_id=question.client_id,
        is_kept=question.is_kept,
        user_id=question.user_id,
        asker=question.asker,
    )


def _nobody(question: Question) -> TryLater:
    request_stats.count(question.topic.id, "no_responder")
    return TryLater(
        f"No group with a live consumer reads topic {question.topic.name!r}, so nobody can answer. Nothing was sent:"
        " start a consumer, or send an ordinary message.",
        ErrorCode.NO_RESPONDER,
        retry_after_seconds=1,
    )


def _refusal(question: Question, outcome: str) -> BrokerError | None:
    if outcome == "taken":
        return Rejected(
            f"Another request has the correlation id {question.name.correlation_id!r}; each request needs its own.",
            ErrorCode.CONFLICT,
        )
    if outcome == "crowded":
        return TryLater(
            f"At most {limits.REQUEST_OPEN_COUNT} requests of an instance wait at once; nothing was sent.",
            ErrorCode.OVERLOADED,
            retry_after_seconds=1,
        )
    return None


def _too_long(reply: Reply) -> BrokerError | None:
    if len(reply.body) <= limits.BODY_BYTES:
        return None
    return Rejected(
        f"The body has {len(reply.body)} bytes; at most {limits.BODY_BYTES} are allowed.", ErrorCode.MESSAGE_TOO_LARGE
    )


def _judge(answer: Answer, taken: rows.Taken) -> BrokerError | None:
    group_id = answer.address.group_id
    if taken.outcome == "OK":
        took_ms = taken.now_ms - taken.asked_at_ms
        request_stats.count(answer.topic.id, "answered", group_id=group_id, took_ms=took_ms)
        if taken.got == 1:
            request_stats.count(answer.topic.id, "answered", took_ms=took_ms)
        return None
    request_stats.count(answer.topic.id, "refused", group_id=group_id)
    if taken.outcome == "DIED":
        request_stats.count(answer.topic.id, "gone")
    return _no(taken.outcome)


def _no(outcome: str) -> BrokerError:
    if outcome == "TIMEOUT":
        return Stale("The time of this request is over; nobody waits for the reply.", ErrorCode.REQUEST_OVER)
    if outcome == "REPEATED":
        return Stale("Your group has answered this request already.", ErrorCode.REQUEST_ANSWERED)
    if outcome == "ANSWERED":
        return Stale("This request has all the replies it wanted.", ErrorCode.REQUEST_ANSWERED)
    if outcome in ("GONE", "DIED"):
        return Stale("Whoever asked is not there any more.", ErrorCode.REQUESTER_GONE)
    if outcome == "TOO_LONG":
        return Rejected(
            f"The replies to one request have at most {limits.REPLIES_BYTES} bytes together.",
            ErrorCode.MESSAGE_TOO_LARGE,
        )
    return NotFound(
        "There is no such request: it was never asked, or its time was over long ago.", ErrorCode.REQUEST_NOT_FOUND
    )


def _closed(closed: rows.Closed) -> int:
    if closed.was_open:
        if closed.state == "TIMEOUT":
            request_stats.count(closed.topic_id, "timed_out")
        elif closed.state == "GONE":
            request_stats.count(closed.topic_id, "gone")
    return closed.got
