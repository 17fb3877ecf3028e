"""What still waits in a topic or in a group.

Owns: the look at it, bounded whatever the backlog. Must not know: whether somebody wants to delete.
Called by: engine.removal. Nothing is locked: messages may come and go while one looks.
"""

from dataclasses import dataclass

from . import queries, session

_SQL = queries.load("usage")
# A person reads the names and the counts; more than this is "many".
LIMIT_COUNT = 1000


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits. `behind` are names: groups of a topic, or topics of a group. Counts end at `LIMIT_COUNT`."""

    behind: tuple[str, ...]
    pending_count: int
    dead_count: int

    @property
    def is_anything(self) -> bool:
        """Returns True if something would be lost."""
        return bool(self.behind or self.pending_count or self.dead_count)


def of_topic(topic_id: int) -> Waiting:
    """Returns which groups have not settled the topic, and how many of its messages wait for their time."""
    with session.cursor() as cursor:
        cursor.execute(_SQL["groups_behind"], {"topic_id": topic_id, "limit": LIMIT_COUNT})
        behind = tuple(name for (name,) in cursor.fetchall())
        cursor.execute(_SQL["pending_of_topic"], {"topic_id": topic_id, "limit": LIMIT_COUNT})
        (pending_count,) = cursor.fetchone() or (0,)
    return Waiting(behind, pending_count, 0)


def of_group(group_id: int) -> Waiting:
    """Returns which topics the group has not settled, its waiting retries and its dead letters nobody replayed."""
    where = {"group_id": group_id, "limit": LIMIT_COUNT}
    with session.cursor() as cursor:
        cursor.execute(_SQL["topics_behind"], where)
        behind = tuple(name for (name,) in cursor.fetchall())
        cursor.execute(_SQL["pending_of_group"], where)
        (pending_count,) = cursor.fetchone() or (0,)
        cursor.execute(_SQL["dead_of_group"], where)
        (dead_count,) = cursor.fetchone() or (0,)
    return Waiting(behind, pending_count, dead_count)
