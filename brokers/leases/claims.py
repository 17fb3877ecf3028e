"""Leases: which ranges of offsets are out with consumers, and until when. All deadlines are on Redis' clock.

Owns: claim pointers, in-flight ranges, ranges given back. Must not know: messages, acknowledgements.
Called by: engine.delivery. Losing all of it costs duplicates only: pointers start again from the committed offsets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from . import client

_FLIGHT = client.PREFIX + "flight:"
_POINTER = client.PREFIX + "claim:"
_DUE = client.PREFIX + "due"


@dataclass(frozen=True, slots=True)
class Claimable:
    """A queue to claim from: offsets from `committed` (when no pointer is known) up to `next_offset`, excluded.

    `attempt` is the number of the head's coming delivery in ordered groups, 0 in others.
    """

    queue_id: int
    epoch: int
    committed: int
    next_offset: int
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Receiver:
    """Somebody who wants up to `count` messages for `invisible` time."""

    count: int
    invisible: timedelta
    client_id: str


@dataclass(frozen=True, slots=True)
class Lease:
    """Offsets `start` to `end` (excluded) of a queue, held by a client since `claimed_at_ms`.

    `attempt` names the delivery in ordered groups, whose head comes again in place; 0 in others.
    """

    group_id: int
    queue_id: int
    epoch: int
    start: int
    end: int
    claimed_at_ms: int
    attempt: int
    client_id: str
    expires_at_ms: int = 0

    @property
    def is_ordered(self) -> bool:
        """Returns True for a lease of an ordered group."""
        return self.attempt > 0

    @property
    def member(self) -> str:
        """Returns the lease's name in Redis; what a receipt knows is enough to make it again."""
        return (
            f"{self.queue_id}|{self.epoch}|{self.start}|{self.end}|{self.claimed_at_ms}|{self.attempt}|{self.client_id}"
        )


def claim(
    group_id: int, queues: Sequence[Claimable], receivers: Sequence[Receiver], *, is_ordered: bool
) -> list[list[Lease]]:
    """Hands out ranges and returns the leases of each receiver, in the receivers' order.

    In ordered groups a lease is one message, the head of its queue, and a queue has at most one.
    Raises: TryLater LEASES_UNAVAILABLE.
    """
    arguments: list[object] = [group_id, int(is_ordered), len(queues), len(receivers)]
    for queue in queues:
        arguments += (queue.queue_id, queue.epoch, queue.committed, queue.next_offset, queue.attempt)
    for receiver in receivers:
        arguments += (receiver.count, int(receiver.invisible.total_seconds() * 1000), receiver.client_id)
    answer = client.run("claim", [f"{_FLIGHT}{group_id}", _DUE, f"{_POINTER}{group_id}:"], arguments)
    asked = {queue.queue_id: queue for queue in queues}
    leases: list[list[Lease]] = [[] for _ in receivers]
    now = answer[0]
    for index, queue_text, start, end, expiry in answer[1:]:
        queue = asked[int(queue_text)]
        client_id = receivers[index].client_id
        leases[index].append(
            Lease(group_id, queue.queue_id, queue.epoch, start, end, now, queue.attempt, client_id, expiry)
        )
    return leases


@dataclass(frozen=True, slots=True)
class Release:
    """What to do with a lease: forget it (`drop`), say where an ordered queue's head is (`head`), free `ranges`
    (`back`), or keep it and claim nothing below `offset` any more (`skip`).

    `ranges` of `back` are ascending and do not touch; what they leave of the lease stays out.
    """

    lease: Lease
    action: Literal["drop", "head", "skip", "back"] = "drop"
    offset: int = 0
    ranges: tuple[tuple[int, int], ...] = ()


def release(group_id: int, releases: Sequence[Release]) -> int:
    """Ends leases of one group and returns how many were still known. Raises TryLater LEASES_UNAVAILABLE."""
    arguments: list[object] = []
    for item in releases:
        value: object = item.offset
        if item.action == "back":
            value = ",".join(f"{start}-{end}" for start, end in item.ranges)
        arguments += (item.lease.member, f"{item.lease.queue_id}:{item.lease.epoch}", item.action, value)
    return int(client.run("release", [f"{_FLIGHT}{group_id}", f"{_POINTER}{group_id}:"], arguments))


def expired(limit: int) -> list[Lease]:
    """Returns at most `limit` leases that ran out. They stay until released. Raises TryLater LEASES_UNAVAILABLE."""
    answer = client.run("expired", [_DUE, _FLIGHT], [limit])
    return [parse(int(answer[i]), answer[i + 1].decode()) for i in range(0, len(answer), 2)]


def extend(lease: Lease, offset: int, *, invisible: timedelta) -> int | None:
    """Moves one message's deadline to `invisible` from now and returns it in ms; None when its lease is over."""
    expiry = client.run(
        "extend",
        [f"{_FLIGHT}{lease.group_id}", _DUE],
        [
            lease.group_id,
            lease.queue_id,
            lease.epoch,
            offset,
            lease.member,
            int(invisible.total_seconds() * 1000),
        ],
    )
    return int(expiry) or None


def in_flight(group_id: int) -> int:
    """Returns how many messages the group's leases cover, an upper bound: some may be settled by now."""
    members: list[Any] = client.connection().zrange(f"{_FLIGHT}{group_id}", 0, -1)  # Any: bytes, redis-py cannot say so
    leases = [parse(group_id, member.decode()) for member in members]
    return sum(lease.end - lease.start for lease in leases)


def parse(group_id: int, member: str) -> Lease:
    """Returns the lease whose name in Redis this is."""
    queue_id, epoch, start, end, claimed, attempt, client_id = member.split("|", 6)
    return Lease(group_id, int(queue_id), int(epoch), int(start), int(end), int(claimed), int(attempt), client_id)
