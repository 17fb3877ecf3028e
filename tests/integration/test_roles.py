"""Roles: taken on by those they trust, for a while, in their own account or another, and named in the audit."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts import clock, grants, key_cache, roles
from accounts.errors import Denied, NotFound, Rejected
from accounts.models import AuditEntry
from brokers.catalog import actions
from tests.integration import three_people
from tests.integration.three_people import People


@pytest.fixture
def shop(people: People) -> People:
    actions.create_topic(people.owner.actor, people.instance, name="orders", queue_count=1)
    roles.create(people.owner.actor, "support", max_seconds=3600)
    grants.attach(people.owner.actor, "ReadOnly", role="support")
    return people


def basic(answer: Any) -> dict[str, str]:
    import base64

    made = answer.json()
    pair = f"{made['access_key_id']}:{made['secret']}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def test_a_trusted_stranger_acts_in_the_role_and_in_nothing_else(shop: People) -> None:
    roles.trust(shop.owner.actor, "support", "root@rival")
    refused = shop.member.call("POST", "/roles/support:assume", {"account": "acme"})
    assert refused.status_code == 404
    assert [row["name"] for row in shop.stranger.call("GET", "/role-offers").json()["items"]] == ["support"]
    assumed = shop.stranger.call("POST", "/roles/support:assume", {"account": "acme", "reason": "ticket 7"})
    assert assumed.status_code == 201
    who = basic(assumed)
    seen = three_people.call("GET", "/instances", **who).json()["items"]
    assert [row["name"] for row in seen] == ["shop"]
    assert three_people.call("GET", "/instances/shop/topics/orders", **who).status_code == 200
    assert three_people.call("DELETE", "/instances/shop/topics/orders", **who).status_code == 403
    assert three_people.call("GET", "/instances/elsewhere", **who).status_code in {403, 404}
    for method, path in (("GET", "/access-keys"), ("POST", "/access-keys"), ("GET", "/role-offers")):
        assert three_people.call(method, path, None, **who).status_code == 403
    begun = AuditEntry.objects.get(action="ram:AssumeRole")
    assert (begun.account_id, begun.actor) == (shop.owner.actor.account_id, "root@rival")
    assert begun.detail["reason"] == "ticket 7"
    refusal = AuditEntry.objects.get(action="mq:DeleteTopic", outcome="refused")
    assert refusal.account_id == shop.owner.actor.account_id
    assert refusal.actor == f"root@rival as role/support@acme ({assumed.json()['access_key_id']})"


def test_a_role_ends_by_itself(shop: People) -> None:
    roles.trust(shop.owner.actor, "support", "mia")
    who = basic(shop.member.call("POST", "/roles/support:assume", {"seconds": 60}))
    assert three_people.call("GET", "/instances/shop/topics/orders", **who).status_code == 200
    with clock.freeze(clock.now() + timedelta(seconds=61)):
        over = three_people.call("GET", "/instances/shop/topics/orders", **who)
        assert (over.status_code, over.json()["code"]) == (401, "ACCESS_KEY_DISABLED")
        key_cache.forget()
        assert three_people.call("GET", "/instances/shop/topics/orders", **who).status_code == 401


@pytest.mark.parametrize("how", ["revoke", "distrust", "delete", "detach"])
def test_a_role_is_taken_back_at_once(shop: People, how: str) -> None:
    roles.trust(shop.owner.actor, "support", "mia")
    assumed = shop.member.call("POST", "/roles/support:assume", {})
    who = basic(assumed)
    assert three_people.call("GET", "/instances/shop/topics/orders", **who).status_code == 200
    owner = shop.owner
    answer = {
        "revoke": lambda: owner.call("POST", f"/roles/support/sessions/{assumed.json()['id']}:revoke"),
        "distrust": lambda: owner.call("POST", "/roles/support:distrust", {"login": "mia@acme"}),
        "delete": lambda: owner.call("DELETE", "/roles/support"),
        "detach": lambda: owner.call("POST", "/policies/ReadOnly:detach", {"role": "support"}),
    }[how]()
    assert answer.status_code in {200, 204}
    assert three_people.call("GET", "/instances/shop/topics/orders", **who).status_code in {401, 403}


def test_nobody_trusts_with_more_than_they_hold(shop: People) -> None:
    text = '{"Version": "1", "Statement": {"Effect": "Allow", "Action": "ram:*", "Resource": "*"}}'
    grants.create_policy(shop.owner.actor, "people", text)
    grants.attach(shop.owner.actor, "people", user="mia")
    with pytest.raises(Denied, match="more than you hold"):
        roles.trust(shop.member.actor, "support", "mia")
    with pytest.raises(Denied, match="more than you hold"):
        grants.attach(shop.member.actor, "FullAccess", role="support")
    with pytest.raises(NotFound):
        roles.trust(shop.stranger.actor, "support", "root@rival")


def test_times_and_names_have_bounds_and_missing_people_are_not_told(shop: People) -> None:
    roles.trust(shop.owner.actor, "support", "mia")
    for seconds in (59, 3601):
        with pytest.raises(Rejected):
            roles.assume(shop.member.user, "acme", "support", seconds=seconds, reason="", source_ip="", with_key=False)
    with pytest.raises(Rejected):
        roles.create(shop.owner.actor, "x", max_seconds=10)
    there = shop.owner.call("POST", "/roles/support:trust", {"login": "root@rival"})
    missing = shop.owner.call("POST", "/roles/support:trust", {"login": "nobody@rival"})
    assert there.status_code == missing.status_code == 200


def test_the_console_acts_in_a_role_until_it_is_left(shop: People) -> None:
    roles.trust(shop.owner.actor, "support", "root@rival")
    browser = Client()
    browser.force_login(shop.stranger.user)
    assert "support" in browser.get("/act-in-a-role").content.decode()
    taken = browser.post("/act-in-a-role", {"account": "acme", "role": "support", "minutes": "15"})
    assert taken.status_code == 302
    shown = browser.get("/i/shop/topics").content.decode()
    assert "orders" in shown
    assert "Be yourself again" in shown
    assert browser.get("/i/elsewhere/topics").status_code in {403, 404}
    assert browser.get("/keys").status_code == 403
    assert browser.get("/act-in-a-role").status_code == 403
    assert browser.post("/i/shop/topics/orders/delete", {"confirm": "orders"}).status_code == 403
    assert browser.get("/api/v1/instances/shop/topics/orders").status_code == 200
    browser.post("/act-as-yourself")
    assert browser.get("/i/shop/topics").status_code in {403, 404}
    assert browser.get("/i/elsewhere/topics").status_code == 200
    left = AuditEntry.objects.get(action="ram:LeaveRole")
    assert left.actor == "root@rival as role/support@acme"


def test_a_revoked_role_is_over_on_the_next_page(shop: People) -> None:
    roles.trust(shop.owner.actor, "support", "root@rival")
    browser = Client()
    browser.force_login(shop.stranger.user)
    browser.post("/act-in-a-role", {"account": "acme", "role": "support", "minutes": "15"})
    admin = Client()
    admin.force_login(shop.owner.user)
    (session,) = roles.sessions(shop.owner.actor, "support")
    assert "root@rival" in admin.get("/roles/support").content.decode()
    assert admin.post(f"/roles/support/sessions/{session.pk}/revoke").status_code == 302
    assert browser.get("/api/v1/whoami").status_code == 401
    assert browser.get("/i/shop/topics").status_code in {403, 404}
    assert browser.get("/i/elsewhere/topics").status_code == 200


def test_only_people_of_other_accounts_may_be_trusted_unseen(shop: People) -> None:
    with pytest.raises(NotFound, match="no user 'miaa'"):
        roles.trust(shop.owner.actor, "support", "miaa")
    found = roles.trust(shop.owner.actor, "support", "nobody@rival")
    assert [one.login for one in found.trusts.all()] == ["nobody@rival"]
