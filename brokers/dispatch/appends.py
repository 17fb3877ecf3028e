"""Sends whose batch is one statement: run by the event loop itself, over a connection of its own.

Owns: which batches those are. Must not know: what the statement is. Called by: dispatch.desk.
A thread that waits for PostgreSQL and an event loop that reads requests take the interpreter from each other, which
costs a send more than its row costs PostgreSQL (docs/adr/0011).
"""

from collections.abc import Callable, Sequence
from functools import partial

import psycopg

from ..domain import clock
from ..engine import publish
from ..engine.publish import Result, Send
from . import bridge, meters
from .links import OwnLink


class Lane:
    """A lane for sends: the event loop for batches of one statement, a thread for all others."""

    def __init__(self, name: str) -> None:
        self._thread = bridge.Lane(name)
        self.own = OwnLink(self._thread)

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
        self.own.close()

    async def _append(self, sends: Sequence[Send]) -> Sequence[Result] | None:
        try:
            return await self.own.drive(partial(publish.publishing, sends))
        except psycopg.OperationalError as error:
            raise publish.outcome_unknown() from error
