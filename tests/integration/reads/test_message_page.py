"""The page of one message: what each group did with it, and how sure that is."""

import zlib
from datetime import timedelta

import pytest
from django.db import connection

from brokers.domain.errors import ErrorCode, NotFound
from brokers.engine import browse, dead_letters, offsets, schedule
from brokers.engine.dead_letters import Filter, Selection
from brokers.engine.message_page import Standing
from brokers.models import Operation
from brokers.store import pending
from tests.integration.reads.consuming import acknowledge, bury, receive, refuse
from tests.integration.reads.world import World


def standing(world: World, group: str, message_id: str = "X") -> Standing:
    page = browse.message(world.instance, message_id)
    return next(s for s in page.standings if s.group == group)


def test_the_states_of_a_message_on_its_way_through_a_group(world: World) -> None:
    topic, group = world.topic("orders", queues=1), world.group("mail", max_attempts=2)
    receive(world, group, [topic])
    world.append(topic, message_id="X")
    assert (standing(world, "mail").state, standing(world, "mail").attempt) == ("WAITING", 1)
    deliveries = receive(world, group, [topic])
    flying = standing(world, "mail")
    assert (flying.state, flying.held_by, flying.attempt) == ("IN_FLIGHT", "tester", 1)
    assert flying.held_until is not None
    refuse(deliveries, delay=timedelta(seconds=0.05))
    retrying = standing(world, "mail")
    assert (retrying.state, retrying.attempt) == ("RETRYING", 2)
    assert retrying.due_at is not None
    while not schedule.move_due(10):
        pass
    assert (standing(world, "mail").state, standing(world, "mail").attempt) == ("WAITING", 2)
    refuse(receive(world, group, [topic]), "again")
    dead = standing(world, "mail")
    assert dead.state == "DEAD"
    assert dead.dead_letter_id is not None
    page = browse.message(world.instance, "X")
    assert [(a.attempt, a.outcome, a.error, a.next_at is None) for a in page.attempts] == [
        (1, "REFUSED", "boom", False),
        (2, "REFUSED", "again", True),
    ]
    assert [c.topic for c in page.copies] == ["orders", "%RETRY%mail", "%DLQ%mail"]
    assert page.topics == ("orders",)


def test_a_replayed_and_then_acknowledged_message_is_acknowledged(world: World) -> None:
    topic, group = world.topic("orders", queues=1), world.group("mail", max_attempts=1)
    receive(world, group, [topic])
    world.append(topic, message_id="X")
    bury(world, group, [topic])
    operation = dead_letters.start_redrive(world.actor, group, selection=Selection(filter=Filter()))
    assert isinstance(operation, Operation)
    dead_letters.run_batch(operation.pk)
    assert standing(world, "mail").state == "WAITING"
    acknowledge(receive(world, group, [topic]))
    found = standing(world, "mail")
    assert found.state == "ACKNOWLEDGED"
    assert found.replayed_at is not None
    (letter,) = browse.message(world.instance, "X").dead
    assert (letter.state, letter.replayed_to, letter.replayed_offset) == ("REPLAYED", "%RETRY%mail", 0)


def test_a_message_replayed_elsewhere_is_replayed(world: World) -> None:
    topic, group = world.topic("orders", queues=1), world.group("mail", max_attempts=1)
    world.topic("second")
    world.append(topic, message_id="X")
    bury(world, group, [topic])
    selection = Selection(filter=Filter())
    operation = dead_letters.start_redrive(world.actor, group, selection=selection, destination="topic:second")
    assert isinstance(operation, Operation)
    dead_letters.run_batch(operation.pk)
    assert standing(world, "mail").state == "REPLAYED"
    assert browse.message(world.instance, "X").dead[0].replayed_to == "second"


def test_acknowledged_is_said_only_when_certain(world: World) -> None:
    topic = world.topic("orders", queues=1)
    sure, unsure, choosy = world.group("sure"), world.group("unsure"), world.group("choosy")
    for group in (sure, unsure):
        receive(world, group, [topic])
    receive(world, choosy, [topic], tags="B")
    world.append(topic, message_id="X", tag="A")
    acknowledge(receive(world, sure, [topic]))
    assert receive(world, choosy, [topic], tags="B") == []
    offsets.reset(world.actor, unsure, topic, to="latest")
    assert standing(world, "sure").state == "ACKNOWLEDGED"
    assert standing(world, "unsure").state == "SETTLED"
    assert standing(world, "choosy").state == "FILTERED"


def test_a_filter_that_changed_after_the_message_leaves_it_open(world: World) -> None:
    topic, group = world.topic("orders", queues=1), world.group("mail")
    receive(world, group, [topic])
    world.append(topic, message_id="X", tag="A")
    acknowledge(receive(world, group, [topic]))
    assert standing(world, "mail").state == "ACKNOWLEDGED"
    receive(world, group, [topic], tags="A||B")
    assert standing(world, "mail").state == "SETTLED"


def test_an_ordered_group_waits_in_place(world: World) -> None:
    topic, group = world.topic("orders", queues=1), world.group("mail", order="FIFO", max_attempts=5)
    world.append(topic, message_id="X")
    world.append(topic, message_id="Y")
    refuse(receive(world, group, [topic]), delay=timedelta(hours=1))
    found = standing(world, "mail")
    assert (found.state, found.attempt) == ("RETRYING", 2)
    assert found.due_at is not None
    assert (standing(world, "mail", "Y").state, standing(world, "mail", "Y").attempt) == ("WAITING", 1)


def test_a_scheduled_message_shows_when_it_is_due(world: World) -> None:
    topic = world.topic("later", queues=1)
    row = world.row(world.queues(topic)[0], message_id="X", body=b"soon")
    pending.add([pending.Parked(kind="SCHEDULED", row=row, topic_id=topic.pk, delay=timedelta(hours=1))])
    page = browse.message(world.instance, "X")
    assert (page.copies, page.waiting[0].kind, page.standings) == ((), "SCHEDULED", ())
    assert page.body is not None
    assert (page.body.preview.text, page.body.is_intact) == ("soon", None)


def test_a_body_that_changed_since_it_was_stored_is_shown_as_damaged(world: World) -> None:
    topic = world.topic("orders", queues=1)
    world.append(topic, message_id="X", body=b"right")
    page = browse.message(world.instance, "X")
    assert page.body is not None
    assert page.body.is_intact is True
    with connection.cursor() as cur:
        cur.execute("UPDATE message SET body = 'wrong'")
    page = browse.message(world.instance, "X")
    assert page.body is not None
    assert page.body.is_intact is False


def test_one_id_in_two_topics_can_be_told_apart(world: World) -> None:
    first, second = world.topic("orders", queues=1), world.topic("bills", queues=1)
    world.append(first, message_id="X", body=b"1")
    world.append(second, message_id="X", body=zlib.compress(b"2"), sys_flag=1)
    assert browse.message(world.instance, "X").topics == ("orders", "bills")
    page = browse.message(world.instance, "X", "bills")
    assert page.body is not None
    assert (page.topics, page.body.preview.text) == (("bills",), "2")
    with pytest.raises(NotFound):
        browse.message(world.instance, "X", "%RETRY%none")


def test_a_strangers_message_is_not_found(world: World, stranger: World) -> None:
    stranger.append(stranger.topic("orders"), message_id="X")
    with pytest.raises(NotFound) as caught:
        browse.message(world.instance, "X")
    assert caught.value.code == ErrorCode.MESSAGE_NOT_FOUND
