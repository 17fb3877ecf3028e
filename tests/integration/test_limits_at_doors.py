"""Limits at the doors of a running server: what is answered over one, and that acknowledgements and consumers go on."""

import asyncio
import time
from collections.abc import Iterator

import httpx
import pytest

from brokers.protocols.remoting.codes import Ask, Reply
from tests.integration.test_remoting_door import Client, connected
from tests.stack import Running, wait_until

ROOT = "/api/v1/instances/default"


@pytest.fixture
def owner(server: Running) -> Iterator[httpx.Client]:
    auth = (server.credentials["access_key_id"], server.credentials["access_key_secret"])
    with httpx.Client(base_url=server.url, auth=auth, timeout=30) as client:
        for kind, name in (("topics", "limited"), ("groups", "limited-g")):
            assert client.post(f"{ROOT}/{kind}", json={"name": name}).status_code in {201, 409}
        yield client
        every = ("send_per_second", "receive_per_second", "message_bytes")
        change(client, **dict.fromkeys(every))


def change(client: httpx.Client, **limits: int | None) -> None:
    body = {"scope": "instance", "target": "default", "limits": limits}
    answer = client.patch("/api/v1/limits", json=body)
    assert answer.status_code == 200, answer.text


def send(client: httpx.Client, body: str = "x") -> httpx.Response:
    return client.post(f"{ROOT}/topics/limited/messages", json={"body": body})


def receive(client: httpx.Client, *, count: int = 10) -> httpx.Response:
    body = {"topics": ["limited"], "max": count, "wait_seconds": 0}
    return client.post(f"{ROOT}/groups/limited-g/messages:receive", json=body)


def test_over_the_send_rate_is_429_within_two_seconds_and_the_rate_is_kept(owner: httpx.Client) -> None:
    assert send(owner).status_code == 201
    change(owner, send_per_second=20)
    batch = {"messages": [{"body": "x"}] * 60}  # three seconds' worth, whatever the machine can do in one

    def over() -> httpx.Response | None:
        owner.post(f"{ROOT}/topics/limited/messages:batch", json=batch)
        answer = send(owner)
        return answer if answer.status_code != 201 else None

    refused = wait_until(over, what="the limit to count", seconds=60)
    assert (refused.status_code, refused.json()["code"]) == (429, "QUOTA_EXCEEDED")
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.headers["X-RateLimit-Limit"] == "20"
    began, passed = time.monotonic(), 0
    while time.monotonic() - began < 3 or not passed:
        passed += send(owner).status_code == 201
    # A full bucket at most at the beginning, then twenty a second.
    assert passed <= (time.monotonic() - began) * 20 + 20 + 2
    change(owner, send_per_second=None)
    wait_until(lambda: all(send(owner).status_code == 201 for _ in range(50)), what="the limit to go", seconds=60)


async def test_many_who_begin_at_once_are_far_from_the_limit(server: Running, owner: httpx.Client) -> None:
    wait_until(lambda: send(owner).status_code == 201, what="limits of other tests to go", seconds=60)
    auth = (server.credentials["access_key_id"], server.credentials["access_key_secret"])
    batch = {"messages": [{"body": "x"}] * 50}
    async with httpx.AsyncClient(base_url=server.url, auth=auth, timeout=30) as client:
        for _ in range(3):
            sends = [client.post(f"{ROOT}/topics/limited/messages", json={"body": "x"}) for _ in range(100)]
            sends += [client.post(f"{ROOT}/topics/limited/messages:batch", json=batch) for _ in range(50)]
            answers = await asyncio.gather(*sends)
            assert [answer.status_code for answer in answers] == [201] * 100 + [200] * 50


def test_over_the_receive_rate_consumers_wait_and_acknowledge_freely(owner: httpx.Client) -> None:
    bodies = [{"body": str(number)} for number in range(40)]
    assert owner.post(f"{ROOT}/topics/limited/messages:batch", json={"messages": bodies}).status_code == 200
    change(owner, receive_per_second=5, send_per_second=1)
    refused = wait_until(
        lambda: next((r for r in (receive(owner, count=5) for _ in range(20)) if r.status_code == 429), None),
        what="the limit to count",
        seconds=60,
    )
    assert refused.json()["limit"] == "receive_per_second"
    wait = {"topics": ["limited"], "max": 1, "wait_seconds": 20}
    waited = owner.post(f"{ROOT}/groups/limited-g/messages:receive", json=wait)
    assert waited.status_code == 200
    receipts = [one["receipt"] for one in waited.json()["messages"]]
    for _ in range(30):
        answer = owner.post(f"{ROOT}/groups/limited-g/messages:ack", json={"receipts": receipts})
        assert answer.status_code == 200


