"""What made a group stop at a message: the failed delivery behind a queue that stands still, or behind a retry.

Owns: which places are looked at. Must not know: who asks or how a page looks. Called by: console.
"""

from collections.abc import Iterable

from ..models import Group
from ..store import timelines
from ..store.progress import QueueRow
from ..store.timelines import Setback as Setback


def at_heads(group: Group, queues: Iterable[QueueRow]) -> list[Setback]:
    """Returns the last failure at the head of each queue of an ordered group that failed there, the oldest first."""
    places = [(row.queue_id, row.committed) for row in queues if row.lag and row.head_attempts]
    return timelines.heads_failed(group.pk, places)


def of_retries(group: Group) -> Setback | None:
    """Returns the last failure of the message that waits longest for its next attempt, None when none is known."""
    return timelines.retry_failed(group.pk)
