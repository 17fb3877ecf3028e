"""Plain numbers of topics, queues and groups, for those who administer through another door than ours.

Owns: gathering them in a bounded number of queries. Must not know: who asks, wires. Called by: doors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..domain import clock, limits
from ..models import Group, Queue, Topic
from ..store import browse, pulse
from ..store import progress as rows
from ..store.progress import QueueRow as QueueRow
from . import responders


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """A queue: its oldest kept offset, the next one, and when its last message came (None: none ever did)."""

    number: int
    min_offset: int
    next_offset: int
    last_stored_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Traffic:
    """What some instances' topics took and keep, and their groups acknowledged, ever.

    `sent_before`: what was sent before each of the instants asked for; None where that is not known.
    """

    sent: int
    settled: int
    kept: int
    sent_before: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """A queue in time, in ms since 1970: its first and last message, and the last one a group is past.

    0 where there is none. `waits_ms`: how long the next message has waited for the group, 0 when none does.
    """

    queue: int
    first_ms: int
    last_ms: int
    past_ms: int
    waits_ms: int


def queues(topic_id: int) -> list[QueueFigures]:
    """Returns the queues of a topic by number."""
    return [
        QueueFigures(
            queue.number,
            queue.min_offset,
            queue.next_offset,
            clock.to_ms(queue.last_stored_at) if queue.next_offset else None,
        )
        for queue in Queue.objects.filter(topic_id=topic_id).order_by("number")
    ]


def readers(topic_id: int, place: responders.Place) -> list[str]:
    """Returns the names of the groups that have a place in a topic, or a client that reads it now."""
    ids = list(Queue.objects.filter(topic_id=topic_id).values_list("pk", flat=True))
    been = {row.group for row in rows.of_queues(queue_ids=ids)} if ids else set()
    (now,) = responders.groups([place])
    here = set(Group.objects.filter(pk__in=now).values_list("name", flat=True)) if now else set()
    return sorted(been | here)


def places(group_id: int, topic_ids: Sequence[int]) -> dict[int, list[rows.Place]]:
    """Returns a group's place in each queue of some topics, by topic. One query a topic."""
    return {topic_id: rows.places(group_id, topic_id) for topic_id in topic_ids}


def past_ms(places: Sequence[rows.Place]) -> list[int]:
    """Returns when the last message each place is past was stored, in ms since 1970; 0 where there is none."""
    found = browse.stored_at([(place.queue_id, (place.committed or 0) - 1) for place in places])
    return [0 if one is None else clock.to_ms(one) for one in found]


def read_topics(group_id: int) -> list[tuple[int, str]]:
    """Returns (id, name) of the topics a group has a place in, by name."""
    return sorted({(row.topic_id, row.topic) for row in rows.of_groups([group_id])}, key=lambda pair: pair[1])


def cursors_of(topic_id: int) -> list[QueueRow]:
    """Returns the place of every group in every queue of a topic."""
    ids = list(Queue.objects.filter(topic_id=topic_id).values_list("pk", flat=True))
    return rows.of_queues(queue_ids=ids) if ids else []


def sent_within(topic_id: int, seconds: Sequence[int]) -> list[int]:
    """Returns how many messages a topic took in each of these last spans. A query for each."""
    found = list(Queue.objects.filter(topic_id=topic_id).values_list("pk", "next_offset"))
    now = clock.now()
    counts = []
    for span in seconds:
        since = [browse.Edge(queue_id, now - timedelta(seconds=span), False) for queue_id, _ in found]
        # What came in between is not lost: it counts for the next one who asks.
        counts.append(sum(max(end - start, 0) for (_, end), start in zip(found, browse.offsets_at(since), strict=True)))
    return counts


def time_spans(group_id: int, topic_id: int) -> list[TimeSpan]:
    """Returns a group's way through the queues of a topic, in time."""
    found = rows.places(group_id, topic_id)
    wanted: list[tuple[int, int]] = []
    for place in found:
        at = place.min_offset if place.committed is None else max(place.committed, place.min_offset)
        wanted += [(place.queue_id, offset) for offset in (place.min_offset, place.next_offset - 1, at - 1, at)]
    instants = [0 if one is None else clock.to_ms(one) for one in browse.stored_at(wanted)]
    spans = []
    for number, place in enumerate(found):
        first, last, past, following = instants[4 * number : 4 * number + 4]
        waits = max(clock.now_ms() - following, 0) if following else 0
        spans.append(TimeSpan(place.queue, first, last, past or first, waits))
    return spans


def topics(account_id: int) -> list[Topic]:
    """Returns an account's topics with their instances, oldest first, `limits.TOPIC_LIST_COUNT` at most."""
    found = Topic.objects.select_related("instance").filter(instance__account_id=account_id)
    return list(found.order_by("pk")[: limits.TOPIC_LIST_COUNT])


def groups(account_id: int) -> list[Group]:
    """Returns an account's groups with their instances, oldest first, `limits.TOPIC_LIST_COUNT` at most."""
    found = Group.objects.select_related("instance").filter(instance__account_id=account_id)
    return list(found.order_by("pk")[: limits.TOPIC_LIST_COUNT])


def traffic(instance_ids: Sequence[int], *, before: Sequence[datetime] = ()) -> Traffic:
    """Returns the totals of some instances. A query each, and one for each instant."""
    totals = [pulse.instance(instance_id) for instance_id in instance_ids]
    found = Queue.objects.filter(topic__instance_id__in=instance_ids, topic__kind=Topic.Kind.USER)
    queue_ids = list(found.values_list("pk", flat=True)[: limits.SEARCH_QUEUE_COUNT + 1])
    return Traffic(
        sent=sum(total[2] for total in totals),
        kept=sum(total[3] for total in totals),
        settled=sum(total[4] for total in totals),
        sent_before=tuple(_sent_before(queue_ids, instant) for instant in before),
    )


def _sent_before(queue_ids: Sequence[int], instant: datetime) -> int | None:
    if len(queue_ids) > limits.SEARCH_QUEUE_COUNT:
        return None
    try:
        return sum(browse.offsets_at([browse.Edge(queue_id, instant, False) for queue_id in queue_ids]))
    except LookupError:  # a queue was deleted meanwhile
        return None
