"""What members give back: by place, or whole when they cannot say which stored message they mean; each maybe twice."""

from dataclasses import replace
from datetime import timedelta

import pytest

from brokers.domain.messages import Stored
from brokers.engine import dead_letters, message_page, pulls, returns, schedule
from brokers.engine.returns import Return
from brokers.models import Group, Topic
from brokers.store import dead_letters as rows
from tests.integration.reads.world import World


def letters(group: Group) -> list[rows.DeadLetter]:
    return list(dead_letters.page(group).items)


def stored(world: World, topic: Topic) -> Stored:
    planted = world.append(topic)
    return pulls.read_one(planted.queue_id, planted.offset)


def whole(world: World, group: Group, message: Stored, *, failures: int, most: int) -> Return:
    """What a member sends: the message as it has it, without a place, and not to be believed in every part."""
    entry = world.group_entry(group)
    sent = message._replace(
        queue_id=entry.retry_topic.queue_ids[0],
        offset=0,
        reconsume_times=0,
        properties={**message.properties, "RETRY_TOPIC": "t"},
    )
    return Return(group=entry, message=sent, client_id="c", delay=timedelta(), max_retries=most, failures=failures)


def test_an_orderly_member_buries_by_sending_and_the_dead_letter_knows_its_origin(world: World) -> None:
    topic, group = world.topic("t", queues=1), world.group("g")
    message = stored(world, topic)
    back = whole(world, group, message, failures=2, most=2)
    assert not returns.send_whole(back)
    (letter,) = letters(group)
    assert (letter.topic, letter.queue_id, letter.offset) == ("t", message.queue_id, message.offset)
    assert (letter.message_id, letter.attempts) == (message.message_id, 3)
    found = message_page.message(world.instance, message.message_id, None)
    assert [(a.attempt, a.client_id) for a in found.attempts] == [(3, "c")]


@pytest.mark.parametrize("failures", [2, 3])  # versions of the client count differently
def test_a_burial_that_is_asked_for_again_is_the_same_dead_letter(world: World, failures: int) -> None:
    topic, group = world.topic("t", queues=1), world.group("g")
    back = whole(world, group, stored(world, topic), failures=failures, most=2)
    for _ in range(3):
        assert not returns.send_whole(back)
    assert [letter.attempts for letter in letters(group)] == [3]
    dead_queue = back.group.dead_letter_topic.queue_ids[0]
    assert pulls.read_one(dead_queue, 0).message_id == back.message.message_id
    assert pulls.bounds(back.group.dead_letter_topic, 0) == (0, 1)


def test_a_retry_that_is_asked_for_by_place_and_then_whole_comes_once(world: World) -> None:
    topic, group = world.topic("t", queues=1), world.group("g")
    message = stored(world, topic)
    by_place = Return(group=world.group_entry(group), message=message, client_id="c", delay=timedelta(), max_retries=2)
    assert returns.send_back(by_place)
    assert returns.send_whole(whole(world, group, message, failures=1, most=2))
    assert schedule.move_due(10) == 1
    retried = pulls.read_one(by_place.group.retry_topic.queue_ids[0], 0)
    # Once it stands in the retry topic, that copy is what the member means: it failed the second time.
    assert not returns.send_whole(whole(world, group, message, failures=2, most=2))
    (letter,) = letters(group)
    assert (letter.queue_id, letter.offset, letter.attempts) == (retried.queue_id, retried.offset, 2)


def test_what_is_stored_comes_again_and_not_what_the_member_made_of_it(world: World) -> None:
    topic, group = world.topic("t", queues=1), world.group("g")
    message = stored(world, topic)
    back = whole(world, group, message, failures=1, most=5)
    assert returns.send_whole(replace(back, message=back.message._replace(body=b"changed")))
    assert schedule.move_due(10) == 1
    again = pulls.read_one(back.group.retry_topic.queue_ids[0], 0)
    assert (again.body, again.reconsume_times, again.properties["RETRY_TOPIC"]) == (message.body, 1, "t")


def test_a_message_that_is_stored_no_more_is_buried_as_it_was_sent_once(world: World) -> None:
    topic, group = world.topic("t", queues=1), world.group("g")
    gone = stored(world, topic)._replace(message_id="GONE", body=b"only the member has it")
    for _ in range(2):
        assert not returns.send_whole(whole(world, group, gone, failures=3, most=2))
    (letter,) = letters(group)
    assert (letter.message_id, letter.topic, letter.head) == ("GONE", "t", gone.body)
    assert letter.queue_id == world.group_entry(group).dead_letter_topic.queue_ids[0]
