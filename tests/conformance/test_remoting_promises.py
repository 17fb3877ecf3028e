"""What the remoting door alone promises, and the promises under faults through it."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from tests import stack, tempo
from tests.conformance import history
from tests.conformance.conftest import Product, open_door
from tests.conformance.door import Message, Refused, Unanswered
from tests.conformance.remoting_door import RemotingDoor
from tests.conformance.test_delivering import drain, let_it_park, only, wait_for
from tests.conformance.test_faults import check_log, flush_redis, kill_broker, kill_redis, settle, stop_database_at_once
from tests.conformance.workload import Workload


@pytest.fixture
def member(product: Product) -> Iterator[RemotingDoor]:
    """A new member; what others pulled it does not know of."""
    opened = open_door("remoting", product)
    assert isinstance(opened, RemotingDoor)
    yield opened
    opened.close()


def test_what_was_pulled_and_not_committed_comes_to_the_next_member(product: Product, member: RemotingDoor) -> None:
    topic, group = product.topic(queues=1), product.group()
    ids = [member.send(topic, Message()).message_id for _ in range(5)]
    first = member.receive(group, [topic])
    assert [d.message_id for d in first] == ids
    # The third is not settled: the group stays before it, whatever comes after.
    receipts = [d.receipt for d in first]
    assert member.ack(group, [*receipts[:2], *receipts[3:]]) == [None] * 4
    with closing(RemotingDoor(member.address, member.key)) as successor:
        assert [d.message_id for d in successor.receive(group, [topic])] == ids[2:]


def test_what_is_sent_back_comes_again_after_its_level_and_dies_once_with_its_origin(
    product: Product, member: RemotingDoor
) -> None:
    topic, group = product.topic(), product.group(max_attempts=3)
    sent = member.send(topic, Message(body=b"doomed", tag="paid", keys=("o-1",)))
    for attempt in (1, 2, 3):
        got = only(wait_for(member, group, topic))
        assert (got.attempt, got.message_id, got.topic, got.tag) == (attempt, sent.message_id, topic, "paid")
        began = time.monotonic()
        assert member.nack(group, [got.receipt], delay=5) == [None]
        if attempt < 3:
            assert member.receive(group, [topic], wait=0.7) == []
            stack.wait_until(
                lambda since=began: time.monotonic() > since + 5,  # type: ignore[misc] # bound now
                what="the level",
            )
    letters = product.rows(
        "SELECT d.topic_name, d.message_id, d.tag, d.keys, d.attempts, d.body FROM dead_letter d"
        " JOIN brokers_group g ON g.id = d.group_id WHERE g.name = %s",
        group,
    )
    assert letters == [(topic, sent.message_id, "paid", ["o-1"], 3, b"doomed")]
    assert member.receive(group, [topic], wait=1.2) == []


def test_a_waiting_pull_is_woken_by_what_another_process_and_another_door_sends(
    product: Product, member: RemotingDoor, threads: ThreadPoolExecutor
) -> None:
    topic, group = product.topic(), product.group()
    delays = []
    with closing(open_door("http", product)) as rest:
        member.receive(group, [topic])
        for _ in range(5):
            poll = threads.submit(lambda: (member.receive(group, [topic], wait=20), time.monotonic()))
            let_it_park()
            began = time.monotonic()
            sent = rest.send(topic, Message())
            got, end = poll.result()
            assert only(got).message_id == sent.message_id
            delays.append(end - began)
    assert sorted(delays)[2] < 0.4 * tempo.slowness(), delays


def test_faults_lose_nothing_through_this_door(own_product: Product) -> None:
    door = open_door("remoting", own_product)
    stack.wait_until(lambda: "jobs" in own_product.server.pids(), what="the jobs to start")
    topic, spare = own_product.topic(queues=2), own_product.topic()
    steady, prober = own_product.group(), own_product.group()

    def works_again() -> bool:
        try:
            door.send(spare, Message())
            return bool(drain(door, prober, spare, count=1, seconds=2))
        except (Refused, Unanswered):
            return False

    with closing(door), Workload(door, topic, steady) as workload:
        settle(workload, 100)
        for fault in (kill_broker, stop_database_at_once, flush_redis, kill_redis):
            fault(own_product)
            stack.wait_until(works_again, what=f"sends and pulls to work again after {fault.__name__}")
            settle(workload, len(workload.history.acknowledged_sends) + 60)
        workload.stop_writing()
        past = workload.history
        stack.wait_until(
            lambda: bool(workload.surprises) or not history.lost(past, steady),
            what="every acknowledged message to be settled",
        )
    assert not workload.surprises, workload.surprises
    assert len(past.acknowledged_sends) > 300
    assert history.from_nowhere(past) == set()
    assert history.unsticky(past) == []
    assert history.undeclared_duplicates(past) == []
    assert history.bad_offsets(past) == []
    check_log(own_product, topic, past)
