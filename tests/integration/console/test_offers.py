"""No page offers what its reader may not do: every link can be opened, every form can be sent."""

import html
import json
import re
from typing import Any

import pytest

from accounts import grants, members
from brokers.catalog import access, actions, producers, snapshot
from brokers.domain.messages import Outgoing, new_message_id
from brokers.engine import transactions
from tests.integration.console.shop import Shop, browser_of
from tests.integration.three_people import Person

LOOK = [
    "mq:QueryInstanceBaseInfo", "mq:QueryTopic", "mq:QueryGroup", "mq:ListTopic", "mq:ListGroup",
    "ram:ListUsers", "ram:ListGroups", "ram:ListPolicies", "ram:GetUser", "ram:GetGroup", "ram:GetPolicy",
]  # fmt: skip
LINK = re.compile(r'(?:href|hx-get)="(/[^"#]*)"')
FORM = re.compile(r'<form method="post"(?: action="([^"]*)")?')
# The reader's own, whatever they may do.
OWN = {"/signout", "/preferences", "/keys"}


@pytest.mark.parametrize(
    "held", [LOOK, [*LOOK, "mq:Query*"], ["mq:*"], ["ram:*", "mq:PUB", "mq:QueryInstanceBaseInfo"]]
)
def test_everything_offered_is_allowed(shop: Shop, held: list[str]) -> None:
    furnish(shop)
    document = {"Version": "1", "Statement": {"Effect": "Allow", "Action": held, "Resource": "*"}}
    grants.create_policy(shop.people.owner.actor, "held", json.dumps(document))
    grants.attach(shop.people.owner.actor, "held", user="mia")
    pages = crawl(shop.people.member, "/")
    assert len(pages) > 8
    for address, forms in pages.items():
        for action in sorted(forms - OWN):
            answer = browser_of(shop.people.member).post(action, {})
            assert answer.status_code != 403, (address, action)


def crawl(reader: Person, start: str) -> dict[str, set[str]]:
    """Opens every page that can be reached by links; returns the addresses of forms by page."""
    browser, waiting, seen = browser_of(reader), [start], dict[str, set[str]]()
    while waiting:
        address = waiting.pop()
        if address in seen:
            continue
        answer: Any = browser.get(address, follow=True)
        assert answer.status_code != 403, (address, answer.content.decode()[-600:])
        text = answer.content.decode()
        seen[address] = {html.unescape(found) or address for found in FORM.findall(text)}
        links = {html.unescape(found) for found in LINK.findall(text)}
        waiting += [link for link in links if not link.startswith(("/static", "/api"))]
    return seen


def furnish(shop: Shop) -> None:
    owner = shop.people.owner.actor
    members.create_group(owner, "team")
    members.add_to_group(owner, "team", "mia")
    members.create_user(owner, "ben", password=None)
    key, _secret = members.create_key(owner, "ben")
    members.set_key_enabled(owner, "ben", key.key_id, enabled=False)
    document = {"Version": "1", "Statement": {"Effect": "Allow", "Action": "mq:PUB", "Resource": "*"}}
    grants.create_policy(owner, "send", json.dumps(document))
    grants.attach(owner, "send", user="ben")
    topic = snapshot.topic(owner.account_id, "shop", "orders")
    group = producers.ensure(owner.account_id, "shop", "till")
    for _ in range(2):
        half = transactions.Half(topic, Outgoing(body=b"half", message_id=new_message_id()), group, is_typed=False)
        (prepared,) = transactions.prepare([half])
    assert isinstance(prepared, transactions.Prepared)
    transactions.decide([transactions.Decision(id=prepared.id, is_commit=True, by="till")])


def test_counts_leave_out_groups_the_reader_may_not_see(shop: Shop) -> None:
    def counts(reader: Person) -> list[int]:
        browser = browser_of(reader)
        on_topic = browser.get(f"{shop.home}/topics/orders").context["group_count"]
        [row] = browser.get(f"{shop.home}/topics").context["rows"]
        return [on_topic, row.group_count]

    statement = {"Effect": "Allow", "Action": LOOK, "Resource": ["acs:mq:*:*:shop", "acs:mq:*:*:shop%orders"]}
    grants.create_policy(shop.people.owner.actor, "held", json.dumps({"Version": "1", "Statement": statement}))
    grants.attach(shop.people.owner.actor, "held", user="mia")
    assert counts(shop.people.owner) == [1, 1]
    assert counts(shop.people.member) == [0, 0]


def test_name_of_a_foreign_instance_is_free(shop: Shop) -> None:
    """Whether a name is taken elsewhere would tell of other accounts."""
    stranger = shop.people.stranger
    assert stranger.call("POST", "/instances", {"name": "shop"}).status_code == 201
    actions.create_topic(stranger.actor, access.instance(stranger.actor, "shop"), name="theirs")
    assert stranger.call("GET", "/instances/shop/topics/orders").status_code == 404
    assert shop.people.owner.call("GET", "/instances/shop/topics/theirs").status_code == 404
    assert shop.people.owner.call("POST", "/instances", {"name": "shop"}).json()["code"] == "ALREADY_EXISTS"
