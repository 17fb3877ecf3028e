"""What a group could get now, without taking it; and which delivery a client means that kept no receipt.

Owns: those looks. Must not know: wires. Called by: dispatch, doors. Looking changes nothing but what another look sees:
a message may be gone the moment after.
"""

from collections.abc import Iterable, Sequence

from ..catalog.snapshot import GroupEntry
from ..domain import limits
from ..domain.errors import ErrorCode, TryLater
from ..domain.messages import Stored
from ..domain.receipts import Receipt
from ..leases import held
from ..leases.claims import Lease
from ..models import Group
from ..store import cursors, log
from ..store.cursors import QueuePosition
from . import pulls
from .delivery import ReceiveRequest
from .failures import stale

Ranges = list[tuple[int, int]]


def is_something_free(request: ReceiveRequest) -> bool:
    """Returns True if a receive would find messages that are neither settled nor out; a filter may want none of them.

    Raises: TryLater LEASES_UNAVAILABLE, STORE_UNAVAILABLE.
    """
    return any(_free(request.group, [q for source in request.sources for q in source.queue_ids]).values())


def first(request: ReceiveRequest) -> list[Stored]:
    """Returns the first messages that are neither settled nor out, as many as asked for, queue after queue.

    Raises: TryLater LEASES_UNAVAILABLE, STORE_UNAVAILABLE.
    """
    wanted = {queue: source for source in request.sources for queue in source.queue_ids}
    ranges: list[log.Range] = []
    for queue, free in _free(request.group, list(wanted)).items():
        left = limits.FILTER_SCAN_COUNT if not wanted[queue].filter.passes_all else request.max_count
        for start, end in free:
            ranges.append(log.Range(0, queue, start, min(end, start + left)))
            left -= min(end - start, left)
            if not left:
                break
    rows = log.read(ranges, max_bytes=request.max_bytes)
    found = [m for row in rows for m in row if isinstance(m, Stored) and wanted[m.queue_id].filter.passes(m)]
    return found[: request.max_count]


def receipt_of(group: GroupEntry, queue_id: int, *, offset: int, claimed_at_ms: int) -> Receipt:
    """Returns the receipt of a delivery that is under way: of this message, handed out at this instant.

    Raises: Stale STALE_RECEIPT when there is none (any more); TryLater LEASES_UNAVAILABLE.
    """
    for lease in _leases(group, [queue_id]):
        if lease.claimed_at_ms == claimed_at_ms and lease.start <= offset < lease.end:
            return Receipt(
                group_id=group.id,
                queue_id=queue_id,
                offset=offset,
                epoch=lease.epoch,
                attempt=lease.attempt or pulls.read_one(queue_id, offset).reconsume_times + 1,
                lease_start=lease.start,
                lease_end=lease.end,
                claimed_at_ms=claimed_at_ms,
                client_id=lease.client_id,
                is_ordered=lease.is_ordered,
            )
    raise stale()


def _free(group: GroupEntry, queue_ids: Sequence[int]) -> dict[int, Ranges]:
    """Returns the offsets of each queue that may be handed out now."""
    if group.paused:
        return {}
    out: dict[tuple[int, int], Ranges] = {}
    for lease in _leases(group, queue_ids):
        out.setdefault((lease.queue_id, lease.epoch), []).append((lease.start, lease.end))
    found: dict[int, Ranges] = {}
    for position in cursors.positions(group.id, queue_ids):
        busy = out.get((position.queue_id, position.epoch), [])
        if position.is_blocked or (group.is_ordered and busy):
            continue
        start = _start(group, position)
        free = _less((start, position.next_offset), [*position.islands, *busy])
        found[position.queue_id] = [(start, start + 1) for start, _ in free[:1]] if group.is_ordered else free
    return found


def _start(group: GroupEntry, position: QueuePosition) -> int:
    if position.committed is not None:
        return position.committed
    is_late = group.start_from == Group.StartFrom.LATEST and position.queue_id not in group.retry_topic.queue_ids
    return position.next_offset if is_late else position.min_offset


def _less(whole: tuple[int, int], taken: Iterable[tuple[int, int]]) -> Ranges:
    """Returns what is left of a range, in order."""
    at, end = whole
    left: Ranges = []
    for start, past in sorted(taken):
        if at < min(start, end):
            left.append((at, min(start, end)))
        at = max(at, past)
    if at < end:
        left.append((at, end))
    return left


def _leases(group: GroupEntry, queue_ids: Sequence[int]) -> list[Lease]:
    asked = set(queue_ids)
    found = held.leases(group.id)
    if found is None:
        raise TryLater("Redis cannot say what is in flight. Try again.", ErrorCode.LEASES_UNAVAILABLE)
    return [lease for lease in found if lease.queue_id in asked]
