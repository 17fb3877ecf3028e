"""Functions that check for themselves, so that no door can forget it: called past every door, without rights.

A door's own check hides theirs from the rest of the matrix. A function of these rooms that takes an actor and has no
line fails.
"""

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from accounts import grant_use, members, roles
from accounts.errors import Denied as AccountDenied
from brokers.catalog import actions, producers, quotas, snapshot
from brokers.domain import transactions as ids
from brokers.domain.errors import Denied
from brokers.domain.quotas import Quota, Scope
from brokers.engine import (
    back_checks,
    browse,
    dead_letters,
    offsets,
    redrive_control,
    removal,
    schedule,
    transactions,
    visible,
)
from brokers.models import Group, Instance, Operation, ProducerGroup, Topic
from tests.integration.matrix.world import World, actor_of

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
        self.producer = ProducerGroup.objects.select_related("instance").get(name=names["makers"])
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
    assert found | {"members.require_second_factor", "grant_use.idle_keys", "roles.require_self"} == set(ROOMS) | HIDING


@pytest.mark.parametrize("name", list(ROOMS))
def test_room(world: World, name: str) -> None:
    function, make = ROOMS[name]
    user = world.people["no policy"].user
    assert user is not None
    given, named = make(Things(world))
    with pytest.raises((Denied, AccountDenied)):
        function(actor_of(user), *given, **named)
    assert not world.changed()
