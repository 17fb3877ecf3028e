"""The management API for messages, offsets, dead letters and operations, by three people."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from brokers.catalog import actions, snapshot
from brokers.domain.messages import Outgoing, new_message_id
from brokers.engine import dead_letters, delivery, publish, settlement
from brokers.models import Group, Operation, Topic
from brokers.store import segments
from tests.integration.test_catalog_api import refused
from tests.integration.three_people import People, call

I = "/instances/shop"  # noqa: E741 # as in the urls
G = f"{I}/groups/mail"


@pytest.fixture
def shop(people: People) -> People:
    """The owner's instance with a topic `orders` of two queues and a group `mail` that gives up at once."""
    segments.make_ahead()
    actions.create_topic(people.owner.actor, people.instance, name="orders", queue_count=2)
    actions.create_group(people.owner.actor, people.instance, name="mail", max_attempts=1)
    return people


def send(people: People, *bodies: bytes, **fields: Any) -> list[str]:
    """Sends messages and returns their ids."""
    topic = snapshot.topic(people.owner.user.account_id, "shop", "orders")
    outgoing = [Outgoing(body=body, message_id=new_message_id(), **fields) for body in bodies]
    results = publish.publish([publish.Send(topic, message) for message in outgoing])
    assert all(isinstance(result, publish.Published) for result in results), results
    return [message.message_id for message in outgoing]


def receive(people: People) -> list[delivery.Delivery]:
    account_id = people.owner.user.account_id
    request = delivery.ReceiveRequest(
        group=snapshot.group(account_id, "shop", "mail"),
        subscriptions=(delivery.Subscription(snapshot.topic(account_id, "shop", "orders")),),
        max_count=100,
        invisible=timedelta(seconds=60),
        client_id="worker-1",
    )
    (result,) = delivery.receive([request])
    assert isinstance(result, list), result
    return result


def bury(people: People, *bodies: bytes) -> list[str]:
    ids = send(people, *bodies)
    refusals = [settlement.Refusal(d.receipt, "no such customer 4711", None) for d in receive(people)]
    assert not any(settlement.refuse(refusals))
    return ids


def test_messages_are_found_and_opened(shop: People) -> None:
    (text,) = send(shop, b'{"order":1}', tag="paid", keys=("order-1",), properties={"region": "eu"}, sharding_key="c1")
    (raw,) = send(shop, b"\xff\x00")
    found = shop.owner.call("GET", f"{I}/messages?topic=orders").json()
    assert (found["complete"], found["completeness"], found["next"]) == (True, "complete", None)
    assert {item["message_id"] for item in found["items"]} == {text, raw}
    (hit,) = shop.owner.call("GET", f"{I}/messages?key=order-1").json()["items"]
    assert (hit["message_id"], hit["status"], hit["head"], hit["tag"]) == (text, "STORED", '{"order":1}', "paid")
    assert shop.owner.call("GET", f"{I}/messages?topic=orders&tag=none").json()["items"] == []
    late = shop.owner.call("GET", f"{I}/messages?topic=orders&from=2999-01-01T00:00:00Z").json()
    assert late["items"] == []
    page = shop.owner.call("GET", f"{I}/messages/{text}").json()
    assert (page["body"], page["properties"], page["sharding_key"]) == ('{"order":1}', {"region": "eu"}, "c1")
    assert (page["topics"], page["is_intact"], page["complete"]) == (["orders"], True, True)
    assert shop.owner.call("GET", f"{I}/messages/{raw}").json()["body_base64"] == "/wA="
    refused(shop.owner.call("GET", f"{I}/messages/NONE"), 404, "MESSAGE_NOT_FOUND")
    refused(shop.owner.call("GET", f"{I}/messages?topic=none"), 404, "TOPIC_NOT_FOUND")
    for field in ("from=yesterday", "from=2026-01-01T00:00:00", "cursor=x", "body=%00"):
        refused(shop.owner.call("GET", f"{I}/messages?topic=orders&{field}"), 400, "INVALID_REQUEST")


def test_a_message_shows_what_its_group_did(shop: People) -> None:
    (message,) = bury(shop, b"x")
    page = shop.owner.call("GET", f"{I}/messages/{message}").json()
    (standing,) = page["groups"]
    assert (standing["group"], standing["state"]) == ("mail", "DEAD")
    assert [attempt["error"] for attempt in page["attempts"]] == ["no such customer 4711"]
    assert page["dead_letters"][0]["id"] == standing["dead_letter_id"]


