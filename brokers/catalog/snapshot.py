"""What the hot path knows of topics and groups without asking the database.

Owns: one in-process cache, dropped whole when the catalog's version moves.
Must not know: who asks, or permissions. Called by: doors (cached look-ups), engine (look-ups that may query).

Every change of the catalog raises `CatalogVersion` in its own transaction; `refresh` compares once a second, so a
change made in another process is seen here within about a second. What is not cached is read at once, so a new
topic can be used immediately everywhere.
"""

import threading
from dataclasses import dataclass

from ..domain import clock, limits, names
from ..domain.errors import ErrorCode, NotFound
from ..models import CatalogVersion, Group, Instance, ProducerGroup, Queue, Topic

_REFRESH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class TopicEntry:
    """A topic; `queue_ids[n]` is the store's id of queue number n."""

    id: int
    instance_id: int
    account_id: int
    instance: str
    name: str
    type: str
    kind: str
    queue_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class GroupEntry:
    """A consumer group and its two derived topics."""

    id: int
    instance_id: int
    account_id: int
    instance: str
    name: str
    order: str
    max_attempts: int
    invisible_seconds: int
    backoff_seconds: tuple[int, ...]
    start_from: str
    paused: bool
    remoting_mode: str
    retry_topic: TopicEntry
    dead_letter_topic: TopicEntry

    @property
    def is_ordered(self) -> bool:
        """Returns True if the group takes each queue strictly in order."""
        return self.order == Group.Order.FIFO

    @property
    def is_popped(self) -> bool:
        """Returns True if RocketMQ's clients are to pop instead of sharing out queues."""
        return self.remoting_mode == Group.RemotingMode.POP


@dataclass(frozen=True, slots=True)
class ProducerGroupEntry:
    """A producer group; None where it has no setting of its own."""

    id: int
    instance_id: int
    account_id: int
    instance: str
    name: str
    immunity_seconds: int | None
    webhook_url: str


class _Cache:
    def __init__(self) -> None:
        self.producer_groups: dict[tuple[int, str, str], ProducerGroupEntry] = {}
        self.topics: dict[tuple[int, str, str], TopicEntry] = {}
        self.groups: dict[tuple[int, str, str], GroupEntry] = {}
        self.topics_by_id: dict[int, TopicEntry] = {}
        self.groups_by_id: dict[int, GroupEntry] = {}
        self.queue_topics: dict[int, tuple[TopicEntry, int]] = {}
        self.instances: dict[int, tuple[str, ...]] = {}


_cache = _Cache()
_version: int | None = None
_checked_at = 0.0
_lock = threading.Lock()


def cached_topic(account_id: int, instance: str, name: str) -> TopicEntry | None:
    """Returns the topic if it is in the cache; never queries."""
    return _cache.topics.get((account_id, instance, name))


def cached_topic_by_id(topic_id: int) -> TopicEntry | None:
    """Returns the topic if it is in the cache; never queries."""
    return _cache.topics_by_id.get(topic_id)


def cached_group(account_id: int, instance: str, name: str) -> GroupEntry | None:
    """Returns the group if it is in the cache; never queries."""
    return _cache.groups.get((account_id, instance, name))


def cached_instances(account_id: int) -> tuple[str, ...] | None:
    """Returns the names of an account's instances, oldest first, if they are in the cache; never queries."""
    return _cache.instances.get(account_id)


def cached_producer_group(account_id: int, instance: str, name: str) -> ProducerGroupEntry | None:
    """Returns the producer group if it is in the cache; never queries."""
    return _cache.producer_groups.get((account_id, instance, name))


def producer_group(account_id: int, instance: str, name: str) -> ProducerGroupEntry:
    """Returns the producer group. Raises NotFound INSTANCE_NOT_FOUND or GROUP_NOT_FOUND."""
    refresh_if_old()
    cache = _cache
    found = cache.producer_groups.get((account_id, instance, name))
    if found is not None:
        return found
    row = None
    if names.may_exist(instance, name):
        rows = ProducerGroup.objects.filter(instance__account_id=account_id, instance__name=instance, name=name)
        row = rows.select_related("instance").first()
    if row is None:
        raise _missing(account_id, instance, group=name)
    entry = ProducerGroupEntry(
        row.pk, row.instance_id, account_id, instance, name, row.immunity_seconds, row.webhook_url
    )
    cache.producer_groups[account_id, instance, name] = entry
    return entry


def instances(account_id: int) -> tuple[str, ...]:
    """Returns the names of an account's instances, oldest first."""
    refresh_if_old()
    cache = _cache
    found = cache.instances.get(account_id)
    if found is None:
        rows = Instance.objects.filter(account_id=account_id).order_by("pk")
        found = cache.instances[account_id] = tuple(rows.values_list("name", flat=True))
    return found


def topic_names(account_id: int) -> list[tuple[str, str]]:
    """Returns (instance, topic) for the oldest topics of an account, `limits.TOPIC_LIST_COUNT` at most. One query."""
    rows = Topic.objects.filter(instance__account_id=account_id).order_by("pk")
    return list(rows.values_list("instance__name", "name")[: limits.TOPIC_LIST_COUNT])


