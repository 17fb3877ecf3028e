"""Sends whose batch is one statement: run by the event loop itself, over a connection of its own.

Owns: that connection. Must not know: what the statement is. Called by: dispatch.desk.
A thread that waits for PostgreSQL and an event loop that reads requests take the interpreter from each other, which
costs a send more than its row costs PostgreSQL (docs/adr/0011).
"""

from collections.abc import Callable, Sequence

import psycopg
from psycopg import waiting

from ..domain import clock
from ..engine import publish
from ..engine.publish import Link, Result, Send
from . import bridge, meters

# An answer is noticed as it comes; psycopg also wants to look now and then.
_LOOK_SECONDS = 10.0


class Lane:
    """A lane for sends: the event loop for batches of one statement, a thread for all others."""

    def __init__(self, name: str) -> None:
        self._thread = bridge.Lane(name)
        self._link: Link | None = None

    async def run(self, work: Callable[[Sequence[Send]], Sequence[Result]], sends: Sequence[Send]) -> Sequence[Result]:
        """Returns what `work`, the engine's `publish`, returns. Raises: as it does."""
        began = clock.monotonic()
        results = await self._append(sends) if publish.is_one_statement(sends) else None
        if results is None:
            results = await self._thread.run(work, sends)
        meters.BATCH_SECONDS.observe(clock.monotonic() - began)
        meters.BATCH_MESSAGES.observe(len(sends))
        return results

    def close(self) -> None:
        """Closes the event loop's connection; the thread is closed with all the others."""
        if self._link is not None:
            self._link.close()
            self._link = None

    async def _append(self, sends: Sequence[Send]) -> Sequence[Result] | None:
        if self._link is not None and self._link.is_dead:
            self.close()
        if self._link is None:
            self._link = await self._thread.run(publish.open_link)
        try:
            return await waiting.wait_async(publish.publishing(sends, self._link), self._link.fileno, _LOOK_SECONDS)
        except psycopg.OperationalError as error:  # the socket itself cannot be waited on any more
            self.close()
            raise publish.outcome_unknown() from error
        except BaseException:
            # Whatever became of the statement, its answer must not be taken for that of another one.
            self.close()
            raise
