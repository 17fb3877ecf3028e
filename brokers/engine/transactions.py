"""Transactions: half messages are prepared, and then committed or rolled back, once and for all.

Owns: those rules (promise P3). Must not know: wires, how producers are asked. Called by: dispatch (batches of many
callers), api, console. Checks are in `engine.back_checks`, lists in `engine.transaction_pages`.

A half message is a row that no reader of a log ever looks at. A decision is one transaction: it holds the row, appends
the message or does not, and writes itself down. So a half message is visible if and only if it was committed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from django.conf import settings

from .. import events
from ..catalog import access, changes, snapshot
from ..catalog.snapshot import ProducerGroupEntry, TopicEntry
from ..domain import limits, messages, transactions
from ..domain.actor import Actor
from ..domain.errors import BrokerError, ErrorCode, NotFound, Rejected
from ..domain.messages import Outgoing
from ..domain.states import TransactionEvent, TransactionState, after_decision
from ..domain.transactions import TransactionId
from ..models import Topic
from ..store import dedup, halves, log, pending, session
from . import publish
from .publish import Send


@dataclass(frozen=True, slots=True)
class Half:
    """A message to prepare. `is_typed`: its sender knows of topic types, so that it must keep to the topic's."""

    topic: TopicEntry
    message: Outgoing
    producer_group: ProducerGroupEntry
    is_typed: bool = True


@dataclass(frozen=True, slots=True)
class Prepared:
    """A half message on disk. `check_at_ms` is when its producers are first asked, if nothing is decided before.

    `duplicate`: the dedup id was known; the rest describes the half message that came first.
    """

    id: TransactionId
    message_id: str
    queue: int
    check_at_ms: int
    duplicate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a producer, or a person, says of a transaction. `by` is remembered for people to read.

    `producer_group`: must be the half message's, where the asker names one. `is_recovery`: also what was discarded may
    be decided.
    """

    id: TransactionId
    is_commit: bool
    by: str
    producer_group: str | None = None
    is_recovery: bool = False

    @property
    def event(self) -> TransactionEvent:
        """Returns the decision as the table of states knows it."""
        if self.is_recovery:
            return TransactionEvent.RECOVER_COMMIT if self.is_commit else TransactionEvent.RECOVER_ROLL_BACK
        return TransactionEvent.COMMIT if self.is_commit else TransactionEvent.ROLL_BACK


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of a decision. `offset` is None when it was rolled back, or waits for `deliver_at_ms`.

    `is_repeated`: it was decided so before; nothing was done now.
    """

    id: TransactionId
    message_id: str
    state: TransactionState
    queue: int
    offset: int | None
    deliver_at_ms: int | None
    decided_at_ms: int
    is_repeated: bool


PrepareResult = Prepared | BrokerError
DecideResult = Decided | BrokerError


def prepare(sends: Sequence[Half]) -> list[PrepareResult]:
    """Stores half messages and returns one result each, in order; a bad one does not spoil the others.

    Effects: one transaction; locks dedup keys; announces. Raises: TryLater, UnknownOutcome, for the batch as a whole.
    """
    results: dict[int, PrepareResult] = {}
    accepted: list[tuple[int, Half, log.Row]] = []
    rows = publish.rows([Send(half.topic, _marked(half), half.is_typed) for half in sends])
    for number, (half, row) in enumerate(zip(sends, rows, strict=True)):
        if half.is_typed and half.topic.type != Topic.Type.TRANSACTION:
            results[number] = Rejected(
                f"Topic {half.topic.name!r} is {half.topic.type}: only topics of type TRANSACTION take half messages.",
                ErrorCode.TOPIC_TYPE_MISMATCH,
            )
        elif isinstance(row, BrokerError):
            results[number] = row
        else:
            accepted.append((number, half, row))
    if accepted:
        results |= _store(accepted)
        events.announce(hints={f"transactions:{half.topic.instance_id}" for _, half, _ in accepted})
    return [results[number] for number in range(len(sends))]