def test_offsets_are_shown_moved_and_moved_back(shop: People) -> None:
    send(shop, *[b"x"] * 6)
    assert shop.owner.call("GET", f"{G}/offsets").json()["topics"] == []
    assert not any(settlement.acknowledge([d.receipt for d in receive(shop)]))
    progress = shop.owner.call("GET", f"{G}/offsets").json()
    (topic,) = [t for t in progress["topics"] if t["topic"] == "orders"]
    assert (progress["lag"], progress["oldest_age_seconds"], progress["dead"]) == (0, 0.0, 0)
    assert sum(q["committed"] for q in topic["queues"]) == 6
    body = {"topic": "orders", "to": "earliest"}
    planned = shop.owner.call("POST", f"{G}/offsets:reset", {**body, "dry_run": True}).json()
    assert (planned["dry_run"], planned["again_count"]) == (True, 6)
    assert shop.owner.call("GET", f"{G}/offsets").json()["lag"] == 0
    done = shop.owner.call("POST", f"{G}/offsets:reset", body, Idempotency_Key="r1").json()
    assert shop.owner.call("GET", f"{G}/offsets").json()["lag"] == 6
    assert shop.owner.call("POST", f"{G}/offsets:reset", done["undo"]).status_code == 200
    assert shop.owner.call("POST", f"{G}/offsets:reset", body, Idempotency_Key="r1").json() == done
    assert shop.owner.call("GET", f"{G}/offsets").json()["lag"] == 0, "the repeat must not move it again"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"to": "sideways"}, 400, "INVALID_REQUEST"),
        ({"to": "earliest", "value": 1}, 400, "INVALID_REQUEST"),
        ({"to": "time"}, 400, "INVALID_REQUEST"),
        ({"to": "time", "value": "noon"}, 400, "INVALID_REQUEST"),
        ({"to": "offset"}, 409, "OFFSET_OUT_OF_RANGE"),
        ({"to": "offset", "value": -1}, 409, "OFFSET_OUT_OF_RANGE"),
        ({"to": "offset", "value": "1"}, 409, "OFFSET_OUT_OF_RANGE"),
        ({"to": "offset", "value": {"x": 1}}, 400, "INVALID_REQUEST"),
        ({"to": "offset", "value": {"7": 1}}, 400, "INVALID_REQUEST"),
        ({"to": "latest", "topic": "none"}, 404, "TOPIC_NOT_FOUND"),
    ],
)
def test_a_reset_that_makes_no_sense_is_refused(shop: People, change: Any, status: int, code: str) -> None:
    refused(shop.owner.call("POST", f"{G}/offsets:reset", {"topic": "orders", **change}), status, code)


def test_dead_letters_are_listed_counted_and_replayed(shop: People) -> None:
    ids = bury(shop, b"one", b"two", b"three")
    listed = shop.owner.call("GET", f"{G}/dead-letters?limit=2").json()
    assert (len(listed["items"]), listed["complete"]) == (2, True)
    rest = shop.owner.call("GET", f"{G}/dead-letters?limit=2&cursor={listed['next']}").json()
    letters = listed["items"] + rest["items"]
    assert sorted(letter["message_id"] for letter in letters) == sorted(ids)
    assert letters[0]["error"] == "no such customer 4711"
    opened = shop.owner.call("GET", f"{G}/dead-letters/{letters[0]['id']}").json()
    assert opened["body"].encode() in {b"one", b"two", b"three"}
    assert shop.owner.call("GET", f"{G}/dead-letters:count").json()["count"] == 3
    assert shop.owner.call("GET", f"{G}/dead-letters:count?error=CUSTOMER&tag=x").json()["count"] == 0
    for number in ("0", "x", "9" * 25):
        refused(shop.owner.call("GET", f"{G}/dead-letters/{number}"), 404, "MESSAGE_NOT_FOUND")
    redrive = f"{G}/dead-letters:redrive"
    preview = shop.owner.call("POST", redrive, {"filter": {"error": "customer"}, "dry_run": True})
    assert (preview.status_code, preview.json()["count"]) == (200, 3)
    picked = [letters[0]["id"], letters[1]["id"]]
    started = shop.owner.call("POST", redrive, {"ids": picked}, Idempotency_Key="again")
    assert started.status_code == 202, started.content
    assert shop.owner.call("POST", redrive, {"ids": picked}, Idempotency_Key="again").json() == started.json()
    assert Operation.objects.count() == 1
    operation = started.json()
    assert started.headers["Location"] == f"/api/v1{I}/operations/{operation['id']}"
    while not dead_letters.run_batch(int(operation["id"])).is_done:
        pass
    shown = shop.owner.call("GET", f"{I}/operations/{operation['id']}").json()
    assert (shown["state"], shown["matched"], shown["moved"], shown["failed"]) == ("SUCCEEDED", 2, 2, 0)
    entries = shop.owner.call("GET", f"{I}/operations/{operation['id']}/entries?outcome=MOVED").json()["items"]
    assert sorted(entry["dead_letter_id"] for entry in entries) == sorted(picked)
    assert [o["id"] for o in shop.owner.call("GET", f"{I}/operations?group=mail").json()["items"]] == [shown["id"]]
    assert shop.owner.call("GET", f"{G}/dead-letters?state=REPLAYED").json()["items"][0]["replayed_by"] == shown["id"]
    refused(shop.owner.call("POST", f"{I}/operations/{shown['id']}:pause"), 409, "CONFLICT")


