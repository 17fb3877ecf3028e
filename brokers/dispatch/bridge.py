"""Runs blocking calls on threads that keep their database connection.

Owns: the threads. Must not know: what they run. Called by: dispatch, and doors for a single blocking call.
A `Lane` is one thread with one connection: work that comes in an endless row of batches stays where its prepared
statements are. Everything else shares a small pool.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.conf import settings
from django.db import connections

Result = TypeVar("Result")

_pool: ThreadPoolExecutor | None = None
_lanes: list["Lane"] = []


class Lane:
    """One thread for one line of batches; made on first use."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._executor: ThreadPoolExecutor | None = None
        _lanes.append(self)

    async def run(self, work: Callable[..., Result], *arguments: Any) -> Result:  # Any: the work's own arguments
        """Returns what `work` returns, run on the lane's thread; its errors pass through."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"mq-{self._name}")
        return await asyncio.get_running_loop().run_in_executor(self._executor, _in_thread, work, arguments)

    def close(self) -> None:
        """Waits for the call under way and closes the thread and its connection."""
        if self._executor is not None:
            executor, self._executor = self._executor, None
            executor.submit(connections.close_all)
            executor.shutdown(wait=True)


async def run(work: Callable[..., Result], *arguments: Any) -> Result:  # Any: the work's own arguments
    """Returns what `work` returns, run on a pool thread; its errors pass through."""
    return await asyncio.get_running_loop().run_in_executor(_shared(), _in_thread, work, arguments)


def close() -> None:
    """Waits for running calls and closes the threads and their connections."""
    global _pool
    for lane in _lanes:
        lane.close()
    if _pool is not None:
        pool, _pool = _pool, None
        # Nobody goes on before everybody is here, so that each thread closes its own, and none those of two.
        everybody = threading.Barrier(settings.ENGINE_THREADS)
        for _ in range(settings.ENGINE_THREADS):
            pool.submit(_close_own, everybody)
        pool.shutdown(wait=True)


def _close_own(everybody: threading.Barrier) -> None:
    connections.close_all()
    everybody.wait()


def _in_thread(work: Callable[..., Result], arguments: tuple[Any, ...]) -> Result:
    try:
        return work(*arguments)
    except Exception:
        # A call that failed half-way must not leave its connection to the next one on this thread in doubt.
        for connection in connections.all(initialized_only=True):
            connection.close_if_unusable_or_obsolete()
        raise


def _shared() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(settings.ENGINE_THREADS, thread_name_prefix="mq-engine")
    return _pool
