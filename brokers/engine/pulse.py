"""How much goes through an instance and its topics, in numbers that only grow.

Owns: the meaning of the totals. Must not know: pages, charts. Called by: console. Rates are differences of two answers.
"""

from dataclasses import dataclass

from ..models import Topic
from ..store import pulse as rows


@dataclass(frozen=True, slots=True)
class Totals:
    """An instance in numbers. `sent`, `kept` count people's topics; `settled` counts acknowledgements of all groups."""

    topics: int
    groups: int
    sent: int
    kept: int
    settled: int


def totals(instance_id: int) -> Totals:
    """Returns the numbers of an instance. One query, whatever it holds."""
    return Totals(*rows.instance(instance_id))


def busiest(instance_id: int, *, limit: int) -> list[Topic]:
    """Returns the topics with the most messages ever sent, at most `limit`. Two queries."""
    ids = rows.busiest(instance_id, limit=limit)
    found = Topic.objects.in_bulk(ids)
    return [found[topic_id] for topic_id in ids if topic_id in found]
