"""Sending dead letters on their way again: a durable operation in small transactions that any worker can carry on.

Owns: how a batch is done, the operation's counts and pace, and where copies go. Must not know: Celery,
who asked. Called by: tasks (`run_batch`, `rescue`, `break_off`), through `engine.dead_letters`.

A batch is one transaction: copies appended, dead letters marked, ledger written, counts and position moved on. So a
crash at any point leaves either all of a batch or nothing of it, and the next worker goes on from the position.
Locks: the operation, then its dead letters in id order, then the destination's queues in id order. Nobody who holds a
queue waits for a dead letter or an operation.

Destinations: `origin` puts the copy into the group's own retry topic, so only this group sees it, with its attempts
counted from 1 again and the origin topic shown; the copy keeps its message id. `topic:<name>` publishes to that topic
for every group, as a new message that names the old one in ORIGIN_MESSAGE_ID.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from .. import events
from ..domain import limits, messages
from ..domain.messages import ORIGIN_MESSAGE_ID, ORIGIN_TOPIC, SHARDING_KEY
from ..domain.states import OperationEvent, OperationState, next_operation_state
from ..models import Operation, Topic
from ..store import dead_letters as rows
from ..store import log, session
from ..store.dead_letters import DeadLetter, Entry, Filter
from . import jobs, selections
from .publish import sharded_queue

# An operation that nobody worked on for so long is taken up again. A worker's batches are much closer together.
STALLED_AFTER = timedelta(seconds=15)
# With a rate, batches come about so often; the rate sets their size.
_PACE = timedelta(milliseconds=200)
_BUSY_WAIT = timedelta(milliseconds=500)
# Copies of unordered topics go to one queue in runs, so that a batch locks few queues.
_RUN_COUNT = 64


@dataclass(frozen=True, slots=True)
class Step:
    """What a batch led to. `is_done`: nothing more for this worker; else come again after `wait`.

    `is_busy`: another worker holds the operation.
    """

    is_done: bool
    wait: timedelta = timedelta()
    is_busy: bool = False


def break_off(operation_id: int, error: str) -> None:
    """Ends an operation as FAILED because its worker cannot go on. It can be resumed."""
    with session.transaction():
        # One whose first batch failed is QUEUED again: the batch took its start back with it.
        unfinished = Operation.objects.filter(
            pk=operation_id, state__in=[OperationState.QUEUED, OperationState.RUNNING]
        )
        state = next_operation_state(OperationState.RUNNING, OperationEvent.BREAK)
        unfinished.update(state=state, error=error[: limits.ERROR_TEXT_CHARS], finished_at=rows.now())
    events.announce(hints=[f"operation:{operation_id}"])


def rescue() -> list[int]:
    """Asks for workers for operations that stand still, and returns their numbers.

    An operation is asked for again only when it stood still as long once more.
    """
    with session.transaction():
        now = rows.now()
        still = Operation.objects.select_for_update(skip_locked=True).filter(
            state__in=[OperationState.QUEUED, OperationState.RUNNING]
        )
        found = []
        for operation in still:
            if now - (operation.heartbeat_at or operation.created_at) > STALLED_AFTER:
                Operation.objects.filter(pk=operation.pk).update(heartbeat_at=now)
                found.append(operation.pk)
    for operation_id in found:
        jobs.ask(jobs.REDRIVE, operation_id)
    return found


def run_batch(operation_id: int) -> Step:
    """Deals with the next dead letters of an operation and returns what to do then.

    Raises: TryLater, UnknownOutcome: call again, what was committed is not done twice.
    Effects: one transaction (locks: see above); then announces.
    """
    with session.transaction():
        operation = Operation.objects.select_for_update(skip_locked=True).filter(pk=operation_id).first()
        if operation is None:
            is_busy = Operation.objects.filter(pk=operation_id).exists()
            return Step(is_done=not is_busy, wait=_BUSY_WAIT, is_busy=is_busy)
        if operation.state not in {OperationState.QUEUED, OperationState.RUNNING}:
            return Step(is_done=True)
        now = rows.now()
        allowance, wait = _allowance(operation, now)
        if allowance == 0:
            return Step(is_done=False, wait=wait)
        operation.state = next_operation_state(OperationState(operation.state), OperationEvent.START)
        operation.started_at = operation.started_at or now
        topic_ids = _work(operation, allowance, now)
        session.reached("redrive_batch_written")
    session.reached("redrive_batch_committed")
    events.announce(topic_ids, [f"operation:{operation_id}", f"group:{operation.group_id}"])
    return Step(is_done=operation.finished_at is not None, wait=wait)


def _work(operation: Operation, allowance: int, now: datetime) -> set[int]:
    """Moves one batch inside the caller's transaction and saves the operation. Returns topics that got messages."""
    ids, is_last = _next_ids(operation, allowance)
    entries, topic_ids = _move(operation, ids) if ids else ([], set())
    if entries:
        rows.note(operation.pk, entries)
    for entry in entries:
        if entry.outcome == "MOVED":
            operation.moved_count += 1
        elif entry.outcome == "SKIPPED":
            operation.skipped_count += 1
        else:
            operation.failed_count += 1
    operation.position = ids[-1] if ids else operation.position
    operation.heartbeat_at = _spent(operation, len(entries), now)
    if is_last:
        _finish(operation, now)
    operation.save()
    return topic_ids


