"""A lane of the event loop as tests drive it: one batch at a time, and counting what went to its thread."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from brokers.dispatch import batching, bridge
from brokers.dispatch.links import OwnLink

Item = TypeVar("Item")
Result = TypeVar("Result")


class Lane(batching.Lane[Item, Result], Protocol[Item, Result]):
    """A lane with a connection of the event loop's own."""

    own: OwnLink

    def close(self) -> None:
        """Closes that connection."""


class Line(Generic[Item, Result]):
    """A lane and the event loop it belongs to. `work` is the engine's function for what the thread gets."""

    def __init__(self, lane: Lane[Item, Result], work: Callable[[Sequence[Item]], Sequence[Result]]) -> None:
        self.lane = lane
        self.runner = asyncio.Runner()
        self.thread_count = 0
        self._work = work

    def run(self, *batch: Item) -> list[Result]:
        """Returns what became of a batch."""

        async def on_lane() -> Sequence[Result]:
            return await self.lane.run(self._on_thread, batch)

        return list(self.runner.run(on_lane()))

    def backend(self) -> int:
        """Returns the process id of the connection's server side."""
        assert self.lane.own.link is not None
        return self.lane.own.link.raw.info.backend_pid

    def close(self) -> None:
        """Closes the lane, its thread and the loop."""
        self.lane.close()
        bridge.close()
        self.runner.close()

    def _on_thread(self, batch: Sequence[Item]) -> Sequence[Result]:
        self.thread_count += 1
        return self._work(batch)