def decide(decisions: Sequence[Decision]) -> list[DecideResult]:
    """Commits and rolls back, and returns one result each, in order.

    A repeated decision gets the answer of the first; a contrary one, and one that comes after the last check, gets
    Rejected TRANSACTION_DECIDED; one that names no transaction, or a wrong producer group, NotFound or Rejected.
    Effects: one transaction; locks the half messages, then queue rows, each in order; announces what became visible.
    Raises: TryLater, UnknownOutcome, for the batch as a whole. Both are safe to repeat.
    """
    results, topics, instances = session.again_after_deadlock(lambda: _decide_in_transaction(decisions))
    _announce(topics, instances)
    return results


def decide_for_person(actor: Actor, topic: TopicEntry, decision: Decision) -> Decided:
    """Decides and writes it into the audit trail. Needs PUB on the topic; to recover what was discarded, Resend.

    Raises: Denied; NotFound; Rejected TRANSACTION_DECIDED; TryLater, UnknownOutcome.
    """
    resource = access.resource(actor.account_id, topic.instance, topic.name)
    access.check(actor, "mq:Resend" if decision.is_recovery else "mq:PUB", resource)
    with session.transaction():
        (result,), topics, instances = _decide_in_transaction([decision])
        if isinstance(result, BrokerError):
            raise result
        if not result.is_repeated:
            action = "mq:CommitTransaction" if decision.is_commit else "mq:RollbackTransaction"
            detail = {"transaction": str(decision.id), "message_id": result.message_id}
            changes.record(actor, action, resource, recovered=decision.is_recovery or None, **detail)
    _announce(topics, instances)
    return result


def topic_of(account_id: int, instance: str, id: TransactionId) -> TopicEntry:
    """Returns the topic a transaction's id names. Raises NotFound: foreign and missing look the same."""
    topic = snapshot.topic_by_id(id.topic_id) if id.topic_id <= limits.INT64_MAX else None
    if topic is None or topic.account_id != account_id or topic.instance != instance:
        raise transactions.missing(id)
    return topic


def forget_old() -> int:
    """Forgets old decisions, and what was discarded longer ago than dead letters are kept. Returns how many."""
    remembered = timedelta(hours=settings.TRANSACTION_DECISION_HOURS)
    count = halves.forget(TransactionState.COMMITTED, remembered) + halves.forget(
        TransactionState.ROLLED_BACK, remembered
    )
    return count + halves.forget(TransactionState.DISCARDED, timedelta(days=settings.DEAD_LETTER_RETENTION_DAYS))


def _marked(half: Half) -> Outgoing:
    marks = {
        messages.TRANSACTION_MARK: "true",
        messages.PRODUCER_GROUP: half.producer_group.name,
        messages.TRANSACTION_ID: half.message.message_id,
    }
    return half.message._replace(wire_properties={**marks, **half.message.wire_properties})


def _store(accepted: Sequence[tuple[int, Half, log.Row]]) -> dict[int, PrepareResult]:
    try:
        return session.again_after_deadlock(lambda: _store_in_transaction(accepted))
    except NotFound:
        # A topic or a producer group was deleted meanwhile and nothing was kept: no business of the others.
        snapshot.forget()
    results: dict[int, PrepareResult] = {}
    kept = []
    for number, half, row in accepted:
        if snapshot.topic_by_id(half.topic.id) is None:
            results[number] = NotFound(f"Topic {half.topic.name!r} was deleted meanwhile.", ErrorCode.TOPIC_NOT_FOUND)
        else:
            kept.append((number, half, row))
    return results | session.again_after_deadlock(lambda: _store_in_transaction(kept))


