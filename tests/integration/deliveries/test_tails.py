"""At a queue's end a pull is answered without PostgreSQL: as the log would, and not when the log may say otherwise."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from brokers import events
from brokers.dispatch import desk
from brokers.domain.filters import EVERYTHING
from brokers.domain.messages import Outgoing, Stored, new_message_id
from brokers.engine import offsets, publish, pulls, subscriptions, ways
from brokers.engine.publish import Published, Send
from brokers.engine.pulls import Pull, Pulled
from brokers.models import Group, Topic
from brokers.store import log, looks, recent, tails
from tests.integration.reads.world import World


@pytest.fixture(autouse=True)
def nobody_known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    ways.forget()
    subscriptions.forget()
    # However slow the machine is, only what a test does makes anything doubtful.
    monkeypatch.setattr(tails, "BELIEVED_SECONDS", 600.0)
    events.listen(pulls.hear)
    yield
    events.unlisten(pulls.hear)


def ask(world: World, group: Group, topic: Topic, *, offset: int = 0) -> Pull:
    return Pull(
        group=world.group_entry(group), topic=world.entry(topic), queue=0, offset=offset, max_count=32,
        max_bytes=1 << 20, filter=EVERYTHING, is_shared=True,
    )  # fmt: skip


def follow(one: Pull) -> int:
    """Makes the group's place known, as its members' first pulls do, and returns the queue's end."""
    pulls.pull([one])  # begins the cursor
    (result,) = pulls.pull([one])
    assert isinstance(result, Pulled)
    return result.max_offset


def send(world: World, topic: Topic, *messages: Outgoing) -> list[Published]:
    sends = [Send(world.entry(topic), message) for message in messages or (plain(),)]
    results = publish.publish(sends)
    return [result for result in results if isinstance(result, Published)]


def plain(**fields: Any) -> Outgoing:
    return Outgoing(body=b"x", message_id=new_message_id(), queue=0)._replace(**fields)


def at_hand(one: Pull) -> Pulled | None:
    with CaptureQueriesContext(connection) as queries:
        result = pulls.at_hand(one)
    assert not queries.captured_queries
    assert result is None or isinstance(result, Pulled), result
    return result


def in_the_log(topic: Topic, start: int, end: int) -> list[Stored]:
    queue = topic.queues.get(number=0).pk
    (found,) = log.read([log.Range(0, queue, start, end)], max_bytes=1 << 30)
    return [message for message in found if isinstance(message, Stored)]


def test_what_this_process_stored_is_given_as_the_log_holds_it(world: World) -> None:
    topic, group = world.topic("t", queues=1), world.group("g")
    choose = random.Random(1)  # the same choices every time
    world.append(topic)
    one = ask(world, group, topic, offset=1)
    assert follow(one) == 1 and at_hand(one) is not None
    sent = [
        plain(
            body=choose.randbytes(choose.randrange(300)),
            tag=choose.choice([None, "a"]),
            keys=("k1", "键2")[: choose.randrange(3)],
            properties=choose.choice([{}, {"价": "7", "p": "v w"}]),
            wire_properties=choose.choice([{}, {"UNIQ_KEY": "u"}]),
            sharding_key=choose.choice([None, "s"]),
            sys_flag=choose.randrange(4),
            born_at_ms=1_700_000_000_123,
            born_host=choose.choice(["", "127.0.0.1:5"]),
            reconsume_times=choose.randrange(3),
        )
        for _ in range(30)
    ]
    assert len(send(world, topic, *sent)) == 30
    result = at_hand(one)
    assert result is not None and list(result.messages) == in_the_log(topic, 1, 31)
    assert (result.next_offset, result.max_offset, result.is_moved) == (31, 31, False)
    assert pulls.pull([one]) == [result]


def test_more_than_a_statement_takes_is_given_too(world: World) -> None:
    topic, group = world.topic("t", queues=1), world.group("g")
    one = ask(world, group, topic)
    follow(one)
    send(world, topic, *[plain() for _ in range(log.COPY_FROM_COUNT + 20)])
    result = at_hand(replace(one, offset=log.COPY_FROM_COUNT))
    assert result is not None and list(result.messages) == in_the_log(topic, log.COPY_FROM_COUNT, 1 << 20)


def test_the_end_is_known_to_be_the_end(world: World) -> None:
    topic, group = world.topic("t", queues=1), world.group("g")
    one = ask(world, group, topic)
    assert at_hand(one) is None, "nobody has looked yet"
    follow(one)
    send(world, topic)
    result = at_hand(replace(one, offset=1))
    assert result is not None and (result.messages, result.next_offset, result.max_offset) == ((), 1, 1)
    assert at_hand(replace(one, offset=2)) is None, "a place beyond the end has to be looked at"
    other = ask(world, world.group("h"), topic)
    assert at_hand(other) is None, "another group's cursor is not known"


