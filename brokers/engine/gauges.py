"""What monitoring wants to know, over all accounts, in a bounded number of queries.

Owns: what is counted. Must not know: metric names or formats. Called by: doors.http.metrics.
"""

from dataclasses import dataclass

from ..leases import workers
from ..models import Backlog
from ..store import gauges as rows
from ..store import halves
from . import offsets, request_stats
from .offsets import GroupProgress

# More series than this would hurt whoever stores them; the rest is left out and said so by `is_cut`.
SERIES_COUNT = 2000


@dataclass(frozen=True, slots=True)
class TopicGauge:
    """A topic in numbers: messages ever taken, and those kept."""

    account: str
    instance: str
    name: str
    taken: int
    kept: int


@dataclass(frozen=True, slots=True)
class GroupGauge:
    """A group and how far it is."""

    account: str
    instance: str
    name: str
    progress: GroupProgress


@dataclass(frozen=True, slots=True)
class HalfGauge:
    """A topic's half messages: those that wait, and those discarded that somebody may still decide."""

    account: str
    instance: str
    topic: str
    waiting: int
    discarded: int


@dataclass(frozen=True, slots=True)
class CheckGauge:
    """A producer group: checks and discards, ever."""

    account: str
    instance: str
    name: str
    checks: int
    discards: int


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything at one moment. `workers` is None when Redis cannot say."""

    topics: list[TopicGauge]
    groups: list[GroupGauge]
    requests: list[request_stats.TopicRequests]
    half_topics: list[HalfGauge]
    producer_groups: list[CheckGauge]
    backlogs: list[tuple[str, str, int, bool]]  # account, instance, bytes that wait, whether a limit is reached
    workers: int | None
    is_cut: bool


def read() -> Reading:
    """Returns the present numbers. Eleven queries and three round trips to Redis, whatever there is."""
    topics = [TopicGauge(*row) for row in rows.topics(SERIES_COUNT)]
    groups = rows.groups(SERIES_COUNT)
    progress = offsets.progress([group_id for group_id, _, _, _ in groups])
    alive = workers.alive()
    places = ("instance__account__name", "instance__name")
    backlogs = list(Backlog.objects.values_list(*places, "byte_count", "is_full")[:SERIES_COUNT])
    return Reading(
        backlogs=backlogs,
        topics=topics,
        groups=[
            GroupGauge(account, instance, name, progress[group_id]) for group_id, account, instance, name in groups
        ],
        requests=request_stats.totals(SERIES_COUNT),
        half_topics=[HalfGauge(*row) for row in halves.gauges(SERIES_COUNT)],
        producer_groups=[CheckGauge(*row) for row in halves.totals(SERIES_COUNT)],
        workers=None if alive is None else len(alive),
        is_cut=len(topics) == SERIES_COUNT or len(groups) == SERIES_COUNT,
    )
