"""Answers of broker workers to what another process asked them.

Owns: one short-lived list a question. Must not know: what is asked. Called by: engine.relays.
Questions travel by `events.command`; their answers come here, so that a caller without an event loop can wait.
"""

from typing import Any

import redis

from ..domain import clock
from . import client

_KEY = client.PREFIX + "relay:"
_KEPT_MS = 60_000
# The connection itself gives up after five seconds.
_ROUND_SECONDS = 2.0


def answer(number: str, text: bytes) -> None:
    """Keeps an answer for who asked. Failing quietly: they find that nobody answered."""
    try:
        pipe = client.connection().pipeline(transaction=False)
        pipe.rpush(f"{_KEY}{number}", text)
        pipe.pexpire(f"{_KEY}{number}", _KEPT_MS)
        pipe.execute()
    except redis.RedisError:
        return


def wait(number: str, *, seconds: float) -> bytes | None:
    """Returns the next answer, or None when there is none in time. Blocks. Raises TryLater LEASES_UNAVAILABLE."""
    deadline = clock.monotonic() + seconds
    while (left := deadline - clock.monotonic()) > 0:
        try:
            # Any: redis-py's result is of either of its clients
            found: Any = client.connection().blpop([f"{_KEY}{number}"], timeout=min(left, _ROUND_SECONDS))
        except redis.RedisError as error:
            raise client.unavailable() from error
        if found is not None:
            return bytes(found[1])
    return None
