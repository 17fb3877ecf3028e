"""What pulls see: the same from memory as from the log, the bounds of this moment, and never what was not committed."""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from django.db import connection, transaction

from brokers import events
from brokers.dispatch import looking
from brokers.domain.errors import BrokerError, NotFound, TryLater
from brokers.domain.filters import EVERYTHING
from brokers.domain.messages import Outgoing, Stored, new_message_id
from brokers.engine import offsets, publish, pulls, restoration, subscriptions, ways
from brokers.engine.publish import Published, Send
from brokers.engine.pulls import Pull, Pulled
from brokers.models import Group, Topic
from brokers.store import log, looks, recent
from brokers.store.looks import Wish
from tests.integration.deliveries.lines import Line
from tests.integration.reads.world import World

Pulls = Line[Pull, pulls.Result]


@pytest.fixture(autouse=True)
def nobody_known() -> None:
    ways.forget()
    subscriptions.forget()


@pytest.fixture
def line() -> Iterator[Pulls]:
    line = Line(looking.Lane("test"), pulls.pull)
    yield line
    line.close()


def ask(world: World, group: Group, topic: Topic, *, offset: int = 0, epoch: int | None = None, count: int = 4) -> Pull:
    return Pull(
        group=world.group_entry(group),
        topic=world.entry(topic),
        queue=0,
        offset=offset,
        max_count=count,
        max_bytes=1024 * 1024,
        filter=EVERYTHING,
        is_shared=True,
        epoch=epoch,
    )


def found(result: pulls.Result) -> list[int]:
    assert isinstance(result, Pulled), result
    return [message.offset for message in result.messages]


def in_the_log(wish: Wish) -> list[Stored]:
    """Returns what a wish is to see, read without any of this: whole bodies until one passes its bytes."""
    (stored,) = log.read([log.Range(0, wish.queue_id, wish.offset, wish.offset + wish.count)], max_bytes=wish.max_bytes)
    return [message for message in stored if isinstance(message, Stored)]


@pytest.mark.parametrize("seed", range(4))
def test_looking_equals_reading_the_log(world: World, seed: int) -> None:
    choose = random.Random(seed)  # the same choices every time
    queues = world.queues(world.topic("t", queues=3))
    for _ in range(30):
        rows = [
            world.row(choose.choice(queues), body=bytes(choose.randrange(2000)), tag="a", properties='{"p":"v"}')
            for _ in range(choose.randint(1, 40))
        ]
        log.append(rows)
        if not choose.randrange(8):
            recent.forget()
        wishes = [
            Wish(0, choose.choice(queues), choose.randrange(300), choose.randint(1, 60), choose.randint(1, 20_000))
            for _ in range(choose.randint(1, 6))
        ]
        seen = looks.look(wishes)
        assert [look and list(look.messages) for look in seen] == [in_the_log(wish) for wish in wishes]


def test_who_reads_on_is_given_the_next_messages_from_memory(world: World) -> None:
    (queue,) = world.queues(world.topic("t", queues=1))
    log.append([world.row(queue) for _ in range(200)])
    looks.look([Wish(0, queue, 0, 10, 1000)])
    assert recent.has(queue, 9) and not recent.has(queue, 10), "the first look reads what it was asked for"
    looks.look([Wish(0, queue, 10, 10, 1000)])
    assert recent.has(queue, 199)


def test_a_place_many_look_at_is_read_once_for_the_widest_of_them(world: World) -> None:
    (queue,) = world.queues(world.topic("t", queues=1))
    log.append([world.row(queue) for _ in range(20)])
    seen = looks.look([Wish(0, queue, 5, 3, 1000), Wish(1, queue, 5, 8, 1000), Wish(2, queue, 5, 8, 12)])
    assert [look and [m.offset for m in look.messages] for look in seen] == [[5, 6, 7], [*range(5, 13)], [5, 6, 7]]


def test_what_may_be_rolled_back_is_not_kept(world: World) -> None:
    (queue,) = world.queues(world.topic("t", queues=1))
    with transaction.atomic():
        log.append([world.row(queue)])
        (look,) = looks.look([Wish(0, queue, 0, 10, 1000)])
        assert look is not None and len(look.messages) == 1
        transaction.set_rollback(True)
    assert not recent.has(queue, 0)


def test_the_messages_behind_a_gap_are_found_from_before_it(world: World) -> None:
    topic, group = world.topic("t", queues=1), world.group("g")
    world.append(topic)
    restoration.after_restore()
    behind = world.append(topic).offset
    (first,) = pulls.pull([ask(world, group, topic)])
    assert found(first) == [0, behind]
    (again,) = pulls.pull([ask(world, group, topic, offset=1)])
    assert found(again) == [behind] and isinstance(again, Pulled) and again.next_offset == behind + 1


def test_what_is_kept_of_a_queue_is_not_given_beyond_its_bounds(world: World) -> None:
    topic, group = world.topic("t", queues=1), world.group("g")
    log.append([world.row(world.queues(topic)[0]) for _ in range(6)])
    (first,) = pulls.pull([ask(world, group, topic, count=6)])
    assert len(found(first)) == 6
    topic.queues.update(min_offset=4)  # as retention does
    (moved,) = pulls.pull([ask(world, group, topic, offset=2)])
    assert isinstance(moved, Pulled) and (moved.is_moved, moved.next_offset, moved.messages) == (True, 4, ())
    entry = ask(world, group, topic, offset=4)
    topic.delete()
    (gone,) = pulls.pull([entry])
    assert isinstance(gone, NotFound)