def test_what_others_store_is_looked_for(world: World) -> None:
    topic, group = world.topic("t", queues=1), world.group("g")
    one = ask(world, group, topic)
    follow(one)
    for news in (events.News(frozenset({topic.pk}), queues=frozenset(one.topic.queue_ids)),
                 events.News(frozenset({topic.pk}), vague=frozenset({topic.pk}))):  # fmt: skip
        place = world.append(topic)  # as another process does
        pulls.hear(news)
        assert at_hand(one) is None
        (result,) = pulls.pull([one])
        assert isinstance(result, Pulled) and result.messages[-1].offset == place.offset
        assert at_hand(one) is not None
    pulls.miss()
    assert at_hand(one) is None


def test_what_others_stored_in_between_is_not_left_out(world: World) -> None:
    topic, group = world.topic("t", queues=1), world.group("g")
    one = ask(world, group, topic)
    follow(one)
    world.append(topic)  # by another process, of which nothing was heard yet
    send(world, topic)
    assert at_hand(one) is None
    (result,) = pulls.pull([one])
    assert isinstance(result, Pulled) and [message.offset for message in result.messages] == [0, 1]


def test_a_reset_is_heard(world: World) -> None:
    topic, group = world.topic("t", queues=1), world.group("g")
    world.append(topic)
    one = ask(world, group, topic, offset=1)
    follow(one)
    (before,) = pulls.pull([one])
    assert isinstance(before, Pulled)
    member = replace(one, epoch=before.epoch)
    assert at_hand(member) is not None
    offsets.reset(world.actor, group, topic, to="offset", value=0)
    assert at_hand(member) is None
    (moved,) = pulls.pull([member])
    assert isinstance(moved, Pulled) and (moved.is_moved, moved.next_offset) == (True, 0)
    assert at_hand(member) is None, "it is told again until it has moved"
    assert at_hand(replace(member, offset=1, epoch=moved.epoch)) is not None


def test_a_repeated_send_stores_nothing(world: World) -> None:
    topic, group = world.topic("t", queues=1), world.group("g")
    one = ask(world, group, topic)
    follow(one)
    for is_repeat in (False, True):
        recent.forget()
        (result,) = send(world, topic, plain(dedup_id="d", body=b"again" if is_repeat else b"first"))
        assert result.duplicate is is_repeat
    assert at_hand(one) is None, "the first one is not at hand any more"
    (found,) = pulls.pull([one])
    assert isinstance(found, Pulled) and [message.body for message in found.messages] == [b"first"]


def test_news_during_a_look_are_doubted(world: World) -> None:
    topic, group = world.topic("t", queues=1), world.group("g")
    one = ask(world, group, topic)
    follow(one)
    wish = looks.Wish(group.pk, one.topic.queue_ids[0], 0, 32, 1 << 20)
    plan = looks._Plan([wish])
    rows = looks._LOOK.run(plan.parameters())
    world.append(topic)
    pulls.hear(events.News(frozenset({topic.pk}), queues=frozenset(one.topic.queue_ids)))
    (seen,) = plan.found(rows, is_kept=True)
    assert seen is not None and not seen.messages and at_hand(one) is None


def test_what_a_transaction_saw_is_not_believed(world: World) -> None:
    topic, group = world.topic("t", queues=1), world.group("g")
    one = ask(world, group, topic)
    follow(one)
    pulls.miss()
    with transaction.atomic():
        world.append(topic)
        looks.look([looks.Wish(group.pk, one.topic.queue_ids[0], 0, 1, 1)])
        transaction.set_rollback(True)
    assert at_hand(one) is None


def test_a_member_that_waits_is_given_what_comes_without_a_look(world: World) -> None:
    topic, group = world.topic("t", queues=1), world.group("g")
    one = ask(world, group, topic)
    follow(one)
    entry = world.entry(topic)

    async def rounds() -> bool:
        mine = await desk.get()
        for offset in range(20):
            for lane in mine._pull_lanes:
                lane.own.close()
            waiting = asyncio.create_task(mine.pull(replace(one, offset=offset), wait=timedelta(seconds=60)))
            await asyncio.sleep(0)  # it begins
            (sent,) = await mine.publish([Send(entry, plain())])
            assert isinstance(sent, Published) and sent.offset == offset
            assert [message.offset for message in (await waiting).messages] == [offset]
            # A round in which the desk begins to hear of other processes has to look, once.
            if all(lane.own.link is None for lane in mine._pull_lanes):
                return True
        return False

    async def run() -> bool:
        try:
            return await rounds()
        finally:
            await desk.close()

    with asyncio.Runner() as runner:
        assert runner.run(run())
