"""SQL filters through both doors: what is left out is settled, what cannot be read is refused with the reason."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from brokers.protocols.remoting import records
from brokers.protocols.remoting.codes import Ask, Reply
from tests.integration.test_remoting_door import connected
from tests.stack import Running

ROOT = "/api/v1/instances/default"
COMMITS_NOT_BUT_SUBSCRIBES = "4"


@pytest.fixture
def owner(server: Running) -> Iterator[httpx.Client]:
    given = server.credentials
    with httpx.Client(
        base_url=server.url + ROOT, auth=(given["access_key_id"], given["access_key_secret"]), timeout=60
    ) as client:
        yield client


def fill(owner: httpx.Client, topic: str) -> None:
    assert owner.post("/topics", json={"name": topic, "queues": 1}).status_code == 201
    entries: list[dict[str, Any]] = [{"body": str(n), "properties": {"price": str(n)}} for n in range(40)]
    assert owner.post(f"/topics/{topic}/messages:batch", json={"messages": entries}).status_code == 200


def test_rest_receives_what_the_sql_wants_and_the_rest_is_settled(owner: httpx.Client) -> None:
    fill(owner, "sql-rest")
    assert owner.post("/groups", json={"name": "sql-rest"}).status_code == 201
    form = {"topics": [{"topic": "sql-rest", "filter": {"sql": "price >= 10 AND price < 13"}}], "max": 50}
    got = owner.post("/groups/sql-rest/messages:receive", json=form).json()["messages"]
    assert [m["body"] for m in got] == ["10", "11", "12"]
    acks = owner.post("/groups/sql-rest/messages:ack", json={"receipts": [m["receipt"] for m in got]}).json()
    assert all(result["ok"] for result in acks["results"])
    assert owner.get("/groups/sql-rest/offsets").json()["lag"] == 0
    left_out = owner.get("/messages", params={"topic": "sql-rest", "body": "39"}).json()["items"][0]["message_id"]
    (standing,) = owner.get(f"/messages/{left_out}").json()["groups"]
    # The filter was noted after the message came, so the page does not claim to know why.
    assert (standing["group"], standing["state"]) == ("sql-rest", "SETTLED")
    later = owner.post("/topics/sql-rest/messages", json={"body": "new", "properties": {"price": "99"}}).json()
    owner.post("/groups/sql-rest/messages:receive", json=form)
    (standing,) = owner.get(f"/messages/{later['message_id']}").json()["groups"]
    assert standing["state"] == "FILTERED"


def test_a_pull_leaves_out_and_says_where_to_go_on(server: Running, owner: httpx.Client) -> None:
    fill(owner, "sql-pull")
    fields = {
        "consumerGroup": "sql-pull",
        "topic": "sql-pull",
        "queueId": "0",
        "maxMsgNums": "4",
        "sysFlag": COMMITS_NOT_BUT_SUBSCRIBES,
        "commitOffset": "0",
        "suspendTimeoutMillis": "0",
        "expressionType": "SQL92",
        "subscription": "price IN ('5', '7', '30')",
    }
    with connected(server) as client:
        first = client.ask(Ask.PULL_MESSAGE, b"", queueOffset="0", **fields)
        assert first.code == Reply.SUCCESS
        assert [r.body for r in records.decode(first.body)] == [b"5", b"7"]
        assert first.fields["nextBeginOffset"] == "16"
        nothing = client.ask(Ask.PULL_MESSAGE, b"", queueOffset="8", **{**fields, "maxMsgNums": "3"})
        assert (nothing.code, nothing.fields["nextBeginOffset"]) == (Reply.PULL_RETRY_IMMEDIATELY, "20")
        wrong = client.ask(Ask.PULL_MESSAGE, b"", queueOffset="0", **{**fields, "subscription": "price IN (5)"})
        assert wrong.code == Reply.SUBSCRIPTION_PARSE_FAILED
        assert wrong.remark == "SQL filter, character 11: '5' stands where a text in quotes should."


@pytest.mark.parametrize(
    ("kind", "expression", "code"),
    [
        ("SQL92", "price > 10", Reply.SUCCESS),
        ("SQL92", "price >", Reply.SUBSCRIPTION_PARSE_FAILED),
        ("SQL92", "(" * 5000, Reply.SUBSCRIPTION_PARSE_FAILED),
        ("TAG", "a||b", Reply.SUCCESS),
        ("GROOVY", "true", Reply.SUBSCRIPTION_PARSE_FAILED),
    ],
)
def test_a_filter_is_checked_before_it_is_used(server: Running, kind: str, expression: str, code: Reply) -> None:
    subscription = {"topic": "any", "subString": expression, "expressionType": kind, "subVersion": 1}
    body = json.dumps({"clientId": "c", "group": "g", "subscriptionData": subscription}).encode()
    with connected(server) as client:
        answer = client.ask(Ask.CHECK_CLIENT_CONFIG, body)
        assert answer.code == code
        assert (answer.remark is None) == (code == Reply.SUCCESS)
