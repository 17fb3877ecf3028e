"""Transactions on the hot door of a running server: exactly what was granted."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.stack import Running, wait_until

ROOT = "/api/v1/instances/default"


@pytest.fixture
def owner(server: Running) -> Iterator[httpx.Client]:
    auth = (server.credentials["access_key_id"], server.credentials["access_key_secret"])
    with httpx.Client(base_url=server.url, auth=auth, timeout=120) as client:
        for name in ("tx-a", "tx-b"):
            made = client.post(f"{ROOT}/topics", json={"name": name, "type": "TRANSACTION"})
            assert made.status_code in {201, 409}
        settings = {"immunity_seconds": 1, "interval_seconds": 1}
        client.patch(f"{ROOT}/producer-groups/tx-till", json=settings).raise_for_status()
        yield client


@pytest.fixture
def member(server: Running, owner: httpx.Client) -> Iterator[httpx.Client]:
    assert owner.post("/api/v1/users", json={"name": "tx"}).status_code == 201
    made = owner.post("/api/v1/users/tx/access-keys", json={}).json()
    with httpx.Client(base_url=server.url, auth=(made["id"], made["secret"]), timeout=120) as client:
        yield client
    owner.delete("/api/v1/users/tx")
    owner.delete("/api/v1/policies/grants-user-tx")
    owner.delete("/api/v1/policies/recover")


def half(client: httpx.Client, topic: str) -> httpx.Response:
    return client.post(f"{ROOT}/topics/{topic}/messages:half", json={"body": topic, "producer_group": "tx-till"})


def decide(client: httpx.Client, transaction: str, verb: str, **body: Any) -> httpx.Response:
    return client.post(f"{ROOT}/transactions/{transaction}:{verb}", json=body)


def poll(client: httpx.Client, **body: Any) -> httpx.Response:
    return client.post(f"{ROOT}/producer-groups/tx-till:checks", json=body)


def test_preparing_deciding_and_polling_need_pub_on_the_topic(owner: httpx.Client, member: httpx.Client) -> None:
    mine, theirs = (half(owner, topic).json()["transaction_id"] for topic in ("tx-a", "tx-b"))
    for refused in (half(member, "tx-a"), decide(member, mine, "commit"), decide(member, mine, "rollback")):
        assert (refused.status_code, refused.json()["action"]) == (403, "mq:PUB")
    assert poll(member).status_code == poll(member, topics=["tx-a"]).status_code == 403
    grant = {"name": "tx-a", "right": "PUB", "user": "tx"}
    assert owner.post(f"{ROOT}/grants", json=grant).status_code == 200
    wait_until(lambda: half(member, "tx-a").status_code == 201, what="the grant to count")
    # Checks of tx-b are due as well, and stay away.
    assert poll(member).status_code == poll(member, topics=["tx-a", "tx-b"]).status_code == 403
    checks = wait_until(lambda: poll(member, topics=["tx-a"]).json()["checks"], what="a check")
    assert {check["topic"] for check in checks} == {"tx-a"}
    assert decide(member, theirs, "commit").status_code == 403
    assert decide(member, mine, "commit").status_code == 200
    assert decide(owner, theirs, "rollback").status_code == 200


def test_what_was_discarded_takes_the_right_to_send_again(owner: httpx.Client, member: httpx.Client) -> None:
    owner.patch(f"{ROOT}/producer-groups/tx-till", json={"max_checks": 1}).raise_for_status()
    transaction = half(owner, "tx-a").json()["transaction_id"]
    address = f"{ROOT}/transactions/{transaction}"
    wait_until(lambda: owner.get(address).json()["state"] == "DISCARDED", what="the discard")
    owner.patch(f"{ROOT}/producer-groups/tx-till", json={"max_checks": None}).raise_for_status()
    assert owner.post(f"{ROOT}/grants", json={"name": "tx-a", "right": "PUB", "user": "tx"}).status_code == 200
    wait_until(lambda: decide(member, transaction, "commit").status_code == 409, what="the grant to count")
    refused = decide(member, transaction, "commit", discarded=True)
    assert (refused.status_code, refused.json()["action"]) == (403, "mq:Resend")
    statement = {"Effect": "Allow", "Action": "mq:Resend", "Resource": "acs:mq:*:*:default%tx-a"}
    policy = {"name": "recover", "document": {"Version": "1", "Statement": statement}}
    assert owner.post("/api/v1/policies", json=policy).status_code == 201
    assert owner.post("/api/v1/policies/recover:attach", json={"user": "tx"}).status_code == 204
    wait_until(
        lambda: decide(member, transaction, "commit", discarded=True).status_code == 200, what="the policy", seconds=3
    )
    assert owner.get(address).json()["state"] == "COMMITTED"


def test_a_stranger_cannot_tell_a_transaction_from_nothing(server: Running, owner: httpx.Client) -> None:
    transaction = half(owner, "tx-a").json()["transaction_id"]
    number, topic, checksum = transaction.split("-")
    for name in (transaction, f"{number}-{topic}-00000000", f"{number}-fffff-{checksum}", "none"):
        answer = httpx.post(
            f"{server.url}/api/v1/instances/elsewhere/transactions/{name}:commit", json={}, auth=owner.auth, timeout=30
        )
        assert (answer.status_code, answer.json()["code"]) == (404, "TRANSACTION_NOT_FOUND")
    assert decide(owner, transaction, "rollback").status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("topics/tx-a/messages:half", {"body": "x"}),
        ("topics/tx-a/messages:half", {"body": "x", "producer_group": "%RETRY%x"}),
        ("topics/tx-a/messages:half", {"body": "x", "producer_group": "till", "delay_seconds": 5}),
        ("topics/tx-a/messages:half", {"body": "x", "producer_group": "till", "colour": "red"}),
        ("producer-groups/tx-till:checks", {"max": 0}),
        ("producer-groups/tx-till:checks", {"max": 1.5}),
        ("producer-groups/tx-till:checks", {"wait_seconds": 31}),
        ("producer-groups/tx-till:checks", {"topics": "tx-a"}),
        ("transactions/1-1-00000000:commit", {"discarded": "yes"}),
    ],
)
def test_what_cannot_be_meant_is_refused(owner: httpx.Client, path: str, body: dict[str, Any]) -> None:
    answer = owner.post(f"{ROOT}/{path}", json=body)
    assert answer.status_code in {400, 409}, answer.text
    assert answer.json()["code"] in {"INVALID_REQUEST", "INVALID_NAME", "TOPIC_TYPE_MISMATCH"}
