"""Whether the sender of a request has something left of what it may use.

Owns: the two questions every door asks, of sends and of receives. Must not know: buckets, wires.
Called by: every door (http, remoting). Acknowledgements, refusals, heartbeats and offsets are never asked about, nor is
what a group puts back into its own retry topic.
"""

from collections.abc import Iterable, Sequence

from ..catalog.snapshot import GroupEntry, TopicEntry
from ..dispatch import allowances
from ..domain.actor import Actor
from ..domain.errors import BrokerError
from ..models import Topic


async def require_send(actor: Actor, topic: TopicEntry, sizes: Sequence[int]) -> None:
    """Pays for messages of these many bytes each.

    Raises: TryLater QUOTA_EXCEEDED or BACKLOG_FULL with `retry_after_seconds`; Rejected MESSAGE_TOO_LARGE.
    """
    if topic.kind == Topic.Kind.USER and sizes:
        await allowances.send(topic, actor.access_key_id, count=len(sizes), size=sum(sizes), largest=max(sizes))


def pays_now(actor: Actor, topic: TopicEntry, sizes: Sequence[int]) -> bool:
    """As `require_send` if that neither waits nor refuses; returns False, and pays nothing, when it must be asked."""
    if topic.kind != Topic.Kind.USER or not sizes:
        return True
    return allowances.send_now(topic, actor.access_key_id, count=len(sizes), size=sum(sizes), largest=max(sizes))


async def require_sends(actor: Actor, topic: TopicEntry, sizes: Sequence[int]) -> list[BrokerError | None]:
    """Pays for messages that succeed or fail each by itself; returns the error of each that is too large.

    Raises: TryLater as `require_send`, for all.
    """
    if topic.kind != Topic.Kind.USER or not sizes:
        return [None] * len(sizes)
    return await allowances.send_each(topic, actor.access_key_id, sizes)


async def require_receive(actor: Actor, group: GroupEntry, *, wait_seconds: float = 0.0) -> None:
    """Returns when messages may be handed out. Raises TryLater QUOTA_EXCEEDED when not even after `wait_seconds`."""
    await allowances.receive(group, actor.access_key_id, wait_seconds=wait_seconds)


def note_received(actor: Actor, group: GroupEntry, sizes: Iterable[int]) -> None:
    """Pays for messages of these many bytes each that are about to be handed out."""
    each = list(sizes)
    allowances.received(group, actor.access_key_id, count=len(each), size=sum(each))
