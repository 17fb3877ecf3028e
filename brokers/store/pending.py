"""Messages nobody sees yet, and what became of deliveries that failed.

Owns: the `pending`, `attempt` and `dead_letter` tables as the delivery path writes them.
Must not know: back-off rules, leases. Called by: engine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from ..domain.messages import Stored
from . import queries, session
from .log import Row, pack_properties
from .rows import columns

_SQL = queries.load("pending")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """A row for the log and when to append it: `due_ms`, or `delay` from now on the database's clock."""

    kind: Literal["SCHEDULED", "RETRY"]
    row: Row
    topic_id: int
    group_id: int | None = None
    due_ms: int | None = None
    delay: timedelta = timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failed delivery. `delay` is None when it was the last attempt."""

    group_id: int
    topic_id: int
    topic_name: str
    message: Stored
    attempt: int
    outcome: Literal["REFUSED", "EXPIRED"]
    client_id: str
    error: str
    started_ms: int
    delay: timedelta | None


def add(parked: Sequence[Parked]) -> list[int]:
    """Parks messages and returns when each is due, in milliseconds since 1970."""
    rows = [p.row for p in parked]
    with session.cursor() as cur:
        cur.execute(
            _SQL["add"],
            {
                "kinds": [p.kind for p in parked],
                "due": [p.due_ms for p in parked],
                "delays": [p.delay.total_seconds() for p in parked],
                **columns(rows),
                "topic_ids": [p.topic_id for p in parked],
                "group_ids": [p.group_id for p in parked],
                "reconsumes": [r.reconsume_times for r in rows],
            },
        )
        return [row[0] for row in cur]


def take_due(limit: int) -> list[Row]:
    """Removes at most `limit` messages whose time has come and returns them, oldest first. Needs a transaction."""
    with session.cursor() as cur:
        cur.execute(_SQL["take_due"], {"limit": limit})
        return [Row(*row) for row in cur]


def recall(topic_id: int, message_id: str) -> list[int]:
    """Removes a message that waits for its time and returns when it was due in ms, once for each of its copies.

    Effects: one statement; waits for a worker that moves the message just then, and then there is nothing to remove.
    """
    with session.cursor() as cur:
        cur.execute(_SQL["recall"], {"topic_id": topic_id, "message_id": message_id})
        return [row[0] for row in cur]


def seconds_to_next() -> float | None:
    """Returns how long until the next message is due (negative: late), or None when nothing waits."""
    with session.cursor() as cur:
        cur.execute(_SQL["next_due"])
        row = cur.fetchone()
        return row[0] if row else None


def note_attempts(failures: Sequence[Failure]) -> None:
    """Writes one timeline row a failure."""
    with session.cursor() as cur:
        cur.execute(
            _SQL["note_attempts"],
            {
                "group_ids": [f.group_id for f in failures],
                "topic_ids": [f.topic_id for f in failures],
                "message_ids": [f.message.message_id for f in failures],
                "queue_ids": [f.message.queue_id for f in failures],
                "offsets": [f.message.offset for f in failures],
                "attempts": [f.attempt for f in failures],
                "outcomes": [f.outcome for f in failures],
                "clients": [f.client_id for f in failures],
                "errors": [f.error for f in failures],
                "started": [f.started_ms for f in failures],
                "delays": [None if f.delay is None else f.delay.total_seconds() for f in failures],
            },
        )


def is_retry_waiting(group_id: int, message_id: str, reconsume_times: int) -> bool:
    """Returns True if this very retry of a message waits already.

    Effects: needs a transaction; others that ask the same wait for its end, so that two repeats cannot both hear no.
    """
    asked = {"group_id": group_id, "message_id": message_id, "reconsume_times": reconsume_times}
    with session.cursor() as cur:
        cur.execute(_SQL["hold_retry"], asked)
        cur.execute(_SQL["retry_waiting"], asked)
        row = cur.fetchone()
        return bool(row and row[0])


def bury(failures: Sequence[Failure], *, only_new: bool = False) -> int:
    """Writes one dead letter a failure and returns how many were written; `only_new` leaves those that wait alone."""
    messages = [f.message for f in failures]
    with session.cursor() as cur:
        cur.execute(
            _SQL["bury"],
            {
                "group_ids": [f.group_id for f in failures],
                "topic_ids": [f.topic_id for f in failures],
                "topic_names": [f.topic_name for f in failures],
                "queue_ids": [m.queue_id for m in messages],
                "offsets": [m.offset for m in messages],
                "message_ids": [m.message_id for m in messages],
                "tags": [m.tag for m in messages],
                "keys": [" ".join(m.keys) or None for m in messages],
                "properties": [pack_properties(m.properties) for m in messages],
                "bodies": [m.body for m in messages],
                "sys_flags": [m.sys_flag for m in messages],
                "crcs": [m.body_crc for m in messages],
                "born": [m.born_at_ms for m in messages],
                "hosts": [m.born_host for m in messages],
                "attempts": [f.attempt for f in failures],
                "errors": [f.error for f in failures],
                "clients": [f.client_id for f in failures],
                "only_new": only_new,
            },
        )
        return cur.rowcount
