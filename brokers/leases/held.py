"""Which ranges are out with consumers right now, for people to look at.

Owns: reading the in-flight sets of many groups in one round trip. Must not know: messages, cursors.
Called by: engine.offsets and engine.browse.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import redis

from . import client
from .claims import Lease, parse

_FLIGHT = client.PREFIX + "flight:"


@dataclass(frozen=True, slots=True)
class Held:
    """Offsets `start` to `end` (excluded) of a queue, held by a client until `expires_at_ms` of Redis' clock."""

    queue_id: int
    epoch: int
    start: int
    end: int
    claimed_at_ms: int
    client_id: str
    expires_at_ms: int


def leases(group_id: int) -> list[Lease] | None:
    """Returns the leases of one group, whole enough to end them; None when Redis cannot say."""
    try:
        members: list[Any] = client.connection().zrange(f"{_FLIGHT}{group_id}", 0, -1)  # Any: bytes, untyped
    except redis.RedisError:
        return None
    return [parse(group_id, member.decode()) for member in members]


def of_groups(group_ids: Sequence[int]) -> dict[int, list[Held]] | None:
    """Returns the leases of each group; None when Redis cannot say. Some may be settled or run out by now."""
    if not group_ids:
        return {}
    try:
        pipe = client.connection().pipeline(transaction=False)
        for group_id in group_ids:
            pipe.zrange(f"{_FLIGHT}{group_id}", 0, -1, withscores=True)
        answers = pipe.execute()
    except redis.RedisError:
        return None
    return {
        group_id: [_parse(member.decode(), int(score)) for member, score in members]
        for group_id, members in zip(group_ids, answers, strict=True)
    }


def _parse(member: str, expires_at_ms: int) -> Held:
    queue_id, epoch, start, end, claimed, _, client_id = member.split("|", 6)
    return Held(int(queue_id), int(epoch), int(start), int(end), int(claimed), client_id, expires_at_ms)