def _finish(operation: Operation, now: datetime) -> None:
    """Closes the books: what was matched at the start and met no more is skipped, so the counts add up."""
    dealt_with = operation.moved_count + operation.skipped_count + operation.failed_count
    operation.skipped_count += max(0, operation.matched_count - dealt_with)
    operation.matched_count = max(operation.matched_count, dealt_with)
    is_whole = operation.moved_count == operation.matched_count
    event = OperationEvent.FINISH if is_whole else OperationEvent.FINISH_PARTLY
    operation.state = next_operation_state(OperationState(operation.state), event)
    operation.finished_at = now


def _next_ids(operation: Operation, allowance: int) -> tuple[list[int], bool]:
    """Returns the next dead letters, as many as the bytes of a batch allow, and whether they are the last."""
    selection = selections.unpack(operation.selection)
    if selection.ids is not None:
        left = [i for i in sorted(selection.ids) if i > operation.position]
        wanted = left[:allowance]
        known = dict(rows.sizes(operation.group_id, wanted))
        sized = [(i, known.get(i, 0)) for i in wanted]
        is_last = len(wanted) == len(left)
    else:
        sized = rows.next_sizes(
            operation.group_id,
            selection.filter or Filter(),
            position=operation.position,
            upper_id=operation.upper_id,
            since=operation.created_at,
            limit=allowance,
        )
        is_last = len(sized) < allowance
    chosen: list[int] = []
    total = 0
    for dead_letter_id, size in sized:
        if chosen and total + size > limits.REDRIVE_BATCH_BYTES:
            return chosen, False
        chosen.append(dead_letter_id)
        total += size
    return chosen, is_last


def _move(operation: Operation, ids: Sequence[int]) -> tuple[list[Entry], set[int]]:
    taken = {letter.id: (letter, body) for letter, body in rows.take(operation.group_id, ids)}
    destination = _Destination(operation)
    entries: list[Entry] = []
    copies: list[tuple[int, log.Row]] = []
    for dead_letter_id in ids:
        if dead_letter_id not in taken:
            entries.append(Entry(dead_letter_id, "SKIPPED", "gone"))
            continue
        letter, body = taken[dead_letter_id]
        if letter.state != "DEAD":
            by = f" by operation {letter.replayed_by}" if letter.replayed_by else ""
            entries.append(Entry(dead_letter_id, "SKIPPED", f"replayed already{by}"))
        elif problem := destination.problem(letter):
            entries.append(Entry(dead_letter_id, "FAILED", problem))
        else:
            copies.append((dead_letter_id, destination.copy(letter, body)))
    places = log.append([row for _, row in copies]) if copies else []
    session.reached("redrive_copies_appended")
    moved = []
    for (dead_letter_id, row), place in zip(copies, places, strict=True):
        if place is None:
            entries.append(Entry(dead_letter_id, "FAILED", "the destination was deleted"))
        else:
            moved.append(dead_letter_id)
            entries.append(Entry(dead_letter_id, "MOVED", "", row.queue_id, place.offset))
    marked = rows.mark_replayed(moved, operation.pk)
    assert marked == len(moved), "locked dead letters changed their state"
    return sorted(entries, key=lambda e: e.dead_letter_id), ({destination.topic_id} if moved else set())


