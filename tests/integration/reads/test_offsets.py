"""Progress of groups, what topics hold, and resets."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry
from brokers.domain import clock
from brokers.domain.errors import BrokerError, Denied, ErrorCode, NotFound, Rejected
from brokers.engine import offsets, settlement
from brokers.leases import client
from brokers.models import Queue
from brokers.store import segments
from tests.integration.reads.consuming import acknowledge, bury, receive, refuse
from tests.integration.reads.world import World

LONG_AGO = datetime(2026, 3, 1, 10, tzinfo=UTC)


def test_lag_leaves_out_settled_islands(world: World) -> None:
    topic, group = world.topic("orders", queues=1), world.group("mail")
    for _ in range(10):
        world.append(topic)
    deliveries = receive(world, group, [topic], count=10)
    acknowledge([d for d in deliveries if d.message.offset in {0, 4, 5, 9}])
    found = offsets.progress([group.pk])[group.pk]
    assert (found.lag, found.acked_count, found.in_flight) == (6, 4, 6)
    assert found.oldest_age_seconds is not None
    assert 0 <= found.oldest_age_seconds < 60
    (row,) = [row for row in offsets.of_group(group) if row.topic == "orders"]
    assert (row.committed, row.lag, row.next_offset) == (1, 6, 10)


def test_progress_counts_retries_and_dead_letters(world: World) -> None:
    topic, group = world.topic("orders", queues=1), world.group("mail", max_attempts=2)
    for _ in range(3):
        world.append(topic)
    bury(world, group, [topic])
    world.append(topic)
    refuse(receive(world, group, [topic]), delay=timedelta(hours=1))
    found = offsets.progress([group.pk])[group.pk]
    assert (found.lag, found.retrying, found.dead, found.oldest_age_seconds) == (0, 1, 3, 0.0)
    assert {t.topic: t.lag for t in found.topics} == {"orders": 0, "%RETRY%mail": 0}


def test_a_group_that_never_read_has_no_activity(world: World) -> None:
    group = world.group("mail")
    found = offsets.progress([group.pk])[group.pk]
    assert (found.lag, found.last_activity, found.topics) == (0, None, ())


def test_age_is_that_of_the_oldest_unsettled_message(world: World) -> None:
    topic, group = world.topic("orders", queues=2), world.group("mail")
    first, second = world.queues(topic)
    world.plant(first, [(clock.now() - timedelta(seconds=500), {}), (clock.now(), {})])
    world.plant(second, [(clock.now() - timedelta(seconds=900), {})])
    offsets.reset(world.actor, group, topic, to="earliest")
    age = offsets.progress([group.pk])[group.pk].oldest_age_seconds
    assert age is not None
    assert 899 < age < 960
    offsets.reset(world.actor, group, topic, to="offset", value={1: 1})
    age = offsets.progress([group.pk])[group.pk].oldest_age_seconds
    assert age is not None
    assert 499 < age < 560


def test_age_is_unknown_when_retention_dropped_the_row(world: World) -> None:
    topic, group = world.topic("orders", queues=1), world.group("mail")
    (queue_id,) = world.queues(topic)
    world.plant(queue_id, [(LONG_AGO + timedelta(hours=n), {}) for n in range(12)])
    offsets.reset(world.actor, group, topic, to="earliest")
    # As between the two steps of retention: the rows are gone, the cursor has not been moved yet.
    Queue.objects.filter(pk=queue_id).update(min_offset=5)
    found = offsets.progress([group.pk])[group.pk]
    assert (found.lag, found.topics[0].oldest_age_seconds is None) == (7, False)
    with connection.cursor() as cur:
        cur.execute("DELETE FROM message WHERE queue_offset < 5")
    found = offsets.progress([group.pk])[group.pk]
    assert (found.lag, found.oldest_age_seconds) == (7, None)


def test_expired_messages_are_counted_not_hidden(world: World) -> None:
    topic, group = world.topic("orders", queues=1), world.group("mail")
    world.plant(world.queues(topic)[0], [(LONG_AGO + timedelta(hours=n), {}) for n in range(12)])
    offsets.reset(world.actor, group, topic, to="earliest")
    segments.drop_before(timedelta(days=1))
    found = offsets.progress([group.pk])[group.pk]
    assert (found.lag, found.expired_count) == (0, 12)
    segments.make_ahead()


def test_in_flight_is_unknown_without_redis(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    import redis

    group = world.group("mail")
    nowhere: Any = redis.Redis(unix_socket_path="/nonexistent/socket")
    monkeypatch.setattr(client, "connection", lambda: nowhere)
    assert offsets.progress([group.pk])[group.pk].in_flight is None


@pytest.mark.parametrize("number", [1, 20])
def test_lists_of_any_length_cost_the_same_queries(world: World, number: int) -> None:
    topics = [world.topic(f"t{n}", queues=2) for n in range(number)]
    groups = [world.group(f"g{n}") for n in range(number)]
    for topic in topics:
        world.append(topic)
    for group in groups:
        receive(world, group, topics[:3])
    with CaptureQueriesContext(connection) as captured, _count_raw() as raw:
        progress = offsets.progress([g.pk for g in groups])
        stats = offsets.topic_stats([t.pk for t in topics])
    assert len(progress) == len(stats) == number
    assert len(captured) + raw.count == 5


def test_topic_stats_count_what_is_kept_and_who_reads(world: World) -> None:
    topic, other = world.topic("orders", queues=2), world.topic("empty", queues=2)
    for n in range(5):
        world.append(topic, n % 2)
    for name in ("mail", "pay"):
        receive(world, world.group(name), [topic])
    stats = offsets.topic_stats([topic.pk, other.pk])
    assert (stats[topic.pk].kept_count, len(stats[topic.pk].group_ids)) == (5, 2)
    assert (stats[other.pk].kept_count, stats[other.pk].last_stored_at) == (0, None)
    assert {row.group for row in offsets.of_topic(topic)} == {"mail", "pay"}


def test_dry_run_shows_the_table_and_changes_nothing(world: World) -> None:
    topic, group = world.topic("orders", queues=2), world.group("mail")
    for _ in range(4):
        world.append(topic, 0)
    acknowledge(receive(world, group, [topic]))
    table = offsets.reset(world.actor, group, topic, to="offset", value=1, dry_run=True)
    assert [(q.queue, q.now, q.target, q.delta) for q in table.queues] == [(0, 4, 1, -3), (1, 0, 0, 0)]
    assert (table.again_count, table.skipped_count, table.is_dry_run) == (3, 0, True)
    assert receive(world, group, [topic]) == []
    assert not AuditEntry.objects.filter(action="mq:ResetConsumerOffset").exists()


def test_reset_delivers_again_and_older_receipts_are_stale(world: World) -> None:
    topic, group = world.topic("orders", queues=1), world.group("mail")
    for _ in range(4):
        world.append(topic)
    deliveries = receive(world, group, [topic])
    acknowledge(deliveries[2:])
    done = offsets.reset(world.actor, group, topic, to="earliest")
    assert [(q.now, q.target) for q in done.queues] == [(0, 0)]
    assert len(receive(world, group, [topic])) == 4
    (late,) = settlement.acknowledge([deliveries[0].receipt])
    assert isinstance(late, BrokerError)
    assert late.code == ErrorCode.STALE_RECEIPT
    entry = AuditEntry.objects.get(action="mq:ResetConsumerOffset")
    assert entry.detail == {"topic": "orders", "to": "earliest", "before": {"0": 0}, "after": {"0": 0}}


def test_reset_can_be_undone_with_what_it_returned(world: World) -> None:
    topic, group = world.topic("orders", queues=1), world.group("mail")
    for _ in range(4):
        world.append(topic)
    acknowledge(receive(world, group, [topic], count=3))
    done = offsets.reset(world.actor, group, topic, to="latest")
    assert (done.undo, done.skipped_count) == ({0: 3}, 1)
    assert receive(world, group, [topic]) == []
    offsets.reset(world.actor, group, topic, to="offset", value=done.undo)
    assert [d.message.offset for d in receive(world, group, [topic])] == [3]


def test_undo_brings_back_what_was_acknowledged_out_of_order(world: World) -> None:
    topic, group = world.topic("orders", queues=2), world.group("mail")
    for number in range(20):
        world.append(topic, number % 2)
    deliveries = receive(world, group, [topic], count=20)
    acknowledge([d for d in deliveries if d.message.offset in {0, 3, 4, 8}])
    done = offsets.reset(world.actor, group, topic, to="earliest")
    assert done.settled == {0: ((3, 5), (8, 9)), 1: ((3, 5), (8, 9))}
    assert len(receive(world, group, [topic], count=20)) == 20
    undone = offsets.reset(world.actor, group, topic, to="offset", value=done.undo, settled=done.settled)
    assert (undone.undo, undone.settled) == ({0: 0, 1: 0}, {})
    again = sorted((d.queue, d.message.offset) for d in receive(world, group, [topic], count=20))
    assert again == [(queue, offset) for queue in (0, 1) for offset in (1, 2, 5, 6, 7, 9)]
    acknowledge(receive(world, group, [topic], count=20))
    assert AuditEntry.objects.latest("pk").detail["settled"] == {"0": 3, "1": 3}


def test_settled_beyond_the_log_or_at_the_mark_does_no_harm(world: World) -> None:
    topic, group = world.topic("orders", queues=1), world.group("mail")
    for _ in range(4):
        world.append(topic)
    offsets.reset(world.actor, group, topic, to="offset", value={0: 1}, settled={0: ((1, 2), (3, 99))})
    assert [d.message.offset for d in receive(world, group, [topic])] == [2]
    world.append(topic)
    assert [d.message.offset for d in receive(world, group, [topic])] == [4]


@pytest.mark.parametrize(
    ("to", "settled"),
    [("earliest", {0: ((1, 2),)}), ("offset", {5: ((1, 2),)}), ("offset", {0: ((2, 2),)}), ("offset", {0: ((-1, 2),)})],
)
def test_settled_that_cannot_be_is_rejected(world: World, to: Any, settled: Any) -> None:
    topic, group = world.topic("orders", queues=1), world.group("mail")
    with pytest.raises(Rejected):
        offsets.reset(world.actor, group, topic, to=to, value=0 if to == "offset" else None, settled=settled)


def test_reset_to_a_time_starts_at_the_first_message_of_it(world: World) -> None:
    topic, group = world.topic("orders", queues=2), world.group("mail")
    for queue_id in world.queues(topic):
        world.plant(queue_id, [(LONG_AGO + timedelta(minutes=n), {}) for n in range(10)])
    done = offsets.reset(world.actor, group, topic, to="time", value=LONG_AGO + timedelta(minutes=4))
    assert [(q.now, q.target, q.delta) for q in done.queues] == [(None, 4, None)] * 2


def test_targets_are_kept_within_the_queue(world: World) -> None:
    topic, group = world.topic("orders", queues=1), world.group("mail")
    world.append(topic)
    done = offsets.reset(world.actor, group, topic, to="offset", value=99, dry_run=True)
    assert done.queues[0].target == 1


@pytest.mark.parametrize(
    ("to", "value"),
    [
        ("earliest", 1),
        ("time", None),
        ("time", datetime(2026, 1, 1)),  # noqa: DTZ001 # the point of the case
        ("offset", None),
        ("offset", -1),
        ("offset", True),
        ("offset", {}),
        ("offset", {7: 1}),
        ("yesterday", None),
    ],
)
def test_a_value_that_does_not_fit_is_rejected(world: World, to: Any, value: Any) -> None:
    topic, group = world.topic("orders", queues=1), world.group("mail")
    with pytest.raises(Rejected):
        offsets.reset(world.actor, group, topic, to=to, value=value)


def test_reset_asks_who_and_whose(world: World, stranger: World) -> None:
    topic, group = world.topic("orders"), world.group("mail")
    with pytest.raises(Denied):
        offsets.reset(stranger.actor, group, topic, to="latest")
    with pytest.raises(NotFound):
        offsets.reset(world.actor, group, stranger.topic("theirs"), to="latest")
    other = world.group("other").derived_topics.get(kind="RETRY")
    with pytest.raises(Rejected):
        offsets.reset(world.actor, group, other, to="latest")


class _count_raw:
    """Counts statements of bare psycopg cursors, which Django's own counter does not see."""

    def __enter__(self) -> "_count_raw":
        import psycopg

        self.count = 0
        self._before = psycopg.Cursor.execute
        before = self._before

        def execute(cur: Any, *arguments: Any, **named: Any) -> Any:
            if type(cur) is psycopg.Cursor:
                self.count += 1
            return before(cur, *arguments, **named)

        psycopg.Cursor.execute = execute  # type: ignore[method-assign,assignment] # restored below
        return self

    def __exit__(self, *_: object) -> None:
        import psycopg

        psycopg.Cursor.execute = self._before  # type: ignore[method-assign] # as it was
