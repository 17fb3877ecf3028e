"""Rights and keys nobody uses: noted as they are used, reported by statement, and keys that take another's place."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import clock, grant_use, grants, keys, members, roles, uses
from accounts.errors import Rejected
from accounts.models import GrantUse
from brokers.catalog import access, actions
from tests.integration import three_people
from tests.integration.test_policies import SEE, give
from tests.integration.three_people import People

TOPIC_RIGHTS = {"Effect": "Allow", "Action": ["mq:PUB", "mq:Query*"], "Resource": "acs:mq:*:*:shop%orders"}


@pytest.fixture
def shop(people: People) -> People:
    uses.take()
    actions.create_topic(people.owner.actor, people.instance, name="orders", queue_count=1)
    return people


def report(people: People, *, days: int = 30) -> list[grant_use.Right]:
    with clock.freeze(clock.now() + timedelta(days=31)):
        return grant_use.report(people.owner.actor, days=days)


def test_a_statement_nobody_used_is_to_be_detached_and_one_used_in_part_narrowed(shop: People) -> None:
    give(shop, SEE, TOPIC_RIGHTS)
    assert shop.member.call("GET", "/instances/shop/topics/orders").status_code == 200
    with clock.freeze(clock.now() + timedelta(days=20)):
        grant_use.flush()
    first, second = report(shop)
    assert (first.statement, first.suggestion, first.used_at) == (1, "detach", None)
    assert (second.statement, second.suggestion) == (2, "narrow")
    assert second.used == ("mq:QueryTopic",)
    assert "mq:PUB" in second.unused
    assert second.holder == "mia"


def test_a_right_seen_on_a_page_is_not_one_used(shop: People) -> None:
    give(shop, SEE, TOPIC_RIGHTS)
    named = access.resource(shop.owner.actor.account_id, "shop", "orders")
    assert access.may(shop.member.actor, "mq:PUB", named)
    assert uses.take() == set()
    assert access.is_settled(shop.member.actor, "mq:PUB", named)
    assert {use[4] for use in uses.take()} == {"mq:PUB"}
    access.check(shop.owner.actor, "mq:PUB", named)
    assert uses.take() == set()  # root needs no statement


def test_what_a_group_and_a_role_have_is_used_by_their_people(shop: People) -> None:
    owner = shop.owner.actor
    members.create_group(owner, "readers")
    grants.attach(owner, "ReadOnly", group="readers")
    members.add_to_group(owner, "readers", "mia")
    roles.create(owner, "support", max_seconds=3600)
    grants.attach(owner, "ReadOnly", role="support")
    shop.member.call("GET", "/instances/shop/topics/orders")
    with clock.freeze(clock.now() + timedelta(days=20)):
        grant_use.flush()
    by_holder = {right.kind: right for right in report(shop) if right.policy == "ReadOnly"}
    assert by_holder["group"].used == ("mq:QueryTopic",)
    assert by_holder["role"].suggestion == "detach"


def test_uses_are_rows_once_however_often_they_come(shop: People) -> None:
    give(shop, SEE, TOPIC_RIGHTS)
    for _ in range(3):
        shop.member.call("GET", "/instances/shop/topics/orders")
        grant_use.flush()
    assert GrantUse.objects.filter(action="mq:QueryTopic").count() == 1


def test_a_young_grant_is_not_reported_and_the_page_and_api_are_for_those_who_may(shop: People) -> None:
    give(shop, SEE, TOPIC_RIGHTS)
    assert shop.owner.call("GET", "/unused-rights").json()["items"] == []
    assert shop.member.call("GET", "/unused-rights").status_code == 403
    browser = Client()
    browser.force_login(shop.owner.user)
    assert "No key lies idle" in browser.get("/unused-rights?days=7").content.decode()
    with clock.freeze(clock.now() + timedelta(days=100)):
        assert len(grant_use.idle_keys(shop.owner.actor, days=90)) == 2
        assert len(grant_use.idle_keys(shop.stranger.actor, days=90)) == 1


def test_the_report_takes_as_many_queries_for_many_rights(shop: People) -> None:
    from django.db import connection

    counts = []
    for number in range(4):
        give(shop, SEE, TOPIC_RIGHTS, name=f"given-{number}")
        with CaptureQueriesContext(connection) as asked:
            report(shop)
        counts.append(len(asked))
    assert counts[1] == counts[3] <= 8


def test_a_key_that_takes_anothers_place_is_good_beside_it_for_a_while(shop: People) -> None:
    answer = shop.member.call("POST", f"/access-keys/{shop.member.key.key_id}:rotate", {"overlap_seconds": 3600})
    assert answer.status_code == 201
    made = answer.json()
    import base64

    fresh = {"Authorization": "Basic " + base64.b64encode(f"{made['id']}:{made['secret']}".encode()).decode()}
    assert three_people.call("GET", "/whoami", **fresh).status_code == 200
    assert shop.member.call("GET", "/whoami").status_code == 200
    with clock.freeze(clock.now() + timedelta(seconds=3601)):
        assert three_people.call("GET", "/whoami", **fresh).status_code == 200
        assert shop.member.call("GET", "/whoami").status_code == 401
        with pytest.raises(Rejected, match="took its place"):
            keys.change(shop.member.user, shop.member.key.key_id, enabled=True)
    with pytest.raises(Rejected, match="at most 2"):
        keys.rotate(shop.member.user, made["id"], overlap_seconds=0)


def test_where_a_key_was_used_is_told_with_the_door(shop: People) -> None:
    shop.member.call("GET", "/whoami")
    (row,) = shop.member.call("GET", "/access-keys").json()["items"]
    assert (row["last_used_door"], row["last_used_from"]) == ("http", "127.0.0.1")


def test_rotating_in_the_console_shows_the_secret_once(shop: People) -> None:
    browser = Client()
    browser.force_login(shop.member.user)
    shown: Any = browser.post(f"/keys/{shop.member.key.key_id}/rotate", {"hours": "24"})
    assert shown.status_code == 200
    assert "export KEY=" in shown.content.decode()
    again = browser.get("/keys").content.decode()
    assert "export KEY=" not in again
    assert "until" in again
