"""What became of requests, counted for people and for monitoring.

Owns: the counts of this process until they are written, the buckets of latency, and what the numbers mean.
Must not know: pages, metric names. Called by: engine.requests counts; dispatch flushes; console and metrics read.

Counts are written to PostgreSQL every few seconds: a process that is killed loses its last ones, and no others.
A minute without a row had no requests; what cannot be read is None.
"""

import threading
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .. import events
from ..domain import clock
from ..domain.errors import NotFound, TryLater
from ..leases import requests as flight
from ..store import request_stats as rows

# Upper bounds in ms of all buckets but the last.
BOUNDS_MS: tuple[int, ...] = (
    *(1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700),
    *(1000, 1500, 2000, 3000, 5000, 10_000, 30_000, 60_000, 600_000),
)
KEPT = timedelta(days=7)
RECENT = timedelta(minutes=10)
# Beyond this many topics and groups of one minute something is wrong; what comes then is not counted one by one.
_PENDING_COUNT = 20_000

Key = tuple[int, int, datetime]


@dataclass(slots=True)
class _Counts:
    asked: int = 0
    answered: int = 0
    timed_out: int = 0
    no_responder: int = 0
    gone: int = 0
    refused: int = 0
    latency: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_MS) + 1))


@dataclass(frozen=True, slots=True)
class Percentiles:
    """How long replies took, in ms: no more than this for half of them, 95 and 99 in 100; None without any."""

    p50: int | None
    p95: int | None
    p99: int | None


@dataclass(frozen=True, slots=True)
class Line:
    """What became of the requests of a topic, or of a group's replies in it (`group` is its name)."""

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
    percentiles: Percentiles


@dataclass(frozen=True, slots=True)
class TopicRequests:
    """A topic's requests in numbers: ever, how long the last minutes' replies took, and how many wait now if known."""

    total: rows.Total
    percentiles: Percentiles
    in_flight: int | None


@dataclass(frozen=True, slots=True)
class Summary:
    """An instance, or one topic, over some time. `in_flight` is by topic, and None when Redis cannot say."""

    since: datetime
    topics: list[Line]
    responders: list[Line]
    percentiles: Percentiles
    in_flight: Mapping[int, int] | None
    points: list[rows.Point]

    @property
    def in_flight_count(self) -> int | None:
        """Returns how many requests wait now; None when that is not known."""
        return None if self.in_flight is None else sum(self.in_flight.values())

    @property
    def gone(self) -> int:
        """Returns how many were given up by whoever asked."""
        return sum(line.gone for line in self.topics)

    @property
    def asked(self) -> int:
        """Returns how many requests were sent."""
        return sum(line.asked for line in self.topics)

    @property
    def answered(self) -> int:
        """Returns how many of them got a reply."""
        return sum(line.answered for line in self.topics)

    @property
    def timed_out(self) -> int:
        """Returns how many got none in time."""
        return sum(line.timed_out for line in self.topics)

    @property
    def no_responder(self) -> int:
        """Returns how many were refused because nobody was there to answer."""
        return sum(line.no_responder for line in self.topics)


_pending: dict[Key, _Counts] = {}
_lock = threading.Lock()


def count(topic_id: int, outcome: str, *, group_id: int = 0, took_ms: int | None = None) -> None:
    """Counts one outcome: `asked`, `answered`, `timed_out`, `no_responder`, `gone` or `refused`. Never blocks."""
    minute = clock.now().replace(second=0, microsecond=0)
    with _lock:
        counts = _pending.get((topic_id, group_id, minute))
        if counts is None:
            if len(_pending) >= _PENDING_COUNT:
                return
            counts = _pending[topic_id, group_id, minute] = _Counts()
        setattr(counts, outcome, getattr(counts, outcome) + 1)
        if took_ms is not None:
            counts.latency[bisect_left(BOUNDS_MS, took_ms)] += 1


def flush() -> int:
    """Writes what was counted since the last time; what cannot be written is kept for the next. Returns how many rows.

    Effects: one transaction; hints to the pages that show it.
    """
    global _pending
    with _lock:
        taken, _pending = _pending, {}
    if not taken:
        return 0
    try:
        rows.add(_row(key, counts) for key, counts in taken.items())
    except (TryLater, NotFound):
        _put_back(taken)
        return 0
    events.announce(hints={f"topic:{topic_id}" for topic_id, _, _ in taken})
    return len(taken)


