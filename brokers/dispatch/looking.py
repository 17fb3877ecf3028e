"""Pulls that need nothing but a look: run by the event loop itself, over a connection of its own.

Owns: that connection. Must not know: what the statement is. Called by: dispatch.desk.
As for sends (`appends`), a thread and the event loop would take the interpreter from each other for each batch.
"""

from collections.abc import Callable, Sequence

import psycopg
from psycopg import waiting

from ..engine import pulls
from ..engine.pulls import Link, Pull, Result
from . import bridge

# An answer is noticed as it comes; psycopg also wants to look now and then.
_LOOK_SECONDS = 10.0


class Lane:
    """A lane for pulls: the event loop for batches that only look, a thread for all others."""

    def __init__(self, name: str) -> None:
        self._thread = bridge.Lane(name)
        self._link: Link | None = None

    async def run(self, work: Callable[[Sequence[Pull]], Sequence[Result]], asked: Sequence[Pull]) -> Sequence[Result]:
        """Returns what `work`, the engine's `pull`, returns. Raises: as it does."""
        results = await self._look(asked)
        return await self._thread.run(work, asked) if results is None else results

    def close(self) -> None:
        """Closes the event loop's connection; the thread is closed with all the others."""
        if self._link is not None:
            self._link.close()
            self._link = None

    async def _look(self, asked: Sequence[Pull]) -> Sequence[Result] | None:
        if self._link is not None and self._link.is_dead:
            self.close()
        if self._link is None:
            self._link = await self._thread.run(pulls.open_link)
        try:
            return await waiting.wait_async(pulls.pulling(asked, self._link), self._link.fileno, _LOOK_SECONDS)
        except psycopg.OperationalError:  # the socket cannot be waited on any more; looking again elsewhere is safe
            self.close()
            return None
        except BaseException:
            # Whatever became of the statement, its answer must not be taken for that of another one.
            self.close()
            raise
