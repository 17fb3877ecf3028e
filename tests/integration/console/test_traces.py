"""What clients traced, on the page of the message: to whom it is shown, and in which words."""

import json
import re

import pytest

from accounts import grants
from brokers.catalog import actions, snapshot
from brokers.domain import messages
from brokers.domain.names import TRACE_TOPIC
from brokers.engine import publish
from tests.integration.console.shop import Shop, browser_of


@pytest.fixture
def traced(shop: Shop) -> str:
    """The shop with a trace of its first message: sent, consumed by two groups, and once without an end."""
    id = shop.message_id
    records = (
        f"Pub\x011763752000123\x01DefaultRegion\x01tills\x01orders\x01{id}\x01paid\x01k-1\x01h\x015\x0112\x010\x01o\x01true\x02"
        f"SubBefore\x011763752000200\x01DefaultRegion\x01payers\x01R1\x01{id}\x010\x01k-1\x02"
        f"SubAfter\x01R1\x01{id}\x0134\x01false\x01k-1\x010\x011763752000234\x01payers\x02"
        f"SubBefore\x011763752000300\x01DefaultRegion\x01strays\x01R2\x01{id}\x011\x01k-1\x02"
        f"SubAfter\x01R3\x01another-message\x0199\x01true\x01k-1\x010\x011763752000234\x01others\x02"
    )
    actor, instance = shop.people.owner.actor, shop.people.instance
    actions.create_system_topic(actor, instance, TRACE_TOPIC)
    entry = snapshot.topic(instance.account_id, instance.name, TRACE_TOPIC)
    body = messages.Outgoing(body=records.encode(), message_id=messages.new_message_id(), keys=(id, "k-1"))
    [result] = publish.publish([publish.Send(entry, body)])
    assert isinstance(result, publish.Published)
    return f"{shop.home}/messages/{id}"


def timeline(html: str) -> str:
    """Returns the text of the section about traces."""
    _before, heading, after = html.partition("What its clients traced")
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", after.partition("</section>")[0])) if heading else ""


def test_the_traces_of_a_message_are_told_in_order(shop: Shop, traced: str) -> None:
    told = timeline(browser_of(shop.people.owner).get(traced).content.decode())
    places = [told.index(words) for words in ("Sent by its producer", "A listener failed", "no end traced")]
    assert places == sorted(places)
    assert "tills · in 12 ms" in told and "payers · attempt 1 · in 34 ms" in told
    assert "others" not in told and "99" not in told
    chinese = browser_of(shop.people.owner, "zh-hans").get(traced).content.decode()
    assert "监听器处理失败" in chinese


def test_without_traces_there_is_no_such_section(shop: Shop) -> None:
    answer = browser_of(shop.people.owner).get(f"{shop.home}/messages/{shop.message_id}")
    assert timeline(answer.content.decode()) == ""


def test_only_who_may_read_the_traces_sees_them(shop: Shop, traced: str) -> None:
    scope = "acs:mq:*:*:shop"
    statements = [
        {"Effect": "Allow", "Action": "mq:QueryInstanceBaseInfo", "Resource": scope},
        {"Effect": "Allow", "Action": ["mq:QueryMessage", "mq:QueryTopic"], "Resource": f"{scope}%orders"},
    ]
    asker = shop.people.owner.actor
    grants.create_policy(asker, "look", json.dumps({"Version": "1", "Statement": statements}))
    grants.attach(asker, "look", user="mia")
    browser = browser_of(shop.people.member)
    page = browser.get(traced)
    assert page.status_code == 200 and timeline(page.content.decode()) == ""
