"""Messages whose time has come: scheduled ones and retries move from `pending` to the log.

Owns: the move. Must not know: timers (the broker worker calls again and again).
Called by: the broker worker; any number of them at once.
"""

from .. import events
from ..catalog import snapshot
from ..store import log, pending, session


def move_due(limit: int) -> int:
    """Appends at most `limit` due messages and returns how many; the database's clock says what is due (promise P5).

    Effects: one transaction (delete and append together), rows other workers hold are passed over; announces.
    """
    with session.transaction():
        rows = pending.take_due(limit)
        if rows:
            log.append(rows)
        session.reached("moved_due")
    places = [snapshot.topic_of_queue(queue_id) for queue_id in {row.queue_id for row in rows}]
    events.announce({place[0].id for place in places if place})
    return len(rows)


def seconds_to_next() -> float | None:
    """Returns how long until something is due (negative: late), or None when nothing waits."""
    return pending.seconds_to_next()