class _Destination:
    """Where copies of one batch go, read inside the batch's transaction: a deleted topic is seen at once."""

    def __init__(self, operation: Operation) -> None:
        self._name = operation.destination.get("topic")
        if self._name is None:
            topic = Topic.objects.filter(group_id=operation.group_id, kind=Topic.Kind.RETRY).first()
        else:
            kind = Topic.Kind.USER
            topic = Topic.objects.filter(instance_id=operation.instance_id, name=self._name, kind=kind).first()
        self.topic_id = 0 if topic is None else topic.pk
        self._is_ordered = topic is not None and topic.type == Topic.Type.FIFO
        self._queue_ids = [] if topic is None else list(topic.queues.order_by("number").values_list("pk", flat=True))

    def problem(self, letter: DeadLetter) -> str:
        """Returns why this one cannot go there, or nothing."""
        if not self._queue_ids:
            return "the destination was deleted"
        if self._name is None and letter.topic_id is None:
            return f"topic {letter.topic} was deleted; choose another destination"
        return ""

    def copy(self, letter: DeadLetter, body: bytes) -> log.Row:
        """Returns the row to append for a dead letter."""
        properties = dict(letter.properties)
        if self._name is None:
            message_id, queue_id = letter.message_id, self._queue_ids[0]
            properties[ORIGIN_TOPIC] = letter.topic
            properties.setdefault(ORIGIN_MESSAGE_ID, letter.message_id)
        else:
            message_id, queue_id = messages.new_message_id(), self._queue(letter)
            properties.pop(ORIGIN_TOPIC, None)
            properties[ORIGIN_MESSAGE_ID] = letter.message_id
        return log.Row(
            queue_id=queue_id,
            message_id=message_id,
            tag=letter.tag,
            keys=" ".join(letter.keys) or None,
            properties=log.pack_properties(properties),
            body=body,
            sys_flag=letter.sys_flag,
            born_at_ms=letter.born_at_ms,
            born_host=letter.born_host,
            reconsume_times=0,
        )

    def _queue(self, letter: DeadLetter) -> int:
        key = letter.properties.get(SHARDING_KEY) or (letter.message_id if self._is_ordered else None)
        if key is not None:
            return self._queue_ids[sharded_queue(key, len(self._queue_ids))]
        return self._queue_ids[letter.id // _RUN_COUNT % len(self._queue_ids)]


def _allowance(operation: Operation, now: datetime) -> tuple[int, timedelta]:
    """Returns how many dead letters this batch may take, and when the next one should come.

    With a rate, `heartbeat_at` is the moment up to which the allowance was spent: a bucket that holds one second's
    worth. It is in the row, so two workers together keep the rate too.
    """
    rate = operation.rate_per_second
    if rate is None:
        return limits.REDRIVE_BATCH_COUNT, timedelta()
    each = timedelta(seconds=1) / rate
    since = operation.heartbeat_at if operation.started_at is not None else None
    saved = _PACE if since is None else min(max(now - since, timedelta()), timedelta(seconds=1))
    allowance = min(limits.REDRIVE_BATCH_COUNT, int(saved / each))
    if since is None:
        allowance = max(1, allowance)
    return allowance, max(each, min(_PACE, each * limits.REDRIVE_BATCH_COUNT))


def _spent(operation: Operation, count: int, now: datetime) -> datetime:
    if operation.rate_per_second is None or operation.heartbeat_at is None:
        return now
    spent_up_to = operation.heartbeat_at + timedelta(seconds=count / operation.rate_per_second)
    return min(now, max(spent_up_to, now - timedelta(seconds=1)))
