"""Totals of all topics and groups, for monitoring.

Owns: the statements of `sql/gauges.sql`. Must not know: metric names. Called by: engine.gauges.
"""

from . import queries, session

_SQL = queries.load("gauges")


def topics(limit: int) -> list[tuple[str, str, str, int, int]]:
    """Returns account, instance, topic, messages ever taken and kept of at most `limit` topics, by name."""
    with session.cursor() as cur:
        cur.execute(_SQL["topics"], {"limit": limit})
        return [(row[0], row[1], row[2], row[3], row[4]) for row in cur]


def groups(limit: int) -> list[tuple[int, str, str, str]]:
    """Returns id, account, instance and name of at most `limit` groups, by name."""
    with session.cursor() as cur:
        cur.execute(_SQL["groups"], {"limit": limit})
        return [(row[0], row[1], row[2], row[3]) for row in cur]
