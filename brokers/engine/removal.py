"""Deleting a topic or a group, after a look at what would be lost.

Owns: the refusal while something waits. Must not know: doors. Called by: api, console.

Nobody deletes unread messages by accident: without `force` the answer names what waits. What arrives between the look
and the commit is lost with the rest; producers and consumers of a deleted topic get TOPIC_NOT_FOUND within about a
second.
"""

from ..catalog import actions, producers
from ..domain.actor import Actor
from ..domain.errors import ErrorCode, Rejected
from ..models import Group, ProducerGroup, Topic
from ..store import halves, session, usage

_NAMED_COUNT = 5


def delete_topic(actor: Actor, topic: Topic, *, force: bool = False) -> None:
    """Deletes a topic and its messages.

    Raises: Rejected CONFLICT while groups have not settled all of it or scheduled messages wait, unless `force`; also
        for a group's own topic. Denied.
    Effects: one transaction.
    """
    with session.transaction():
        waiting = usage.of_topic(topic.pk)
        if waiting.is_anything and not force:
            raise _in_use(f"Topic {topic.name!r}", waiting, behind="groups that have not read all of it")
        actions.delete_topic(actor, topic)


def delete_group(actor: Actor, group: Group, *, force: bool = False) -> None:
    """Deletes a group with its offsets, retries, dead letters and derived topics.

    Raises: Rejected CONFLICT while it is behind in a topic, or retries or dead letters wait, unless `force`. Denied.
    Effects: one transaction.
    """
    with session.transaction():
        waiting = usage.of_group(group.pk)
        if waiting.is_anything and not force:
            raise _in_use(f"Group {group.name!r}", waiting, behind="topics it has not read to the end")
        actions.delete_group(actor, group)


def delete_producer_group(actor: Actor, group: ProducerGroup, *, force: bool = False) -> None:
    """Deletes a producer group, its settings and what is remembered of its transactions.

    Raises: Rejected CONFLICT while half messages wait or were discarded, unless `force`: those are lost. Denied.
    Effects: one transaction.
    """
    with session.transaction():
        counted = halves.counts_by_group([group.pk], limit=usage.LIMIT_COUNT)
        waiting, discarded = counted.get(group.pk, (0, 0))
        if (waiting or discarded) and not force:
            raise Rejected(
                f"Producer group {group.name!r} still has {_amount(waiting)} half messages that wait and"
                f" {_amount(discarded)} that were discarded. Decide them, or ask with force=true to lose them.",
                ErrorCode.CONFLICT,
                waiting_count=waiting,
                discarded_count=discarded,
            )
        producers.delete(actor, group)


def _in_use(what: str, waiting: usage.Waiting, *, behind: str) -> Rejected:
    parts = []
    if waiting.behind:
        named = ", ".join(waiting.behind[:_NAMED_COUNT]) + (" …" if len(waiting.behind) > _NAMED_COUNT else "")
        parts.append(f"{behind}: {named}")
    if waiting.pending_count:
        parts.append(
            f"{_amount(waiting.pending_count)} messages that wait for their time, their next attempt or a decision"
        )
    if waiting.dead_count:
        parts.append(f"{_amount(waiting.dead_count)} dead letters nobody replayed")
    return Rejected(
        f"{what} still has {'; '.join(parts)}. To delete it all the same, and lose them, ask with force=true.",
        ErrorCode.CONFLICT,
        behind=list(waiting.behind[:_NAMED_COUNT]),
        pending_count=waiting.pending_count,
        dead_count=waiting.dead_count,
    )


def _amount(count: int) -> str:
    return f"{count} or more" if count >= usage.LIMIT_COUNT else str(count)
