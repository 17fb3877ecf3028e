"""Totals of queues and cursors, for people to look at.

Owns: the statements of `sql/pulse.sql`. Must not know: pages. Called by: engine.pulse.
"""

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


def busiest(instance_id: int, *, limit: int) -> list[int]:
    """Returns topic ids, the one with the most messages first."""
    with session.cursor() as cur:
        cur.execute(_SQL["busiest"], {"instance_id": instance_id, "limit": limit})
        return [row[0] for row in cur.fetchall()]
