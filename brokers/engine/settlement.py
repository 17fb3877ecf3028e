"""Ending deliveries: acknowledged, refused, run out, or given more time.

Owns: when a receipt is stale. Failures go on to `engine.failures`, which knows what they lead to.
Must not know: sockets or wires. Called by: dispatch (batches of many callers), the broker worker, tests.

The commit in PostgreSQL comes first and the answer after it; the lease in Redis is tidied up last, and if that fails
the lease just runs out and is then found to be settled (promise P6).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from ..domain import limits
from ..domain.errors import BrokerError
from ..domain.receipts import Receipt
from ..leases import claims
from ..leases.claims import Lease, Release
from ..store import cursors, session
from ..store.cursors import Cursor, Settled, Settlement
from . import failures
from .delivery import lease_of, release
from .failures import Failed, by_group, stale


@dataclass(frozen=True, slots=True)
class Refusal:
    """A consumer could not deal with a message. `delay` overrides the group's back-off."""

    receipt: Receipt
    error: str = ""
    delay: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Extension:
    """A consumer needs a message for `invisible` more, from now."""

    receipt: Receipt
    invisible: timedelta


def acknowledge(receipts: Sequence[Receipt]) -> list[BrokerError | None]:
    """Settles deliveries as done; returns None or a Stale error for each, in order. Repeating one is harmless.

    Effects: one statement for all cursors; then leases are released.
    Raises: TryLater, UnknownOutcome for the batch.
    """
    results: list[BrokerError | None] = [None] * len(receipts)
    for indexes in _rounds(receipts):
        chosen = [receipts[i] for i in indexes]
        settled = session.again_after_deadlock(partial(_settle, chosen))
        session.reached("acknowledged")
        doubtful = []
        for i in indexes:
            entry = settled.get((receipts[i].group_id, receipts[i].queue_id))
            if entry is not None and entry.is_valid and not entry.already:
                continue
            results[i] = _judge(receipts[i], entry)
            if results[i] is None and _was_settled_before(receipts[i], settled):
                doubtful.append(i)
        for i in _failed(receipts, doubtful):
            results[i] = stale()
        _release_settled([receipts[i] for i in indexes if results[i] is None], settled)
    return results


def refuse(refusals: Sequence[Refusal]) -> list[BrokerError | None]:
    """Counts failed deliveries and arranges what follows: a retry after a back-off, or a dead letter.

    Effects: one transaction: cursor locks, attempts, pending or dead letter, settlement; then leases are released.
    """
    failed = [Failed(r.receipt, "REFUSED", r.error[: limits.ERROR_TEXT_CHARS], r.delay) for r in refusals]
    return failures.fail(failed)


def extend(extensions: Sequence[Extension]) -> list[int | BrokerError]:
    """Moves deadlines; returns each new one in ms since 1970, or a Stale error.

    What was settled is over, also while others that were claimed with it are still out.
    Raises: TryLater LEASES_UNAVAILABLE, STORE_UNAVAILABLE.
    """
    results: list[int | BrokerError] = []
    leases = [lease_of(extension.receipt) for extension in extensions]
    cursors_now = _peek(leases)
    for lease, extension in zip(leases, extensions, strict=True):
        cursor, offset = cursors_now.get((lease.group_id, lease.queue_id)), extension.receipt.offset
        is_over = cursor is not None and _is_over(cursor, lease, offset)
        deadline = None if is_over else claims.extend(lease, offset, invisible=extension.invisible)
        results.append(deadline if deadline is not None else stale())
    return results


def expire_leases(limit: int) -> int:
    """Treats leases that ran out as failed deliveries that may be repeated at once. Returns how many leases there were.

    Raises: TryLater when Redis or PostgreSQL does not answer; nothing is lost, the leases stay listed.
    """
    leases = claims.expired(limit)
    session.reached("listed_expired")
    for start in range(0, len(leases), 50):
        _expire(leases[start : start + 50])
    return len(leases)


def _expire(leases: Sequence[Lease]) -> None:
    cursors_now = _peek(leases)
    failed = [
        Failed(_receipt(lease, offset), "EXPIRED", "The consumer neither acknowledged nor refused in time.", None)
        for lease in leases
        for offset in range(lease.start, lease.end)
        if not _is_over(cursors_now.get((lease.group_id, lease.queue_id)), lease, offset)
    ]
    if failed:
        failures.fail(failed)
    session.reached("expired")
    for group_id, held in by_group(leases, lambda lease: lease.group_id).items():
        release(group_id, [Release(lease, "head" if lease.is_ordered else "drop") for lease in held])