def fold() -> int:
    """Adds up a bounded number of minutes that are old enough. Returns for how many topics and groups."""
    return rows.fold(after=KEPT)


def totals(limit: int) -> list[TopicRequests]:
    """Returns what monitoring wants of at most `limit` topics that ever had a request, by name.

    Two queries and one call to Redis.
    """
    found = rows.totals(limit)
    recent = rows.latencies([one.topic_id for one in found], since=clock.now() - RECENT)
    flying = flight.counts(sorted({one.instance_id for one in found}), now_ms=clock.now_ms())
    return [
        TopicRequests(
            one,
            percentiles(recent.get((one.topic_id, 0), {})),
            None if flying is None else flying.get((one.instance_id, one.topic_id), 0),
        )
        for one in found
    ]


def summary(
    instance_id: int,
    *,
    since: datetime,
    topic_id: int | None = None,
    shows: Callable[[str], bool] = lambda topic: True,
) -> Summary:
    """Returns what became of an instance's requests, or of one topic's; `shows` says which topics the reader may see.

    Three queries and one call to Redis.
    """
    sums = [one for one in rows.sums(instance_id, since=since, topic_id=topic_id) if shows(one.topic)]
    topic_ids = sorted({one.topic_id for one in sums})
    histograms = rows.latencies(topic_ids, since=since)
    every: dict[int, int] = {}
    for (_, group_id), histogram in histograms.items():
        for bucket, number in histogram.items() if group_id == 0 else ():
            every[bucket] = every.get(bucket, 0) + number
    lines = [_line(one, histograms.get((one.topic_id, one.group_id), {})) for one in sums]
    flying = flight.counts([instance_id], now_ms=clock.now_ms())
    known = {*topic_ids, *([] if topic_id is None else [topic_id])}
    return Summary(
        since=since,
        topics=[line for line in lines if line.group_id == 0],
        responders=[line for line in lines if line.group_id != 0],
        percentiles=percentiles(every),
        in_flight=None if flying is None else {topic: count for (_, topic), count in flying.items() if topic in known},
        points=rows.minutes(topic_ids, since=since),
    )


def percentiles(histogram: Mapping[int, int]) -> Percentiles:
    """Returns the percentiles of bucket → count; each is the upper bound of its bucket."""
    return Percentiles(*(_percentile(histogram, share) for share in (0.5, 0.95, 0.99)))


def _percentile(histogram: Mapping[int, int], share: float) -> int | None:
    left = share * sum(histogram.values())
    for bucket in sorted(histogram):
        left -= histogram[bucket]
        if left <= 0:
            return BOUNDS_MS[min(bucket, len(BOUNDS_MS) - 1)]
    return None


def _put_back(taken: Mapping[Key, _Counts]) -> None:
    with _lock:
        for key, old in taken.items():
            new = _pending.setdefault(key, _Counts())
            for name in ("asked", "answered", "timed_out", "no_responder", "gone", "refused"):
                setattr(new, name, getattr(new, name) + getattr(old, name))
            new.latency = [a + b for a, b in zip(new.latency, old.latency, strict=True)]


def _row(key: Key, counts: _Counts) -> rows.Minute:
    topic_id, group_id, minute = key
    return rows.Minute(
        topic_id=topic_id,
        group_id=group_id,
        minute=minute,
        asked=counts.asked,
        answered=counts.answered,
        timed_out=counts.timed_out,
        no_responder=counts.no_responder,
        gone=counts.gone,
        refused=counts.refused,
        latency=counts.latency,
    )


def _line(found: rows.Sum, histogram: Mapping[int, int]) -> Line:
    return Line(
        topic_id=found.topic_id,
        topic=found.topic,
        group_id=found.group_id,
        group=found.group,
        asked=found.asked,
        answered=found.answered,
        timed_out=found.timed_out,
        no_responder=found.no_responder,
        gone=found.gone,
        refused=found.refused,
        percentiles=percentiles(histogram),
    )
