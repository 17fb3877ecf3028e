"""Takes statements of psycopg's to their end from the event loop: step by step, as the socket is ready for each.

Owns: listening to the socket. Must not know: statements, connections. Called by: dispatch.links.
psycopg's own `waiting.wait_async` begins to listen anew, with a timer and a turn of the loop, for each piece of an
answer; PostgreSQL sends the rows of one look at messages in 20 pieces and more, which cost a tenth of the look. Here
the loop listens for as long as the connection is open.
"""

import asyncio
from collections.abc import Callable, Generator
from typing import Any

import psycopg
from psycopg.waiting import READY_R, READY_W, WAIT_W

Steps = Generator[Any, Any, Any]  # Any: what psycopg waits for, and what the statement returns


class Listener:
    """An open socket, and the steps that wait for it, one statement's at a time.

    `unasked` is called when the socket has something to say while no statement is under way.
    """

    def __init__(self, fileno: int, unasked: Callable[[], None]) -> None:
        """Raises psycopg.OperationalError when the socket cannot be waited on."""
        self._loop = asyncio.get_running_loop()
        self._fileno = fileno
        self._unasked = unasked
        self._is_writing = False
        self._steps: Steps | None = None
        self._end: asyncio.Future[Any] = self._loop.create_future()  # Any: as `Steps`
        try:
            self._loop.add_reader(fileno, self._hear, READY_R)
        except OSError as error:
            raise psycopg.OperationalError("the connection's socket is closed") from error

    async def follow(self, steps: Steps) -> Any:  # Any: as `Steps`
        """Returns what `steps` returns, resumed whenever the socket is ready for what it waits for.

        Raises: what `steps` raises; psycopg.OperationalError when the socket cannot be waited on.
        """
        self._steps, self._end = steps, self._loop.create_future()
        try:
            self._go_on(steps, None)
            return await self._end
        except OSError as error:
            raise psycopg.OperationalError("the connection's socket is closed") from error
        finally:
            self._steps = None
            self._write(False)

    def close(self) -> None:
        """Listens no more; call before the socket is closed."""
        self._loop.remove_reader(self._fileno)

    def _hear(self, ready: int) -> None:
        if self._steps is None:
            self._unasked()
        elif not self._end.done():  # else its caller has the result, or left, and goes on in this turn of the loop
            self._go_on(self._steps, ready)

    def _go_on(self, steps: Steps, ready: int | None) -> None:
        try:
            self._write(bool(steps.send(ready) & WAIT_W))
        except StopIteration as stop:
            self._end.set_result(stop.value)
        except BaseException as error:  # whatever it is, whoever waits must hear of it
            self._end.set_exception(error)

    def _write(self, is_wanted: bool) -> None:
        if is_wanted != self._is_writing:
            self._is_writing = is_wanted
            if is_wanted:
                self._loop.add_writer(self._fileno, self._hear, READY_W)
            else:
                self._loop.remove_writer(self._fileno)