def _peek(leases: Sequence[Lease]) -> dict[tuple[int, int], Cursor]:
    found: dict[tuple[int, int], Cursor] = {}
    for group_id, held in by_group(leases, lambda lease: lease.group_id).items():
        for p in cursors.positions(group_id, sorted({lease.queue_id for lease in held})):
            if p.committed is not None:
                found[group_id, p.queue_id] = Cursor(p.epoch, p.committed, p.islands, p.head_attempts)
    return found


def _is_over(cursor: Cursor | None, lease: Lease, offset: int) -> bool:
    return cursor is None or cursor.epoch != lease.epoch or cursor.has_settled(offset)


def _receipt(lease: Lease, offset: int) -> Receipt:
    # The attempt of an unordered delivery (0 here) is the message's own count; `failures.fail` reads it from there.
    return Receipt(
        lease.group_id,
        lease.queue_id,
        offset,
        lease.epoch,
        lease.attempt,
        lease.start,
        lease.end,
        lease.claimed_at_ms,
        lease.client_id,
        lease.is_ordered,
    )


def _settle(receipts: Sequence[Receipt]) -> dict[tuple[int, int], Settled]:
    together: dict[tuple[int, int], list[Receipt]] = {}
    for receipt in receipts:
        together.setdefault((receipt.group_id, receipt.queue_id), []).append(receipt)
    return cursors.settle(
        [
            Settlement(
                group_id,
                queue_id,
                held[0].epoch,
                tuple(r.offset for r in held),
                held[0].attempt if held[0].is_ordered else None,
            )
            for (group_id, queue_id), held in sorted(together.items())
        ],
        acknowledged=True,
    )


def _rounds(receipts: Sequence[Receipt]) -> list[list[int]]:
    """Splits indexes so that in each round a cursor has one epoch and, when ordered, one receipt."""
    rounds: list[tuple[list[int], dict[tuple[int, int], tuple[int, int]]]] = []
    for index, receipt in enumerate(receipts):
        cursor = (receipt.group_id, receipt.queue_id)
        kind = (receipt.epoch, receipt.offset + 1 if receipt.is_ordered else 0)
        for indexes, kinds in rounds:
            if kinds.setdefault(cursor, kind) == kind:
                indexes.append(index)
                break
        else:
            rounds.append(([index], {cursor: kind}))
    return [indexes for indexes, _ in rounds]


def _judge(receipt: Receipt, settled: Settled | None) -> BrokerError | None:
    if settled is None:
        return stale()
    if settled.is_valid:
        return None
    # An ordered receipt whose head has moved on: settled by this receipt before, or after it failed (checked later).
    return None if _contains(settled.already, receipt.offset) else stale()


def _was_settled_before(receipt: Receipt, settled: dict[tuple[int, int], Settled]) -> bool:
    entry = settled.get((receipt.group_id, receipt.queue_id))
    return entry is not None and _contains(entry.already, receipt.offset)


def _failed(receipts: Sequence[Receipt], doubtful: list[int]) -> list[int]:
    """Returns those whose delivery failed: their message was settled by a retry, a burial or a later delivery."""
    if not doubtful:
        return []
    chosen = [receipts[i] for i in doubtful]
    failed = cursors.failed([(r.group_id, r.queue_id, r.offset, r.attempt) for r in chosen])
    return [doubtful[index] for index in failed]


def _release_settled(receipts: Sequence[Receipt], settled: dict[tuple[int, int], Settled]) -> None:
    """Forgets the leases all of whose messages are settled by now; others run out and are looked at then."""
    releases: dict[int, list[Release]] = {}
    seen: set[tuple[int, int, int, int, int, str]] = set()  # what tells leases apart; a cursor has one epoch here
    for receipt in receipts:
        where = (receipt.group_id, receipt.queue_id, receipt.lease_start, receipt.lease_end)
        name = (*where, receipt.claimed_at_ms, receipt.client_id)
        if name in seen and not receipt.is_ordered:
            continue
        seen.add(name)
        entry = settled[receipt.group_id, receipt.queue_id]
        if receipt.is_ordered:
            released = Release(lease_of(receipt), "head", offset=entry.committed)
        elif entry.covers(receipt.lease_start, receipt.lease_end):
            released = Release(lease_of(receipt))
        else:
            continue
        releases.setdefault(receipt.group_id, []).append(released)
    for group_id, held in releases.items():
        release(group_id, held)


def _contains(ranges: Iterable[tuple[int, int]], offset: int) -> bool:
    return any(start <= offset < end for start, end in ranges)
