"""Functions that check for themselves, so that no door can forget it: called past every door, without rights.

A door's own check hides theirs from the rest of the matrix. A function of these rooms that takes an actor and has no
line fails.
"""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from accounts import grant_use, members, own_policies, roles
from accounts.errors import Denied as AccountDenied
from brokers.catalog import actions, producers, quotas, snapshot
from brokers.domain import transactions as ids
from brokers.domain.errors import Denied
from brokers.domain.quotas import Quota, Scope
from brokers.domain.requests import Reply, ReplyAddress
from brokers.doors import replying
from brokers.doors.remoting.producers import Producer, Producers
from brokers.engine import (
    back_checks,
    browse,
    dead_letters,
    offsets,
    redrive_control,
    relays,
    removal,
    schedule,
    transaction_pages,
    transactions,
    visible,
)
from brokers.engine.back_checks import Question
from brokers.models import Group, Instance, Operation, ProducerGroup, Topic
from tests.integration.matrix import cells
from tests.integration.matrix.doors import Doors
from tests.integration.matrix.rows import AS_JSON, GIVEN, SHOP, TOPIC
from tests.integration.matrix.world import Who, World, actor_of

Call = Callable[["Things"], tuple[tuple[Any, ...], dict[str, Any]]]  # Any: whatever the functions take


class Things:
    """Rows of the first tenant, as a door would have looked them up."""

    def __init__(self, world: World) -> None:
        names = self.names = world.ours.names
        self.instance = Instance.objects.get(pk=names["instance_id"])
        self.topic = Topic.objects.select_related("instance").get(pk=names["topic_id"])
        self.group = Group.objects.select_related("instance").get(pk=names["group_id"])
        self.entry = snapshot.topic(world.ours.account.pk, names["instance"], names["topic"])
        self.transaction = ids.parse(names["transaction"])
        makers = ProducerGroup.objects.select_related("instance")
        self.producer = makers.get(instance=self.instance, name=names["makers"])
        self.operation = Operation.objects.select_related("instance", "group").get(pk=names["operation"])


def call(*given: str, **named: Any) -> Call:
    """A call with these things as arguments."""
    return lambda things: (tuple(getattr(things, name) for name in given), named)


_ONE = dead_letters.Selection(ids=(1,))
ROOMS: dict[str, tuple[Callable[..., Any], Call]] = {
    "actions.create_instance": (actions.create_instance, call(name="fresh")),
    "actions.update_instance": (actions.update_instance, call("instance", remark="x")),
    "actions.delete_instance": (actions.delete_instance, call("instance")),
    "actions.create_topic": (actions.create_topic, call("instance", name="fresh")),
    "actions.create_system_topic": (actions.create_system_topic, call("instance", name="RMQ_SYS_TRACE_TOPIC")),
    "actions.update_topic": (actions.update_topic, call("topic", remark="x")),
    "actions.delete_topic": (actions.delete_topic, call("topic")),
    "actions.create_group": (actions.create_group, call("instance", name="fresh")),
    "actions.update_group": (actions.update_group, call("group", remark="x")),
    "actions.delete_group": (actions.delete_group, call("group")),
    "removal.delete_topic": (removal.delete_topic, call("topic", force=True)),
    "removal.delete_group": (removal.delete_group, call("group", force=True)),
    "removal.delete_producer_group": (removal.delete_producer_group, call("producer", force=True)),
    "offsets.reset": (offsets.reset, call("group", "topic", to="earliest")),
    "redrive_control.start_redrive": (redrive_control.start_redrive, call("group", selection=_ONE)),
    "redrive_control.pause": (redrive_control.pause, call("operation")),
    "redrive_control.resume": (redrive_control.resume, call("operation")),
    "redrive_control.cancel": (redrive_control.cancel, call("operation")),
    "members.require_second_factor": (members.require_second_factor, lambda _things: ((True,), {})),
    "roles.require_self": (lambda actor: roles.require_self(replace(actor, user_id=-1)), call()),  # acts in a role
    "grant_use.idle_keys": (grant_use.idle_keys, call(days=90)),
    "quotas.set_limits": (quotas.set_limits, lambda _things: ((Scope.ACCOUNT, ""), {"values": {Quota.TOPICS: 9}})),
    "transactions.decide_for_person": (
        transactions.decide_for_person,
        lambda t: ((t.entry, transactions.Decision(id=t.transaction, is_commit=True, by="x")), {}),
    ),
    "back_checks.check_now": (back_checks.check_now, lambda t: ((t.entry, t.transaction), {})),
    "schedule.recall": (schedule.recall, lambda t: ((t.entry, t.names["scheduled"]), {})),
    "producers.change": (
        producers.change,
        lambda t: ((t.instance, t.names["makers"]), {"settings": {"max_checks": 3}, "webhook_url": ""}),
    ),
    "producers.delete": (producers.delete, lambda t: ((t.producer,), {})),
    "visible.search": (visible.search, lambda t: ((t.instance, browse.Search(instance_id=t.instance.pk)), {})),
    "relays.deliver": (relays.deliver, lambda t: ((t.group, "c"), {"place": relays.Place(1, 0)})),
    "own_policies.edit": (
        own_policies.edit,
        lambda t: (
            (f"acl-user-{t.names['user']}", lambda _before: [cells.filled(AS_JSON["Statement"], t.names)]),
            {"user": t.names["user"]},
        ),
    ),
    "transaction_pages.one": (transaction_pages.one, lambda t: ((t.instance, t.names["transaction"]), {})),
}
# What who is refused has: all that is needed but one right, where others would refuse for another reason.
_ACL = "ram:policy/acl-user-{user}"
HELD: dict[str, tuple[tuple[str, str, str], ...]] = {
    "own_policies.edit": (
        ("Allow", "ram:GetPolicy", _ACL),
        ("Allow", "ram:CreatePolicy", _ACL),
        ("Allow", "ram:AttachPolicy", _ACL),
        ("Allow", *GIVEN),
    ),
    "transaction_pages.one": (("Allow", "mq:QueryMessage", SHOP), ("Deny", "mq:QueryMessage", TOPIC)),
}
# Answers by hiding what may not be seen; the pages of the matrix look at what it shows.
HIDING = {"visible.message", "producers.get"}


