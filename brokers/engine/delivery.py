"""Handing messages to a group's consumers: claim in Redis, read the log, pass the filter.

Owns: the rules of receiving. Must not know: sockets, long polls (the door waits and asks again).
Called by: dispatch (all waiting receivers of one group at once), jobs, tests. Settling is in `engine.settlement`.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from ..catalog import snapshot
from ..catalog.snapshot import GroupEntry, TopicEntry
from ..domain import limits
from ..domain.errors import BrokerError, ErrorCode, TryLater
from ..domain.filters import EVERYTHING, Filter
from ..domain.messages import ORIGIN_TOPIC, Stored
from ..domain.receipts import Receipt
from ..leases import claims
from ..leases.claims import Claimable, Lease, Receiver, Release
from ..models import Group
from ..store import cursors, log, session
from ..store.cursors import QueuePosition, Settlement
from . import subscriptions as filter_notes
from . import ways

_log = logging.getLogger(__name__)

# A call that meets only unwanted messages goes on looking for so many rounds before it answers with none.
_FILTER_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Subscription:
    """A topic a group reads, and which of its messages; with `queue`, from this one alone."""

    topic: TopicEntry
    filter: Filter = EVERYTHING
    queue: int | None = None

    @property
    def queue_ids(self) -> tuple[int, ...]:
        """Returns the store's ids of the queues that are read."""
        return self.topic.queue_ids if self.queue is None else (self.topic.queue_ids[self.queue],)


