"""What is left out of what somebody may see: each part is shown to root, and not to who lacks the right to it.

A right that only leaves something out refuses nobody, so its cells look alike in the rest of the matrix.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from brokers.catalog import actions, quotas, snapshot
from brokers.console import rows, traces
from brokers.domain import messages
from brokers.domain.actor import Actor
from brokers.domain.names import TRACE_TOPIC
from brokers.domain.quotas import Quota
from brokers.doors.remoting.admin import server
from brokers.engine import back_checks, browse, figures, publish, request_pages, request_stats, visible
from brokers.leases import requests
from brokers.models import Instance
from tests.integration.matrix.doors import Doors
from tests.integration.matrix.rows import BASE, SHOP, TOPIC, Need
from tests.integration.matrix.test_http import operations, pages
from tests.integration.matrix.test_rooms import Things, holding
from tests.integration.matrix.world import World, actor_of

_HOUR = timedelta(hours=1)
_TRACED = "mq:{instance}%" + TRACE_TOPIC


def _readers(things: Things, actor: Actor) -> object:
    return sum(line.group_count for line in rows.topics(actor, things.instance, [things.topic]))


def _asked(things: Things, actor: Actor) -> object:
    _count(things)
    return request_pages.of_instance(actor, things.instance, over=_HOUR).summary.topics


def _responders(things: Things, actor: Actor) -> object:
    _count(things)
    return request_pages.of_topic(actor, things.topic, over=_HOUR).summary.responders


def _count(things: Things) -> None:
    request_stats.count(things.topic.pk, "asked")
    request_stats.count(things.topic.pk, "answered", group_id=things.group.pk)
    request_stats.flush()


def _in_flight(things: Things, actor: Actor) -> object:
    name = requests.Name(things.instance.account_id, "asked-by-somebody")
    opening = requests.Opening(
        name=name, instance_id=things.instance.pk, topic_id=things.topic.pk, message_id="0" * 32, timeout=_HOUR, most=1,
        process="matrix", client_id="", is_kept=True, user_id=None, asker="somebody",
    )  # fmt: skip
    requests.open_all([opening])
    found = request_pages.in_flight(actor, things.instance)
    assert found is not None
    return found[0]


def _groups_of_hits(things: Things, actor: Actor) -> object:
    found = visible.search(actor, things.instance, browse.Search(instance_id=things.instance.pk, key="k-1"))
    return [hit.group for hit in found.items if hit.group]


def _told(things: Things, actor: Actor, record: str) -> object:
    """Returns the events of a message of which a client traced this."""
    root = Actor(account_id=actor.account_id, user_id=None, name="root", is_root=True, source_ip="127.0.0.1")
    actions.create_system_topic(root, things.instance, TRACE_TOPIC)
    entry = snapshot.topic(actor.account_id, things.instance.name, TRACE_TOPIC)
    id = things.names["message"]
    text = record.format(id=id, group=things.group.name).replace("|", "\x01") + "\x02"
    body = messages.Outgoing(body=text.encode(), message_id=messages.new_message_id(), keys=(id,))
    [result] = publish.publish([publish.Send(entry, body)])
    assert isinstance(result, publish.Published)
    return traces.events(actor, things.instance, browse.message(things.instance, id))


_SENT = "Pub|1763752000123|DefaultRegion|tills|orders|{id}|paid|k-1|h|5|12|0|o|true"
_GIVEN = "SubBefore|1763752000200|DefaultRegion|{group}|R1|{id}|0|k-1"

# What who does not see it has all the same, and what there is to see.
PARTS: dict[str, tuple[tuple[Need, ...], Callable[[Things, Actor], object]]] = {
    "rows.topics": ((), _readers),
    "request_pages.of_instance": ((), _asked),
    "request_pages.less_groups": ((), _responders),
    "request_pages.in_flight": ((), _in_flight),
    "visible.search": ((("mq:QueryMessage", SHOP),), _groups_of_hits),
    "traces.events": ((), lambda things, actor: _told(things, actor, _SENT)),
    "traces.events#groups": ((("mq:QueryMessage", _TRACED),), lambda things, actor: _told(things, actor, _GIVEN)),
    "server.traffic": ((), lambda _things, actor: server._traffic(actor).sent),
}


@pytest.mark.parametrize("name", list(PARTS))
def test_part(world: World, name: str) -> None:
    held, look = PARTS[name]
    who = holding(world, [("Allow", *need) for need in held or [("mq:PUB", "mq:nothing%nothing")]])
    assert who.user is not None
    try:
        seen = look(Things(world), actor_of(who.user))
        world.restore()
        there = look(Things(world), world.ours.root)
    finally:
        world.restore()
    assert there, "there is nothing that could be left out"
    assert not seen, f"{seen} is shown without the right to it"


def test_traffic_is_that_of_the_account(world: World) -> None:
    own = list(Instance.objects.filter(account=world.ours.account).values_list("pk", flat=True))
    assert server._traffic(world.ours.root).sent == figures.traffic(own).sent


def test_what_is_counted_for_limits_is_the_accounts(world: World) -> None:
    own = set(Instance.objects.filter(account=world.ours.account).values_list("pk", flat=True))
    for quota in (Quota.TOPICS, Quota.GROUPS):
        counted = quotas.counts(world.ours.account.pk, quota)
        assert counted and set(counted) <= own


def test_a_poll_for_checks_leaves_out_what_is_denied(world: World, doors: Doors) -> None:
    things, (method, path) = Things(world), operations()["pollChecks"]
    names = {"instance": things.instance.name, "group": things.names["makers"]}
    less = holding(world, [("Allow", "mq:PUB", "mq:{instance}%*"), ("Deny", "mq:PUB", TOPIC)])
    try:
        back_checks.check_now(world.ours.root, things.entry, things.transaction)
        assert back_checks.claim_due(100)
        for who, count in ((less, 0), (world.people["root"], 1)):
            told = doors.api(who, method, f"/api/v1{path.format(**names)}", body=b"{}")
            assert told.status == 200 and told.text.count('"message_id"') == count, told
    finally:
        world.restore()


def test_how_many_transactions_wait_is_shown_to_who_may_see_messages(world: World, doors: Doors) -> None:
    names = world.ours.names
    address, mark = pages()["topic"].format(**names), f"transactions:{names['instance_id']}"
    look: Need = ("mq:QueryTopic", TOPIC)
    less = holding(world, [("Allow", *BASE), ("Allow", *look)])
    told: Any = doors.page(less, "GET", address)
    assert told.status == 200 and mark not in told.text
    assert mark in doors.page(world.people["root"], "GET", address).text
