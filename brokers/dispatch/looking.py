"""Pulls that need nothing but a look: run by the event loop itself, over a connection of its own.

Owns: nothing but its link and thread. Must not know: what the statement is. Called by: dispatch.desk.
As for sends (`appends`), a thread and the event loop would take the interpreter from each other for each batch.
"""

from collections.abc import Callable, Sequence
from functools import partial

import psycopg

from ..engine import pulls
from ..engine.pulls import Pull, Result
from . import bridge
from .links import OwnLink


class Lane:
    """A lane for pulls: the event loop for batches that only look, a thread for all others."""

    def __init__(self, name: str) -> None:
        self._thread = bridge.Lane(name)
        self.own = OwnLink(self._thread)

    async def run(self, work: Callable[[Sequence[Pull]], Sequence[Result]], asked: Sequence[Pull]) -> Sequence[Result]:
        """Returns what `work`, the engine's `pull`, returns. Raises: as it does."""
        results = await self._look(asked)
        return await self._thread.run(work, asked) if results is None else results

    def close(self) -> None:
        """Closes the event loop's connection; the thread is closed with all the others."""
        self.own.close()

    async def _look(self, asked: Sequence[Pull]) -> Sequence[Result] | None:
        try:
            return await self.own.drive(partial(pulls.pulling, asked))
        except psycopg.OperationalError:  # looking again elsewhere is safe
            return None
