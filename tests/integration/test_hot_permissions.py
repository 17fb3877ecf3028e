"""The hot door of a running server: exactly what was granted, and nothing two seconds after it was taken away."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests import tempo
from tests.stack import Running, wait_until

ROOT = "/api/v1/instances/default"


@pytest.fixture
def owner(server: Running) -> Iterator[httpx.Client]:
    auth = (server.credentials["access_key_id"], server.credentials["access_key_secret"])
    with httpx.Client(base_url=server.url, auth=auth, timeout=120) as client:
        for kind, name in (("topics", "hot-a"), ("topics", "hot-b"), ("groups", "hot-g")):
            assert client.post(f"{ROOT}/{kind}", json={"name": name}).status_code in {201, 409}
        yield client


@pytest.fixture
def member(server: Running, owner: httpx.Client) -> Iterator[httpx.Client]:
    assert owner.post("/api/v1/users", json={"name": "hot"}).status_code == 201
    made = owner.post("/api/v1/users/hot/access-keys", json={}).json()
    with httpx.Client(base_url=server.url, auth=(made["id"], made["secret"]), timeout=120) as client:
        yield client
    owner.delete("/api/v1/users/hot")
    owner.delete("/api/v1/policies/grants-user-hot")


def grant(owner: httpx.Client, name: str, right: str) -> None:
    assert owner.post(f"{ROOT}/grants", json={"name": name, "right": right, "user": "hot"}).status_code == 200


def send(client: httpx.Client, topic: str) -> httpx.Response:
    return client.post(f"{ROOT}/topics/{topic}/messages", json={"body": "x"})


def receive(client: httpx.Client, *, wait: int = 0) -> httpx.Response:
    body = {"topics": ["hot-a"], "wait_seconds": wait, "invisible_seconds": 10}
    return client.post(f"{ROOT}/groups/hot-g/messages:receive", json=body)


def test_sending_needs_pub_on_that_topic(owner: httpx.Client, member: httpx.Client) -> None:
    refused = send(member, "hot-a")
    assert refused.status_code == 403
    assert (refused.json()["action"], refused.json()["reason"]) == ("mq:PUB", "no policy allows it")
    missing = send(member, "no-such-topic")
    assert missing.status_code == 403
    grant(owner, "hot-a", "PUB")
    wait_until(lambda: send(member, "hot-a").status_code == 201, what="the grant to count")
    assert send(member, "hot-b").status_code == 403


def test_consuming_needs_sub_on_topic_and_group(owner: httpx.Client, member: httpx.Client) -> None:
    grant(owner, "hot-a", "SUB")
    grant(owner, "hot-b", "PUB")
    wait_until(lambda: send(member, "hot-b").status_code == 201, what="both grants to count")
    assert receive(member).status_code == 403
    grant(owner, "hot-g", "SUB")
    wait_until(lambda: receive(member).status_code == 200, what="the grant on the group to count")


def test_revocation_reaches_the_hot_door_in_two_seconds_and_a_parked_receive(
    owner: httpx.Client, member: httpx.Client
) -> None:
    for name, right in (("hot-a", "PUB|SUB"), ("hot-g", "SUB")):
        grant(owner, name, right)
    wait_until(lambda: receive(member).status_code == 200, what="the grants to count")
    while receive(owner).json()["messages"]:
        pass
    assert owner.post("/api/v1/policies/grants-user-hot:detach", json={"user": "hot"}).status_code == 204
    with tempo.watch() as watch:
        wait_until(lambda: send(member, "hot-a").status_code == 403, what="the revocation")
        assert watch.seconds() <= 2.2  # two seconds, and one request
    assert receive(member, wait=1).status_code == 403


def test_a_receive_that_waits_while_its_right_goes_gets_no_message(owner: httpx.Client, member: httpx.Client) -> None:
    for name in ("hot-a", "hot-g"):
        grant(owner, name, "SUB")
    wait_until(lambda: receive(member).status_code == 200, what="the grants to count")
    while receive(owner).json()["messages"]:
        pass
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(receive, member, wait=30)
        assert owner.post("/api/v1/policies/grants-user-hot:detach", json={"user": "hot"}).status_code == 204
        wait_until(lambda: send(member, "hot-a").status_code == 403, what="the revocation")
        wait_until(lambda: receive(member).status_code == 403, what="the revocation")
        assert send(owner, "hot-a").status_code == 201
        assert waiting.result(timeout=120).status_code == 403
