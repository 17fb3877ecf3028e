"""RocketMQ's access lists through the remoting door: what they allow, and that they are read back as written."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from brokers.protocols.remoting.admin_codes import Manage
from brokers.protocols.remoting.codes import Ask, Reply
from brokers.protocols.remoting.frames import Command
from tests.integration.test_remoting_admin import sign
from tests.integration.test_remoting_door import Client, connected
from tests.stack import Running, wait_until

NAME = "lea"
SUBJECT = f"User:{NAME}"


@pytest.fixture
def owner(server: Running) -> Iterator[httpx.Client]:
    given = server.credentials
    key = (given["access_key_id"], given["access_key_secret"])
    with httpx.Client(base_url=server.url, auth=key, timeout=60) as client:
        yield client


@pytest.fixture
def key(server: Running, owner: httpx.Client) -> Iterator[dict[str, str]]:
    """The key of a sub-account that may do nothing yet."""
    for topic in ("acl-in", "acl-out"):
        owner.post("/api/v1/instances/default/topics", json={"name": topic})
    assert owner.post("/api/v1/users", json={"name": NAME}).status_code == 201
    yield owner.post(f"/api/v1/users/{NAME}/access-keys", json={}).json()
    with connected(server) as client:
        client.ask(Manage.AUTH_DELETE_ACL, subject=SUBJECT)
    assert owner.delete(f"/api/v1/users/{NAME}").status_code == 204


def entry(resource: str, *actions: str, decision: str = "Allow", ips: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"resource": resource, "actions": list(actions), "sourceIps": list(ips), "decision": decision}


def save(client: Client, *entries: dict[str, Any], code: Manage = Manage.AUTH_CREATE_ACL) -> Command:
    body = json.dumps({"subject": SUBJECT, "policies": [{"policyType": "Custom", "entries": entries}]}).encode()
    return client.ask(code, body, subject=SUBJECT)


def entries(client: Client) -> list[dict[str, Any]]:
    answer = client.ask(Manage.AUTH_GET_ACL, subject=SUBJECT)
    assert answer.code == Reply.SUCCESS, answer
    if not answer.body:
        return []
    told = json.loads(answer.body)
    assert told["subject"] == SUBJECT
    (policy,) = told["policies"]
    found: list[dict[str, Any]] = policy["entries"]
    return found


def route_code(client: Client, key: dict[str, str], topic: str) -> int:
    return client.ask(Ask.GET_ROUTEINFO_BY_TOPIC, b"", **sign(key, {"topic": topic}, b"")).code


def test_a_list_gives_what_it_says_and_takes_it_back(server: Running, key: dict[str, str]) -> None:
    with connected(server) as client:
        assert entries(client) == []
        assert route_code(client, key, "acl-in") == Reply.NO_PERMISSION
        written = [entry("Topic:acl-in", "Pub", "Get", ips=("127.0.0.0/8",)), entry("Group:acl-g", "Sub")]
        assert save(client, *written).code == Reply.SUCCESS
        assert entries(client) == written
        wait_until(lambda: route_code(client, key, "acl-in") == Reply.SUCCESS, what="the right to count")
        assert route_code(client, key, "acl-out") == Reply.NO_PERMISSION
        # What is written about a resource takes the place of what was; the rest stays.
        deny = entry("Topic:acl-in", "Pub", "Sub", "Get", decision="Deny")
        assert save(client, deny, code=Manage.AUTH_UPDATE_ACL).code == Reply.SUCCESS
        assert entries(client) == [written[1], deny]
        wait_until(lambda: route_code(client, key, "acl-in") == Reply.NO_PERMISSION, what="the deny to count")
        gone = client.ask(Manage.AUTH_DELETE_ACL, subject=SUBJECT, resource="Topic:acl-in")
        assert gone.code == Reply.SUCCESS and entries(client) == [written[1]]
        again = client.ask(Manage.AUTH_DELETE_ACL, subject=SUBJECT, resource="Topic:acl-in")
        assert again.code == Reply.POLICY_NOT_EXIST
        assert client.ask(Manage.AUTH_DELETE_ACL, subject=SUBJECT).code == Reply.SUCCESS
        assert entries(client) == []


def test_lists_are_found_by_what_is_in_them(server: Running, key: dict[str, str]) -> None:
    with connected(server) as client:
        assert save(client, entry("*", "All"), entry("Group:acl-*", "Get", "List")).code == Reply.SUCCESS

        def listed(**filters: str) -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = json.loads(client.ask(Manage.AUTH_LIST_ACL, b"", **filters).body)
            return [one for one in found if one["subject"] == SUBJECT]

        (everything,) = listed()
        assert [one["resource"] for one in everything["policies"][0]["entries"]] == ["*", "Group:acl-*"]
        assert everything["policies"][0]["entries"][0]["actions"] == ["Pub", "Sub", "Create", "Update", "Delete", "Get"]
        (some,) = listed(subjectFilter="lea", resourceFilter="Group")
        assert [one["resource"] for one in some["policies"][0]["entries"]] == ["Group:acl-*"]
        assert listed(resourceFilter="Topic:") == listed(subjectFilter="nobody") == []


@pytest.mark.parametrize(
    "wrong",
    [
        entry("Topic:acl-*", "Sub"),  # of one name, a topic and a group share it
        entry("Cluster:*", "Get"),
        entry("Topic:a?c", "Pub"),
        entry("Topic:", "Pub"),
        entry("Group:acl-g", "Pub"),  # nobody sends to a group
        entry("Topic:acl-in", "Any"),
        entry("Topic:acl-in", "Pub", decision="Maybe"),
        entry("Topic:acl-in", "Pub", ips=("300.1.1.1",)),
        {"resource": "Topic:acl-in", "actions": "Pub", "decision": "Allow"},
        {},
    ],
)
def test_what_has_no_meaning_here_is_refused_with_words(
    server: Running, key: dict[str, str], wrong: dict[str, Any]
) -> None:
    with connected(server) as client:
        answer = save(client, wrong)
        assert answer.code == Reply.INVALID_PARAMETER and answer.remark, answer
        assert entries(client) == []


def test_nobody_and_what_a_person_rewrote_are_left_alone(
    server: Running, owner: httpx.Client, key: dict[str, str]
) -> None:
    with connected(server) as client:
        assert client.ask(Manage.AUTH_GET_ACL, subject="User:nobody").code == Reply.USER_NOT_EXIST
        assert client.ask(Manage.AUTH_DELETE_ACL, subject="User:nobody").code == Reply.USER_NOT_EXIST
        assert client.ask(Manage.AUTH_GET_ACL, subject="nobody").code == Reply.INVALID_PARAMETER
        assert save(client, entry("Topic:acl-in", "Pub")).code == Reply.SUCCESS
        document = {
            "Version": "1",
            "Statement": {
                "Effect": "Allow",
                "Action": "mq:PUB",
                "Resource": "acs:mq:*:*:default%acl-in",
                "Condition": {"Bool": {"acs:MFAPresent": "true"}},
            },
        }
        made = owner.post(f"/api/v1/policies/acl-user-{NAME}/versions", json={"document": document})
        assert made.status_code == 201, made.text
        answer = client.ask(Manage.AUTH_GET_ACL, subject=SUBJECT)
        assert answer.code == Reply.INVALID_PARAMETER and "console" in str(answer.remark)
        assert save(client, entry("Topic:acl-in", "Pub")).code == Reply.INVALID_PARAMETER
