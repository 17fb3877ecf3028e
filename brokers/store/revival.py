"""Connections that died while nobody used them: noticed before anything is sent, so that nothing is left in doubt.

Owns: when each connection was last used. Must not know: statements. Called by: `session`.
A restart of PostgreSQL closes every connection; a statement sent on such a one fails with an unknown outcome, though
the server never heard of it. A look at the socket tells, and costs nothing worth saving on a connection that rested.
"""

import select
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg import pq

from ..domain import clock

_REST_SECONDS = 1.0
# What a dying server says before it closes is one message or two.
_MESSAGE_COUNT = 4

_used_at: "WeakKeyDictionary[psycopg.Connection[Any], float]" = WeakKeyDictionary()


def is_dead(raw: "psycopg.Connection[Any]") -> bool:
    """Returns True if a connection that rested was closed by the other side. Notes that it is used now."""
    now = clock.monotonic()
    rested = now - _used_at.get(raw, 0.0)
    _used_at[raw] = now
    return rested > _REST_SECONDS and _is_closed(raw)


def _is_closed(raw: "psycopg.Connection[Any]") -> bool:
    if raw.closed:
        return True
    poll = select.poll()
    try:
        poll.register(raw.pgconn.socket, select.POLLIN)
        for _ in range(_MESSAGE_COUNT):
            if not poll.poll(0):
                break
            raw.pgconn.consume_input()
    except (psycopg.OperationalError, OSError, ValueError):
        return True
    return raw.pgconn.status != pq.ConnStatus.OK