def test_every_function_with_an_actor_has_a_line() -> None:
    found = {
        f"{room.__name__.rpartition('.')[2]}.{name}"
        for room in (
            actions,
            removal,
            offsets,
            redrive_control,
            visible,
            quotas,
            producers,
            schedule,
            back_checks,
            transactions,
        )
        for name, made in vars(room).items()
        if inspect.isfunction(made) and made.__module__ == room.__name__ and not name.startswith("_")
        if next(iter(inspect.signature(made).parameters), "") == "actor"
    }
    # The accounts' functions take an asker, and their doors' lines ask them; but for one that is behind a password, and
    # one that is asked after another of the same right.
    more = {"members.require_second_factor", "grant_use.idle_keys", "roles.require_self", *HELD, "relays.deliver"}
    assert found | more == set(ROOMS) | HIDING


@pytest.mark.parametrize("name", list(ROOMS))
def test_room(world: World, name: str) -> None:
    function, make = ROOMS[name]
    user = holding(world, HELD[name]).user if name in HELD else world.people["no policy"].user
    assert user is not None
    given, named = make(Things(world))
    with pytest.raises((Denied, AccountDenied)):
        function(actor_of(user), *given, **named)
    changed = world.changed()
    world.restore()
    assert not changed


def holding(world: World, held: Iterable[tuple[str, str, str]]) -> Who:
    """Returns somebody of the first tenant with these statements, each an effect, an action and a resource, alone."""
    statements = []
    for effect, action, resource in held:
        full = cells.full((action, resource.format(**world.ours.names)), world.ours.account.pk)
        statements.append({"Effect": effect, "Action": full[0], "Resource": full[1]})
    return world.hold("exact", {"Version": "1", "Statement": statements})


def test_a_reply_needs_the_right_to_consume(world: World, doors: Doors) -> None:
    things, user = Things(world), world.people["no policy"].user
    assert user is not None
    address = ReplyAddress(things.group.pk, things.topic.name, "0" * 32, "http:somebody")
    with pytest.raises(Denied):
        doors.run(replying.reply(actor_of(user), address, Reply(body=b"x")))


def test_only_a_producer_that_may_send_is_asked_about_a_message(world: World, doors: Doors) -> None:
    things, key = Things(world), (world.ours.account.pk, world.ours.names["instance"], world.ours.names["makers"])

    def chosen(name: str) -> Producer | None:
        user, known = world.people[name].user, Producers("matrix")
        assert user is not None
        peer: Any = Stranger()  # Any: a connection that hears nothing
        known.join(
            Producer(key=key, name=key[2], prefix="", client_id="c", peer=peer, actor=actor_of(user), heard_at=0.0)
        )
        message: Any = None  # Any: nobody looks at it before somebody was chosen
        question = Question(things.transaction, things.entry, 0, message, 1)
        return doors.run(known._choose(key, question))

    assert chosen("root") is not None
    assert chosen("no policy") is None


class Stranger:
    """A connection that hears nothing."""

    address = ip = "127.0.0.1"
    is_gone = False