def test_remoting_clients_hear_flow_control(server: Running, owner: httpx.Client) -> None:
    change(owner, send_per_second=1)
    fields = {
        "producerGroup": "p", "topic": "limited", "defaultTopic": "TBW102", "defaultTopicQueueNums": "4",
        "queueId": "0", "sysFlag": "0", "bornTimestamp": "1", "flag": "0", "properties": "", "reconsumeTimes": "0",
    }  # fmt: skip

    def over() -> str | None:
        for _ in range(10):
            answer = client.ask(Ask.SEND_MESSAGE, b"x", **fields)
            if answer.code == Reply.FLOW_CONTROL:
                return answer.remark or ""
        return None

    with connected(server) as client:
        remark = wait_until(over, what="the limit to count", seconds=60)
        assert remark.startswith("messages flow control, retry after ")
        change(owner, send_per_second=None, message_bytes=10)
        wait_until(
            lambda: client.ask(Ask.SEND_MESSAGE, b"x" * 11, **fields).code == Reply.MESSAGE_ILLEGAL,
            what="the size to count",
            seconds=60,
        )
        assert client.ask(Ask.SEND_MESSAGE, b"x" * 10, **fields).code == Reply.SUCCESS


def test_requests_that_wait_are_connections_and_others_never_are(server: Running, owner: httpx.Client) -> None:
    # A group of its own: what the others' consumers let go would end a wait early.
    for kind, name in (("topics", "waited-for"), ("groups", "waiters")):
        assert owner.post(f"{ROOT}/{kind}", json={"name": name}).status_code in {201, 409}
    limit = {"scope": "account", "limits": {"connections": 1}}
    assert owner.patch("/api/v1/limits", json=limit).status_code == 200
    try:
        refused = wait_until(
            lambda: asyncio.run(_second_who_waits(server)), what="the second to be refused", seconds=60
        )
        assert (refused.json()["code"], refused.json()["limit"]) == ("QUOTA_EXCEEDED", "connections")
        assert refused.headers["Retry-After"]
        assert "may have 1 connections" in refused.json()["detail"]
        path, wait = f"{ROOT}/groups/waiters/messages:receive", {"topics": ["waited-for"], "wait_seconds": 1}
        # Whoever hung up holds no place any more, nor does whoever has its answer.
        for _ in range(2):
            wait_until(lambda: owner.post(path, json=wait).status_code == 200, what="the place to be free", seconds=60)
    finally:
        owner.patch("/api/v1/limits", json={"scope": "account", "limits": {"connections": None}})


async def _second_who_waits(server: Running) -> httpx.Response | None:
    """Returns the refusal of a receive that would wait beside another one, None when it may; one that does not may."""
    auth = (server.credentials["access_key_id"], server.credentials["access_key_secret"])
    path = f"{ROOT}/groups/waiters/messages:receive"
    long, short, look = ({"topics": ["waited-for"], "wait_seconds": seconds} for seconds in (20, 3, 0))
    async with httpx.AsyncClient(base_url=server.url, auth=auth, timeout=60) as client:
        first = asyncio.create_task(client.post(path, json=long))
        try:
            for _ in range(5):  # another process hears of the first within two seconds
                answer = await client.post(path, json=short)
                assert (await client.post(path, json=look)).status_code == 200
                if answer.status_code == 429:
                    return answer
        finally:
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
    return None


def test_a_connection_too_many_is_told_so(server: Running, owner: httpx.Client) -> None:
    body = {"scope": "account", "limits": {"connections": 2}}
    assert owner.patch("/api/v1/limits", json=body).status_code == 200
    try:
        with connected(server) as first, connected(server) as second:

            def third() -> bool:
                with connected(server) as client:
                    return client.ask(Ask.GET_BROKER_CLUSTER_INFO, b"").code == Reply.SYSTEM_BUSY

            def is_in(client: Client) -> bool:  # what waited over HTTP in another test counts for two seconds more
                return client.ask(Ask.GET_BROKER_CLUSTER_INFO, b"").code == Reply.SUCCESS

            wait_until(lambda: is_in(first) and is_in(second), what="both to be in", seconds=60)
            wait_until(third, what="the limit to count", seconds=60)
            assert first.ask(Ask.GET_BROKER_CLUSTER_INFO, b"").code == Reply.SUCCESS
    finally:
        owner.patch("/api/v1/limits", json={"scope": "account", "limits": {"connections": None}})
