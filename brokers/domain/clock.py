"""The process clock. Time of record is PostgreSQL's and lease deadlines are Redis'; this one stamps and measures.

Owns: every read of the clock. Must not know: why somebody asks. Called by: every room.
Tests replace `now` and `monotonic` through `freeze`.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

_now: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: E731
_now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000  # noqa: E731
_monotonic: Callable[[], float] = time.monotonic


def now() -> datetime:
    """Returns the present instant in UTC."""
    return _now()


def now_ms() -> int:
    """Returns milliseconds since 1970."""
    return _now_ms()


def monotonic() -> float:
    """Returns seconds on a clock that never goes back; for measuring waits only."""
    return _monotonic()


def to_ms(instant: datetime) -> int:
    """Returns milliseconds since 1970 of an aware instant, exact for millisecond values."""
    delta = instant - _EPOCH
    return delta.days * 86_400_000 + delta.seconds * 1000 + delta.microseconds // 1000


def from_ms(milliseconds: int) -> datetime:
    """Returns the instant `milliseconds` after 1970 in UTC."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


@contextmanager
def freeze(instant: datetime) -> Iterator[None]:
    """Makes `now` return `instant` inside the block. For tests."""
    global _now, _now_ms
    before = _now, _now_ms
    _now, _now_ms = (lambda: instant), (lambda: to_ms(instant))
    try:
        yield
    finally:
        _now, _now_ms = before


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
