"""The buckets all processes share: how much may still be sent and received, and how much lately was.

Owns: one hash a bucket. Must not know: what a limit is for. Called by: engine.quotas.
Losing them fills every bucket: at worst one burst more.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import redis

from . import client

_KEY = client.PREFIX + "bucket:"
_USED_US = 10_000_000


@dataclass(frozen=True, slots=True)
class Pool:
    """A bucket by name: tokens a second, how many it holds, and whether they are bytes or messages."""

    name: str
    rate: float
    capacity: float
    is_bytes: bool


@dataclass(frozen=True, slots=True)
class Order:
    """One purse's settlement: (charge, want) of messages and of bytes."""

    pools: Sequence[Pool]
    count: tuple[float, float]
    size: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Given:
    """What the buckets gave; `slowest` is the place of the bucket to wait for, -1 when none is empty."""

    count: float
    size: float
    wait_seconds: float
    slowest: int


def take(orders: Sequence[Order], *, now_us: int = 0) -> list[Given]:
    """Returns what each order was given, in one round trip. `now_us` is Redis' own time unless a test says another.

    Raises: TryLater LEASES_UNAVAILABLE.
    """
    calls = [
        (
            [_KEY + pool.name for pool in order.pools],
            [now_us, *order.count, *order.size, *(part for pool in order.pools for part in _parts(pool))],
        )
        for order in orders
    ]
    return [
        Given(float(count), float(size), int(wait) / 1e6, int(slowest) - 1)
        for count, size, wait, slowest in client.run_many("take_tokens", calls)
    ]


def used(names: Sequence[str]) -> list[float] | None:
    """Returns the mean rate of each bucket over the last ten seconds or so; None when Redis cannot say."""
    try:
        pipe = client.connection().pipeline(transaction=False)
        for name in names:
            pipe.hmget(_KEY + name, ["used", "at"])
        pipe.time()
        *found, (seconds, microseconds) = pipe.execute()
    except redis.RedisError:
        return None
    now_us = int(seconds) * 1_000_000 + int(microseconds)
    return [0.0 if rate is None else float(rate) * math.exp(-max(now_us - int(at), 0) / _USED_US) for rate, at in found]


def _parts(pool: Pool) -> tuple[float, float, int]:
    return pool.rate, pool.capacity, 2 if pool.is_bytes else 1
