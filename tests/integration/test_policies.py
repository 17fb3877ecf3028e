"""Policies at the doors: what a sub-account may, sees and is told, and how fast a change counts."""

import json
from typing import Any

import pytest
from django.test.utils import CaptureQueriesContext

from accounts import clock as accounts_clock
from accounts import grants, key_cache, keys, limits, members, permissions
from accounts.errors import Denied as AccountDenied
from accounts.models import AuditEntry
from brokers.catalog import access, actions
from brokers.domain.errors import Denied
from tests.integration.three_people import People


@pytest.fixture
def shop(people: People) -> People:
    for name in ("orders", "orders2", "secret"):
        actions.create_topic(people.owner.actor, people.instance, name=name, queue_count=1)
    for name in ("workers", "others"):
        actions.create_group(people.owner.actor, people.instance, name=name)
    return people


def give(people: People, *statements: dict[str, Any], name: str = "given") -> None:
    """Writes a policy and attaches it to the member."""
    text = json.dumps({"Version": "1", "Statement": list(statements)})
    grants.create_policy(people.owner.actor, name, text)
    grants.attach(people.owner.actor, name, user="mia")


def names(response: Any) -> list[str]:
    return [row["name"] for row in response.json()["items"]]


SEE = {
    "Effect": "Allow",
    "Action": ["mq:QueryInstanceBaseInfo", "mq:ListTopic", "mq:ListGroup"],
    "Resource": "acs:mq:*:*:shop",
}


def test_member_without_a_policy_may_nothing_and_is_told_why(shop: People) -> None:
    answer = shop.member.call("GET", "/instances/shop/topics/orders")
    assert answer.status_code == 403
    told = answer.json()
    assert told["action"] == "mq:QueryTopic"
    assert told["resource"] == f"acs:mq:*:{shop.owner.actor.account_id}:shop%orders"
    assert told["reason"] == "no policy allows it"
    missing = shop.member.call("GET", "/instances/shop/topics/missing").json()
    assert {**missing, "resource": "", "detail": "", "request_id": ""} == {
        **told,
        "resource": "",
        "detail": "",
        "request_id": "",
    }


def test_granted_topic_is_seen_and_no_other(shop: People) -> None:
    grants.quick_grant(shop.owner.actor, "shop", "orders", right="PUB", user="mia")
    assert names(shop.member.call("GET", "/instances")) == ["shop"]
    assert names(shop.member.call("GET", "/instances/shop/topics")) == ["orders"]
    assert names(shop.member.call("GET", "/instances/shop/groups")) == []
    assert shop.member.call("GET", "/instances/shop/topics/orders").status_code == 200
    for name in ("orders2", "secret", "missing"):
        assert shop.member.call("GET", f"/instances/shop/topics/{name}").status_code == 403
    assert shop.member.call("DELETE", "/instances/shop/topics/orders").status_code == 403
    assert names(shop.stranger.call("GET", "/instances")) == ["elsewhere"]
    assert access.may(shop.member.actor, "mq:PUB", access.resource(shop.owner.actor.account_id, "shop", "orders"))


def test_deny_beats_allow_and_names_its_statement(shop: People) -> None:
    give(
        shop,
        SEE,
        {"Effect": "Allow", "Action": "mq:*", "Resource": "acs:mq:*:*:shop%*"},
        {"Effect": "Deny", "Action": "mq:Query*", "Resource": "acs:mq:*:*:shop%secret"},
    )
    assert names(shop.member.call("GET", "/instances/shop/topics")) == ["orders", "orders2"]
    told = shop.member.call("GET", "/instances/shop/topics/secret").json()
    assert told["statement"] == {"policy": "given", "version": 1, "number": 3, "effect": "Deny", "via_group": None}


def test_a_short_page_goes_on_behind_what_is_hidden(shop: People) -> None:
    give(shop, SEE, {"Effect": "Allow", "Action": "mq:QueryTopic", "Resource": "acs:mq:*:*:shop%orders*"})
    first = shop.member.call("GET", "/instances/shop/topics?limit=1").json()
    assert [row["name"] for row in first["items"]] == ["orders"]
    second = shop.member.call("GET", f"/instances/shop/topics?limit=1&cursor={first['next']}").json()
    assert [row["name"] for row in second["items"]] == ["orders2"]
    assert second["next"] is None


def test_policies_come_through_user_groups_and_go_with_them(shop: People) -> None:
    owner = shop.owner.actor
    members.create_group(owner, "readers")
    grants.attach(owner, "ReadOnly", group="readers")
    assert shop.member.call("GET", "/instances/shop/topics/orders").status_code == 403
    members.add_to_group(owner, "readers", "mia")
    assert shop.member.call("GET", "/instances/shop/topics/orders").status_code == 200
    members.remove_from_group(owner, "readers", "mia")
    assert shop.member.call("GET", "/instances/shop/topics/orders").status_code == 403


def test_another_process_sees_a_change_within_two_seconds(shop: People) -> None:
    grants.attach(shop.owner.actor, "FullAccess", user="mia")
    named = access.resource(shop.owner.actor.account_id, "shop", "orders")
    assert access.may(shop.member.actor, "mq:PUB", named)
    age = key_cache._compared_at
    grants.detach(shop.owner.actor, "FullAccess", user="mia")
    key_cache._compared_at = age  # as in a process that did not make the change itself
    with accounts_clock.travel(limits.KEY_STALE_SECONDS):
        assert permissions.peek(shop.member.actor, "mq:PUB", named) is None  # too old to be trusted unasked
        assert not access.may(shop.member.actor, "mq:PUB", named)


