"""Which broker workers are alive.

Owns: one key a worker, gone by itself when the worker is. Must not know: what workers do. Called by: engine.clients.
"""

import redis

from . import client

_KEY = client.PREFIX + "worker:"
_ALIVE_MS = 10_000


def note(name: str) -> None:
    """Says that a worker is alive for the next ten seconds. Raises TryLater LEASES_UNAVAILABLE."""
    try:
        client.connection().set(f"{_KEY}{name}", b"1", px=_ALIVE_MS)
    except redis.RedisError as error:
        raise client.unavailable() from error


def forget(name: str) -> None:
    """Says that a worker has ended. Failing quietly: the key runs out anyway."""
    try:
        client.connection().delete(f"{_KEY}{name}")
    except redis.RedisError:
        return


def alive() -> list[str] | None:
    """Returns the names of the workers alive, in order; None when Redis cannot say."""
    try:
        keys = client.connection().scan_iter(match=f"{_KEY}*", count=1000)
        return sorted(key.decode().removeprefix(_KEY) for key in keys)
    except redis.RedisError:
        return None
