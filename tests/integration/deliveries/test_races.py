"""What two processes do to one delivery at the same moment: it is settled once, counted once and never lost."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection

from brokers.domain import limits
from brokers.domain.errors import BrokerError, Stale
from brokers.engine import delivery, failures, offsets, schedule, settlement
from brokers.engine.delivery import Delivery, ReceiveRequest, Subscription
from brokers.engine.settlement import Refusal
from brokers.models import Group, Topic
from tests.integration.deliveries.conftest import AtPoint
from tests.integration.reads.consuming import acknowledge, receive, refuse
from tests.integration.reads.world import World
from tests.stack import wait_until

BRIEF = timedelta(milliseconds=30)


def head_attempts(group: Group) -> list[int]:
    with connection.cursor() as cur:
        cur.execute(
            "SELECT head_attempts FROM cursor WHERE group_id = %s AND topic_id <> ALL (%s)", [group.pk, derived(group)]
        )
        return [row[0] for row in cur.fetchall()]


def derived(group: Group) -> list[int]:
    return list(Topic.objects.filter(group=group).values_list("pk", flat=True))


def count(table: str, group: Group) -> int:
    with connection.cursor() as cur:
        cur.execute(f"SELECT count(*) FROM {table} WHERE group_id = %s", [group.pk])
        return int(cur.fetchone()[0])


def expire(group: Group) -> None:
    """Waits for a lease to run out and treats it as run out."""
    before = count("attempt", group)
    wait_until(lambda: (settlement.expire_leases(100), count("attempt", group) > before)[1], what="an expired lease")


def try_to_receive(world: World, group: Group, topic: Topic) -> list[Delivery] | BrokerError:
    request = ReceiveRequest(
        group=world.group_entry(group),
        subscriptions=(Subscription(world.entry(topic)),),
        max_count=10,
        invisible=timedelta(seconds=60),
        client_id="tester",
    )
    (result,) = delivery.receive([request])
    return result


# --- failures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", ["refused", "expired"])
def test_failures_with_more_bodies_than_fit_at_once_lose_none(
    world: World, monkeypatch: pytest.MonkeyPatch, outcome: str
) -> None:
    monkeypatch.setattr(failures, "_BODY_BUDGET", 2500)
    topic, group = world.topic("orders", queues=1), world.group("mail")
    sent = [world.append(topic, body=b"x" * 1000).message_id for _ in range(10)]
    deliveries = receive(world, group, [topic], invisible=BRIEF if outcome == "expired" else timedelta(seconds=60))
    if outcome == "refused":
        refuse(deliveries)
    else:
        expire(group)
    assert count("attempt", group) == 10
    schedule.move_due(100)
    assert sorted(d.message.message_id for d in receive(world, group, [topic])) == sorted(sent)


def test_ordered_lease_that_two_workers_find_run_out_counts_once(world: World, at_point: AtPoint) -> None:
    topic, group = world.topic("orders", queues=1), world.group("mail", order="FIFO")
    world.append(topic)
    receive(world, group, [topic], invisible=BRIEF)
    at_point("listed_expired", lambda: settlement.expire_leases(100))
    expire(group)
    assert head_attempts(group) == [1]
    assert count("attempt", group) == 1


def test_refusal_and_expiry_of_one_ordered_delivery_count_once(world: World, at_point: AtPoint) -> None:
    topic, group = world.topic("orders", queues=1), world.group("mail", order="FIFO", max_attempts=2)
    world.append(topic)
    deliveries = receive(world, group, [topic], invisible=BRIEF)
    at_point("listed_expired", lambda: refuse(deliveries))
    expire(group)
    assert head_attempts(group) == [1]
    assert count("dead_letter", group) == 0
    (again,) = receive(world, group, [topic])
    assert again.attempt == 2


def test_late_acknowledgement_of_a_buried_ordered_message_is_stale(world: World) -> None:
    topic, group = world.topic("orders", queues=1), world.group("mail", order="FIFO", max_attempts=1)
    world.append(topic)
    (late,) = receive(world, group, [topic], invisible=BRIEF)
    expire(group)
    assert count("dead_letter", group) == 1
    (result,) = settlement.acknowledge([late.receipt])
    assert isinstance(result, Stale)


def test_acknowledgement_of_an_attempt_that_failed_is_stale_though_a_later_one_succeeded(world: World) -> None:
    topic, group = world.topic("orders", queues=1), world.group("mail", order="FIFO")
    world.append(topic)
    (first,) = receive(world, group, [topic])
    refuse([first])
    (second,) = receive(world, group, [topic])
    acknowledge([second])
    results = settlement.acknowledge([first.receipt, second.receipt])
    assert isinstance(results[0], Stale)
    assert results[1] is None


def test_acknowledging_the_twin_of_a_refused_delivery_is_stale(world: World, redis_client: Any) -> None:
    topic, group = world.topic("orders", queues=1), world.group("mail")
    world.append(topic)
    (first,) = receive(world, group, [topic])
    redis_client.flushdb()
    (twin,) = receive(world, group, [topic])
    refuse([first])
    (result,) = settlement.acknowledge([twin.receipt])
    assert isinstance(result, Stale)


@pytest.mark.parametrize("order", ["CONCURRENT", "FIFO"])
def test_a_message_that_dies_again_after_a_reset_is_one_dead_letter(world: World, order: str) -> None:
    topic, group = world.topic("orders", queues=1), world.group("mail", order=order, max_attempts=1)
    world.append(topic)
    refuse(receive(world, group, [topic]), "first time")
    offsets.reset(world.actor, group, topic, to="earliest", value=None, dry_run=False)
    refuse(receive(world, group, [topic]), "second time")
    with connection.cursor() as cur:
        cur.execute("SELECT error, state FROM dead_letter WHERE group_id = %s", [group.pk])
        assert cur.fetchall() == [("second time", "DEAD")]


# --- receiving ---------------------------------------------------------------------------------------------------


def test_ordered_head_that_fails_while_somebody_asks_waits_for_its_back_off(world: World, at_point: AtPoint) -> None:
    topic, group = world.topic("orders", queues=1), world.group("mail", order="FIFO")
    world.append(topic)
    deliveries = receive(world, group, [topic])
    at_point("positions_read", lambda: refuse(deliveries, delay=timedelta(hours=1)))
    assert receive(world, group, [topic]) == []


def test_ordered_head_that_fails_while_somebody_asks_comes_with_its_new_attempt(
    world: World, at_point: AtPoint
) -> None:
    topic, group = world.topic("orders", queues=1), world.group("mail", order="FIFO")
    world.append(topic)
    deliveries = receive(world, group, [topic])
    at_point("positions_read", lambda: refuse(deliveries))
    again = receive(world, group, [topic]) or receive(world, group, [topic])
    assert [d.attempt for d in again] == [2]
    acknowledge(again)


@pytest.mark.parametrize("order", ["CONCURRENT", "FIFO"])
def test_messages_claimed_for_a_receive_that_fails_are_free_at_once(
    world: World, at_point: AtPoint, order: str
) -> None:
    topic, group = world.topic("orders", queues=1), world.group("mail", order=order, max_attempts=1)
    world.append(topic)
    at_point("claimed", end_connection)
    with pytest.raises(BrokerError):
        try_to_receive(world, group, topic)
    (got,) = receive(world, group, [topic])
    assert got.attempt == 1


def end_connection() -> None:
    """Ends this thread's connection to PostgreSQL as an administrator would."""
    pid = connection.connection.info.backend_pid
    with psycopg.connect(connection.connection.info.dsn, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def test_ranges_given_back_outlive_a_slow_consumer(world: World, redis_client: Any) -> None:
    topic, group = world.topic("orders", queues=1), world.group("mail")
    sent = [world.append(topic).message_id for _ in range(4)]
    delivery.give_back(world.group_entry(group), receive(world, group, [topic]))
    (key,) = redis_client.keys("*:r")
    pointer = key.removesuffix(b":r")
    for name in (key, pointer):
        redis_client.pexpire(name, 5000)
    got = receive(world, group, [topic], count=1)
    assert [d.message.message_id for d in got] == sent[:1]
    assert redis_client.pttl(key) > 3_600_000
    assert redis_client.pttl(pointer) > 3_600_000


def test_client_with_the_longest_name_can_use_its_receipts(world: World) -> None:
    from brokers.domain import receipts

    topic, group = world.topic("orders", queues=1), world.group("mail")
    world.append(topic)
    request = ReceiveRequest(
        group=world.group_entry(group),
        subscriptions=(Subscription(world.entry(topic)),),
        max_count=1,
        invisible=timedelta(seconds=60),
        client_id="\U0001f600" * limits.CLIENT_ID_CHARS,
    )
    (deliveries,) = delivery.receive([request])
    assert isinstance(deliveries, list)
    text = receipts.encode(deliveries[0].receipt, b"key")
    assert settlement.refuse([Refusal(receipts.decode(text, b"key"))]) == [None]
