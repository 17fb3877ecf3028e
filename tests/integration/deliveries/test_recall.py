"""Scheduled messages taken back: recalled or delivered, never both."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from brokers.catalog import actions, snapshot
from brokers.catalog.snapshot import TopicEntry
from brokers.domain.errors import BrokerError, Denied, ErrorCode, NotFound, Rejected
from brokers.domain.messages import Outgoing
from brokers.engine import publish, pulls, schedule
from brokers.engine.publish import Send
from brokers.models import Topic
from tests.integration.console.shop import browser_of
from tests.integration.deliveries.conftest import AtPoint
from tests.integration.reads.world import World
from tests.integration.three_people import People


def wait_for(world: World, topic: Topic, message_id: str, *, delay: timedelta = timedelta(hours=1)) -> None:
    message = Outgoing(body=b"later", message_id=message_id, delay=delay, queue=0)
    (sent,) = publish.publish([Send(world.entry(topic), message, is_typed=False)])
    assert not isinstance(sent, BrokerError) and sent.offset is None


def test_a_recalled_message_is_never_delivered_and_recalled_once(world: World) -> None:
    topic = world.topic("t", queues=1)
    wait_for(world, topic, "A", delay=timedelta(milliseconds=1))
    wait_for(world, topic, "B")
    assert schedule.recall(world.actor, world.entry(topic), "A").message_id == "A"
    assert schedule.move_due(10) == 0
    with pytest.raises(NotFound):
        schedule.recall(world.actor, world.entry(topic), "A")
    assert schedule.recall(world.actor, world.entry(topic), "B").due_ms > 0


def test_a_delivered_message_is_not_recalled(world: World) -> None:
    topic = world.topic("t", queues=1)
    wait_for(world, topic, "A", delay=timedelta(milliseconds=1))
    while not schedule.move_due(10):
        pass
    with pytest.raises(Rejected) as refused:
        schedule.recall(world.actor, world.entry(topic), "A")
    assert refused.value.code == ErrorCode.CONFLICT


def test_a_message_that_falls_due_meanwhile_is_delivered_or_recalled(world: World, at_point: AtPoint) -> None:
    """The worker meets the row while a recall holds it, and passes over it."""
    topic = world.topic("t", queues=1)
    wait_for(world, topic, "A", delay=timedelta(milliseconds=1))
    moved: list[int] = []
    at_point("recalled", lambda: moved.append(_in_another_thread(lambda: schedule.move_due(10))))
    schedule.recall(world.actor, world.entry(topic), "A")
    assert moved == [0]
    assert pulls.bounds(world.entry(topic), 0) == (0, 0)


def test_retries_of_a_group_and_other_topics_are_not_recalled(world: World) -> None:
    topic, other = world.topic("t", queues=1), world.topic("other", queues=1)
    wait_for(world, other, "A")
    with pytest.raises(NotFound):
        schedule.recall(world.actor, world.entry(topic), "A")


def test_recalling_needs_the_right_to_send(people: People) -> None:
    actions.create_topic(people.owner.actor, people.instance, name="orders", queue_count=1)
    path = "/instances/shop/topics/orders/messages/0123:recall"
    assert people.owner.call("POST", path).status_code == 404
    assert people.member.call("POST", path).status_code == 403
    assert people.stranger.call("POST", path).json()["code"] == "INSTANCE_NOT_FOUND"


def test_the_console_recalls_and_says_when_it_is_too_late(people: People) -> None:
    entry = _topic_of(people)
    message = Outgoing(body=b"later", message_id="C" * 32, delay=timedelta(hours=1))
    publish.publish([Send(entry, message, is_typed=False)])
    browser = browser_of(people.owner)
    address = f"/i/shop/messages/{'C' * 32}"
    recall = f"/i/shop/topics/orders/messages/{'C' * 32}/recall"
    assert recall in browser.get(address).content.decode()
    assert browser.post(recall)["Location"] == "/i/shop/messages?topic=orders"
    assert browser.get(address).status_code == 404
    assert browser.post(recall)["Location"] == address


def _topic_of(people: People) -> TopicEntry:
    actions.create_topic(people.owner.actor, people.instance, name="orders", queue_count=1)
    return snapshot.topic(people.owner.actor.account_id, "shop", "orders")


def _in_another_thread(work: Callable[[], int]) -> int:
    def run() -> int:
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result(timeout=120)


def test_a_member_without_rights_is_denied_by_the_engine_too(people: People) -> None:
    with pytest.raises(Denied):
        schedule.recall(people.member.actor, _topic_of(people), "A")
