"""What processes tell each other after a commit: all of it arrives, though Redis lost a connection that rested."""

import operator
from collections.abc import Iterator
from functools import reduce

import orjson
import pytest
import redis
from redis.client import PubSub

from brokers import events
from brokers.events import News
from tests.stack import wait_until


@pytest.fixture
def subscription(redis_client: redis.Redis) -> Iterator[PubSub]:
    with redis_client.pubsub(ignore_subscribe_messages=True) as subscription:  # type: ignore[no-untyped-call] # in redis
        subscription.subscribe(events.CHANNEL)
        wait_until(lambda: redis_client.pubsub_numsub(events.CHANNEL)[0][1], what="the subscription")
        yield subscription


def heard(subscription: PubSub, wanted: News) -> list[News]:
    """Returns what this process announced, message by message, once that is all that was wanted."""
    found: list[News] = []

    def is_all() -> bool:
        message = subscription.get_message(timeout=0.1)
        if message is not None and (event := orjson.loads(message["data"]))["from"] == events.SENDER:
            found.append(News(frozenset(event["topics"]), frozenset(event["queues"]), frozenset(event["vague"])))
        return reduce(operator.or_, found, events.NOTHING) == wanted

    wait_until(is_all, what=f"news of {wanted}")
    return found


def test_announcements_that_come_thick_are_gathered_and_none_is_lost(subscription: PubSub) -> None:
    for number in range(500):
        events.announce([number % 7], queue_ids=[number])
    events.announce([1000])
    every = News(frozenset({*range(7), 1000}), frozenset(range(500)), frozenset({1000}))
    assert len(heard(subscription, every)) < 501


def test_an_announcement_survives_a_connection_that_was_closed_while_it_rested(
    redis_client: redis.Redis, subscription: PubSub
) -> None:
    events.announce([1], queue_ids=[11])
    assert heard(subscription, News(frozenset({1}), frozenset({11})))
    redis_client.client_kill_filter(_type="normal", skipme=True)
    events.announce([2], queue_ids=[22])
    assert heard(subscription, News(frozenset({2}), frozenset({22})))
