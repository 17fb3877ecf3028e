"""Rows of lists and tables: values ready to be drawn, made from what catalog and engine return.

Owns: what counts as late, and a group's state in one word. Must not know: requests, HTML. Called by: views.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby

from brokers.catalog import access
from brokers.domain import clock
from brokers.domain.actor import Actor
from brokers.engine import offsets
from brokers.engine.offsets import GroupProgress, QueueRow, TopicStats
from brokers.models import Group, Instance, Queue, Topic

# A group whose oldest waiting message is older than this is drawn as behind.
LATE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class TopicTableRow:
    """A topic with its numbers; `group_count` is of the groups the reader may see."""

    topic: Topic
    stats: TopicStats
    group_count: int


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group with what it is doing. `state`: paused, idle, dead, late, unknown, retrying or ok."""

    group: Group
    progress: GroupProgress
    state: str

    @property
    def is_late(self) -> bool:
        """Returns True if the oldest waiting message waits too long."""
        return is_late(self.progress)

    @property
    def needs_attention(self) -> bool:
        """Returns True if a person should look at this group."""
        return self.state in {"paused", "unknown", "dead", "late"}


@dataclass(frozen=True, slots=True)
class TopicQueueLine:
    """A queue of a topic. `last_stored_at` means something only when `next_offset` is not 0."""

    number: int
    min_offset: int
    next_offset: int
    kept: int
    last_stored_at: datetime


@dataclass(frozen=True, slots=True)
class QueueLine:
    """A group's place in one queue. `done_percent`: how much of what is kept is settled, whole below 100."""

    number: int
    committed: int
    next_offset: int
    lag: int
    oldest_seconds: float | None
    blocked_until: datetime | None
    done_percent: int


@dataclass(frozen=True, slots=True)
class TopicSection:
    """A topic as one group reads it."""

    name: str
    is_retry: bool
    filter: str | None
    lag: int
    queues: tuple[QueueLine, ...]


def topics(actor: Actor, instance: Instance, found: Sequence[Topic]) -> list[TopicTableRow]:
    """Returns one row a topic of the instance, in order, in a bounded number of queries."""
    stats = offsets.topic_stats([topic.pk for topic in found])
    shows = access.filter_of(actor, instance.name, "mq:QueryGroup")
    seen = frozenset[int]().union(*(one.group_ids for one in stats.values()))
    if shows is not None:
        named = Group.objects.filter(pk__in=seen).values_list("pk", "name")
        seen = frozenset(pk for pk, name in named if shows(name))
    return [
        TopicTableRow(topic, stats[topic.pk], len(stats[topic.pk].group_ids & seen))
        for topic in found
        if topic.pk in stats
    ]


def queue_lines(topic: Topic) -> list[TopicQueueLine]:
    """Returns a topic's queues with their numbers."""
    queues = list(Queue.objects.filter(topic=topic).order_by("number"))
    kept = offsets.kept_counts(queues)
    return [TopicQueueLine(q.number, q.min_offset, q.next_offset, kept[q.pk], q.last_stored_at) for q in queues]


def groups(found: Sequence[Group]) -> list[GroupRow]:
    """Returns one row a group, in order, in a bounded number of queries."""
    progress = offsets.progress([group.pk for group in found])
    return [GroupRow(group, progress[group.pk], state(group, progress[group.pk])) for group in found]


def receivers(actor: Actor, topic: Topic) -> list[GroupRow]:
    """Returns a row for each group that receives a topic and that `actor` may see; what waits is this topic's alone."""
    ids = {row.group_id for row in offsets.of_topic(topic)}
    shows = access.filter_of(actor, topic.instance.name, "mq:QueryGroup")
    rows = Group.objects.filter(pk__in=ids).order_by("name")
    found = groups([group for group in rows if shows is None or shows(group.name)])
    return [replace(row, progress=_in_topic(row.progress, topic)) for row in found]


def sections(queues: Iterable[QueueRow], progress: GroupProgress) -> list[TopicSection]:
    """Returns a group's place in each of its queues, topic by topic, its own retries last."""
    filters = {topic.topic_id: topic.filter for topic in progress.topics}
    return [
        _section(list(lines), filters.get(topic_id))
        for topic_id, lines in groupby(queues, key=lambda line: line.topic_id)
    ]


def is_late(progress: GroupProgress) -> bool:
    """Returns True if the oldest waiting message waits too long; False also when that is not known."""
    return progress.oldest_age_seconds is not None and progress.oldest_age_seconds >= LATE_SECONDS


def state(group: Group, progress: GroupProgress) -> str:
    """Returns what matters most about the group now; unknown never looks well."""
    if group.paused:
        return "paused"
    if progress.dead:
        return "dead"
    if is_late(progress):
        return "late"
    if progress.oldest_age_seconds is None and progress.lag:
        return "unknown"
    if progress.retrying:
        return "retrying"
    return "ok" if progress.topics else "idle"


def _in_topic(progress: GroupProgress, topic: Topic) -> GroupProgress:
    here = next((part for part in progress.topics if part.topic_id == topic.pk), None)
    if here is None:  # it stopped receiving the topic meanwhile
        return progress
    return replace(progress, lag=here.lag, oldest_age_seconds=here.oldest_age_seconds)


def _section(lines: Sequence[QueueRow], tag_filter: str | None) -> TopicSection:
    first = lines[0]
    return TopicSection(
        name=first.topic,
        is_retry=first.kind == Topic.Kind.RETRY,
        filter=tag_filter,
        lag=sum(line.lag for line in lines),
        queues=tuple(_lines(lines)),
    )


def _lines(found: Iterable[QueueRow]) -> Iterable[QueueLine]:
    now = clock.now()
    for row in found:
        kept = row.next_offset - row.min_offset
        percent = 100 if row.lag == 0 else min(99, max(0, 100 * (kept - row.lag) // max(1, kept)))
        # A head that may come any moment is no longer worth a notice.
        blocked = row.blocked_until if row.blocked_until and row.blocked_until > now + timedelta(seconds=1) else None
        yield QueueLine(row.queue, row.committed, row.next_offset, row.lag, row.oldest_seconds, blocked, percent)
