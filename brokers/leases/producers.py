"""Which producers are there to be asked what became of a transaction, and through which worker each is reached.

Owns: one hash a producer group. Must not know: connections, checks. Called by: engine.clients.
An entry lasts while its producer says that it is there, and while the worker it is connected to lives.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import redis

from ..domain import clock
from . import client, workers

_KEY = client.PREFIX + "producers:"
_KEPT_MS = 15 * 60 * 1000
# A remoting client's heartbeat comes every 30 seconds, a poll for checks at least as often.
_ALIVE_MS = 100_000

Group = tuple[int, str, str]  # account, instance and producer group


@dataclass(frozen=True, slots=True)
class Producer:
    """A producer of a group. `worker` is the broker worker it is connected to; empty when it asks by itself."""

    client_id: str
    worker: str
    door: str
    address: str
    user: str
    last_seen_ms: int


def note(seen: Sequence[tuple[Group, Producer]]) -> None:
    """Notes producers that are there. Failing quietly: then only their own worker finds them."""
    try:
        pipe = client.connection().pipeline(transaction=False)
        for group, one in seen:
            value = [one.client_id, one.worker, one.door, one.address, one.user, one.last_seen_ms]
            pipe.hset(_key(group), _field(one.worker, one.client_id), json.dumps(value))
            pipe.pexpire(_key(group), _KEPT_MS)
        pipe.execute()
    except redis.RedisError:
        return


def forget(group: Group, *, worker: str, client_id: str) -> None:
    """Forgets a producer that went. Failing quietly."""
    try:
        client.connection().hdel(_key(group), _field(worker, client_id))
    except redis.RedisError:
        return


def alive(group: Group) -> list[Producer] | None:
    """Returns the producers of a group that are there, newest first; None when Redis cannot say."""
    try:
        found: dict[Any, Any] = client.connection().hgetall(_key(group))  # Any: bytes, redis-py cannot say so
    except redis.RedisError:
        return None
    oldest = clock.now_ms() - _ALIVE_MS
    seen = [Producer(*json.loads(value)) for value in found.values()]
    living = set(workers.alive() or ()) if any(one.worker for one in seen) else set()
    there = [one for one in seen if one.last_seen_ms >= oldest and (not one.worker or one.worker in living)]
    return sorted(there, key=lambda one: -one.last_seen_ms)


def _key(group: Group) -> str:
    return _KEY + ":".join(map(str, group))


def _field(worker: str, client_id: str) -> str:
    return f"{worker}\t{client_id}"
