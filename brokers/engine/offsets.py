"""How far groups are, what topics hold, and moving a group to other offsets.

Owns: adding the store's figures up, and the rules of a reset. Must not know: who asks or how a page looks.
Called by: console, api. Figures of any number of groups or topics cost the same few queries.

An age or a count that cannot be known is None and never 0 (promise P8).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db import transaction

from .. import events
from ..catalog import access, changes
from ..domain import limits
from ..domain.actor import Actor
from ..domain.errors import ErrorCode, NotFound, Rejected
from ..leases import held
from ..models import Group, Queue, Topic
from ..store import browse, cursors, session
from ..store import progress as rows
from ..store.cursors import Islands
from ..store.progress import Place, TopicRow
from ..store.progress import QueueRow as QueueRow
from . import relays

ResetTo = Literal["earliest", "latest", "time", "offset"]
ResetValue = datetime | int | Mapping[int, int] | None


@dataclass(frozen=True, slots=True)
class TopicProgress:
    """A group's way through one topic it reads; its own retry topic is one of them.

    `oldest_age_seconds`: how long the oldest unsettled message waits; 0 when none does, None when that is not known.
    """

    topic_id: int
    topic: str
    kind: str
    lag: int
    oldest_age_seconds: float | None
    expired_count: int
    acked_count: int
    last_activity: datetime
    is_blocked: bool
    filter: str | None


@dataclass(frozen=True, slots=True)
class GroupProgress:
    """A group's way through all it reads.

    `lag`: messages in the log it has not settled. `retrying`: those that wait for a back-off. `dead`: dead letters
    nobody replayed. `in_flight`: those out with consumers (an upper bound), None when Redis cannot say.
    `oldest_age_seconds` as in TopicProgress. `last_activity` is None when the group never read anything.
    """

    lag: int
    oldest_age_seconds: float | None
    retrying: int
    dead: int
    in_flight: int | None
    expired_count: int
    acked_count: int
    last_activity: datetime | None
    topics: tuple[TopicProgress, ...]


@dataclass(frozen=True, slots=True)
class TopicStats:
    """What a topic holds: messages kept and ever stored, those waiting for their time, and which groups read it."""

    kept_count: int
    stored_count: int
    scheduled_count: int
    last_stored_at: datetime | None
    group_ids: frozenset[int]


@dataclass(frozen=True, slots=True)
class QueueReset:
    """One row of a reset's table. `now` is None when the group never read there; `delta` is `target` less `now`."""

    queue_id: int
    queue: int
    min_offset: int
    next_offset: int
    now: int | None
    target: int
    delta: int | None


@dataclass(frozen=True, slots=True)
class Reset:
    """What a reset does or did. `undo` and `settled` put the group back, as `value` and `settled` with `to="offset"`.

    `settled`: what was acknowledged out of order, by queue number; beyond `limits.RESET_RANGE_COUNT` ranges the lowest.
    """

    is_dry_run: bool
    queues: tuple[QueueReset, ...]
    undo: dict[int, int]
    settled: dict[int, Islands]

    @property
    def again_count(self) -> int:
        """Returns how many messages the group gets once more, at most."""
        return sum(-q.delta for q in self.queues if q.delta is not None and q.delta < 0)

    @property
    def skipped_count(self) -> int:
        """Returns how many messages the group will not get, at most."""
        return sum(q.delta for q in self.queues if q.delta is not None and q.delta > 0)


def _in_flight(leases: Iterable[held.Held], topics: Iterable[TopicRow]) -> int:
    """A lease may cover messages that are settled already, but no more is out than is behind."""
    return min(sum(lease.end - lease.start for lease in leases), sum(row.lag for row in topics))


def progress(group_ids: Sequence[int]) -> dict[int, GroupProgress]:
    """Returns the progress of each group, in three queries and one round trip to Redis whatever their number."""
    if not group_ids:
        return {}
    per_group: dict[int, list[TopicRow]] = {group_id: [] for group_id in group_ids}
    for row in rows.of_groups(group_ids):
        per_group[row.group_id].append(row)
    retrying, dead, leases = rows.retrying(group_ids), rows.dead(group_ids), held.of_groups(group_ids)
    return {
        group_id: GroupProgress(
            lag=sum(r.lag for r in topics),
            oldest_age_seconds=_oldest(map(_age, topics)),
            retrying=retrying.get(group_id, 0),
            dead=dead.get(group_id, 0),
            in_flight=None if leases is None else _in_flight(leases[group_id], topics),
            expired_count=sum(r.expired_count for r in topics),
            acked_count=sum(r.acked_count for r in topics),
            last_activity=max((r.updated_at for r in topics), default=None),
            topics=tuple(_topic_progress(r) for r in topics),
        )
        for group_id, topics in per_group.items()
    }


