"""Which member of a group has a queue to itself, for members that keep order among themselves.

Owns: one key a locked queue, gone by itself when its holder is. Must not know: members, wires.
Called by: engine.queue_locks. Losing them all lets another member take a queue; its messages may then come twice.
Source: apache/rocketmq broker/.../rebalance/RebalanceLockManager.java (60 seconds).
"""

from collections.abc import Sequence

from . import client

_KEY = client.PREFIX + "queue-lock:"
_HELD_MS = 60_000


def lock(group_id: int, queue_ids: Sequence[int], holder: str) -> list[int]:
    """Returns those queues that `holder` has for the next minute. Raises TryLater LEASES_UNAVAILABLE."""
    held = client.run("lock_queues", _keys(group_id, queue_ids), [holder, _HELD_MS]) if queue_ids else []
    return [queue_id for queue_id, is_held in zip(queue_ids, held, strict=True) if is_held]


def unlock(group_id: int, queue_ids: Sequence[int], holder: str) -> None:
    """Gives up queues of `holder`. Raises TryLater LEASES_UNAVAILABLE."""
    if queue_ids:
        client.run("unlock_queues", _keys(group_id, queue_ids), [holder])


def _keys(group_id: int, queue_ids: Sequence[int]) -> list[str]:
    return [f"{_KEY}{group_id}:{queue_id}" for queue_id in queue_ids]
