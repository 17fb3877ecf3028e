"""A connection of the event loop's own, on which it drives one statement at a time.

Owns: opening it, noticing that it is dead, and never using it again after a statement whose end nobody saw.
Must not know: what the statements are. Called by: dispatch.appends, dispatch.looking.
"""

from collections.abc import Callable, Generator
from typing import Any, TypeVar

from ..engine.publish import Link, open_link
from . import bridge
from .strides import Listener

Result = TypeVar("Result")


class OwnLink:
    """One connection, opened on `thread` when it is first needed and after it was lost."""

    def __init__(self, thread: bridge.Lane) -> None:
        self._thread = thread
        self._listener: Listener | None = None
        self.link: Link | None = None

    async def drive(self, work: Callable[[Link], Generator[Any, Any, Result]]) -> Result:  # Any: what psycopg waits for
        """Returns what `work` returns, a generator that runs statements on the connection.

        Raises: what `work` and `open_link` raise; psycopg.OperationalError when the socket cannot be waited on.
        """
        if self.link is not None and self.link.is_dead:
            self.close()
        try:
            if self.link is None:
                self.link = await self._thread.run(open_link)
            link = self.link
            if self._listener is None:
                self._listener = Listener(link.fileno, self._hear_unasked)
            result: Result = await self._listener.follow(work(link))
        except BaseException:
            # Whatever became of the statement, its answer must not be taken for that of another one.
            self.close()
            raise
        if link.is_lost:
            self.close()
        return result

    def close(self) -> None:
        """Closes the connection; the thread is closed with all the others."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        if self.link is not None:
            self.link.close()
            self.link = None

    def _hear_unasked(self) -> None:
        # Nobody asked for anything: the server's goodbye, or a word that needs no answer.
        if self.link is None or self.link.is_closed:
            self.close()
