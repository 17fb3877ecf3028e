"""The pages of users, user groups, policies and grants: from creation to revocation, for three people."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest

from accounts import clock, grants
from accounts.models import AccessKey, AuditEntry, Policy, User
from tests.integration import three_people
from tests.integration.console.shop import Shop, browser_of

PAGES = ["/users", "/users/mia", "/users/root", "/user-groups", "/policies", "/new-policy", "/simulator"]


def follow(browser: Any, path: str, **fields: str) -> str:
    answer = browser.post(path, fields, follow=True)
    assert answer.status_code == 200, (path, answer.status_code)
    return str(answer.content.decode())


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_owner_sees_the_pages_of_people_and_nobody_else_does(shop: Shop, language: str) -> None:
    owner = browser_of(shop.people.owner, language)
    for path in [*PAGES, f"{shop.home}/topics/orders/access"]:
        assert owner.get(path).status_code == 200, path
        if path != "/new-policy":
            assert browser_of(shop.people.member).get(path).status_code == 403, path
    for path in ("/users/mia", f"{shop.home}/topics/orders/access"):
        assert browser_of(shop.people.stranger).get(path).status_code == 404, path


def test_grant_lets_a_sub_account_see_one_topic_and_a_page_explains_the_rest(shop: Shop) -> None:
    owner, member = browser_of(shop.people.owner), browser_of(shop.people.member)
    assert "Nothing is granted yet" in member.get("/").content.decode()
    follow(owner, f"{shop.home}/topics/orders/access", holder="user:mia", right="PUB")
    listed = member.get(f"{shop.home}/topics").content.decode()
    assert "orders" in listed
    assert member.get(f"{shop.home}/topics/orders").status_code == 200
    refused = member.get(f"{shop.home}/groups/payers")
    assert refused.status_code == 403
    assert "mq:QueryGroup" in refused.content.decode()
    assert member.get("/audit").status_code == 403
    follow(owner, f"{shop.home}/topics/orders/access", holder="user:mia", right="DENY")
    assert Policy.objects.get(name="grants-user-mia").default_number == 2


def test_user_is_made_gets_a_key_and_is_deleted(shop: Shop) -> None:
    owner = browser_of(shop.people.owner)
    assert "may do nothing yet" in follow(owner, "/users", name="ben", password="a long enough password")
    assert "export KEY=" in owner.post("/users/ben/keys").content.decode()
    assert "ReadOnly is attached" in follow(owner, "/users/ben/attach", policy="ReadOnly")
    assert "the name typed was another one" in follow(owner, "/users/ben/delete", confirm="bob")
    follow(owner, "/users/ben/delete", confirm="ben")
    assert not User.objects.filter(name="ben").exists()


def test_user_group_carries_policies(shop: Shop) -> None:
    owner, member = browser_of(shop.people.owner), browser_of(shop.people.member)
    follow(owner, "/user-groups", name="readers", remark="they look")
    follow(owner, "/user-groups/readers/attach", policy="ReadOnly")
    follow(owner, "/user-groups/readers/add", user="mia")
    assert member.get(f"{shop.home}/groups/payers").status_code == 200
    follow(owner, "/user-groups/readers/remove", user="mia")
    assert member.get(f"{shop.home}/groups/payers").status_code == 403
    follow(owner, "/user-groups/readers/delete", confirm="readers")


def test_policy_that_cannot_be_read_is_refused_with_its_place(shop: Shop) -> None:
    owner = browser_of(shop.people.owner)
    bad = '{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "mq:PUB", "Resource": "*", "Sid": "x"}]}'
    told = follow(owner, "/new-policy", name="mine", document=bad)
    assert "Statement 1" in told
    assert "Sid" in told
    good = '{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "mq:PUB", "Resource": "acs:mq:*:*:sh*"}]}'
    told = follow(owner, "/new-policy", name="mine", document=good)
    assert "also covers longer names" in told
    follow(owner, "/policies/mine", document=good.replace("PUB", "SUB"))
    follow(owner, "/policies/mine/versions/1/default")
    assert Policy.objects.get(name="mine").default_number == 1
    follow(owner, "/users/mia/attach", policy="mine")
    asked = {"user": "mia", "action": "mq:PUB", "source_ip": "10.0.0.1", "resource": "acs:mq:*:*:shop%orders"}
    assert "statement 1 of the policy mine" in owner.get("/simulator", asked).content.decode()
    assert "nothing allows it" in owner.get("/simulator", {**asked, "action": "mq:SUB"}).content.decode()


def test_policy_is_deleted_by_who_types_its_name(shop: Shop) -> None:
    owner = browser_of(shop.people.owner)
    text = '{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "mq:PUB", "Resource": "acs:mq:*:*:shop"}]}'
    follow(owner, "/new-policy", name="mine", document=text)
    assert 'data-must-equal="mine"' in owner.get("/policies/mine").content.decode()
    follow(owner, "/policies/mine/delete")
    assert Policy.objects.filter(name="mine").exists()
    follow(owner, "/policies/mine/delete", confirm="mine")
    assert not Policy.objects.filter(name="mine").exists()


def test_account_sign_in_page_knows_the_account(shop: Shop) -> None:
    browser = browser_of(shop.people.owner)
    browser.logout()
    shown = browser.get("/signin/acme").content.decode()
    assert 'name="account" value="acme"' in shown


def test_administrator_rotates_the_key_of_a_program_with_an_overlap(shop: Shop) -> None:
    member, old = shop.people.member, shop.people.member.key
    page = browser_of(shop.people.owner).post(f"/users/mia/keys/{old.key_id}/rotate", {"hours": "1"})
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "no-store"
    (new,) = AccessKey.objects.filter(user=member.user).exclude(pk=old.pk)
    secret = page.content.decode().partition(f"{new.key_id}:")[2].partition("&#x27;")[0]
    basic = "Basic " + base64.b64encode(f"{new.key_id}:{secret}".encode()).decode()
    assert three_people.call("GET", "/whoami", Authorization=basic).status_code == 200
    assert member.call("GET", "/whoami").status_code == 200
    with clock.freeze(clock.now() + timedelta(hours=1, seconds=1)):
        assert member.call("GET", "/whoami").status_code == 401
        assert three_people.call("GET", "/whoami", Authorization=basic).status_code == 200
    shown = browser_of(shop.people.owner).get("/users/mia").content.decode()
    assert secret not in shown
    refused = browser_of(shop.people.owner).post(f"/users/mia/keys/{new.key_id}/rotate", {"hours": "1"}, follow=True)
    assert "at most 2 access keys" in refused.content.decode()
    audited = AuditEntry.objects.filter(action="ram:UpdateAccessKey").latest("pk")
    assert (audited.actor, audited.detail["replaced_by"]) == ("root@acme", new.key_id)


def test_a_page_of_a_user_writes_no_refusal_of_what_it_leaves_out(shop: Shop) -> None:
    owner, member = shop.people.owner.actor, shop.people.member
    look = {"Version": "1", "Statement": {"Effect": "Allow", "Action": "ram:GetUser", "Resource": "*"}}
    grants.create_policy(owner, "look", json.dumps(look))
    grants.attach(owner, "look", user="mia")
    assert browser_of(member).get("/users/mia").status_code == 200
    assert not AuditEntry.objects.filter(outcome="refused").exists()
