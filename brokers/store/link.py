"""A connection of an event loop's own: statements on it are driven from there, without a thread.

Owns: opening, knowing whether it is lost, closing. Must not know: statements, event loops.
Called by: `log` runs on it; the engine opens it for dispatch.
"""

from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from psycopg import pq

from . import recent, revival, session, tails


class Link:
    """One connection, in autocommit; one statement at a time."""

    def __init__(self, raw: "psycopg.Connection[Any]") -> None:  # Any: rows are tuples of what a statement selects
        self.raw = raw

    @property
    def fileno(self) -> int:
        """Returns the socket to wait on."""
        return self.raw.pgconn.socket

    @property
    def is_lost(self) -> bool:
        """Returns True once the connection is known to be gone."""
        return self.raw.pgconn.status != pq.ConnStatus.OK

    @property
    def is_dead(self) -> bool:
        """Returns True if it is lost or was closed by the other side while it rested: to be asked before each use."""
        return self.is_lost or revival.is_dead(self.raw)

    def close(self) -> None:
        """Closes the connection."""
        self.raw.close()


def open_link() -> Link:
    """Returns a new connection with Django's settings. Blocks. Raises: TryLater STORE_UNAVAILABLE.

    Effects: forgets what is kept of the log: a standby that took over may have lost its end, and will write another.
    """
    wrapper = connections.create_connection(DEFAULT_DB_ALIAS)
    with session.opening():
        wrapper.ensure_connection()
    tails.forget()
    recent.forget()
    return Link(wrapper.connection)
