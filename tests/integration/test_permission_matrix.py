"""Every operation of the API × everybody who may ask: enumerated from the OpenAPI document, expected by a second judge.

A new operation without a row in `ROWS` fails. What must be allowed is judged by `tests.unit.policies.naive`, never by
the product's own code.
"""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from accounts import grants, members, roles
from brokers.api import hot_schema, schema
from brokers.catalog import actions, producers, snapshot
from brokers.domain.messages import Outgoing
from brokers.engine import transactions
from tests.integration.three_people import People, Person
from tests.unit.policies import naive

SHOP, TOPIC, GROUP = "mq:shop", "mq:shop%orders", "mq:shop%workers"
EVERYONE, USER = "ram:*", "ram:user/ben"
DOCUMENT = {"Version": "1", "Statement": {"Effect": "Allow", "Action": "mq:PUB", "Resource": "acs:mq:*:*:shop%orders"}}
BASE = ("mq:QueryInstanceBaseInfo", SHOP)
# Served before Django; `test_hot_permissions` asks them of a running server.
HOT = hot_schema.OPERATION_IDS
# About the caller alone, or empty for whoever may see nothing.
OPEN = {
    "whoami", "listAccessKeys", "createAccessKey", "getAccessKey", "updateAccessKey", "deleteAccessKey",
    "listInstances", "listRoleOffers", "assumeRole", "rotateAccessKey",
    "getAccount", "listSessions", "endSessions", "endSession",
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """What an operation needs, the first being the one it is about; a body it takes; what a stranger hears."""

    needs: list[tuple[str, str]]
    body: Any = None
    query: str = ""
    stranger: set[int] = field(default_factory=lambda: {404})


ROWS: dict[str, Row] = {
    "createInstance": Row([("mq:CreateInstance", "mq:fresh")], {"name": "fresh"}, stranger={201}),
    "getInstance": Row([BASE]),
    "updateInstance": Row([("mq:UpdateInstance", SHOP)], {"remark": "x"}),
    "deleteInstance": Row([("mq:DeleteInstance", SHOP)]),
    "listTopics": Row([("mq:ListTopic", SHOP)]),
    "createTopic": Row([("mq:CreateTopic", "mq:shop%fresh"), BASE], {"name": "fresh"}),
    "getTopic": Row([("mq:QueryTopic", TOPIC)]),
    "updateTopic": Row([("mq:UpdateTopic", TOPIC)], {"remark": "x"}),
    "deleteTopic": Row([("mq:DeleteTopic", TOPIC)]),
    "recallMessage": Row([("mq:PUB", TOPIC)]),
    "listGroups": Row([("mq:ListGroup", SHOP)]),
    "createGroup": Row([("mq:CreateGroup", "mq:shop%fresh"), BASE], {"name": "fresh"}),
    "getGroup": Row([("mq:QueryGroup", GROUP)]),
    "updateGroup": Row([("mq:UpdateGroup", GROUP)], {"remark": "x"}),
    "deleteGroup": Row([("mq:DeleteGroup", GROUP)]),
    "getOffsets": Row([("mq:QueryConsumerOffset", GROUP)]),
    "resetOffsets": Row(
        [("mq:ResetConsumerOffset", GROUP), ("mq:ResetConsumerOffset", TOPIC)],
        {"topic": "orders", "to": "earliest", "dry_run": True},
    ),
    "listDeadLetters": Row([("mq:QueryDLQMessage", GROUP)]),
    "countDeadLetters": Row([("mq:QueryDLQMessage", GROUP)]),
    "getDeadLetter": Row([("mq:QueryDLQMessage", GROUP)]),
    "redriveDeadLetters": Row([("mq:Resend", GROUP)], {"filter": {}, "dry_run": True}),
    "searchMessages": Row([("mq:QueryMessage", TOPIC), BASE], query="?topic=orders"),
    "getMessage": Row([BASE]),
    "listAudit": Row([("mq:QueryAudit", "mq:*")], stranger={200}),
    "exportAudit": Row([("mq:QueryAudit", "mq:*")], stranger={200}),
    "listUnusedRights": Row([("ram:ListUnusedRights", EVERYONE)], stranger={200}),
    "listRoles": Row([("ram:ListRoles", EVERYONE)], stranger={200}),
    "createRole": Row([("ram:CreateRole", "ram:role/fresh")], {"name": "fresh"}, stranger={201}),
    "getRole": Row([("ram:GetRole", "ram:role/helper")]),
    "deleteRole": Row([("ram:DeleteRole", "ram:role/helper")]),
    "trustWithRole": Row([("ram:UpdateRole", "ram:role/helper")], {"login": "ben"}),
    "distrustWithRole": Row([("ram:UpdateRole", "ram:role/helper")], {"login": "ben@acme"}),
    "listRoleSessions": Row([("ram:GetRole", "ram:role/helper")]),
    "revokeRoleSession": Row([("ram:UpdateRole", "ram:role/helper")]),
    "listLimits": Row([("mq:QueryLimits", "mq:*")], stranger={200}),
    "updateLimits": Row(
        [("mq:UpdateLimits", SHOP), ("mq:QueryLimits", "mq:*")],
        {"scope": "instance", "target": "shop", "limits": {"topics": 50}},
    ),
    "listOperations": Row([BASE]),
    "getOperation": Row([("mq:QueryOperation", SHOP)]),
    "listOperationEntries": Row([("mq:QueryOperation", SHOP)]),
    "pauseOperation": Row([("mq:Resend", SHOP)]),
    "resumeOperation": Row([("mq:Resend", SHOP)]),
    "cancelOperation": Row([("mq:Resend", SHOP)]),
    "listTransactions": Row([("mq:QueryMessage", TOPIC), BASE], query="?topic=orders"),
    "getTransaction": Row([("mq:QueryMessage", TOPIC), BASE]),
    "checkTransaction": Row([("mq:PUB", TOPIC)]),
    "listProducerGroups": Row([BASE]),
    "getProducerGroup": Row([("mq:QueryProducerGroup", "mq:shop%makers")]),
    "updateProducerGroup": Row([("mq:UpdateProducerGroup", "mq:shop%makers"), BASE], {"max_checks": 3}),
    "deleteProducerGroup": Row([("mq:DeleteProducerGroup", "mq:shop%makers")]),
    "listUsers": Row([("ram:ListUsers", EVERYONE)], stranger={200}),
    "createUser": Row([("ram:CreateUser", "ram:user/fresh")], {"name": "fresh"}, stranger={201}),
    "getUser": Row([("ram:GetUser", USER)]),
    "updateUser": Row([("ram:UpdateUser", USER), ("ram:GetUser", USER)], {"active": False}),
    "deleteUser": Row([("ram:DeleteUser", USER)]),
    "updateAccount": Row([("ram:SetSecurityPreference", EVERYONE)], {"requires_second_factor": False}, stranger={200}),
    "listUserSessions": Row([("ram:ListSessions", USER)]),
    "endUserSessions": Row([("ram:EndSessions", USER)]),
    "endUserSession": Row([("ram:EndSessions", USER)]),
    "deleteUserSecondFactors": Row([("ram:UnbindMFADevice", USER)]),
    "getUserInvitation": Row([("ram:GetUser", USER)]),
    "createUserInvitation": Row([("ram:UpdateLoginProfile", USER)]),
    "deleteUserInvitation": Row([("ram:UpdateLoginProfile", USER)]),
    "listUserAccessKeys": Row([("ram:GetUser", USER)]),
    "createUserAccessKey": Row([("ram:CreateAccessKey", USER)], {}),
    "updateUserAccessKey": Row([("ram:UpdateAccessKey", USER)], {"enabled": False}),
    "deleteUserAccessKey": Row([("ram:DeleteAccessKey", USER)]),
    "listUserGroups": Row([("ram:ListGroups", EVERYONE)], stranger={200}),
    "createUserGroup": Row([("ram:CreateGroup", "ram:group/fresh")], {"name": "fresh"}, stranger={201}),
    "getUserGroup": Row([("ram:GetGroup", "ram:group/team")]),
    "deleteUserGroup": Row([("ram:DeleteGroup", "ram:group/team")]),
    "addUserToGroup": Row([("ram:AddUserToGroup", "ram:group/team")], {"user": "ben"}),
    "removeUserFromGroup": Row([("ram:RemoveUserFromGroup", "ram:group/team")]),
    "listPolicies": Row([("ram:ListPolicies", EVERYONE)], stranger={200}),
    "createPolicy": Row(
        [("ram:CreatePolicy", "ram:policy/fresh")], {"name": "fresh", "document": DOCUMENT}, stranger={201}
    ),
    "getPolicy": Row([("ram:GetPolicy", "ram:policy/idle")]),
    "deletePolicy": Row([("ram:DeletePolicy", "ram:policy/idle")]),
    "createPolicyVersion": Row([("ram:CreatePolicyVersion", "ram:policy/idle")], {"document": DOCUMENT}),
    "setDefaultPolicyVersion": Row([("ram:CreatePolicyVersion", "ram:policy/idle")]),
    "attachPolicy": Row([("ram:AttachPolicy", "ram:policy/idle"), ("mq:PUB", TOPIC)], {"user": "ben"}),
    "detachPolicy": Row([("ram:DetachPolicy", "ram:policy/idle")], {"user": "ben"}),
    "simulatePolicy": Row(
        [("ram:SimulatePolicy", EVERYONE), ("ram:GetUser", USER)],
        {"user": "ben", "action": "mq:PUB", "resource": "acs:mq:*:*:shop%orders"},
    ),
    "grant": Row(
        [
            ("ram:CreatePolicy", "ram:policy/grants-user-ben"),
            ("ram:AttachPolicy", "ram:policy/grants-user-ben"),
            ("ram:GetPolicy", "ram:policy/grants-user-ben"),
            ("mq:PUB", TOPIC),
            ("mq:QueryTopic", TOPIC),
            ("mq:ListTopic", SHOP),
            ("mq:ListGroup", SHOP),
            BASE,
        ],
        {"name": "orders", "right": "PUB", "user": "ben"},
    ),
}
NAMES = {
    "instance": "shop", "topic": "orders", "group": "workers", "operation": "1", "number": "1", "user": "ben",
    "policy": "idle", "role": "helper", "message": "0" * 32, "session": "0" * 16,
}  # fmt: skip


def operations() -> dict[str, tuple[str, str]]:
    """Returns (method, path) of each operation by its id."""
    paths = schema.document()["paths"].items()
    return {op["operationId"]: (method.upper(), path) for path, found in paths for method, op in found.items()}


def test_every_operation_has_a_row() -> None:
    assert set(ROWS) | HOT | OPEN == set(operations())


@pytest.mark.parametrize("name", list(ROWS))
def test_operation_answers_each_person_as_the_second_judge_says(people: People, name: str) -> None:
    row = ROWS[name]
    method, path = operations()[name]
    path = fill(people, path) + row.query
    account_id = people.owner.actor.account_id
    needed = [(action, full(resource, account_id)) for action, resource in row.needs]
    exact = [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in needed]
    deny = {"Effect": "Deny", "Action": needed[0][0], "Resource": needed[0][1]}
    assert people.stranger.call(method, path, row.body).status_code in row.stranger
    for statements in ([], [*exact, deny], exact):
        held = [json.dumps({"Version": "1", "Statement": statements})] if statements else []
        expected = all(is_allowed(held, *one) for one in needed)
        assert expected is (statements == exact)
        hold(people, held)
        answer = people.member.call(method, path, row.body)
        assert (answer.status_code == 403) is not expected, (statements, answer.content)
        if not expected:
            assert answer.json()["code"] == "ACCESS_DENIED"
            assert {"action", "resource", "reason"} <= set(answer.json())
    assert people.owner.call(method, path, row.body).status_code != 403


def is_allowed(held: list[str], action: str, resource: str) -> bool:
    return naive.judge(held, action, resource, request={}) == "allowed"


def hold(people: People, documents: list[str]) -> None:
    """Makes these the policies of the member."""
    owner = people.owner.actor
    for row in people.member.user.attachments.select_related("policy"):
        grants.detach(owner, row.policy_name, user="mia")
        grants.delete_policy(owner, row.policy_name)
    for number, document in enumerate(documents):
        grants.create_policy(owner, f"held-{number}", document)
        grants.attach(owner, f"held-{number}", user="mia")


def full(resource: str, account_id: int) -> str:
    service, _colon, rest = resource.partition(":")
    return f"acs:{service}:*:{account_id}:{rest}"


def fill(people: People, path: str) -> str:
    """Returns the path with names of things that exist, made here."""
    owner = people.owner.actor
    actions.create_topic(owner, people.instance, name="orders", queue_count=1)
    actions.create_group(owner, people.instance, name="workers")
    members.create_user(owner, "ben", password=None)
    key, _secret = members.create_key(owner, "ben")
    members.create_group(owner, "team")
    roles.create(owner, "helper", max_seconds=60)
    roles.trust(owner, "helper", "ben")
    grants.create_policy(owner, "idle", json.dumps(DOCUMENT))
    names = {**NAMES, "key": key.key_id, "transaction": "1-1-00000000"}
    if "transactions" in path or "producer-groups" in path:
        names |= {"group": "makers", "transaction": half_message(people)}
    if path.startswith("/user-groups"):
        names["group"] = "team"
    return path.format(**names)


def half_message(people: People) -> str:
    """Returns the id of a transaction of `orders`, by the producer group `makers`."""
    account_id = people.owner.actor.account_id
    topic, group = snapshot.topic(account_id, "shop", "orders"), producers.ensure(account_id, "shop", "makers")
    message = Outgoing(body=b"half", message_id="0" * 32)
    (result,) = transactions.prepare([transactions.Half(topic, message, group, is_typed=False)])
    assert isinstance(result, transactions.Prepared)
    return str(result.id)


def test_a_second_tenant_is_nowhere(people: People) -> None:
    """The stranger's lists hold nothing of the owner's, and the other way round."""
    fill(people, "")
    for person, foreign in (
        (people.stranger, ("shop", "ben", "idle", "team", "helper")),
        (people.owner, ("elsewhere",)),
    ):
        for path in ("/instances", "/users", "/user-groups", "/policies"):
            text = _text(person, path)
            assert not any(f'"{name}"' in text for name in foreign), (path, text)


def _text(person: Person, path: str) -> str:
    return str(person.call("GET", path).content.decode())
