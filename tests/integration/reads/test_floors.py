"""A read opens only the partitions it needs, and never one too few."""

from datetime import timedelta

from brokers.domain import clock
from brokers.domain.messages import Stored
from brokers.store import floors, log
from tests.integration.reads.world import World

EVERYTHING = 1 << 20


def offsets(queue_id: int, start: int, end: int) -> list[int]:
    (found,) = log.read([log.Range(0, queue_id, start, end)], max_bytes=EVERYTHING)
    return [message.offset for message in found if isinstance(message, Stored)]


def test_every_range_is_read_whole_whatever_segments_it_spans(world: World) -> None:
    (queue_id,) = world.queues(world.topic("orders", queues=1))
    now = clock.now()
    ages = [timedelta(hours=hours) for hours in (49, 37, 25, 25, 13, 1)]
    world.plant(queue_id, [(now - age, {}) for age in ages])
    for start in range(len(ages)):
        for end in range(start + 1, len(ages) + 1):
            assert offsets(queue_id, start, end) == list(range(start, end))
    floor_of = [floors.oldest([(queue_id, offset)]) for offset in range(len(ages))]
    assert floor_of == sorted(floor_of) and len(set(floor_of)) >= 4 and floor_of[2] == floor_of[3]


def test_what_was_learned_before_a_new_segment_began_hides_nothing_in_it(world: World) -> None:
    (queue_id,) = world.queues(world.topic("orders", queues=1))
    now = clock.now()
    world.plant(queue_id, [(now - timedelta(hours=30), {})])
    assert offsets(queue_id, 0, 1) == [0]
    world.plant(queue_id, [(now, {})])
    assert offsets(queue_id, 0, 2) == [0, 1] and offsets(queue_id, 1, 2) == [1]


def test_the_oldest_queue_of_a_read_decides(world: World) -> None:
    old, young = world.queues(world.topic("orders", queues=2))
    now = clock.now()
    world.plant(old, [(now - timedelta(hours=40), {})])
    world.plant(young, [(now, {})])
    found = log.read([log.Range(0, young, 0, 1), log.Range(1, old, 0, 1)], max_bytes=EVERYTHING)
    assert [len(messages) for messages in found] == [1, 1]
    assert floors.oldest([(young, 0), (old, 0)]) == floors.oldest([(old, 0)]) < floors.oldest([(young, 0)])


def test_a_queue_nothing_is_known_of_has_no_floor(world: World) -> None:
    assert floors.oldest([(10**9, 5)]) == 0 and floors.oldest([]) == 0
