"""How many connections each account has, in all processes.

Owns: one hash an account, a field a process. Must not know: connections. Called by: engine.quotas.
"""

import json
from collections.abc import Mapping
from typing import Any

import redis

from ..domain import clock
from . import client

_KEY = client.PREFIX + "connections:"
_FORGET_MS = 20_000


def tell(process: str, counts: Mapping[int, Mapping[str, int]]) -> dict[int, dict[str, int]] | None:
    """Notes this process' connections by account and key (`""`: all of the account); returns those of the others.

    None when Redis cannot say. A process that says nothing for 20 seconds counts no more.
    """
    accounts = sorted(counts)
    now = clock.now_ms()
    try:
        pipe = client.connection().pipeline(transaction=False)
        for account_id in accounts:
            key = f"{_KEY}{account_id}"
            pipe.hset(key, process, json.dumps([now, counts[account_id]]))
            pipe.pexpire(key, _FORGET_MS)
            pipe.hgetall(key)
        found = pipe.execute()[2::3]
    except redis.RedisError:
        return None
    return {
        account_id: _sum({name.decode(): value for name, value in rows.items() if name.decode() != process}, now=now)
        for account_id, rows in zip(accounts, found, strict=True)
    }


def total(account_id: int) -> dict[str, int] | None:
    """Returns an account's connections by key, `""` for all of them; None when Redis cannot say."""
    try:
        found: dict[Any, Any] = client.connection().hgetall(f"{_KEY}{account_id}")  # Any: as in `presence`
    except redis.RedisError:
        return None
    return _sum({name.decode(): value for name, value in found.items()}, now=clock.now_ms())


def _sum(rows: Mapping[str, bytes], *, now: int) -> dict[str, int]:
    counted: dict[str, int] = {}
    for value in rows.values():
        told_at, counts = json.loads(value)
        if now - told_at < _FORGET_MS:
            for name, count in counts.items():
                counted[name] = counted.get(name, 0) + count
    return counted
