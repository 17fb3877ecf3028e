"""Who reads which topic right now: the clients that could answer a request.

Owns: one sorted set a topic, by name: clients subscribe to topics that are not there yet. Must not know: requests.
Called by: engine.responders. `SINCE` tells how long Redis has been keeping this: what was lost with Redis is unknown,
and not nobody.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import redis

from ..domain import clock
from . import client

_KEY = client.PREFIX + "readers:"
_SINCE = client.PREFIX + "readers-since"
_KEEP_MS = 15 * 60 * 1000
# Readers write themselves down again within this time, so an absence is known only after it.
_SETTLING_MS = 10_000


class Place(NamedTuple):
    """A topic by name."""

    instance_id: int
    topic: str


class Reader(NamedTuple):
    """A client of a group."""

    group_id: int
    client_id: str


def note(readers: Mapping[Place, Mapping[Reader, int]]) -> int:
    """Writes down who reads each topic, and until when that holds in ms since 1970.

    Returns since when Redis has been keeping this; another answer than before means that it lost it. Raises TryLater.
    """
    try:
        pipe = client.connection().pipeline(transaction=False)
        pipe.set(_SINCE, clock.now_ms(), nx=True)
        pipe.get(_SINCE)
        for place, until in readers.items():
            if not until:
                continue  # Redis refuses an addition of nothing, and everything else with it
            key, now = _key(place), clock.now_ms()
            members: dict[Any, Any] = {f"{r.group_id}|{r.client_id}": ms for r, ms in until.items()}  # Any: as redis-py
            pipe.zadd(key, members)
            pipe.zremrangebyscore(key, "-inf", now - 1)
            pipe.pexpire(key, _KEEP_MS)
        return int(pipe.execute()[1])
    except redis.RedisError as error:
        raise client.unavailable() from error


def forget(places: Iterable[Place], reader: Reader) -> None:
    """Forgets a client that said goodbye. Failing quietly: it is forgotten anyway, a little later."""
    try:
        pipe = client.connection().pipeline(transaction=False)
        for place in places:
            pipe.zrem(_key(place), f"{reader.group_id}|{reader.client_id}")
        pipe.execute()
    except redis.RedisError:
        return


def groups(places: Sequence[Place]) -> list[frozenset[int] | None]:
    """Returns the groups that read each topic now, in order; None where that is not known."""
    now = clock.now_ms()
    try:
        pipe = client.connection().pipeline(transaction=False)
        pipe.get(_SINCE)
        for place in places:
            pipe.zrangebyscore(_key(place), now, "+inf")
        since, *found = pipe.execute()
    except redis.RedisError:
        return [None for _ in places]
    is_settled = since is not None and int(since) <= now - _SETTLING_MS
    read = (frozenset(int(member.partition(b"|")[0]) for member in members) for members in found)
    return [ids if ids or is_settled else None for ids in read]


def _key(place: Place) -> str:
    return f"{_KEY}{place.instance_id}:{place.topic}"
