"""Turns many waiting callers into few calls: whatever waits while one batch commits becomes the next batch.

Owns: the waiting line, its bounds, the number of batches under way. Must not know: what a batch does.
Called by: dispatch.desk. No linger before a first batch: measured, it makes nothing faster.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from ..domain import clock
from ..domain.errors import ErrorCode, TryLater
from . import bridge

Item = TypeVar("Item")
Result = TypeVar("Result")
HeardResult = TypeVar("HeardResult", contravariant=True)


class Lane(Protocol[Item, Result]):
    """Where batches are worked off, one at a time."""

    async def run(
        self, work: Callable[[Sequence[Item]], Sequence[Result]], batch: Sequence[Item], /
    ) -> Sequence[Result]:
        """Returns what `work` returns for a batch."""


class Hearer(Protocol[HeardResult]):
    """Who hears what became of some items: a future, or whatever else has these three of its methods.

    Neither `set_result` nor `set_exception` may raise: others wait for the same batch.
    """

    def done(self) -> bool:
        """Returns True when nobody wants to hear of it any more."""

    def set_result(self, results: Sequence[HeardResult], /) -> None:
        """Hears the results of its items."""

    def set_exception(self, error: Exception, /) -> None:
        """Hears why their batch failed."""


class Batcher(Generic[Item, Result]):
    """One line of callers in front of one engine function.

    `work` gets a batch and returns one result an item, in order. It runs on `lanes`, or on shared threads.
    A batch has at most `max_items` items and about `max_weight` of weight, though always at least one caller. A second
    lane opens while more than `crowd` items wait. `pause` says, from a batch's results, how many seconds after its
    beginning the next may begin.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Sequence[Result]],
        *,
        max_items: int,
        waiting_limit: int,
        weigh: Callable[[Item], int] = lambda _: 0,
        max_weight: int = 1,
        max_waiting_weight: int = 1 << 62,
        crowd: int | None = None,
        lanes: Sequence[Lane[Item, Result]] = (),
        pause: Callable[[Sequence[Result]], float] = lambda _: 0.0,
    ) -> None:
        self._work = work
        self._free = list(lanes)
        self._max_items = max_items
        self._waiting_limit = waiting_limit
        self._weigh = weigh
        self._max_weight = max_weight
        self._max_waiting_weight = max_waiting_weight
        self._crowd = crowd
        self._pause = pause
        self._not_before = 0.0
        self._line: deque[tuple[Sequence[Item], int, Hearer[Result]]] = deque()
        self._waiting = 0
        self._waiting_weight = 0
        self._lanes = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_idle(self) -> bool:
        """Returns True when nobody waits, nothing is under way and the last pause is over."""
        return not self._lanes and not self._line and clock.monotonic() >= self._not_before

    async def submit(self, items: Sequence[Item]) -> Sequence[Result]:
        """Returns the results of `items` once their batch is done. Items of one call stay together and in order.

        Raises: TryLater OVERLOADED when too much waits; what `work` raises.
        """
        future: asyncio.Future[Sequence[Result]] = asyncio.get_running_loop().create_future()
        self.put(items, future)
        return await future

    def put(self, items: Sequence[Item], hearer: Hearer[Result]) -> None:
        """As `submit`, for somebody who does not wait but hears. Raises: TryLater OVERLOADED when too much waits."""
        weight = self._weigh(items[0]) if len(items) == 1 else sum(map(self._weigh, items))
        if self._waiting + len(items) > self._waiting_limit or self._waiting_weight + weight > self._max_waiting_weight:
            raise TryLater("Too much work is waiting; slow down.", ErrorCode.OVERLOADED, retry_after_seconds=1)
        self._line.append((items, weight, hearer))
        self._waiting += len(items)
        self._waiting_weight += weight
        if not self._lanes or (self._crowd is not None and self._waiting > self._crowd and self._lanes < 2):
            self._lanes += 1
            task = asyncio.create_task(self._run_lane())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run_lane(self) -> None:
        lane = self._free.pop() if self._free else None
        run = lane.run if lane else bridge.run
        while self._line:
            began = clock.monotonic()
            if began < self._not_before:
                await asyncio.sleep(self._not_before - began)
                continue
            batch, callers = self._next_batch()
            try:
                results = await run(self._work, batch)
            except Exception as error:  # a task boundary: every caller hears of it
                _fail(callers, error)
            else:
                self._not_before = began + self._pause(results)
                _hand_out(callers, results)
        # No await since the line was seen empty: whoever comes next starts a lane.
        self._lanes -= 1
        if lane:
            self._free.append(lane)

    def _next_batch(self) -> tuple[list[Item], list[tuple[int, Hearer[Result]]]]:
        batch: list[Item] = []
        callers: list[tuple[int, Hearer[Result]]] = []
        weight = 0
        while self._line:
            items, item_weight, hearer = self._line[0]
            if callers and (len(batch) + len(items) > self._max_items or weight + item_weight > self._max_weight):
                break
            self._line.popleft()
            self._waiting -= len(items)
            self._waiting_weight -= item_weight
            weight += item_weight
            if hearer.done():
                continue  # the caller is gone and nothing was begun for it
            batch.extend(items)
            callers.append((len(items), hearer))
        return batch, callers


def _hand_out(callers: Sequence[tuple[int, Hearer[Result]]], results: Sequence[Result]) -> None:
    at = 0
    for count, hearer in callers:
        if not hearer.done():
            hearer.set_result(results[at : at + count])
        at += count


def _fail(callers: Sequence[tuple[int, Hearer[Result]]], error: Exception) -> None:
    for _, hearer in callers:
        if not hearer.done():
            hearer.set_exception(error)
