"""A connection of the event loop's own, on which it drives one statement at a time.

Owns: opening it, noticing that it is dead, and never using it again after a statement whose end nobody saw.
Must not know: what the statements are. Called by: dispatch.appends, dispatch.looking.
The loop listens to the socket for as long as the connection is open: to begin and end that for each statement, with a
timer, as psycopg does for everybody, costs a batch as much as sending it.
"""

import asyncio
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import psycopg
from psycopg.waiting import Ready, Wait

from ..engine.publish import Link, open_link
from . import bridge

Result = TypeVar("Result")


class OwnLink:
    """One connection, opened on `thread` when it is first needed and after it was lost."""

    def __init__(self, thread: bridge.Lane) -> None:
        self._thread = thread
        self._loop: asyncio.AbstractEventLoop | None = None
        self._socket = -1
        # Of the statement under way, when it waits for the socket.
        self._waiting: asyncio.Future[Ready] | None = None
        self.link: Link | None = None

    async def drive(self, work: Callable[[Link], Generator[Any, Any, Result]]) -> Result:  # Any: what psycopg waits for
        """Returns what `work` returns, a generator that runs statements on the connection.

        Raises: what `work` and `open_link` raise; psycopg.OperationalError when the socket cannot be waited on.
        """
        if self.link is not None and self.link.is_dead:
            self.close()
        try:
            link = self.link or self._opened(await self._thread.run(open_link))
            result = await self._run(work(link))
        except BaseException as error:
            # Whatever became of the statement, its answer must not be taken for that of another one.
            self.close()
            if isinstance(error, OSError):
                raise psycopg.OperationalError("the socket cannot be waited on") from error
            raise
        if link.is_lost:
            self.close()
        return result

    def close(self) -> None:
        """Closes the connection; the thread is closed with all the others."""
        if self.link is not None:
            if self._loop is not None:
                self._loop.remove_reader(self._socket)
            self.link.close()
            self.link = None

    def _opened(self, link: Link) -> Link:
        self.link, self._socket, self._loop = link, link.fileno, asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._hear, Ready.R)
        return link

    async def _run(self, steps: Generator[Any, Any, Result]) -> Result:  # Any: what psycopg waits for
        try:
            wanted = next(steps)
            while True:
                wanted = steps.send(await self._wait(wanted))
        except StopIteration as end:
            result: Result = end.value
            return result

    async def _wait(self, wanted: Wait) -> Ready:
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[Ready] = loop.create_future()
        self._waiting = waiting
        is_full = wanted & Wait.W
        if is_full:
            loop.add_writer(self._socket, self._hear, Ready.W)
        try:
            return await waiting
        finally:
            self._waiting = None
            if is_full:
                loop.remove_writer(self._socket)

    def _hear(self, ready: Ready) -> None:
        if self._waiting is not None:
            if not self._waiting.done():
                self._waiting.set_result(ready)
        elif self.link is not None and self.link.is_closed:
            # Nobody asked for anything, so this was the server's goodbye.
            self.close()
