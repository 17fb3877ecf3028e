"""How slow this machine is at the moment, for tests of promises about time: a busy machine is no broken promise.

Seconds are counted as an ordinary machine at rest would have spent them: those of one that takes four times as long for
the same work are worth a quarter.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

# What `_work` takes on an ordinary machine that has nothing else to do.
_WORK_SECONDS = 0.004
_LOOK_SECONDS = 0.05


class Watch:
    """A stopwatch that begins when it is made."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._spent = [_work()]
        self.over = threading.Event()

    def seconds(self) -> float:
        """Returns what went by, in seconds of an ordinary machine at rest."""
        return (time.monotonic() - self._began) / self.slowness()

    def slowness(self) -> float:
        """Returns how many times longer than there all takes here, on average since the beginning."""
        return max(1.0, sum(self._spent) / len(self._spent) / _WORK_SECONDS)

    def look(self) -> None:
        """Keeps looking how fast the machine is until the watch is over."""
        while not self.over.wait(_LOOK_SECONDS):
            self._spent.append(_work())


@contextmanager
def watch() -> Iterator[Watch]:
    """A stopwatch for the block."""
    running = Watch()
    looking = threading.Thread(target=running.look, daemon=True)
    looking.start()
    try:
        yield running
    finally:
        running.over.set()
        looking.join()


def slowness() -> float:
    """Returns how many times longer than on an ordinary machine at rest all takes here now."""
    return max(1.0, sum(_work() for _ in range(10)) / 10 / _WORK_SECONDS)


def _work() -> float:
    began = time.perf_counter()
    total = 0
    for number in range(100_000):
        total += number
    return time.perf_counter() - began
