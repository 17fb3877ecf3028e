"""What operators and load balancers ask of the running product."""

from collections.abc import Iterator

import httpx
import pytest

from tests import stack
from tests.stack import Running


@pytest.fixture
def client(server: Running) -> Iterator[httpx.Client]:
    key = (server.credentials["access_key_id"], server.credentials["access_key_secret"])
    with httpx.Client(base_url=server.url, auth=key, headers={"content-type": "application/json"}, timeout=120) as made:
        yield made


def test_a_healthy_product_is_alive_and_ready(client: httpx.Client) -> None:
    assert client.get("/livez").json() == {"status": "ok"}
    # The worker says that it is alive a moment after the doors open.
    stack.wait_until(lambda: client.get("/readyz").json() == {"status": "ok", "checks": []}, what="all is well")


def test_metrics_count_what_was_sent_and_what_is_behind(client: httpx.Client) -> None:
    client.post("/api/v1/instances/default/topics", json={"name": "metered"}).raise_for_status()
    client.post("/api/v1/instances/default/groups", json={"name": "meters"}).raise_for_status()
    sent = [{"body": str(number)} for number in range(5)]
    client.post("/api/v1/instances/default/topics/metered/messages:batch", json={"messages": sent}).raise_for_status()
    group = "/api/v1/instances/default/groups/meters/messages"
    received = client.post(f"{group}:receive", json={"topics": ["metered"], "max": 2}).json()["messages"]
    client.post(f"{group}:ack", json={"receipts": [message["receipt"] for message in received]}).raise_for_status()
    lines = client.get("/metrics").text.splitlines()
    assert 'rocketmq_messages_in_total{account="main",instance="default",topic="metered"} 5.0' in lines
    assert 'rocketmq_consumer_lag_messages{account="main",consumer_group="meters",instance="default"} 3.0' in lines
    assert 'rocketmq_messages_out_total{account="main",consumer_group="meters",instance="default"} 2.0' in lines
    assert any(line.startswith("mqconsole_commit_messages_count") for line in lines)


def test_metrics_count_half_messages_and_their_checks(client: httpx.Client) -> None:
    home = "/api/v1/instances/default"
    client.post(f"{home}/topics", json={"name": "halved", "type": "TRANSACTION"}).raise_for_status()
    settings = {"immunity_seconds": 1, "interval_seconds": 1, "max_checks": 1}
    client.patch(f"{home}/producer-groups/halvers", json=settings).raise_for_status()
    half = {"body": "x", "producer_group": "halvers"}
    client.post(f"{home}/topics/halved/messages:half", json=half).raise_for_status()

    def lines() -> list[str]:
        return client.get("/metrics").text.splitlines()

    of_topic = '{account="main",instance="default",topic="halved"}'
    of_group = '{account="main",instance="default",producer_group="halvers"}'
    assert f"rocketmq_half_messages{of_topic} 1.0" in lines()
    discarded = f"mqconsole_half_messages_discarded{of_topic} 1.0"
    stack.wait_until(lambda: discarded in lines(), what="the discard to be counted")
    assert f"mqconsole_transaction_checks_total{of_group} 1.0" in lines()
    assert f"mqconsole_transaction_discards_total{of_group} 1.0" in lines()
    assert f"rocketmq_half_messages{of_topic} 0.0" in lines()


def test_a_body_too_long_for_management_is_refused_before_it_is_read(client: httpx.Client) -> None:
    answer = client.post("/api/v1/instances/default/topics", content=b"x" * (7 * 1024 * 1024))
    assert (answer.status_code, answer.json()["code"]) == (413, "REQUEST_TOO_LARGE")