def _store_in_transaction(accepted: Sequence[tuple[int, Half, log.Row]]) -> dict[int, PrepareResult]:
    with session.transaction():
        results, fresh = _leave_out_duplicates(accepted)
        stored = halves.add([_new(half, row) for _, half, row in fresh])
        session.reached("prepared_halves")
    for (number, half, row), one in zip(fresh, stored, strict=True):
        results[number] = _prepared(half.topic, row.message_id, one, queue_id=row.queue_id)
    first = {(half.topic.id, half.message.dedup_id): results[number] for number, half, _ in fresh}
    for number, half, _ in accepted:
        # A repeat within this very batch is answered like the entry it repeats.
        if number not in results:
            earlier = first[half.topic.id, half.message.dedup_id]
            results[number] = replace(earlier, duplicate=True) if isinstance(earlier, Prepared) else earlier
    return results


def _leave_out_duplicates(
    accepted: Sequence[tuple[int, Half, log.Row]],
) -> tuple[dict[int, PrepareResult], list[tuple[int, Half, log.Row]]]:
    first: dict[dedup.Key, int] = {}
    for number, half, _ in accepted:
        if half.message.dedup_id is not None:
            first.setdefault((half.topic.id, half.message.dedup_id), number)
    if not first:
        return {}, list(accepted)
    ids = {number: half.message.message_id for number, half, _ in accepted}
    new = dedup.claim([(key, ids[number]) for key, number in first.items()])
    session.reached("claimed_dedup")
    known = dedup.earlier([key for key in first if key not in new])
    found = halves.of_messages([(key[0], earlier.message_id) for key, earlier in known.items()])
    results: dict[int, PrepareResult] = {}
    fresh = []
    for entry in accepted:
        number, half, _ = entry
        if half.message.dedup_id is None:
            fresh.append(entry)
            continue
        key = (half.topic.id, half.message.dedup_id)
        if key in known:
            results[number] = _repeated(half, known[key].message_id, found)
        elif first[key] == number:
            fresh.append(entry)
    return results, fresh


def _repeated(half: Half, message_id: str, found: dict[tuple[int, str], halves.Earlier]) -> PrepareResult:
    earlier = found.get((half.topic.id, message_id))
    if earlier is None:
        return Rejected(
            "This dedup_id belongs to a message that was no half message, or whose decision is no longer remembered.",
            ErrorCode.CONFLICT,
        )
    prepared = _prepared(half.topic, message_id, earlier.stored, queue_id=earlier.queue_id)
    return replace(prepared, duplicate=True)


def _prepared(topic: TopicEntry, message_id: str, stored: halves.Stored, *, queue_id: int) -> Prepared:
    id = transactions.name(stored.id, topic.id, message_id)
    return Prepared(id, message_id, topic.queue_ids.index(queue_id), stored.check_at_ms)


def _new(half: Half, row: log.Row) -> halves.New:
    message = half.message
    return halves.New(
        row=row,
        instance_id=half.topic.instance_id,
        topic_id=half.topic.id,
        producer_group_id=half.producer_group.id,
        immunity=_immunity(half),
        deliver_ms=publish.instant_ms(message),
        delay=message.delay,
    )


def _immunity(half: Half) -> timedelta:
    given = half.message.properties.get(messages.IMMUNITY_SECONDS, "")
    if given.isascii() and given.isdigit() and len(given) < 10 and int(given):
        return timedelta(seconds=min(int(given), limits.IMMUNITY_MAX_SECONDS))
    return timedelta(seconds=half.producer_group.immunity_seconds or settings.TRANSACTION_IMMUNITY_SECONDS)


