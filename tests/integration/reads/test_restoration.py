"""After a backup was restored: no offset means two messages, no old receipt works, and the gap is in nobody's way."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from brokers.domain import clock
from brokers.domain.errors import Rejected, Stale
from brokers.engine import browse, offsets, restoration, settlement
from brokers.leases import workers
from brokers.models import Group, Queue
from brokers.store import progress
from tests.integration.reads.consuming import acknowledge, receive
from tests.integration.reads.world import World

GAP = restoration.DEFAULT_OFFSET_COUNT


def test_queues_go_on_behind_the_gap_and_the_group_gets_everything(world: World) -> None:
    topic, group = world.topic("orders", queues=1), world.group("workers")
    before = [world.append(topic) for _ in range(5)]
    acknowledge(receive(world, group, [topic], count=2))
    done = restoration.after_restore()
    assert done.queue_count == Queue.objects.count()
    after = [world.append(topic) for _ in range(3)]
    assert [place.offset for place in after] == [5 + GAP, 6 + GAP, 7 + GAP]
    assert offsets.progress([group.pk])[group.pk].lag == 6
    got = receive(world, group, [topic]) + receive(world, group, [topic])
    assert [d.message.message_id for d in got] == [p.message_id for p in [*before[2:], *after]]
    acknowledge(got)
    assert offsets.progress([group.pk])[group.pk].lag == 0


def test_consumers_that_take_little_pass_the_gap_at_once(world: World) -> None:
    topic, group = world.topic("orders", queues=1), world.group("workers")
    planted = [world.append(topic) for _ in range(2)]
    receive(world, group, [topic], count=1)
    restoration.after_restore()
    planted += [world.append(topic) for _ in range(2)]
    got = [d.message.message_id for _ in range(4) for d in receive(world, group, [topic], count=1)]
    assert got == [p.message_id for p in planted]


@pytest.mark.parametrize("order", [Group.Order.CONCURRENT, Group.Order.FIFO])
def test_a_group_that_comes_later_passes_the_gap(world: World, order: Group.Order) -> None:
    topic = world.topic("orders", queues=1)
    planted = [world.append(topic)]
    restoration.after_restore()
    restoration.after_restore(7)
    planted += [world.append(topic)]
    group = world.group("late", order=order)
    got = []
    for _ in range(2):
        deliveries = receive(world, group, [topic], count=1)
        got += [d.message.message_id for d in deliveries]
        acknowledge(deliveries)
    assert got == [p.message_id for p in planted]
    assert offsets.progress([group.pk])[group.pk].lag == 0


def test_receipts_from_before_are_stale(world: World) -> None:
    topic, group = world.topic("orders", queues=1), world.group("workers")
    world.append(topic)
    (old,) = receive(world, group, [topic])
    restoration.after_restore()
    assert isinstance(settlement.acknowledge([old.receipt])[0], Stale)
    (again,) = receive(world, group, [topic])
    assert again.message.message_id == old.message.message_id
    acknowledge([again])


def test_a_reset_to_the_beginning_passes_the_gap(world: World) -> None:
    topic, group = world.topic("orders", queues=1), world.group("workers")
    planted = [world.append(topic)]
    acknowledge(receive(world, group, [topic]))
    restoration.after_restore()
    planted.append(world.append(topic))
    acknowledge(receive(world, group, [topic]))
    offsets.reset(world.actor, group, topic, to="earliest", value=None, dry_run=False)
    assert offsets.progress([group.pk])[group.pk].lag == 2
    got = [d.message.message_id for _ in range(2) for d in receive(world, group, [topic], count=1)]
    assert got == [p.message_id for p in planted]


def test_searches_and_counts_do_not_see_the_gap(world: World) -> None:
    topic = world.topic("orders", queues=1)
    planted = [world.append(topic) for _ in range(3)]
    restoration.after_restore()
    start = clock.now() - timedelta(hours=1)
    search = browse.Search(instance_id=world.instance.pk, topic="orders", start=start)
    assert {hit.message_id for hit in browse.search(search).items} == {p.message_id for p in planted}
    planted.append(world.append(topic))
    assert {hit.message_id for hit in browse.search(search).items} == {p.message_id for p in planted}
    (stats,) = progress.of_topics([topic.pk])
    assert (stats.kept_count, stats.stored_count) == (4, 4)
    assert offsets.kept_counts(list(topic.queues.all())) == {world.queues(topic)[0]: 4}


def test_new_topics_get_ids_that_none_had(world: World) -> None:
    last = max(world.queues(world.topic("first", queues=1)))
    restoration.after_restore()
    assert min(world.queues(world.topic("second", queues=1))) > last + 1000


def test_refuses_while_a_worker_runs(world: World) -> None:
    workers.note("elsewhere-1")
    with pytest.raises(Rejected, match="elsewhere-1"):
        restoration.after_restore()
    with pytest.raises(CommandError, match="Stop every process"):
        call_command("after_restore")
    workers.forget("elsewhere-1")
    call_command("after_restore", "--offsets", "10")
    with pytest.raises(CommandError, match="1 to"):
        call_command("after_restore", "--offsets", "0")
