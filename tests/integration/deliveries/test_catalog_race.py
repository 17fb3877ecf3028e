"""The catalog changes while somebody reads it: what is remembered must not be older than the version it stands for."""

from collections.abc import Callable
from typing import Any

from django.db import connection

from brokers.catalog import actions, snapshot
from tests.integration.reads.world import World


def test_a_group_read_before_a_change_is_not_remembered_after_it(world: World) -> None:
    group = actions.create_group(world.actor, world.instance, name="mail")
    snapshot.forget()
    snapshot.refresh()
    done: list[bool] = []

    def change_after(execute: Callable[..., Any], *statement: Any) -> Any:
        result = execute(*statement)
        if '"brokers_group"' in statement[0] and not done:
            done.append(True)
            actions.update_group(world.actor, group, paused=True)
            snapshot.refresh()
        return result

    with connection.execute_wrapper(change_after):
        snapshot.group_by_id(group.pk)
    assert done
    seen = snapshot.group_by_id(group.pk)
    assert seen is not None and seen.paused


def test_a_queue_just_added_has_its_topic(world: World) -> None:
    topic = actions.create_topic(world.actor, world.instance, name="orders", queue_count=1)
    world.entry(topic)
    changed = actions.update_topic(world.actor, topic, queue_count=2)
    new = world.queues(changed)[1]
    place = snapshot.topic_of_queue(new)
    assert place is not None and (place[0].name, place[1]) == ("orders", 1)