def of_group(group: Group) -> list[QueueRow]:
    """Returns the group's place in every queue it reads, by topic and queue number, its retry topic last."""
    found = rows.of_queues(group_id=group.pk)
    return sorted(found, key=lambda r: (r.kind != Topic.Kind.USER, r.topic, r.queue))


def of_topic(topic: Topic) -> list[QueueRow]:
    """Returns the place of every group that reads the topic, by group and queue number."""
    return rows.of_queues(queue_ids=list(topic.queues.values_list("pk", flat=True)))


def kept_counts(queues: Sequence[Queue]) -> dict[int, int]:
    """Returns how many messages each queue keeps, by its key: the offsets it goes over, less the gaps among them."""
    gaps = browse.gaps([queue.pk for queue in queues])
    return {
        queue.pk: queue.next_offset
        - queue.min_offset
        - sum(max(0, past - max(first, queue.min_offset)) for first, past in gaps.get(queue.pk, []))
        for queue in queues
    }


def topic_stats(topic_ids: Sequence[int]) -> dict[int, TopicStats]:
    """Returns what each existing topic holds, in two queries whatever their number."""
    if not topic_ids:
        return {}
    scheduled = rows.scheduled(topic_ids)
    return {
        row.topic_id: TopicStats(
            row.kept_count,
            row.stored_count,
            scheduled.get(row.topic_id, 0),
            row.last_stored_at,
            frozenset(row.group_ids),
        )
        for row in rows.of_topics(topic_ids)
    }


def reset(
    actor: Actor,
    group: Group,
    topic: Topic,
    *,
    to: ResetTo,
    value: ResetValue = None,
    settled: Mapping[int, Islands] | None = None,
    dry_run: bool = False,
) -> Reset:
    """Moves a group in a topic, or says what that would do. Messages that wait for a retry are not touched.

    Shapes: `value` is an instant for `time` (the first message stored at or after it comes next); for `offset` one
    number for all queues, or one by queue number (queues left out stay). Targets are kept within what the queue holds.
    `settled`, by queue number and for `offset` only, are ranges above it that the group does not want.
    Raises: Denied. Rejected for a value that does not fit `to`. NotFound when the topic is not of the group's instance.
    Effects: one transaction: cursor locks in queue order, new epochs (receipts given out before are stale), audit row;
    then announces, so that waiting receivers look again, and tells members that keep their place themselves.
    """
    resource = access.resource(group.instance.account_id, group.instance.name, group.name)
    access.check(actor, "mq:ResetConsumerOffset", resource)
    _check_pair(group, topic)
    targets = _targets(topic, to, value)
    done_before = _settled(topic, to, settled)
    if dry_run:
        return _table(rows.places(group.pk, topic.pk), targets, is_dry_run=True)

    def move() -> Reset:
        with session.transaction():
            cursors.lock((group.pk, queue_id) for queue_id in topic.queues.values_list("pk", flat=True))
            table = _table(rows.places(group.pk, topic.pk), targets, is_dry_run=False)
            rows.move(group.pk, {q.queue_id: q.target for q in table.queues}, done_before)
            changes.record(
                actor,
                "mq:ResetConsumerOffset",
                resource,
                topic=topic.name,
                to=to,
                before={str(number): offset for number, offset in table.undo.items()},
                after={str(q.queue): q.target for q in table.queues},
                settled={str(number): _counted(ranges) for number, ranges in (settled or {}).items()} or None,
            )
        return table

    done = session.again_after_deadlock(move)
    # The caller may have a transaction of its own around this one.
    transaction.on_commit(lambda: _tell(group, topic, done))
    return done


def _tell(group: Group, topic: Topic, done: Reset) -> None:
    events.announce([topic.pk], [f"group:{group.pk}", f"topic:{topic.pk}"])
    relays.tell_reset(group.pk, topic.pk, {q.queue: q.target for q in done.queues})


def _check_pair(group: Group, topic: Topic) -> None:
    if topic.instance_id != group.instance_id:
        raise NotFound(f"There is no topic {topic.name!r} in the group's instance.", ErrorCode.TOPIC_NOT_FOUND)
    if topic.kind == Topic.Kind.RETRY and topic.group_id != group.pk:
        raise Rejected(f"Topic {topic.name!r} belongs to another group, which alone reads it.")


