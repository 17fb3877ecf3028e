"""This package's connection to Redis: used nonces and failed sign-ins live there, and may be lost.

Owns: the client and the answer "Redis is not there". Must not know: what the keys mean.
Calls block, at most for about a second: never from an event loop's thread.
"""

import os
from collections.abc import Callable
from functools import cache
from typing import TypeVar

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from . import clock

Result = TypeVar("Result")

PREFIX = "mq:accounts:"
_TIMEOUT_SECONDS = 1.0
# After a failure Redis is left alone for so long: callers with another way should not each wait for a timeout.
_REST_SECONDS = 1.0

_resting_until = 0.0


class Unavailable(Exception):
    """Redis does not answer."""


def use(work: Callable[[redis.Redis], Result]) -> Result:
    """Returns what `work` returns when given the client. Raises Unavailable when Redis cannot be used."""
    global _resting_until
    if clock.monotonic() < _resting_until:
        raise Unavailable
    try:
        return work(_connection(os.getpid(), settings.REDIS_URL))
    except (redis.RedisError, OSError) as error:
        _resting_until = clock.monotonic() + _REST_SECONDS
        raise Unavailable from error


def forget() -> None:
    """Makes the next call try Redis, whatever came before. For tests."""
    global _resting_until
    _resting_until = float("-inf")


@cache
def _connection(pid: int, url: str) -> redis.Redis:
    # Once a process (a client must not cross a fork), and no second try: a try may have worked without our knowing.
    return redis.Redis.from_url(
        url,
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
