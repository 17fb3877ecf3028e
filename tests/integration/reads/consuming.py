"""Receiving, acknowledging and failing messages through the engine, in few words."""

from datetime import timedelta

from brokers.domain.filters import parse_tags
from brokers.engine import delivery, schedule, settlement
from brokers.engine.delivery import Delivery, ReceiveRequest, Subscription
from brokers.engine.settlement import Refusal
from brokers.models import Group, Topic
from tests.integration.reads.world import World


def receive(
    world: World,
    group: Group,
    topics: list[Topic],
    *,
    count: int = 100,
    invisible: timedelta = timedelta(seconds=60),
    tags: str = "*",
) -> list[Delivery]:
    """Returns what one receive gives. `tags` filters every topic alike."""
    request = ReceiveRequest(
        group=world.group_entry(group),
        subscriptions=tuple(Subscription(world.entry(topic), parse_tags(tags)) for topic in topics),
        max_count=count,
        invisible=invisible,
        client_id="tester",
    )
    (result,) = delivery.receive([request])
    assert isinstance(result, list), result
    return result


def acknowledge(deliveries: list[Delivery]) -> None:
    results = settlement.acknowledge([d.receipt for d in deliveries])
    assert not any(results), results


def refuse(deliveries: list[Delivery], error: str = "boom", *, delay: timedelta = timedelta()) -> None:
    results = settlement.refuse([Refusal(d.receipt, error, delay) for d in deliveries])
    assert not any(results), results


def bury(world: World, group: Group, topics: list[Topic], *, error: str = "boom") -> list[Delivery]:
    """Receives and refuses until nothing comes; the group's attempts must be few. Returns the last deliveries."""
    last: list[Delivery] = []
    while deliveries := receive(world, group, topics, count=250):
        last = deliveries
        refuse(deliveries, error)
        while schedule.move_due(1000):
            pass
    return last