def topic(account_id: int, instance: str, name: str) -> TopicEntry:
    """Returns the topic. Raises NotFound INSTANCE_NOT_FOUND or TOPIC_NOT_FOUND; foreign and missing are the same."""
    refresh_if_old()
    cache = _cache  # bound before the row is read: what is old by the time it is kept goes with the old cache
    found = cache.topics.get((account_id, instance, name))
    if found is not None:
        return found
    row = None
    if names.may_exist(instance, name):
        row = (
            Topic.objects.select_related("instance")
            .filter(instance__account_id=account_id, instance__name=instance, name=name)
            .first()
        )
    if row is None:
        raise _missing(account_id, instance, topic=name)
    return _keep_topic(cache, row)


def group(account_id: int, instance: str, name: str) -> GroupEntry:
    """Returns the group. Raises NotFound INSTANCE_NOT_FOUND or GROUP_NOT_FOUND; foreign and missing are the same."""
    refresh_if_old()
    cache = _cache
    found = cache.groups.get((account_id, instance, name))
    if found is not None:
        return found
    row = None
    if names.may_exist(instance, name):
        row = (
            Group.objects.select_related("instance")
            .filter(instance__account_id=account_id, instance__name=instance, name=name)
            .first()
        )
    if row is None:
        raise _missing(account_id, instance, group=name)
    return _keep_group(cache, row)


def topic_by_id(topic_id: int) -> TopicEntry | None:
    """Returns the topic, or None when it was deleted."""
    refresh_if_old()
    cache = _cache
    found = cache.topics_by_id.get(topic_id)
    if found is None:
        row = Topic.objects.select_related("instance").filter(pk=topic_id).first()
        found = _keep_topic(cache, row) if row else None
    return found


def group_by_id(group_id: int) -> GroupEntry | None:
    """Returns the group, or None when it was deleted."""
    refresh_if_old()
    cache = _cache
    found = cache.groups_by_id.get(group_id)
    if found is None:
        row = Group.objects.select_related("instance").filter(pk=group_id).first()
        found = _keep_group(cache, row) if row else None
    return found


def topic_of_queue(queue_id: int) -> tuple[TopicEntry, int] | None:
    """Returns the topic of a queue and the queue's number, or None when it was deleted."""
    found = _cache.queue_topics.get(queue_id)
    if found is None:
        # Not read from the cache again: it may be another one by now, or hold the topic without a queue just added.
        row = Queue.objects.filter(pk=queue_id).only("topic_id", "number").first()
        entry = topic_by_id(row.topic_id) if row else None
        found = (entry, row.number) if row and entry else None
    return found


def refresh() -> bool:
    """Compares the catalog's version with the one cached and drops the cache when it moved. Returns True if it did."""
    global _cache, _version, _checked_at
    number = CatalogVersion.objects.values_list("number", flat=True).first()
    with _lock:
        _checked_at = clock.monotonic()
        if number == _version:
            return False
        _cache, _version = _Cache(), number
        return True


def version() -> int | None:
    """Returns the catalog's version as last compared; None before the first look, and after a change made here."""
    return _version


def refresh_if_old() -> None:
    """Calls `refresh` when the last comparison is more than a second ago."""
    if clock.monotonic() - _checked_at > _REFRESH_SECONDS:
        refresh()


def forget() -> None:
    """Drops everything cached. For a process that just changed the catalog, and for tests."""
    global _cache, _version, _checked_at
    with _lock:
        _cache, _version, _checked_at = _Cache(), None, 0.0


def _keep_topic(cache: _Cache, row: Topic) -> TopicEntry:
    queue_ids = tuple(row.queues.order_by("number").values_list("pk", flat=True))
    entry = TopicEntry(
        id=row.pk,
        instance_id=row.instance_id,
        account_id=row.instance.account_id,
        instance=row.instance.name,
        name=row.name,
        type=row.type,
        kind=row.kind,
        queue_ids=queue_ids,
    )
    cache.topics[entry.account_id, entry.instance, entry.name] = entry
    cache.topics_by_id[entry.id] = entry
    for number, queue_id in enumerate(queue_ids):
        cache.queue_topics[queue_id] = (entry, number)
    return entry


def _keep_group(cache: _Cache, row: Group) -> GroupEntry:
    derived = {t.kind: _keep_topic(cache, t) for t in row.derived_topics.select_related("instance")}
    entry = GroupEntry(
        id=row.pk,
        instance_id=row.instance_id,
        account_id=row.instance.account_id,
        instance=row.instance.name,
        name=row.name,
        order=row.order,
        max_attempts=row.max_attempts,
        invisible_seconds=row.invisible_seconds,
        backoff_seconds=tuple(row.backoff_seconds),
        start_from=row.start_from,
        paused=row.paused,
        remoting_mode=row.remoting_mode,
        retry_topic=derived[Topic.Kind.RETRY],
        dead_letter_topic=derived[Topic.Kind.DEAD_LETTER],
    )
    cache.groups[entry.account_id, entry.instance, entry.name] = entry
    cache.groups_by_id[entry.id] = entry
    return entry


def _missing(account_id: int, instance: str, *, topic: str | None = None, group: str | None = None) -> NotFound:
    if not (names.may_exist(instance) and Instance.objects.filter(account_id=account_id, name=instance).exists()):
        return NotFound(f"There is no instance {instance!r}.", ErrorCode.INSTANCE_NOT_FOUND)
    if topic is not None:
        return NotFound(f"There is no topic {topic!r} in instance {instance!r}.", ErrorCode.TOPIC_NOT_FOUND)
    return NotFound(f"There is no group {group!r} in instance {instance!r}.", ErrorCode.GROUP_NOT_FOUND)
