"""Totals of queues and cursors, for people to look at.

Owns: the statements of `sql/pulse.sql`. Must not know: pages. Called by: engine.pulse.
"""

from collections.abc import Sequence
from datetime import datetime

from . import queries, session

_SQL = queries.load("pulse")


def instance(instance_id: int) -> tuple[int, int, int, int, int]:
    """Returns counts of topics and groups, and totals of messages sent, kept and acknowledged."""
    with session.cursor() as cur:
        cur.execute(_SQL["instance"], {"instance_id": instance_id})
        row = cur.fetchone()
    assert row is not None, "an aggregate always has a row"
    topics, groups, sent, kept, settled = row
    return topics, groups, sent, kept, settled


def topics(topic_ids: Sequence[int]) -> dict[int, tuple[int, int, datetime]]:
    """Returns (sent, kept, last stored at) of each topic that has queues."""
    with session.cursor() as cur:
        cur.execute(_SQL["topics"], {"topic_ids": list(topic_ids)})
        return {topic_id: (sent, kept, last) for topic_id, sent, kept, last in cur.fetchall()}


def busiest(instance_id: int, *, limit: int) -> list[int]:
    """Returns topic ids, the one with the most messages first."""
    with session.cursor() as cur:
        cur.execute(_SQL["busiest"], {"instance_id": instance_id, "limit": limit})
        return [row[0] for row in cur.fetchall()]


def receivers(topic_id: int, *, limit: int) -> list[int]:
    """Returns the ids of groups that have a cursor in the topic."""
    with session.cursor() as cur:
        cur.execute(_SQL["receivers"], {"topic_id": topic_id, "limit": limit})
        return [row[0] for row in cur.fetchall()]
