"""How much goes through an instance and its topics, in numbers that only grow.

Owns: the meaning of the totals. Must not know: pages, charts. Called by: console. Rates are differences of two answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..domain import clock
from ..models import Group, Topic
from ..store import pulse as rows

RECEIVERS_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Totals:
    """An instance in numbers. `sent`, `kept` count people's topics; `settled` counts acknowledgements of all groups."""

    topics: int
    groups: int
    sent: int
    kept: int
    settled: int


@dataclass(frozen=True, slots=True)
class Figures:
    """A topic in numbers. `last_stored_at` means something only when `sent` is not 0."""

    sent: int
    kept: int
    last_stored_at: datetime


def totals(instance_id: int) -> Totals:
    """Returns the numbers of an instance. One query, whatever it holds."""
    return Totals(*rows.instance(instance_id))


def figures(topic_ids: Sequence[int]) -> dict[int, Figures]:
    """Returns the numbers of each topic asked for. One query."""
    found = rows.topics(topic_ids) if topic_ids else {}
    none = Figures(0, 0, clock.from_ms(0))
    return {topic_id: Figures(*found[topic_id]) if topic_id in found else none for topic_id in topic_ids}


def busiest(instance_id: int, *, limit: int) -> list[Topic]:
    """Returns the topics with the most messages ever sent, at most `limit`. Two queries."""
    ids = rows.busiest(instance_id, limit=limit)
    found = Topic.objects.in_bulk(ids)
    return [found[topic_id] for topic_id in ids if topic_id in found]


def receivers(topic: Topic) -> list[Group]:
    """Returns the groups that receive a topic by name, at most `RECEIVERS_SHOWN`. Two queries."""
    ids = rows.receivers(topic.pk, limit=RECEIVERS_SHOWN)
    return list(Group.objects.filter(pk__in=ids).order_by("name"))
