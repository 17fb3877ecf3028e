"""Rules of docs/security.md that need the running parts: what fails closed, what is escaped, what is not told."""

import json
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test import Client, override_settings

from accounts import grants, key_cache
from accounts.models import PolicyVersion
from brokers.catalog import actions
from brokers.domain.errors import Denied
from brokers.doors.http import app as hot
from brokers.engine import dead_letters
from brokers.engine.dead_letters import Selection
from tests.integration.console.shop import Shop, browser_of, open_shop, send
from tests.integration.console.test_offers import crawl
from tests.integration.three_people import People

ATTACKS = [
    "<script data-attack>alert(1)</script>",
    '"><img src=x data-attack onerror=alert(1)>',
    "'><svg/data-attack onload=alert(1)>",
    "{{ data-attack }}{% data-attack %}",
    "</textarea><b data-attack>",
]


@pytest.fixture
def shop(people: People) -> Shop:
    return open_shop(people)


def test_policy_that_cannot_be_read_denies_everything(shop: Shop) -> None:
    owner, member = shop.people.owner, shop.people.member
    document = {"Version": "1", "Statement": {"Effect": "Allow", "Action": "mq:*", "Resource": "*"}}
    grants.create_policy(owner.actor, "all", json.dumps(document))
    grants.attach(owner.actor, "all", user="mia")
    assert member.call("GET", "/instances/shop").status_code == 200
    for damaged in ("", "{}", json.dumps({**document, "Unknown": 1}), "not JSON"):
        PolicyVersion.objects.update(document=damaged)
        key_cache.forget()
        assert member.call("GET", "/instances/shop").status_code == 403, damaged


def test_nobody_is_let_in_while_the_database_is_away(shop: Shop, tmp_path: Path) -> None:
    reached = connection.settings_dict["HOST"]
    key_cache.forget()
    connection.close()
    connection.settings_dict["HOST"] = str(tmp_path)
    try:
        answer = shop.people.owner.call("GET", "/instances/shop")
    finally:
        connection.settings_dict["HOST"] = reached
        connection.close()
    assert answer.status_code == 503


def test_no_page_makes_an_element_of_what_somebody_sent(shop: Shop) -> None:
    owner = shop.people.owner
    for number, attack in enumerate(ATTACKS):
        actions.create_topic(owner.actor, shop.people.instance, name=f"attack-{number}", remark=attack[:200])
        actions.create_group(owner.actor, shop.people.instance, name=f"attack-{number}", remark=attack[:200])
        send(shop.topic, shop.people.instance, body=attack)
        form = {"topic": "orders", "body": attack, "tag": "t", "keys": "k", "properties": f"p={attack}"}
        assert browser_of(owner).post(f"{shop.home}/send", form).status_code == 200
    pages = crawl(owner, "/")
    pages |= {f"{shop.home}/find?q={attack}": set() for attack in ATTACKS}
    pages |= {f"{shop.home}/topics/{attack}": set() for attack in ATTACKS if "/" not in attack}
    pages |= {f"{shop.home}/messages?topic=orders&key={attack}&body={attack}": set() for attack in ATTACKS}
    assert len(pages) > 40
    for address in pages:
        text = browser_of(owner).get(address, follow=True).content.decode()
        for attack in ATTACKS:
            assert attack not in text or "<" not in attack, address


@pytest.mark.parametrize(
    ("peer", "token", "header", "status"),
    [
        ("127.0.0.1", "", "", 200),
        ("203.0.113.9", "", "", 403),
        ("127.0.0.1", "told", "", 401),
        ("203.0.113.9", "told", "Bearer wrong", 401),
        ("203.0.113.9", "told", "Bearer told", 200),
    ],
)
def test_metrics_are_for_this_machine_or_the_token(
    database: None, peer: str, token: str, header: str, status: int
) -> None:
    async def ask() -> int:
        app: Any = hot.in_front_of(_nothing)  # Any: httpx has another type of the same protocol
        transport = httpx.ASGITransport(app=app, client=(peer, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            return (await client.get("/metrics", headers={"Authorization": header} if header else {})).status_code

    with override_settings(METRICS_TOKEN=token):
        assert async_to_sync(ask)() == status


async def _nothing(scope: Any, receive: Any, send: Any) -> None:  # Any: as ASGI defines it
    raise AssertionError("the metrics are served before Django")


def test_replay_to_a_topic_needs_the_right_to_send_there(shop: Shop) -> None:
    owner, member = shop.people.owner, shop.people.member
    statement = {"Effect": "Allow", "Action": ["mq:Resend", "mq:QueryDLQMessage"], "Resource": "acs:mq:*:*:shop%payers"}
    grants.create_policy(owner.actor, "replay", json.dumps({"Version": "1", "Statement": statement}))
    grants.attach(owner.actor, "replay", user="mia")
    chosen = Selection(ids=(shop.dead_letter_id,))
    dead_letters.start_redrive(member.actor, shop.group, selection=chosen, dry_run=True)
    with pytest.raises(Denied):
        dead_letters.start_redrive(member.actor, shop.group, selection=chosen, destination="topic:orders")


def test_no_log_line_holds_what_a_request_proves(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    member = shop.people.member
    member.call("GET", "/instances")
    member.call("GET", "/instances/shop")
    Client().post("/signin", {"account": "acme", "name": "mia", "password": "a secret nobody knows"})
    shop.people.owner.call("POST", "/instances/nothing/topics", b"{broken")
    told = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    for secret in (member.secret, member.basic, shop.people.owner.secret, "a secret nobody knows"):
        assert secret not in told
