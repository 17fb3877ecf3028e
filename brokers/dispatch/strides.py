"""Takes a statement of psycopg's from the event loop to its end: it says what of a socket it waits for, step by step.

Owns: listening to the socket meanwhile. Must not know: statements, connections. Called by: dispatch.links.
psycopg's own `waiting.wait_async` begins to listen anew, with a timer and a turn of the loop, for each piece of an
answer; PostgreSQL sends the rows of one look at messages in 20 pieces and more, which cost a tenth of the look.
"""

import asyncio
from collections.abc import Generator
from typing import Any, Generic, TypeVar

import psycopg
from psycopg.waiting import READY_R, READY_W, WAIT_R, WAIT_W

Result = TypeVar("Result")


async def follow(steps: Generator[Any, Any, Result], fileno: int) -> Result:  # Any: what psycopg waits for
    """Returns what `steps` returns, resumed whenever the socket is ready for what it waits for.

    Raises: what `steps` raises; psycopg.OperationalError when the socket cannot be waited on.
    """
    walk = _Walk(steps, fileno)
    try:
        walk.go_on(None)
        return await walk.end
    except OSError as error:
        raise psycopg.OperationalError("the connection's socket is closed") from error
    finally:
        walk.listen(0)


class _Walk(Generic[Result]):
    """Steps under way. `end` gets what they return or raise."""

    def __init__(self, steps: Generator[Any, Any, Result], fileno: int) -> None:  # Any: what psycopg waits for
        self._steps = steps
        self._fileno = fileno
        self._loop = asyncio.get_running_loop()
        self._heard = 0
        self.end: asyncio.Future[Result] = self._loop.create_future()

    def go_on(self, ready: int | None) -> None:
        """Takes the next step, with what the socket is ready for."""
        if self.end.done():
            return  # whoever waited was cancelled in this turn of the loop
        try:
            wanted = self._steps.send(ready)
            if wanted != self._heard:
                self.listen(wanted)
        except StopIteration as stop:
            self.end.set_result(stop.value)
        except Exception as error:
            self.end.set_exception(error)

    def listen(self, wanted: int) -> None:
        """Listens for what is wanted of the socket, and for nothing else."""
        changed, self._heard = wanted ^ self._heard, wanted
        if changed & WAIT_R:
            if wanted & WAIT_R:
                self._loop.add_reader(self._fileno, self.go_on, READY_R)
            else:
                self._loop.remove_reader(self._fileno)
        if changed & WAIT_W:
            if wanted & WAIT_W:
                self._loop.add_writer(self._fileno, self.go_on, READY_W)
            else:
                self._loop.remove_writer(self._fileno)
