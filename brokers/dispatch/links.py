"""A connection of the event loop's own, on which it drives one statement at a time.

Owns: opening it, noticing that it is dead, and never using it again after a statement whose end nobody saw.
Must not know: what the statements are. Called by: dispatch.appends, dispatch.looking.
"""

from collections.abc import Callable, Generator
from typing import Any, TypeVar

from psycopg import waiting

from ..engine.publish import Link, open_link
from . import bridge

Result = TypeVar("Result")

# An answer is noticed as it comes; psycopg also wants to look now and then.
_LOOK_SECONDS = 10.0


class OwnLink:
    """One connection, opened on `thread` when it is first needed and after it was lost."""

    def __init__(self, thread: bridge.Lane) -> None:
        self._thread = thread
        self.link: Link | None = None

    async def drive(self, work: Callable[[Link], Generator[Any, Any, Result]]) -> Result:  # Any: what psycopg waits for
        """Returns what `work` returns, a generator that runs statements on the connection.

        Raises: what `work` and `open_link` raise; psycopg.OperationalError when the socket cannot be waited on.
        """
        if self.link is not None and self.link.is_dead:
            self.close()
        if self.link is None:
            self.link = await self._thread.run(open_link)
        try:
            return await waiting.wait_async(work(self.link), self.link.fileno, _LOOK_SECONDS)
        except BaseException:
            # Whatever became of the statement, its answer must not be taken for that of another one.
            self.close()
            raise

    def close(self) -> None:
        """Closes the connection; the thread is closed with all the others."""
        if self.link is not None:
            self.link.close()
            self.link = None
