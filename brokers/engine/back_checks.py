"""Checks: a half message nobody decided, and asking its producers what became of it.

Owns: when they are due, what is written down of each, and what a producer that asks by itself gets. Must not know: how
producers are reached. Called by: the broker worker, dispatch, api, console.

A check is taken up by one worker (others pass over it), counted, and offered. Whoever can reach a live producer of the
group hands it on; until somebody does, a producer that polls takes it. After the last one has had its time, the half
message is discarded: nobody sees it, and a person may still decide it.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings

from .. import events
from ..catalog import access, changes, snapshot
from ..catalog.snapshot import ProducerGroupEntry, TopicEntry
from ..domain import limits, transactions
from ..domain.actor import Actor
from ..domain.errors import ErrorCode, Rejected
from ..domain.messages import Stored
from ..domain.states import TransactionState
from ..domain.transactions import TransactionId
from ..store import halves, log, session
from ..store.halves import Noted as Noted


@dataclass(frozen=True, slots=True)
class Check:
    """A check that is due. `number` is 1 for the first."""

    half_id: int
    number: int
    account_id: int
    instance: str
    producer_group_id: int
    producer_group: str
    webhook_url: str


@dataclass(frozen=True, slots=True)
class Question:
    """A half message as the one who is asked needs it. The message's offset is the number of the half message."""

    id: TransactionId
    topic: TopicEntry
    queue: int
    message: Stored
    number: int


def claim_due(limit: int) -> list[Check]:
    """Takes up at most `limit` due checks, and discards what had its last one; the database's clock says what is due.

    Effects: one statement; rows other workers hold are passed over; announces.
    """
    claimed = halves.claim_due(
        limit,
        interval=timedelta(seconds=settings.TRANSACTION_CHECK_SECONDS),
        max_checks=settings.TRANSACTION_CHECK_MAX,
    )
    session.reached("claimed_checks")
    if claimed:
        events.announce(hints={f"transactions:{one.instance_id}" for one in claimed})
    return [
        Check(
            one.id,
            one.number,
            one.account_id,
            one.instance,
            one.producer_group_id,
            one.producer_group,
            one.webhook_url,
        )
        for one in claimed
        if one.state == TransactionState.WAITING
    ]


def questions(half_ids: Sequence[int]) -> list[Question]:
    """Returns the half messages among these that still wait, whole, oldest first."""
    found = []
    for one in halves.open_waiting(half_ids):
        topic = snapshot.topic_by_id(one.topic_id)
        if topic is not None and one.row.queue_id in topic.queue_ids:
            found.append(_question(one, topic))
    return found


def take_offered(
    group: ProducerGroupEntry, shows: Callable[[TopicEntry], bool], *, limit: int, door: str, client_id: str
) -> list[Question]:
    """Returns checks nobody has handed on yet, of topics that `shows`; they are this client's now."""
    topics = [snapshot.topic_by_id(topic_id) for topic_id in halves.offered_topics(group.id)]
    wanted = [topic.id for topic in topics if topic is not None and shows(topic)]
    if not wanted:
        return []
    taken = halves.take_offered(group.id, wanted, limit=limit, door=door, client_id=client_id)
    if taken:
        events.announce(hints={f"transactions:{group.instance_id}"})
    return questions(taken)


def note(noted: Sequence[Noted]) -> None:
    """Writes down whom the newest check of each half message went to, and what was heard."""
    if noted:
        halves.note_checks(sorted(noted, key=lambda one: one.id))


def note_unknown(id: TransactionId, detail: str) -> None:
    """Writes down that a producer was asked and does not know yet."""
    note([Noted(id.half_id, "UNKNOWN", "", "", detail[: limits.ERROR_TEXT_CHARS])])


def check_now(actor: Actor, topic: TopicEntry, id: TransactionId) -> None:
    """Makes a half message's next check due now, also when it had its last one. Needs PUB on the topic.

    Raises: Denied; NotFound; Rejected TRANSACTION_DECIDED when it no longer waits.
    Effects: one transaction with its audit row; announces.
    """
    resource = access.resource(actor.account_id, topic.instance, topic.name)
    access.check(actor, "mq:PUB", resource)
    with session.transaction():
        held = halves.lock([id.half_id]).get(id.half_id)
        is_meant = held is not None and held.topic_id == topic.id
        if held is None or not is_meant or transactions.checksum_of(held.message_id) != id.checksum:
            raise transactions.missing(id)
        if not halves.want_check(id.half_id):
            raise Rejected(
                f"The transaction is {held.state} and is not checked any more.",
                ErrorCode.TRANSACTION_DECIDED,
                state=held.state,
            )
        changes.record(actor, "mq:CheckTransaction", resource, transaction=str(id), message_id=held.message_id)
    events.announce(hints={f"transactions:{topic.instance_id}"})


def _question(one: halves.Opened, topic: TopicEntry) -> Question:
    row = one.row
    message = Stored(
        queue_id=row.queue_id,
        offset=one.id,
        message_id=row.message_id,
        tag=row.tag,
        keys=tuple(row.keys.split(" ")) if row.keys else (),
        properties=log.unpack_properties(row.properties),
        body=row.body,
        sys_flag=row.sys_flag,
        body_crc=zlib.crc32(row.body),
        born_at_ms=row.born_at_ms,
        born_host=row.born_host,
        stored_at_ms=one.created_at_ms,
        reconsume_times=0,
    )
    id = transactions.name(one.id, topic.id, row.message_id)
    return Question(id, topic, topic.queue_ids.index(row.queue_id), message, one.check_count)
