"""Groups whose members name their offsets: cursors, resets, and the two ways of consuming side by side."""

from datetime import timedelta

import pytest

from brokers.domain import clock
from brokers.domain.errors import BrokerError, ErrorCode, Rejected
from brokers.domain.filters import EVERYTHING, TagFilter, parse_tags
from brokers.engine import clients, dead_letters, delivery, offsets, pulls, returns, schedule, settlement, ways
from brokers.engine.delivery import ReceiveRequest, Subscription
from brokers.engine.pulls import Commit, Pull, Pulled
from brokers.models import Group, Topic
from tests.integration.reads.world import World


@pytest.fixture(autouse=True)
def nobody_known() -> None:
    ways.forget()


def ask(
    world: World, group: Group, topic: Topic, *, offset: int = 0, epoch: int | None = None, tags: TagFilter = EVERYTHING
) -> Pull:
    return Pull(
        group=world.group_entry(group),
        topic=world.entry(topic),
        queue=0,
        offset=offset,
        max_count=10,
        max_bytes=1024 * 1024,
        filter=tags,
        is_shared=True,
        epoch=epoch,
    )


def pull(one: Pull) -> Pulled:
    (result,) = pulls.pull([one])
    assert isinstance(result, Pulled), result
    return result


def lag(group: Group) -> int:
    return offsets.progress([group.pk])[group.pk].lag


def receive(world: World, group: Group, topic: Topic) -> list[delivery.Delivery] | BrokerError:
    request = ReceiveRequest(
        world.group_entry(group), (Subscription(world.entry(topic)),), 10, timedelta(seconds=30), "rest"
    )
    return delivery.receive([request])[0]


def test_a_pull_begins_the_cursor_and_a_commit_moves_it_forward_only(world: World) -> None:
    topic, group = world.topic("t", queues=1), world.group("g")
    for _ in range(3):
        world.append(topic)
    found = pull(ask(world, group, topic))
    assert [m.offset for m in found.messages] == [0, 1, 2]
    assert (found.next_offset, found.min_offset, found.max_offset) == (3, 0, 3)
    assert lag(group) == 3
    queue = world.queues(topic)[0]
    for offset, expected in ((2, 2), (1, 2), (99, 3)):
        assert pulls.commit([Commit(group.pk, queue, offset, found.epoch)]) == [True]
        assert pulls.committed(world.group_entry(group), world.entry(topic), 0) == expected
    assert lag(group) == 0
    assert offsets.progress([group.pk])[group.pk].acked_count == 3


def test_a_commit_swallows_what_was_acknowledged_one_by_one_beyond_it(world: World) -> None:
    topic, group = world.topic("t", queues=1), world.group("g")
    for _ in range(4):
        world.append(topic)
    received = receive(world, group, topic)
    assert isinstance(received, list)
    settlement.acknowledge([d.receipt for d in received if d.message.offset == 2])
    pulls.commit([Commit(group.pk, world.queues(topic)[0], 2, None)])
    assert pulls.committed(world.group_entry(group), world.entry(topic), 0) == 3


def test_a_reset_sends_members_to_the_new_place_and_is_not_undone_by_them(world: World) -> None:
    topic, group = world.topic("t", queues=1), world.group("g")
    for _ in range(3):
        world.append(topic)
    before = pull(ask(world, group, topic))
    queue = world.queues(topic)[0]
    pulls.commit([Commit(group.pk, queue, 3, before.epoch)])
    offsets.reset(world.actor, group, topic, to="offset", value=1)
    assert pulls.commit([Commit(group.pk, queue, 3, before.epoch)]) == [False]
    moved = pull(ask(world, group, topic, offset=3, epoch=before.epoch))
    assert (moved.is_moved, moved.next_offset, moved.messages) == (True, 1, ())
    again = pull(ask(world, group, topic, offset=1, epoch=moved.epoch))
    assert [m.offset for m in again.messages] == [1, 2]
    assert pulls.commit([Commit(group.pk, queue, 3, moved.epoch)]) == [True]


def test_offsets_that_are_not_there_lead_to_the_nearest_that_is(world: World) -> None:
    topic, group = world.topic("t", queues=1), world.group("g")
    assert not pull(ask(world, group, topic)).is_moved
    found = pull(ask(world, group, topic, offset=5))
    assert (found.is_moved, found.next_offset) == (True, 0)


def test_unwanted_tags_are_passed_over(world: World) -> None:
    topic, group = world.topic("t", queues=1), world.group("g")
    world.append(topic, tag="a")
    world.append(topic, tag="b")
    found = pull(ask(world, group, topic, tags=parse_tags("b")))
    assert [m.tag for m in found.messages] == ["b"] and found.next_offset == 2
    nothing = pull(ask(world, group, topic, tags=parse_tags("c")))
    assert (nothing.was_filtered, nothing.messages, nothing.next_offset) == (True, (), 2)


def test_pulls_of_many_groups_in_one_call_do_not_mix(world: World) -> None:
    topic, one, other = world.topic("t", queues=1), world.group("one"), world.group("other")
    world.append(topic)
    stranger = World("elsewhere")
    results = pulls.pull(
        [
            ask(world, one, topic),
            ask(world, other, topic, offset=9),
            ask(stranger, stranger.group("g"), stranger.topic("t", queues=1)),
        ]
    )
    assert [isinstance(r, Pulled) and (len(r.messages), r.is_moved) for r in results] == [
        (1, False),
        (0, True),
        (0, False),
    ]


@pytest.mark.parametrize(
    ("door", "is_pull_refused"), [("http", True), ("remoting", False), ("remoting-broadcast", False)]
)
def test_a_group_is_consumed_one_way_at_a_time(world: World, door: str, is_pull_refused: bool) -> None:
    topic, group = world.topic("t", queues=1), world.group("g")
    clients.note(group.pk, {"c": clients.Seen("c", door, "", "root", clock.now_ms())})
    (pulled,) = pulls.pull([ask(world, group, topic)])
    assert (isinstance(pulled, Rejected) and pulled.code == ErrorCode.CONFLICT) == is_pull_refused
    if door == "remoting":
        with pytest.raises(Rejected, match="remoting"):
            receive(world, group, topic)
        clients.forget(group.pk, "c")
        ways.forget()
    assert receive(world, group, topic) == []


def test_what_is_sent_back_comes_again_and_is_buried_when_its_retries_are_used_up(world: World) -> None:
    topic, group = world.topic("t", queues=1), world.group("g")
    planted = world.append(topic)
    entry = world.group_entry(group)
    first = pulls.read_one(planted.queue_id, planted.offset)
    back = returns.Return(group=entry, message=first, client_id="c", delay=timedelta(), max_retries=1)
    assert returns.send_back(back)
    assert schedule.move_due(10) == 1
    second = pulls.read_one(entry.retry_topic.queue_ids[0], 0)
    assert (second.message_id, second.reconsume_times, second.properties["RETRY_TOPIC"]) == (planted.message_id, 1, "t")
    assert not returns.send_back(returns.Return(group=entry, message=second, client_id="c", max_retries=1))
    assert dead_letters.count(group).number == 1