def test_the_event_loop_looks_for_itself_once_nothing_else_is_to_do(world: World, line: Pulls) -> None:
    topic, group = world.topic("t", queues=1), world.group("g")
    log.append([world.row(world.queues(topic)[0]) for _ in range(6)])
    assert [found(r) for r in line.run(ask(world, group, topic))] == [[0, 1, 2, 3]] and line.thread_count == 1
    assert offsets.progress([group.pk])[group.pk].lag == 6, "its cursor was begun"
    group_entry = ask(world, group, topic, offset=4)
    assert [found(r) for r in line.run(group_entry)] == [[4, 5]]
    ways.check(group_entry.group, ways.OFFSETS)  # whatever was asked a second ago
    before = line.thread_count
    assert [found(r) for r in line.run(group_entry, ask(world, group, topic, offset=1))] == [[4, 5], [1, 2, 3, 4]]
    assert line.thread_count == before


def test_resets_pauses_and_deletions_are_heard_on_the_event_loop(world: World, line: Pulls) -> None:
    topic, group = world.topic("t", queues=1), world.group("g")
    log.append([world.row(world.queues(topic)[0]) for _ in range(6)])
    (first,) = line.run(ask(world, group, topic))
    assert isinstance(first, Pulled)
    assert [found(r) for r in line.run(ask(world, group, topic, offset=4, epoch=first.epoch))] == [[4, 5]]
    offsets.reset(world.actor, group, topic, to="offset", value=1)
    (moved,) = line.run(ask(world, group, topic, offset=6, epoch=first.epoch))
    assert isinstance(moved, Pulled) and (moved.is_moved, moved.next_offset) == (True, 1)
    paused = ask(world, group, topic)
    topic.delete()
    looker = replace(paused, group=replace(paused.group, id=0), is_shared=False)
    refused, gone = line.run(replace(paused, group=replace(paused.group, paused=True)), looker)
    assert isinstance(refused, TryLater) and isinstance(gone, NotFound)


def test_a_read_costs_the_same_wherever_it_begins(world: World) -> None:
    (queue,) = world.queues(world.topic("t", queues=1))
    for _ in range(10):
        log.append([world.row(queue) for _ in range(500)])

    def pages(statement: str, values: Sequence[str]) -> int:
        with connection.cursor() as cur:
            cur.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE {statement}({', '.join(values)})")
            plan = cur.fetchone()[0]
        top = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]
        return int(top["Shared Hit Blocks"]) + int(top["Shared Read Blocks"])

    with connection.cursor() as cur:
        cur.execute("SET plan_cache_mode = force_generic_plan")
        try:
            cur.execute("VACUUM ANALYZE message")
            cur.execute("PREPARE a_look AS " + looks._LOOK.sql.decode())
            cur.execute("PREPARE a_read AS " + log._READ.sql.decode())
            for statement, names in (("a_look", looks._LOOK.parameters), ("a_read", log._READ.parameters)):
                costs = [
                    pages(statement, [_values(queue, offset)[name] for name in names]) for offset in (0, 2500, 4900)
                ]
                assert max(costs) <= min(costs) + 8, f"{statement}: {costs}"
        finally:
            cur.execute("RESET plan_cache_mode")
            cur.execute("DEALLOCATE a_look")
            cur.execute("DEALLOCATE a_read")


def _values(queue: int, offset: int) -> dict[str, str]:
    arrays = {"group_ids": 0, "queue_ids": queue, "starts": offset, "counts": 32, "sizes": 100_000, "positions": 0}
    arrays |= {"shares": 0, "ends": offset + 32}
    return {name: f"'{{{value}}}'" for name, value in arrays.items()} | {"segment": "0", "max_bytes": "100000"}


def test_a_broken_connection_is_nobodys_loss(world: World, line: Pulls) -> None:
    topic, group = world.topic("t", queues=1), world.group("g")
    world.append(topic)
    one = ask(world, group, topic)
    for _ in range(2):
        line.run(one)
    link = line.lane.own.link
    assert link is not None
    with connection.cursor() as cur:
        cur.execute("SELECT pg_terminate_backend(%s)", [link.raw.info.backend_pid])
    results = line.run(one)
    assert not isinstance(results[0], BrokerError) and found(results[0]) == [0]


def test_what_was_kept_of_a_server_that_is_gone_is_not_given(world: World, line: Pulls) -> None:
    topic, group = world.topic("t", queues=1), world.group("g")
    world.append(topic, body=b"lost with its server")
    one = ask(world, group, topic)

    def body() -> bytes:
        (result,) = line.run(one)
        assert isinstance(result, Pulled)
        return bytes(result.messages[0].body)

    for _ in range(2):  # the first one begins the cursor
        assert body() == b"lost with its server"
    with connection.cursor() as cur:
        cur.execute("UPDATE message SET body = 'of the one that took over'")
        assert body() == b"lost with its server", "it is kept"
        cur.execute("SELECT pg_terminate_backend(%s)", [line.backend()])
    body()  # by the thread, or over a new connection
    assert body() == b"of the one that took over"


def test_sends_tell_which_queues_have_news(world: World) -> None:
    topic, heard = world.entry(world.topic("t", queues=4)), list[events.News]()
    events.listen(heard.append)
    try:
        sends = [Send(topic, Outgoing(body=b"x", message_id=new_message_id(), queue=queue)) for queue in (1, 3, 1)]
        assert all(isinstance(result, Published) for result in publish.publish(sends))
    finally:
        events.unlisten(heard.append)
    (news,) = heard
    queues = frozenset({topic.queue_ids[1], topic.queue_ids[3]})
    assert news == events.News(frozenset({topic.id}), queues=queues, held=queues)