def test_a_warm_check_asks_nothing_of_the_database(shop: People) -> None:
    from django.db import connection

    grants.attach(shop.owner.actor, "FullAccess", user="mia")
    named = access.resource(shop.owner.actor.account_id, "shop", "orders")
    access.check(shop.member.actor, "mq:PUB", named)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        access.check(shop.member.actor, "mq:PUB", named)
        assert access.is_settled(shop.member.actor, "mq:PUB", named)
    assert len(asked) == 0


def test_same_denial_is_written_once_a_minute_also_inside_a_transaction(shop: People, redis_client: Any) -> None:
    for _ in range(3):
        shop.member.call("POST", "/instances/shop/topics", {"name": "mine"}, Idempotency_Key="k")
    rows = AuditEntry.objects.filter(outcome="refused")
    assert rows.count() == 1
    row = rows.get()
    assert (row.actor.split()[0], row.source_ip) == ("mia@acme", "127.0.0.1")
    assert row.detail["reason"] == "no policy allows it"


def test_root_cannot_be_limited_and_stays_in_its_account(shop: People) -> None:
    with pytest.raises(Exception, match="root user"):
        grants.attach(shop.owner.actor, "ReadOnly", user="root")
    with pytest.raises(Denied):
        access.check(shop.owner.actor, "mq:PUB", f"acs:mq:*:{shop.stranger.actor.account_id}:elsewhere%x")


def test_administrator_grants_only_what_it_holds(shop: People) -> None:
    owner, mia = shop.owner.actor, shop.member.actor
    give(
        shop,
        {"Effect": "Allow", "Action": "ram:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "mq:*", "Resource": "acs:mq:*:*:shop%orders*"},
    )
    members.create_user(mia, "bob", password=None)
    for refused in ("FullAccess", "PubOnly", "ReadOnly"):
        with pytest.raises(AccountDenied, match="more than you hold"):
            grants.attach(mia, refused, user="bob")
        with pytest.raises(AccountDenied, match="more than you hold"):
            grants.attach(mia, refused, user="mia")
    narrow = {"Effect": "Allow", "Action": "mq:PUB", "Resource": f"acs:mq:*:{mia.account_id}:shop%orders"}
    grants.create_policy(mia, "narrow", json.dumps({"Version": "1", "Statement": narrow}))
    grants.attach(mia, "narrow", user="bob")
    with pytest.raises(AccountDenied, match="more than you hold"):
        grants.add_version(mia, "narrow", json.dumps({"Version": "1", "Statement": {**narrow, "Resource": "*"}}))
    # Nor through the credentials of somebody who may more, nor through root.
    members.create_user(owner, "boss", password=None)
    grants.attach(owner, "FullAccess", user="boss")
    with pytest.raises(AccountDenied, match="more than you hold"):
        members.create_key(mia, "boss")
    with pytest.raises(Exception, match="root user"):
        members.create_key(mia, "root")


def test_administrator_does_not_lift_a_deny(shop: People) -> None:
    give(shop, {"Effect": "Allow", "Action": "*", "Resource": "*"})
    give(shop, {"Effect": "Deny", "Action": "mq:DeleteTopic", "Resource": "*"}, name="brake")
    with pytest.raises(AccountDenied, match="lift a deny"):
        grants.detach(shop.member.actor, "brake", user="mia")
    with pytest.raises(AccountDenied, match="lift a deny"):
        grants.add_version(
            shop.member.actor,
            "brake",
            '{"Version": "1", "Statement": {"Effect": "Allow", "Action": "mq:PUB", "Resource": "*"}}',
        )


def test_people_of_another_account_do_not_exist(shop: People) -> None:
    for change in (
        lambda: members.user(shop.stranger.actor, "mia"),
        lambda: grants.attach(shop.stranger.actor, "FullAccess", user="mia"),
        lambda: members.delete_user(shop.stranger.actor, "mia"),
    ):
        with pytest.raises(Exception, match="There is no user 'mia' in your account"):
            change()


def test_five_versions_are_kept_and_an_older_one_can_count_again(shop: People) -> None:
    owner = shop.owner.actor
    text = '{"Version": "1", "Statement": {"Effect": "Allow", "Action": "mq:PUB", "Resource": "acs:mq:*:*:shop%%%s"}}'
    made = grants.create_policy(owner, "p", text % "t1")
    for number in range(2, 8):
        assert grants.add_version(owner, "p", text % f"t{number}").number == number
    assert [version.number for version in grants.versions(made)] == [7, 6, 5, 4, 3]
    assert grants.set_default(owner, "p", 3).default_number == 3
    assert grants.add_version(owner, "p", text % "t8").number == 8


def test_deleted_user_loses_its_keys(shop: People) -> None:
    key_id = shop.member.key.key_id
    members.delete_user(shop.owner.actor, "mia")
    assert keys.lookup(key_id) is None
    assert shop.member.call("GET", "/whoami").status_code == 401
