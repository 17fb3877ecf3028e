"""Runs blocking calls on threads that keep their database connection.

Owns: the thread pool. Must not know: what it runs. Called by: dispatch, and doors for a single blocking call.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.conf import settings
from django.db import connections

Result = TypeVar("Result")

_pool: ThreadPoolExecutor | None = None


async def run(work: Callable[..., Result], *arguments: Any) -> Result:  # Any: the work's own arguments
    """Returns what `work` returns, run on a pool thread; its errors pass through."""
    return await asyncio.get_running_loop().run_in_executor(_executor(), _in_thread, work, arguments)


def close() -> None:
    """Waits for running calls and closes the threads and their connections."""
    global _pool
    if _pool is not None:
        pool, _pool = _pool, None
        for _ in range(settings.ENGINE_THREADS):
            pool.submit(connections.close_all)
        pool.shutdown(wait=True)


def _in_thread(work: Callable[..., Result], arguments: tuple[Any, ...]) -> Result:
    try:
        return work(*arguments)
    except Exception:
        # A call that failed half-way must not leave its connection to the next one on this thread in doubt.
        for connection in connections.all(initialized_only=True):
            connection.close_if_unusable_or_obsolete()
        raise


def _executor() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(settings.ENGINE_THREADS, thread_name_prefix="mq-engine")
    return _pool