def _decide_in_transaction(decisions: Sequence[Decision]) -> tuple[list[DecideResult], set[int], set[int]]:
    """Returns the results, the topics that have new messages, and the instances whose transactions changed."""
    with session.transaction():
        held = halves.lock(sorted({decision.id.half_id for decision in decisions}))
        judged: dict[int, TransactionState | BrokerError] = {}
        fresh: dict[int, Decision] = {}
        states = {id: TransactionState(one.state) for id, one in held.items()}
        for number, decision in enumerate(decisions):
            half_id = decision.id.half_id
            judged[number] = outcome = _judge(decision, held.get(half_id), states.get(half_id))
            if isinstance(outcome, TransactionState) and states[half_id] != outcome:
                states[half_id] = outcome
                fresh[half_id] = decision
        places = _make_visible([held[id] for id, decision in fresh.items() if decision.is_commit])
        written = [_written(held[id], decision, places) for id, decision in fresh.items()]
        times = halves.decide(written) if written else {}
        session.reached("decided_halves")
    latest = {one.id: one for one in written}
    results: list[DecideResult] = []
    for number, decision in enumerate(decisions):
        half, outcome = held.get(decision.id.half_id), judged[number]
        if half is None or isinstance(outcome, BrokerError):
            assert isinstance(outcome, BrokerError), "what is not there was judged missing"
            results.append(outcome)
            continue
        is_repeated = fresh.get(half.id) is not decision
        results.append(
            _answer(decision, half, latest.get(half.id), decided_at_ms=times.get(half.id), is_repeated=is_repeated)
        )
    visible = {held[id].topic_id for id, decision in fresh.items() if decision.is_commit}
    return results, visible, {held[id].instance_id for id in fresh}


def _judge(
    decision: Decision, half: halves.Locked | None, state: TransactionState | None
) -> TransactionState | BrokerError:
    if half is None or state is None or half.topic_id != decision.id.topic_id:
        return transactions.missing(decision.id)
    if transactions.checksum_of(half.message_id) != decision.id.checksum:
        return transactions.missing(decision.id)
    if decision.producer_group not in {None, half.producer_group}:
        return Rejected(f"The transaction belongs to another producer group than {decision.producer_group!r}.")
    try:
        return after_decision(state, decision.event)
    except Rejected as error:
        return error


def _make_visible(committed: Sequence[halves.Locked]) -> dict[int, log.Position | int]:
    """Appends committed messages, or parks those for later. Returns the place or the due time of each."""
    at_once = [one for one in committed if one.visible_ms is None]
    later = [one for one in committed if one.visible_ms is not None]
    places: dict[int, log.Position | int] = {}
    if later:
        parked = [
            pending.Parked(kind="SCHEDULED", row=_final(one), topic_id=one.topic_id, due_ms=one.visible_ms)
            for one in later
        ]
        places |= {one.id: due_ms for one, due_ms in zip(later, pending.add(parked), strict=True)}
    if at_once:
        for one, place in zip(at_once, log.append([_final(one) for one in at_once]), strict=True):
            assert place is not None, "a half message goes with its topic, whose queues stand as long as it does"
            places[one.id] = place
    return places


def _final(half: halves.Locked) -> log.Row:
    assert half.row is not None, "a decided transaction is not decided again"
    return half.row._replace(sys_flag=half.row.sys_flag | messages.COMMITTED_FLAG)


def _written(half: halves.Locked, decision: Decision, places: dict[int, log.Position | int]) -> halves.Decided:
    place = places.get(half.id)
    return halves.Decided(
        id=half.id,
        state=TransactionState.COMMITTED if decision.is_commit else TransactionState.ROLLED_BACK,
        queue_offset=place.offset if isinstance(place, log.Position) else None,
        due_ms=place if isinstance(place, int) else None,
        decided_by=decision.by[:200],
    )


def _answer(
    decision: Decision,
    half: halves.Locked,
    written: halves.Decided | None,
    *,
    decided_at_ms: int | None,
    is_repeated: bool,
) -> Decided:
    topic = snapshot.topic_by_id(half.topic_id)
    queue = topic.queue_ids.index(half.queue_id) if topic is not None else 0
    return Decided(
        id=decision.id,
        message_id=half.message_id,
        state=TransactionState(written.state if written else half.state),
        queue=queue,
        offset=written.queue_offset if written else half.queue_offset,
        deliver_at_ms=written.due_ms if written else half.due_ms,
        decided_at_ms=half.changed_at_ms if decided_at_ms is None else decided_at_ms,
        is_repeated=is_repeated,
    )


def _announce(topics: set[int], instances: set[int]) -> None:
    if topics or instances:
        events.announce(topics, {f"transactions:{instance_id}" for instance_id in instances})