def test_an_operation_is_paused_resumed_and_cancelled(shop: People) -> None:
    bury(shop, b"one")
    started = shop.owner.call("POST", f"{G}/dead-letters:redrive", {"filter": {}, "rate": 5}).json()
    where = f"{I}/operations/{started['id']}"
    assert (started["state"], started["rate"], started["selection"]) == ("QUEUED", 5, {"filter": {}})
    assert shop.owner.call("POST", f"{where}:pause").json()["state"] == "PAUSED"
    assert shop.owner.call("POST", f"{where}:resume").json()["state"] == "QUEUED"
    assert shop.owner.call("POST", f"{where}:cancel").json()["state"] == "CANCELLED"
    refused(shop.owner.call("POST", f"{where}:resume"), 409, "CONFLICT")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ids": [], "filter": {}},
        {"ids": ["1"], "filter": {}},
        {"ids": [1]},
        {"ids": ["x"]},
        {"filter": {"state": "REPLAYED"}},
        {"filter": {}, "rate": 0},
        {"filter": {}, "destination": "nowhere"},
        {"filter": {"from": "2026-01-02"}},
    ],
)
def test_a_redrive_that_makes_no_sense_is_refused(shop: People, body: Any) -> None:
    bury(shop, b"one")
    refused(shop.owner.call("POST", f"{G}/dead-letters:redrive", body), 400, "INVALID_REQUEST")
    assert not Operation.objects.exists()


def test_what_still_holds_messages_is_deleted_only_with_force(shop: People) -> None:
    send(shop, b"x")
    receive(shop)
    problem = refused(shop.owner.call("DELETE", f"{I}/topics/orders"), 409, "CONFLICT")
    assert problem["behind"] == ["mail"]
    assert "force=true" in problem["detail"]
    problem = refused(shop.owner.call("DELETE", G), 409, "CONFLICT")
    assert problem["behind"] == ["orders"]
    assert Topic.objects.filter(kind="USER").count() == Group.objects.count() == 1
    assert shop.owner.call("DELETE", f"{I}/topics/orders?force=true").status_code == 204
    assert shop.owner.call("DELETE", G).status_code == 204
    assert not Topic.objects.exists()


def test_dead_letters_nobody_replayed_keep_their_group(shop: People) -> None:
    bury(shop, b"x")
    assert refused(shop.owner.call("DELETE", G), 409, "CONFLICT")["dead_count"] == 1
    assert shop.owner.call("DELETE", f"{G}?force=true").status_code == 204


def requests(people: People) -> list[tuple[str, str, Any]]:
    (message,) = bury(people, b"x")
    letter = people.owner.call("GET", f"{G}/dead-letters").json()["items"][0]["id"]
    operation = people.owner.call("POST", f"{G}/dead-letters:redrive", {"filter": {}}).json()["id"]
    return [
        ("GET", f"{I}/messages?topic=orders", None),
        ("GET", f"{I}/messages/{message}", None),
        ("GET", f"{G}/offsets", None),
        ("POST", f"{G}/offsets:reset", {"topic": "orders", "to": "earliest"}),
        ("GET", f"{G}/dead-letters", None),
        ("GET", f"{G}/dead-letters/{letter}", None),
        ("GET", f"{G}/dead-letters:count", None),
        ("POST", f"{G}/dead-letters:redrive", {"filter": {}}),
        ("GET", f"{I}/operations", None),
        ("GET", f"{I}/operations/{operation}", None),
        ("GET", f"{I}/operations/{operation}/entries", None),
        ("POST", f"{I}/operations/{operation}:pause", None),
        ("POST", f"{I}/operations/{operation}:resume", None),
        ("POST", f"{I}/operations/{operation}:cancel", None),
    ]


def test_a_stranger_sees_nothing_and_a_member_may_do_nothing_yet(shop: People) -> None:
    for method, path, body in requests(shop):
        refused(shop.stranger.call(method, path, body), 404, "INSTANCE_NOT_FOUND")
        # Also by the stranger's own instance: numbers of another's rows open nothing.
        elsewhere = path.replace("shop", "elsewhere")
        answer = shop.stranger.call(method, elsewhere, body)
        assert answer.status_code == 404 or answer.json() == {"items": [], "next": None, "complete": True}, elsewhere
        refused(shop.member.call(method, path, body), 403, "ACCESS_DENIED")
        refused(call(method, path, body), 401, "UNAUTHENTICATED")
    assert Operation.objects.get().state == "QUEUED"


def test_reading_costs_the_same_number_of_queries_at_any_length(shop: People) -> None:
    bury(shop, *[b"x"] * 12)
    shop.owner.call("GET", f"{I}/operations")
    shop.owner.call("GET", f"{I}/messages?topic=orders")  # the first read of bodies is written down; others are counted
    for path in (f"{I}/messages?topic=orders", f"{G}/dead-letters", f"{I}/operations"):
        counts = []
        join = "&" if "?" in path else "?"
        for limit in (1, 12):
            with CaptureQueriesContext(connection) as queries:
                shop.owner.call("GET", f"{path}{join}limit={limit}")
            counts.append(len(queries.captured_queries))
        assert counts[0] == counts[1] <= 8, path
