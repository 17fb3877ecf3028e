"""The connection to Redis and the scripts.

Owns: the client, loading Lua, turning driver errors into ours. Must not know: what a lease is.
Called by: the other files of this room.
"""

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import redis
from django.conf import settings

from ..domain.errors import ErrorCode, TryLater

_FOLDER = Path(__file__).parent / "lua"
# Every key of this room has one hash tag: a script's keys must live on one node of a cluster.
PREFIX = "{mq}:"
_TIMEOUT_SECONDS = 5.0


def connection() -> redis.Redis:
    """Returns this process' client; safe to share between threads, made anew after a fork."""
    return _connection(os.getpid())


def run(script: str, keys: list[str], arguments: list[Any]) -> Any:  # Any: what the script returns
    """Runs `lua/<script>.lua`. Raises TryLater LEASES_UNAVAILABLE when Redis cannot be reached or refuses."""
    try:
        return _script(script, os.getpid())(keys=keys, args=arguments)
    except redis.RedisError as error:
        raise unavailable() from error


def run_many(script: str, calls: Sequence[tuple[list[str], list[Any]]]) -> list[Any]:  # Any: what the script returns
    """Runs `lua/<script>.lua` once a call, with its keys and arguments, in one round trip. Raises as `run`."""
    if not calls:
        return []
    try:
        pipe = connection().pipeline(transaction=False)
        for keys, arguments in calls:
            _script(script, os.getpid())(keys=keys, args=arguments, client=pipe)
        return list(pipe.execute())
    except redis.RedisError as error:
        raise unavailable() from error


def unavailable() -> TryLater:
    """Returns the error for a Redis that does not answer."""
    return TryLater(
        "Deliveries are paused because Redis cannot be reached; sending and acknowledging still work. Try again.",
        ErrorCode.LEASES_UNAVAILABLE,
        retry_after_seconds=1,
    )


@cache
def _connection(pid: int) -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS, protocol=2
    )


@cache
def _script(name: str, pid: int) -> Any:  # Any: redis-py's Script is untyped
    return connection().register_script((_FOLDER / f"{name}.lua").read_text())
