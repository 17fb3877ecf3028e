"""What a failed delivery leads to: a retry after a back-off, a wait in place, or a dead letter.

Owns: the one transaction that notes the attempt, arranges what follows and settles the delivery.
Must not know: why a delivery failed beyond its outcome. Called by: engine.settlement.
A delivery is settled under its cursor's lock, so it fails once however many workers report it (promise P4).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Literal, TypeVar

from .. import events
from ..catalog import snapshot
from ..domain import retry
from ..domain.errors import BrokerError, ErrorCode, Stale
from ..domain.messages import ORIGIN_MESSAGE_ID, ORIGIN_TOPIC, Stored
from ..domain.receipts import Receipt
from ..leases.claims import Lease, Release
from ..store import cursors, log, pending, session
from ..store.cursors import Cursor, Settled, Settlement
from .delivery import lease_of, release

Item = TypeVar("Item")
# Bodies of one transaction; what does not fit waits for the next one.
_BODY_BUDGET = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Failed:
    """A delivery that failed, by refusal or because its lease ran out."""

    receipt: Receipt
    outcome: Literal["REFUSED", "EXPIRED"]
    error: str
    delay: timedelta | None


def fail(failed: Sequence[Failed]) -> list[BrokerError | None]:
    """Notes failures and arranges what follows; returns None or a Stale error for each, in order.

    Effects: one transaction (cursor locks in order, attempts, pending or dead letters, settlement), or several when the
    bodies are many bytes; after each announces and releases leases.
    """
    results: list[BrokerError | None] = [None] * len(failed)
    left = list(range(len(failed)))
    while left:
        try:
            left = session.again_after_deadlock(partial(_fail_some, failed, left, results))
        except BrokerError as error:
            if len(left) == len(failed):
                raise
            for index in left:  # the others are done, and their callers must hear so
                results[index] = error
            break
    return results


def by_group(items: Iterable[Item], key: Callable[[Item], int]) -> dict[int, list[Item]]:
    """Returns the items of each group, in order."""
    groups: dict[int, list[Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def stale() -> Stale:
    """Returns the error for a receipt that is not good any more."""
    return Stale(
        "This delivery is over: its time ran out, it was settled before, or the group's offsets were reset."
        " The message may come again.",
        ErrorCode.STALE_RECEIPT,
    )


def _fail_some(failed: Sequence[Failed], chosen: Sequence[int], results: list[BrokerError | None]) -> list[int]:
    """Deals with those of `chosen` whose bodies fit into one transaction and returns the others, at least one fewer."""
    valid: dict[int, Failed] = {}
    over: list[Failed] = []
    left: list[int] = []
    with session.transaction():
        locked = cursors.lock((failed[i].receipt.group_id, failed[i].receipt.queue_id) for i in chosen)
        seen: set[tuple[int, int, int]] = set()
        for index in chosen:
            receipt = failed[index].receipt
            place = (receipt.group_id, receipt.queue_id, receipt.offset)
            if place in seen:
                results[index] = stale()
            elif _is_stale(failed[index], locked.get(place[:2])):
                results[index] = stale()
                over.append(failed[index])
            else:
                seen.add(place)
                valid[index] = failed[index]
        rows = _read(list(valid.values()))
        for index, found in zip(list(valid), rows, strict=True):
            if found and isinstance(found[0], log.Cut):
                left.append(index)
                del valid[index]
        messages = [m for found in rows for m in found if isinstance(m, Stored)]
        topics, settled = _write_failures(list(valid.values()), messages, locked=locked) if valid else (set(), {})
    session.reached("failed")
    events.announce(topics, {f"group:{item.receipt.group_id}" for item in valid.values()})
    # Whoever committed a failure may have died before this; an ordered queue would wait until the lease runs out.
    _release_failed([*valid.values(), *over], settled)
    return left


def _read(valid: Sequence[Failed]) -> list[list[Stored | log.Cut]]:
    ranges = [log.Range(0, f.receipt.queue_id, f.receipt.offset, f.receipt.offset + 1) for f in valid]
    return log.read(ranges, max_bytes=_BODY_BUDGET)


def _is_stale(item: Failed, cursor: Cursor | None) -> bool:
    receipt = item.receipt
    if cursor is None or cursor.epoch != receipt.epoch or cursor.has_settled(receipt.offset):
        return True
    if not receipt.is_ordered:
        return False
    # The attempt tells this delivery of the head from the next one, so that two reports of it count once.
    return receipt.offset != cursor.committed or receipt.attempt != cursor.head_attempts + 1


def _write_failures(
    valid: Sequence[Failed], messages: Sequence[Stored], *, locked: dict[tuple[int, int], Cursor]
) -> tuple[set[int], dict[tuple[int, int], Settled]]:
    """Writes what follows from failures, inside the caller's transaction.

    Returns the topics that got messages, and how far the cursors are now that settled something.
    """
    by_place = {(m.queue_id, m.offset): m for m in messages}
    retries: list[pending.Parked] = []
    failures: list[pending.Failure] = []
    dead: list[tuple[pending.Failure, int]] = []
    for item in valid:
        group = snapshot.group_by_id(item.receipt.group_id)
        message = by_place.get((item.receipt.queue_id, item.receipt.offset))
        if message is None or group is None:
            continue  # retention dropped it: there is nothing left to repeat, and the offset is settled below
        failure = _failure(item, message, group=group, locked=locked)
        failures.append(failure)
        if failure.delay is None:
            dead.append((failure, group.dead_letter_topic.queue_ids[0]))
        elif not item.receipt.is_ordered:
            retries.append(_retry(failure, group.retry_topic.queue_ids[0]))
    pending.note_attempts(failures)
    if retries:
        pending.add(retries)
    session.reached("noted_failures")
    waiting = {(f.group_id, f.message.queue_id): f for f in failures if f.delay is not None}
    heads = [
        (f.receipt.group_id, f.receipt.queue_id)
        for f in valid
        if f.receipt.is_ordered and (f.receipt.group_id, f.receipt.queue_id) in waiting
    ]
    if heads:
        cursors.block_heads([(g, q, (waiting[g, q].delay or timedelta()).total_seconds()) for g, q in heads])
    settled = _settle_failed([f for f in valid if (f.receipt.group_id, f.receipt.queue_id) not in heads], locked)
    return _bury(dead) if dead else set(), settled


def _failure(
    item: Failed, message: Stored, *, group: snapshot.GroupEntry, locked: dict[tuple[int, int], Cursor]
) -> pending.Failure:
    receipt = item.receipt
    if receipt.is_ordered:
        attempt = locked[receipt.group_id, receipt.queue_id].head_attempts + 1
    else:
        attempt = message.reconsume_times + 1
    place = snapshot.topic_of_queue(receipt.queue_id)
    name = message.properties.get(ORIGIN_TOPIC) or (place[0].name if place else "")
    topic_id = place[0].id if place else 0
    if place and place[0].id == group.retry_topic.id:
        try:
            topic_id = snapshot.topic(group.account_id, group.instance, name).id
        except BrokerError:
            topic_id = place[0].id  # the origin topic was deleted; the group's own topic stands for it
    delay: timedelta | None
    if retry.is_exhausted(attempt=attempt, max_attempts=group.max_attempts):
        delay = None
    elif item.delay is not None:
        delay = item.delay
    elif item.outcome == "EXPIRED":
        delay = timedelta()
    else:
        delay = retry.backoff(attempt=attempt, steps=group.backoff_seconds)
    return pending.Failure(
        group_id=group.id,
        topic_id=topic_id,
        topic_name=name,
        message=message,
        attempt=attempt,
        outcome=item.outcome,
        client_id=receipt.client_id,
        error=item.error,
        started_ms=receipt.claimed_at_ms,
        delay=delay,
    )


def _retry(failure: pending.Failure, queue_id: int) -> pending.Parked:
    message = failure.message
    assert failure.delay is not None
    return pending.Parked(
        kind="RETRY",
        row=copy_of(failure, queue_id, message.reconsume_times + 1),
        topic_id=failure.topic_id,
        group_id=failure.group_id,
        delay=failure.delay,
    )


def _bury(dead: Sequence[tuple[pending.Failure, int]]) -> set[int]:
    pending.bury([failure for failure, _ in dead])
    log.append([copy_of(failure, queue_id, failure.attempt) for failure, queue_id in dead])
    session.reached("buried")
    places = [snapshot.topic_of_queue(queue_id) for _, queue_id in dead]
    return {place[0].id for place in places if place}


def copy_of(failure: pending.Failure, queue_id: int, reconsume_times: int) -> log.Row:
    """Returns the row of a failed message's retry or dead letter, which says where the message came from first."""
    message = failure.message
    properties = dict(message.properties)
    properties.setdefault(ORIGIN_TOPIC, failure.topic_name)
    properties.setdefault(ORIGIN_MESSAGE_ID, message.message_id)
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


def _settle_failed(valid: Sequence[Failed], locked: dict[tuple[int, int], Cursor]) -> dict[tuple[int, int], Settled]:
    together: dict[tuple[int, int], list[int]] = {}
    for item in valid:
        together.setdefault((item.receipt.group_id, item.receipt.queue_id), []).append(item.receipt.offset)
    if not together:
        return {}
    return cursors.settle(
        [
            Settlement(group_id, queue_id, locked[group_id, queue_id].epoch, tuple(offsets))
            for (group_id, queue_id), offsets in sorted(together.items())
        ],
        acknowledged=False,
    )


def _release_failed(over: Sequence[Failed], settled: dict[tuple[int, int], Settled]) -> None:
    for group_id, held in by_group(over, lambda f: f.receipt.group_id).items():
        releases: dict[Lease, Release] = {}
        for lease in (lease_of(item.receipt) for item in held):
            entry = settled.get((lease.group_id, lease.queue_id))
            if lease.is_ordered:
                releases[lease] = Release(lease, "head")
            elif entry is not None and entry.covers(lease.start, lease.end):
                releases[lease] = Release(lease)
        release(group_id, list(releases.values()))
