"""The page of a group that does not get on says why: to whoever may know."""

import json
from datetime import timedelta

from accounts import grants
from brokers.catalog import actions, snapshot
from brokers.domain import clock, messages
from brokers.engine import clients, delivery, publish, settlement
from brokers.engine.clients import Seen
from brokers.engine.delivery import ReceiveRequest, Subscription
from brokers.engine.settlement import Refusal
from tests.integration.console.shop import Shop, browser_of, send
from tests.integration.three_people import Person


def test_dead_letters_are_counted_for_all_and_explained_to_those_who_may_read_them(shop: Shop) -> None:
    allow(shop, "mq:QueryGroup")
    owner, member = (page_of(shop, person, "payers") for person in (shop.people.owner, shop.people.member))
    assert "1 dead letter waits" in owner and "card declined" in owner
    assert "1 dead letter waits" in member and "card declined" not in member


def test_silence_is_told_while_messages_wait_and_nobody_asks(shop: Shop) -> None:
    assert "Nobody receives" not in page_of(shop, shop.people.owner, "payers")
    send(shop.topic, shop.people.instance, body="more")
    assert "There was none in the last quarter of an hour." in page_of(shop, shop.people.owner, "payers")
    note(shop, last_seen_ms=clock.now_ms() - 10 * 60 * 1000)
    text = page_of(shop, shop.people.owner, "payers")
    assert "Nobody receives" in text and "till-9" in text
    note(shop, last_seen_ms=clock.now_ms())
    assert "Nobody receives" not in page_of(shop, shop.people.owner, "payers")


def test_retry_shows_the_last_error_and_its_client_to_those_who_may_read_messages(shop: Shop) -> None:
    allow(shop, "mq:QueryGroup")
    fail(shop, topic="orders", group="posters", order="CONCURRENT", error="mailbox is full")
    owner = page_of(shop, shop.people.owner, "posters")
    assert "2 messages wait for their next attempt" in owner
    assert "Attempt 1 of 3 failed" in owner and "mailbox is full" in owner and "till-1" in owner
    member = page_of(shop, shop.people.member, "posters")
    assert "2 messages wait for their next attempt" in member
    assert "mailbox is full" not in member


def test_ordered_queue_names_the_message_it_waits_for(shop: Shop) -> None:
    allow(shop, "mq:QueryGroup")
    actor, instance = shop.people.owner.actor, shop.people.instance
    topic = actions.create_topic(actor, instance, name="ledger", type="FIFO", queue_count=1)
    entry = snapshot.topic(actor.account_id, instance.name, topic.name)
    ids = [messages.new_message_id() for _ in range(3)]
    for message_id in ids:
        message = messages.Outgoing(body=b"x", message_id=message_id, sharding_key="one")
        publish.publish([publish.Send(entry, message)])
    fail(shop, topic="ledger", group="clerks", order="FIFO", error="the account is locked")
    owner = page_of(shop, shop.people.owner, "clerks")
    assert "Queue 0 of ledger waits for its first message" in owner
    assert "3 messages wait there." in owner
    assert "the account is locked" in owner and f"/messages/{ids[0]}" in owner
    member = page_of(shop, shop.people.member, "clerks")
    assert "waits for its first message" not in member and "the account is locked" not in member


def test_group_that_keeps_up_has_nothing_to_explain(shop: Shop) -> None:
    actions.create_group(shop.people.owner.actor, shop.people.instance, name="idlers")
    assert "What holds it up" not in page_of(shop, shop.people.owner, "idlers")


def fail(shop: Shop, *, topic: str, group: str, order: str, error: str) -> None:
    """Makes a group that receives all it gets of a topic once and refuses it."""
    actor, instance = shop.people.owner.actor, shop.people.instance
    actions.create_group(actor, instance, name=group, order=order, max_attempts=3, backoff_seconds=(600,))
    request = ReceiveRequest(
        group=snapshot.group(actor.account_id, instance.name, group),
        subscriptions=(Subscription(snapshot.topic(actor.account_id, instance.name, topic)),),
        max_count=10,
        invisible=timedelta(seconds=60),
        client_id="till-1",
    )
    [got] = delivery.receive([request])
    assert isinstance(got, list) and got
    refused = settlement.refuse([Refusal(one.receipt, error, None) for one in got])
    assert refused == [None] * len(got)


def allow(shop: Shop, *rights: str) -> None:
    held = ["mq:QueryInstanceBaseInfo", *rights]
    document = {"Version": "1", "Statement": {"Effect": "Allow", "Action": held, "Resource": "*"}}
    grants.create_policy(shop.people.owner.actor, "held", json.dumps(document))
    grants.attach(shop.people.owner.actor, "held", user="mia")


def note(shop: Shop, *, last_seen_ms: int) -> None:
    clients.note(shop.group.pk, {"till-9": Seen("till-9", "http", "192.0.2.7", "root", last_seen_ms)})


def page_of(shop: Shop, reader: Person, group: str) -> str:
    answer = browser_of(reader).get(f"{shop.home}/groups/{group}")
    assert answer.status_code == 200
    return answer.content.decode()
