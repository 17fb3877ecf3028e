"""What the members of groups said of themselves last, for the worker their clients connect to next.

Owns: two hashes a group by client id, one of the ten minutes at hand and one of those before: what is old goes by
itself. Must not know: what is said. Called by: engine.clients. Losing it all makes members wait for a heartbeat.
"""

from collections.abc import Mapping
from typing import Any

import redis

from ..domain import clock
from . import client

_KEY = client.PREFIX + "said:"
# What is to be known for longer is noted again within this time.
PERIOD_MS = 10 * 60 * 1000


def note(said: Mapping[tuple[int, str], bytes]) -> None:
    """Notes what members said, by group and client id. Failing quietly: the next heartbeat tells the same."""
    period = clock.now_ms() // PERIOD_MS
    try:
        pipe = client.connection().pipeline(transaction=False)
        for (group_id, client_id), words in said.items():
            key = f"{_KEY}{group_id}:{period}"
            pipe.hset(key, client_id, words)
            pipe.pexpire(key, 2 * PERIOD_MS)
        pipe.execute()
    except redis.RedisError:
        return


def forget(group_id: int, client_id: str) -> None:
    """Forgets a member that said goodbye. Failing quietly."""
    try:
        pipe = client.connection().pipeline(transaction=False)
        for key in _keys(group_id):
            pipe.hdel(key, client_id)
        pipe.execute()
    except redis.RedisError:
        return


def of(group_id: int) -> dict[str, bytes]:
    """Returns what the members of a group said last, by client id; nothing when Redis cannot say."""
    try:
        pipe = client.connection().pipeline(transaction=False)
        for key in _keys(group_id):
            pipe.hgetall(key)
        found: list[dict[Any, Any]] = pipe.execute()  # Any: bytes, redis-py cannot say so
    except redis.RedisError:
        return {}
    return {name.decode(): words for period in found for name, words in period.items()}


def _keys(group_id: int) -> list[str]:
    period = clock.now_ms() // PERIOD_MS
    return [f"{_KEY}{group_id}:{period - 1}", f"{_KEY}{group_id}:{period}"]
