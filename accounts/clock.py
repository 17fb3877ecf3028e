"""The process clock of this package: it judges a signature's age and how old a cache is.

Owns: every read of the clock here. Tests replace the instant through `freeze` and the age of things through `travel`.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

_frozen: datetime | None = None
_travelled_seconds = 0.0


def now() -> datetime:
    """Returns the present instant in UTC."""
    return _frozen if _frozen is not None else datetime.now(UTC)


def now_seconds() -> float:
    """Returns seconds since 1970."""
    return _frozen.timestamp() if _frozen is not None else time.time()


def monotonic() -> float:
    """Returns seconds on a clock that never goes back; for measuring ages only."""
    return time.monotonic() + _travelled_seconds


@contextmanager
def freeze(instant: datetime) -> Iterator[None]:
    """Makes `now` return `instant` inside the block. For tests."""
    global _frozen
    before, _frozen = _frozen, instant
    try:
        yield
    finally:
        _frozen = before


@contextmanager
def travel(seconds: float) -> Iterator[None]:
    """Makes `monotonic` run `seconds` ahead inside the block. For tests."""
    global _travelled_seconds
    before, _travelled_seconds = _travelled_seconds, _travelled_seconds + seconds
    try:
        yield
    finally:
        _travelled_seconds = before
