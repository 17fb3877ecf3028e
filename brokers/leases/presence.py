"""Who consumes: the clients seen in each group lately.

Owns: one hash a group. Must not know: connections. Called by: dispatch writes, engine.ways and the console read.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import redis

from ..domain import clock
from . import client

_KEY = client.PREFIX + "seen:"
FORGET_AFTER_MS = 15 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Seen:
    """A client of a group and when it last asked for messages."""

    client_id: str
    door: str
    address: str
    user: str
    last_seen_ms: int


def note(group_id: int, clients: Mapping[str, Seen]) -> None:
    """Notes clients of a group. Failing quietly: presence is for people to look at, nothing depends on it."""
    values: dict[Any, Any] = {  # Any: redis-py's mapping types are invariant
        name: json.dumps([seen.door, seen.address, seen.user, seen.last_seen_ms]) for name, seen in clients.items()
    }
    try:
        pipe = client.connection().pipeline(transaction=False)
        pipe.hset(f"{_KEY}{group_id}", mapping=values)
        pipe.pexpire(f"{_KEY}{group_id}", FORGET_AFTER_MS)
        pipe.execute()
    except redis.RedisError:
        return


def forget(group_id: int, client_id: str) -> None:
    """Forgets a client that said goodbye. Failing quietly."""
    try:
        client.connection().hdel(f"{_KEY}{group_id}", client_id)
    except redis.RedisError:
        return


def clients(group_id: int) -> list[Seen] | None:
    """Returns the clients seen in the last quarter of an hour, newest first; None when Redis cannot say."""
    try:
        found: dict[Any, Any] = client.connection().hgetall(f"{_KEY}{group_id}")  # Any: bytes, redis-py cannot say so
    except redis.RedisError:
        return None
    oldest = clock.now_ms() - FORGET_AFTER_MS
    seen = [Seen(name.decode(), *json.loads(value)) for name, value in found.items()]
    return sorted((s for s in seen if s.last_seen_ms >= oldest), key=lambda s: -s.last_seen_ms)
