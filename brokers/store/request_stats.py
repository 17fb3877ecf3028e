"""What became of requests, in rows of one minute.

Owns: the table `request_minute`. Must not know: what a request is, who counts. Called by: engine.request_stats.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from . import queries, session

_SQL = queries.load("request_stats")
_FOLD_COUNT = 5000
# More than a person reads, and what keeps the page's queries bounded.
_ROW_COUNT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """Counts to add. `group_id` 0 is the topic itself; `latency` has one count a bucket, always as many."""

    topic_id: int
    group_id: int
    minute: datetime
    asked: int
    answered: int
    timed_out: int
    no_responder: int
    gone: int
    refused: int
    latency: list[int]


@dataclass(frozen=True, slots=True)
class Sum:
    """Counts over some time, of a topic (`group_id` 0) or of a group's replies in it."""

    topic_id: int
    topic: str
    group_id: int
    group: str
    asked: int
    answered: int
    timed_out: int
    no_responder: int
    gone: int
    refused: int


@dataclass(frozen=True, slots=True)
class Point:
    """One minute of an instance or a topic."""

    minute: datetime
    asked: int
    answered: int
    timed_out: int
    no_responder: int


@dataclass(frozen=True, slots=True)
class Total:
    """What became of a topic's requests, ever."""

    topic_id: int
    account: str
    instance: str
    instance_id: int
    topic: str
    asked: int
    answered: int
    timed_out: int
    no_responder: int


def add(minutes: Iterable[Minute]) -> None:
    """Adds counts; topics that are gone are left out. One transaction.

    Raises: TryLater, UnknownOutcome; NotFound when a topic was deleted at this very moment: nothing was added.
    """
    rows = sorted(minutes, key=lambda m: (m.topic_id, m.minute, m.group_id))
    with session.transaction(), session.cursor() as cur:
        cur.executemany(_SQL["add"], [asdict(row) for row in rows])


def sums(instance_id: int, *, since: datetime, topic_id: int | None) -> list[Sum]:
    """Returns the sums of an instance or of one topic, the busiest first, at most 500."""
    values = {"instance_id": instance_id, "since": since, "topic_id": topic_id, "limit": _ROW_COUNT}
    with session.cursor() as cur:
        cur.execute(_SQL["sums"], values)
        return [Sum(*row) for row in cur]


def latencies(topic_ids: Sequence[int], *, since: datetime) -> dict[tuple[int, int], dict[int, int]]:
    """Returns, for (topic, group), the count of each bucket (from 0) that has any."""
    found: dict[tuple[int, int], dict[int, int]] = {}
    with session.cursor() as cur:
        cur.execute(_SQL["latencies"], {"topic_ids": list(topic_ids), "since": since})
        for topic_id, group_id, bucket, count in cur:
            found.setdefault((topic_id, group_id), {})[bucket - 1] = count
    return found


def minutes(topic_ids: Sequence[int], *, since: datetime) -> list[Point]:
    """Returns the minutes in which some of the topics have a request, in order."""
    with session.cursor() as cur:
        cur.execute(_SQL["minutes"], {"topic_ids": list(topic_ids), "since": since})
        return [Point(*row) for row in cur]


def totals(limit: int) -> list[Total]:
    """Returns at most `limit` topics that ever had a request, by name."""
    with session.cursor() as cur:
        cur.execute(_SQL["totals"], {"limit": limit})
        return [Total(*row) for row in cur]


def fold(*, after: timedelta) -> int:
    """Adds up a bounded number of rows older than `after`. Returns how many topics and groups they belong to."""
    with session.cursor() as cur:
        cur.execute(_SQL["fold"], {"kept": after, "limit": _FOLD_COUNT})
        return cur.rowcount
