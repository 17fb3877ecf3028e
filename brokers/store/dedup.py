"""Which `dedup_id`s a topic has already seen, and what they led to.

Owns: the `dedup` table. Must not know: who sends. Called by: engine.publish, inside its transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from . import queries, session

_SQL = queries.load("dedup")

Key = tuple[int, str]  # topic id, dedup id


@dataclass(frozen=True, slots=True)
class Earlier:
    """The message a dedup id already led to; place and times are None while it is scheduled or after it was dropped."""

    message_id: str
    queue: int | None
    offset: int | None
    stored_at_ms: int | None
    due_ms: int | None


def claim(entries: Sequence[tuple[Key, str]]) -> set[Key]:
    """Notes (key, message id) pairs and returns the keys that were new. Waits for transactions that note the same."""
    with session.cursor() as cur:
        cur.execute(
            _SQL["claim"],
            {
                "topic_ids": [key[0] for key, _ in entries],
                "dedup_ids": [key[1] for key, _ in entries],
                "message_ids": [message_id for _, message_id in entries],
            },
        )
        return {(row[0], row[1]) for row in cur}


def earlier(keys: Sequence[Key]) -> dict[Key, Earlier]:
    """Returns what each noted key led to."""
    with session.cursor() as cur:
        cur.execute(_SQL["earlier"], {"topic_ids": [key[0] for key in keys], "dedup_ids": [key[1] for key in keys]})
        return {(r[0], r[1]): Earlier(r[2], r[3], r[4], r[5], r[6]) for r in cur}