@dataclass(frozen=True, slots=True)
class ReceiveRequest:
    """One consumer's wish for up to `max_count` messages, hidden from others for `invisible`.

    `retries` says whether those of the group may be among them. `max_bytes` bounds the bodies, plus one of them.
    """

    group: GroupEntry
    subscriptions: tuple[Subscription, ...]
    max_count: int
    invisible: timedelta
    client_id: str
    retries: bool = True
    max_bytes: int = limits.RECEIVE_RESPONSE_BYTES

    @property
    def sources(self) -> tuple[Subscription, ...]:
        """Returns what is read, the group's retries included."""
        return (*self.subscriptions, Subscription(self.group.retry_topic)) if self.retries else self.subscriptions


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message given to a consumer. `topic` is the name people know it by, also when this is a retry.

    `queue` and `offset` are those of the delivered copy. `attempt` is 1 the first time.
    """

    message: Stored
    topic: str
    queue: int
    attempt: int
    receipt: Receipt
    invisible_until_ms: int


Result = list[Delivery] | BrokerError


@dataclass(slots=True)
class _Found:
    lease: Lease
    position: QueuePosition
    subscription: Subscription
    messages: list[Stored | log.Cut]


def receive(requests: Sequence[ReceiveRequest]) -> list[Result]:
    """Returns what each request of one group gets, possibly nothing; never waits.

    Effects: makes missing cursors; leases in Redis; settles messages a filter leaves out; notes new filters.
    Raises: TryLater GROUP_PAUSED, LEASES_UNAVAILABLE, STORE_UNAVAILABLE, or Rejected CONFLICT while the group's
        members name their offsets themselves (`engine.ways`), for all; what was claimed is free again.
    """
    group = requests[0].group
    if group.paused:
        raise TryLater(
            f"Group {group.name!r} is paused. Resume it in the console or with PATCH.",
            ErrorCode.GROUP_PAUSED,
            retry_after_seconds=5,
        )
    ways.check(group, ways.LEASES, asking={request.client_id for request in requests})
    answers: list[list[Delivery]] = [[] for _ in requests]
    together: dict[tuple[Subscription, ...], list[int]] = {}
    for index, request in enumerate(requests):
        together.setdefault(request.sources, []).append(index)
    try:
        for sources, indexes in together.items():
            _receive_alike(group, sources, [(requests[i], answers[i]) for i in indexes])
            asked = requests[indexes[0]].subscriptions
            filter_notes.note(group.id, [(s.topic.id, s.filter.expression) for s in asked])
    except BrokerError:
        release(group.id, _backs(delivery for got in answers for delivery in got))
        raise
    return list(answers)


def give_back(group: GroupEntry, deliveries: Sequence[Delivery]) -> None:
    """Returns deliveries nobody got (the connection is gone), so that others can claim them at once.

    No attempt is counted. In ordered groups the head stays where it is. Raises: TryLater LEASES_UNAVAILABLE.
    """
    if deliveries:
        claims.release(group.id, _backs(deliveries))


def release(group_id: int, releases: Sequence[Release]) -> None:
    """Ends leases; when Redis does not answer they run out by themselves, and what is settled by then stays settled."""
    if not releases:
        return
    try:
        claims.release(group_id, releases)
    except TryLater:
        _log.info("lease_release_failed", extra={"group_id": group_id, "lease_count": len(releases)})


def lease_of(receipt: Receipt) -> Lease:
    """Returns the lease a receipt was made from."""
    return Lease(
        receipt.group_id,
        receipt.queue_id,
        receipt.epoch,
        receipt.lease_start,
        receipt.lease_end,
        receipt.claimed_at_ms,
        receipt.attempt if receipt.is_ordered else 0,
        receipt.client_id,
    )


def _receive_alike(
    group: GroupEntry,
    sources: tuple[Subscription, ...],
    waiting: list[tuple[ReceiveRequest, list[Delivery]]],
) -> None:
    by_queue = {queue_id: s for s in sources for queue_id in s.queue_ids}
    max_bytes = min(request.max_bytes for request, _ in waiting)
    for _ in range(_FILTER_ROUNDS):
        open_requests = [pair for pair in waiting if len(pair[1]) < pair[0].max_count]
        if not open_requests:
            return
        positions = _positions(group, by_queue)
        session.reached("positions_read")
        claimable = [
            Claimable(p.queue_id, p.epoch, p.committed, p.next_offset, p.head_attempts + 1 if group.is_ordered else 0)
            for p in positions.values()
            if p.committed is not None and p.committed < p.next_offset and not p.is_blocked
        ]
        if not claimable:
            return
        receivers = [
            Receiver(request.max_count - len(got), request.invisible, request.client_id)
            for request, got in open_requests
        ]
        leases = claims.claim(group.id, claimable, receivers, is_ordered=group.is_ordered)
        session.reached("claimed")
        try:
            found = _read(leases, positions, by_queue, max_bytes=max_bytes)
            is_more = _hand_out(group, found, [got for _, got in open_requests])
        except BrokerError:
            # Nobody gets these: to let them run out would count as attempts.
            release(group.id, [_back(lease, list(range(lease.start, lease.end))) for held in leases for lease in held])
            raise
        if not is_more:
            return


def _positions(group: GroupEntry, by_queue: dict[int, Subscription]) -> dict[int, QueuePosition]:
    positions = cursors.positions(group.id, list(by_queue))
    new = [p.queue_id for p in positions if p.committed is None]
    if new:
        retry = set(group.retry_topic.queue_ids)
        latest = group.start_from == Group.StartFrom.LATEST
        cursors.create(group.id, [q for q in new if q not in retry], latest=latest)
        cursors.create(group.id, [q for q in new if q in retry], latest=False)
        positions = cursors.positions(group.id, list(by_queue))
    return {p.queue_id: p for p in positions}


def _read(
    leases: list[list[Lease]],
    positions: dict[int, QueuePosition],
    by_queue: dict[int, Subscription],
    *,
    max_bytes: int,
) -> list[tuple[int, _Found]]:
    flat = [(index, lease) for index, held in enumerate(leases) for lease in held]
    ranges = [log.Range(index, lease.queue_id, lease.start, lease.end) for index, lease in flat]
    rows = log.read(ranges, max_bytes=max_bytes)
    return [
        (index, _Found(lease, positions[lease.queue_id], by_queue[lease.queue_id], messages))
        for (index, lease), messages in zip(flat, rows, strict=True)
    ]


def _hand_out(group: GroupEntry, found: list[tuple[int, _Found]], answers: list[list[Delivery]]) -> bool:
    """Fills the answers; returns True when something was left out (by a filter, as settled before, or because our
    reading of an ordered queue was old) and another round may find more.
    """
    releases: list[Release] = []
    unwanted: list[tuple[_Found, list[int]]] = []
    heads = _current_heads(group, found)
    is_old = False
    for index, item in found:
        lease = item.lease
        if lease.is_ordered and not _is_head(lease, heads.get(lease.queue_id)):
            releases.append(Release(lease, "head", offset=_head_offset(lease, heads.get(lease.queue_id))))
            is_old = True
            continue
        wanted, skipped, cut = _sort(item)
        answers[index].extend(_deliveries(group, item, wanted))
        if skipped:
            unwanted.append((item, skipped))
        if cut:
            releases.append(_back(lease, cut))
        over = _past_settled(item)
        releases.extend(over)
        is_old = is_old or bool(over and not answers[index])
    if unwanted:
        releases.extend(_leave_out(group, unwanted))
    release(group.id, releases)
    return bool(unwanted) or is_old


def _sort(item: _Found) -> tuple[list[Stored], list[int], list[int]]:
    """Returns what a lease holds: messages to hand out, offsets to leave out, and offsets that did not fit."""
    lease, passes = item.lease, item.subscription.filter.passes
    is_fresh = not item.position.islands and lease.start >= (item.position.committed or 0)
    wanted: list[Stored] = []
    skipped: list[int] = []
    cut: list[int] = []
    for message in item.messages:
        if isinstance(message, log.Cut):
            cut.append(message.offset)
        elif not is_fresh and _was_settled(item.position, message.offset):
            continue
        elif passes(message):
            wanted.append(message)
        else:
            skipped.append(message.offset)
    if len(item.messages) < lease.end - lease.start:
        missing = set(range(lease.start, lease.end)) - {m.offset for m in item.messages}
        skipped.extend(offset for offset in missing if not _was_settled(item.position, offset))
    return wanted, skipped, cut


def _past_settled(item: _Found) -> list[Release]:
    """Returns what takes claims past what is settled already: acknowledgements that Redis forgot, or a gap in the
    offsets that a restored backup left. Walking through such a gap a lease at a time would take hours.
    """
    lease, islands = item.lease, item.position.islands
    if lease.is_ordered:
        return []
    passed = [Release(lease, "skip", offset=end) for start, end in islands if start <= lease.end < end]
    if all(_was_settled(item.position, offset) for offset in range(lease.start, lease.end)):
        passed.append(Release(lease))
    return passed


def _current_heads(group: GroupEntry, found: list[tuple[int, _Found]]) -> dict[int, QueuePosition]:
    """Returns how ordered queues stand after the claim, before which the head may have failed or moved on."""
    if not group.is_ordered:
        return {}
    return {p.queue_id: p for p in cursors.positions(group.id, [item.lease.queue_id for _, item in found])}


def _is_head(lease: Lease, position: QueuePosition | None) -> bool:
    return (
        position is not None
        and position.committed == lease.start
        and position.head_attempts + 1 == lease.attempt
        and not position.is_blocked
    )


def _head_offset(lease: Lease, position: QueuePosition | None) -> int:
    return lease.start if position is None or position.committed is None else position.committed


def _leave_out(group: GroupEntry, unwanted: list[tuple[_Found, list[int]]]) -> list[Release]:
    """Settles what the filter does not want and returns the releases that go with it."""
    per_queue: dict[int, tuple[_Found, list[int]]] = {}
    for item, offsets in unwanted:
        per_queue.setdefault(item.lease.queue_id, (item, []))[1].extend(offsets)
    cursors.settle(
        [
            Settlement(group.id, queue_id, item.lease.epoch, tuple(offsets))
            for queue_id, (item, offsets) in sorted(per_queue.items())
        ],
        acknowledged=False,
    )
    releases = []
    for item, offsets in unwanted:
        if group.is_ordered:
            releases.append(Release(item.lease, "head", offset=item.lease.start + 1))
        elif len(offsets) == item.lease.end - item.lease.start:
            releases.append(Release(item.lease))
    return releases


def _backs(deliveries: Iterable[Delivery]) -> list[Release]:
    together: dict[Lease, list[int]] = {}
    for delivery in deliveries:
        together.setdefault(lease_of(delivery.receipt), []).append(delivery.receipt.offset)
    return [_back(lease, sorted(offsets)) for lease, offsets in together.items()]


def _back(lease: Lease, offsets: list[int]) -> Release:
    """Returns the release that frees ascending `offsets` of a lease; the rest stays out until settled or run out."""
    if lease.is_ordered:
        return Release(lease, "head", offset=lease.start)
    joined: list[tuple[int, int]] = []
    for offset in offsets:
        if joined and joined[-1][1] == offset:
            joined[-1] = (joined[-1][0], offset + 1)
        else:
            joined.append((offset, offset + 1))
    return Release(lease, "back", ranges=tuple(joined))


def _deliveries(group: GroupEntry, item: _Found, messages: Sequence[Stored]) -> list[Delivery]:
    lease, topic = item.lease, item.subscription.topic
    is_retry = topic.id == group.retry_topic.id
    place = snapshot.topic_of_queue(lease.queue_id)
    deliveries = []
    for message in messages:
        attempt = lease.attempt if lease.is_ordered else message.reconsume_times + 1
        receipt = Receipt(
            group.id,
            lease.queue_id,
            message.offset,
            lease.epoch,
            attempt,
            lease.start,
            lease.end,
            lease.claimed_at_ms,
            lease.client_id,
            lease.is_ordered,
        )
        known_as = message.properties.get(ORIGIN_TOPIC, topic.name) if is_retry else topic.name
        deliveries.append(Delivery(message, known_as, place[1] if place else 0, attempt, receipt, lease.expires_at_ms))
    return deliveries


def _was_settled(position: QueuePosition, offset: int) -> bool:
    committed = position.committed or 0
    return offset < committed or any(start <= offset < end for start, end in position.islands)
