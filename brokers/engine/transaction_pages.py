"""Transactions and producer groups to look at, as far as one person may see them.

Owns: what a list leaves out. Must not know: pages, wires. Called by: api, console.

A transaction is seen through its topic (`mq:QueryMessage`, as a message is). One that may not be seen and one that does
not exist give one answer. A page by key may be short, and says what comes after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from ..catalog import access, snapshot
from ..domain import limits, previews, transactions
from ..domain.actor import Actor
from ..domain.errors import NotFound, Rejected
from ..domain.states import TransactionState
from ..domain.transactions import TransactionId
from ..models import Instance, ProducerGroup, Topic
from ..store import halves
from ..store.halves import Check as Check
from ..store.halves import Listed as Listed
from ..store.halves import Whole
from . import clients
from .clients import Producer as Producer
from .message_page import Body

_ACTION = "mq:QueryMessage"
COUNT_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Line:
    """A transaction in a list."""

    id: TransactionId
    half: Listed


@dataclass(frozen=True, slots=True)
class Page:
    """Transactions, newest first; `next` is the cursor of the following page, None at the end."""

    items: list[Line]
    next: str | None


@dataclass(frozen=True, slots=True)
class Opened:
    """One transaction: its message, and its checks, newest first. `body` is None once it is decided."""

    id: TransactionId
    half: Listed
    whole: Whole
    body: Body | None
    checks: list[Check]


@dataclass(frozen=True, slots=True)
class Standing:
    """A producer group and what waits for it; counts end at `COUNT_LIMIT`. `there` is None when Redis cannot say."""

    group: ProducerGroup
    waiting_count: int
    discarded_count: int
    there: list[Producer] | None


def page(
    actor: Actor,
    instance: Instance,
    *,
    states: Sequence[TransactionState] = tuple(TransactionState),
    topic: Topic | None = None,
    producer_group: str | None = None,
    message_id: str | None = None,
    cursor: str = "",
    limit: int = limits.PAGE_DEFAULT,
) -> Page:
    """Returns the transactions `actor` may see. Raises: Denied on the topic, without one on the instance; Rejected."""
    access.check(actor, _ACTION, access.resource(actor.account_id, instance.name, topic.name if topic else ""))
    if not 1 <= limit <= limits.PAGE_MAX:
        raise Rejected(f"limit must be a whole number from 1 to {limits.PAGE_MAX}.")
    group_id = None
    if producer_group:
        group_id = snapshot.producer_group(actor.account_id, instance.name, producer_group).id
    found = halves.page(
        instance.pk,
        [str(state) for state in states],
        topic_id=None if topic is None else topic.pk,
        producer_group_id=group_id,
        message_id=message_id or None,
        before=_before(cursor),
        limit=limit + 1,
        max_checks=settings.TRANSACTION_CHECK_MAX,
    )
    shown = found[:limit]
    after = str(shown[-1].id) if len(found) > limit else None
    if topic is None and access.filter_of(actor, instance.name, _ACTION) is not None:
        denied = {
            name
            for name in {half.topic for half in shown}
            if access.is_denied(actor, _ACTION, access.resource(actor.account_id, instance.name, name))
        }
        shown = [half for half in shown if half.topic not in denied]
    return Page([Line(_id(half), half) for half in shown], after)


def one(actor: Actor, instance: Instance, text: str) -> Opened:
    """Returns a transaction. Raises: Denied; NotFound TRANSACTION_NOT_FOUND."""
    scope = access.resource(actor.account_id, instance.name)
    try:
        id = transactions.parse(text)
        whole = halves.one(instance.pk, id.half_id, max_checks=settings.TRANSACTION_CHECK_MAX)
    except NotFound:
        access.check(actor, _ACTION, scope)
        raise
    if whole is None or _id(whole.summary) != id:
        access.check(actor, _ACTION, scope)
        raise transactions.missing(text)
    name = whole.summary.topic
    if not access.may_on_group(actor, _ACTION, instance=instance.name, group=name):
        access.check(actor, _ACTION, access.resource(actor.account_id, instance.name, name))
        access.check(actor, _ACTION, scope)
    body = None
    if whole.body is not None:
        body = Body(whole.body, previews.preview(whole.body, whole.sys_flag), None)
    return Opened(id, whole.summary, whole, body, halves.checks(id.half_id, limit=limits.CHECK_HISTORY_COUNT))


def counts(instance: Instance, topic: Topic | None = None) -> dict[str, int]:
    """Returns how many transactions are WAITING and DISCARDED, each counted up to `COUNT_LIMIT`."""
    return halves.counts(instance.pk, topic_id=None if topic is None else topic.pk, limit=COUNT_LIMIT)


def standings(groups: Sequence[ProducerGroup]) -> list[Standing]:
    """Returns each producer group of an instance with what waits for it and who is there to be asked."""
    counted = halves.counts_by_group([group.pk for group in groups], limit=COUNT_LIMIT)
    return [
        Standing(
            group,
            *counted.get(group.pk, (0, 0)),
            clients.producers((group.instance.account_id, group.instance.name, group.name)),
        )
        for group in groups
    ]


def _id(half: Listed) -> TransactionId:
    return transactions.name(half.id, half.topic_id, half.message_id)


def _before(cursor: str) -> int:
    if not cursor:
        return limits.INT64_MAX
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 19 or int(cursor) > limits.INT64_MAX:
        raise Rejected("This is not a cursor of this list. Use the value of `next` exactly as it was given.")
    return int(cursor)
