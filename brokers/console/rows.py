"""Rows of lists and tables: values ready to be drawn, made from what catalog and engine return.

Owns: what counts as late, and a group's state in one word. Must not know: requests, HTML. Called by: views.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from brokers.engine import offsets, pulse
from brokers.engine.offsets import GroupProgress
from brokers.models import Group, Topic

# A group whose oldest waiting message is older than this is drawn as behind.
LATE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class TopicRow:
    """A topic with its numbers."""

    topic: Topic
    sent: int
    kept: int
    last_stored_at: datetime


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group with what it is doing. `state`: paused, unknown, idle, dead, late, retrying or ok."""

    group: Group
    progress: GroupProgress
    state: str

    @property
    def is_late(self) -> bool:
        """Returns True if the oldest waiting message waits too long."""
        return is_late(self.progress)

    @property
    def needs_attention(self) -> bool:
        """Returns True if a person should look at this group."""
        return self.state in {"paused", "unknown", "dead", "late"}


def topics(found: Sequence[Topic]) -> list[TopicRow]:
    """Returns one row a topic, in order, in one query."""
    figures = pulse.figures([topic.pk for topic in found])
    return [
        TopicRow(topic, figures[topic.pk].sent, figures[topic.pk].kept, figures[topic.pk].last_stored_at)
        for topic in found
    ]


def groups(found: Sequence[Group]) -> list[GroupRow]:
    """Returns one row a group, in order, in a bounded number of queries."""
    progress = offsets.progress([group.pk for group in found])
    return [GroupRow(group, progress[group.pk], state(group, progress[group.pk])) for group in found]


def is_late(progress: GroupProgress) -> bool:
    """Returns True if the oldest waiting message waits too long; False also when that is not known."""
    return progress.oldest_age_seconds is not None and progress.oldest_age_seconds >= LATE_SECONDS


def state(group: Group, progress: GroupProgress) -> str:
    """Returns what matters most about the group now; unknown never looks well."""
    if group.paused:
        return "paused"
    if progress.lag is None or progress.dead is None:
        return "unknown"
    if progress.dead:
        return "dead"
    if is_late(progress):
        return "late"
    if progress.retrying:
        return "retrying"
    return "ok" if progress.topics else "idle"


def group_topics(group):
    return []