def _targets(topic: Topic, to: ResetTo, value: ResetValue) -> dict[int, int]:
    """Returns the wanted offset by queue id, before it is kept within what the queue holds. Absent: the queue stays."""
    queues = dict(topic.queues.order_by("pk").values_list("number", "pk"))
    if to in {"earliest", "latest"}:
        if value is not None:
            raise Rejected(f"`{to}` takes no value.")
        return dict.fromkeys(queues.values(), 0 if to == "earliest" else limits.INT64_MAX)
    if to == "time":
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise Rejected("`time` takes an instant with its time zone, such as 2026-01-31T08:00:00Z.")
        try:
            offsets = browse.offsets_at([browse.Edge(queue_id, value, False) for queue_id in queues.values()])
        except LookupError:
            raise NotFound("The topic was deleted meanwhile.", ErrorCode.TOPIC_NOT_FOUND) from None
        return dict(zip(queues.values(), offsets, strict=True))
    if to != "offset":
        raise Rejected("`to` is one of earliest, latest, time, offset.")
    if isinstance(value, Mapping):
        unknown = set(value) - set(queues)
        if unknown or not value:
            raise Rejected(f"Topic {topic.name!r} has queues 0 to {len(queues) - 1}; give at least one of them.")
        return {queues[number]: _checked(offset) for number, offset in value.items()}
    return dict.fromkeys(queues.values(), _checked(value))


def _settled(topic: Topic, to: ResetTo, settled: Mapping[int, Islands] | None) -> dict[int, Islands]:
    """Returns the ranges by queue id."""
    if not settled:
        return {}
    if to != "offset":
        raise Rejected("`settled` goes with `to` offset only.")
    queues = dict(topic.queues.values_list("number", "pk"))
    if set(settled) - set(queues):
        raise Rejected(f"Topic {topic.name!r} has queues 0 to {len(queues) - 1}.")
    if sum(map(len, settled.values())) > limits.RESET_RANGE_COUNT:
        raise Rejected(f"`settled` has at most {limits.RESET_RANGE_COUNT} ranges.")
    for start, end in (one for ranges in settled.values() for one in ranges):
        if _checked(start) >= _checked(end):
            raise Rejected("A range in `settled` is [first offset, offset behind the last].")
    return {queues[number]: tuple(ranges) for number, ranges in settled.items()}


def _counted(ranges: Islands) -> int:
    return sum(end - start for start, end in ranges)


def _checked(offset: object) -> int:
    if not isinstance(offset, int) or isinstance(offset, bool) or not 0 <= offset <= limits.INT64_MAX:
        raise Rejected("An offset is a whole number that is not negative.", ErrorCode.OFFSET_OUT_OF_RANGE)
    return offset


def _table(places: Sequence[Place], targets: Mapping[int, int], *, is_dry_run: bool) -> Reset:
    queues = []
    for place in places:
        if place.queue_id not in targets:
            continue
        target = min(max(targets[place.queue_id], place.min_offset), place.next_offset)
        delta = None if place.committed is None else target - place.committed
        queues.append(
            QueueReset(place.queue_id, place.queue, place.min_offset, place.next_offset, place.committed, target, delta)
        )
    queues.sort(key=lambda q: q.queue)
    undo = {q.queue: q.now for q in queues if q.now is not None}
    return Reset(is_dry_run, tuple(queues), undo, _lowest({place.queue: place.islands for place in places}, among=undo))


def _lowest(islands: Mapping[int, Islands], *, among: Collection[int]) -> dict[int, Islands]:
    """Returns the ranges of these queues; of more than a reset takes an equal share of each, lowest first."""
    found = {number: ranges for number, ranges in islands.items() if ranges and number in among}
    if sum(map(len, found.values())) <= limits.RESET_RANGE_COUNT:
        return found
    return {number: ranges[: limits.RESET_RANGE_COUNT // len(found)] for number, ranges in found.items()}


def _topic_progress(row: TopicRow) -> TopicProgress:
    return TopicProgress(
        topic_id=row.topic_id,
        topic=row.topic,
        kind=row.kind,
        lag=row.lag,
        oldest_age_seconds=_age(row),
        expired_count=row.expired_count,
        acked_count=row.acked_count,
        last_activity=row.updated_at,
        is_blocked=row.is_blocked,
        filter=row.filter,
    )


def _age(row: TopicRow) -> float | None:
    if row.is_age_unknown:
        return None
    return row.oldest_seconds or 0.0


def _oldest(ages: Iterable[float | None]) -> float | None:
    """Returns the greatest age; None as soon as one is unknown."""
    greatest = 0.0
    for age in ages:
        if age is None:
            return None
        greatest = max(greatest, age)
    return greatest
