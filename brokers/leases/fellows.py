"""Members of consumer groups in all processes: who shares a group's queues, wherever they are connected.

Owns: one hash a group, and one key a process that is gone by itself when the process is. Must not know: connections.
Called by: engine.clients. Losing it all makes each process know its own members only, until they beat again.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import redis

from . import client

_KEY = client.PREFIX + "fellows:"
_PROCESS = client.PREFIX + "fellows-of:"
_ALIVE_MS = 8_000
_KEPT_MS = 15 * 60 * 1000

# (group, connection) → client id.
Members = Mapping[tuple[int, str], str]


def note(process: str, joined: Members, left: Iterable[tuple[int, str]] = ()) -> bool:
    """Writes which members of a process came and went, and that it lives.

    Returns False when Redis does not answer or thought the process dead: what was written before is gone then.
    """
    try:
        pipe = client.connection().pipeline(transaction=False)
        pipe.exists(f"{_PROCESS}{process}")
        pipe.set(f"{_PROCESS}{process}", b"1", px=_ALIVE_MS)
        for (group_id, connection), client_id in joined.items():
            pipe.hset(f"{_KEY}{group_id}", f"{process}|{connection}", json.dumps(client_id))
        for group_id, connection in left:
            pipe.hdel(f"{_KEY}{group_id}", f"{process}|{connection}")
        was_alive = bool(pipe.execute()[0])
    except redis.RedisError:
        return False
    return was_alive


def others(process: str, group_ids: Sequence[int]) -> dict[int, frozenset[str]] | None:
    """Returns the client ids of each group's members in other processes that live; None when Redis cannot say.

    Effects: forgets members of processes that do not, and keeps what the groups have from running out.
    """
    try:
        found = _read(group_ids)
        processes = sorted({_process(field) for fields in found.values() for field in fields} - {process})
        states: list[Any] = client.connection().mget([f"{_PROCESS}{p}" for p in processes]) if processes else []
        alive = {p for p, state in zip(processes, states, strict=True) if state is not None}
        _forget_dead(found, alive | {process})
    except redis.RedisError:
        return None
    return {
        group_id: frozenset(json.loads(value) for field, value in fields.items() if _process(field) in alive)
        for group_id, fields in found.items()
    }


def forget(process: str) -> None:
    """Says that a process has ended. Failing quietly: its key runs out anyway."""
    try:
        client.connection().delete(f"{_PROCESS}{process}")
    except redis.RedisError:
        return


def _read(group_ids: Sequence[int]) -> dict[int, dict[str, bytes]]:
    pipe = client.connection().pipeline(transaction=False)
    for group_id in group_ids:
        pipe.hgetall(f"{_KEY}{group_id}")
        pipe.pexpire(f"{_KEY}{group_id}", _KEPT_MS)
    answers = pipe.execute()[::2]
    return {g: {field.decode(): value for field, value in a.items()} for g, a in zip(group_ids, answers, strict=True)}


def _forget_dead(found: Mapping[int, Mapping[str, bytes]], living: set[str]) -> None:
    for group_id, fields in found.items():
        dead = [field for field in fields if _process(field) not in living]
        if dead:
            client.connection().hdel(f"{_KEY}{group_id}", *dead)


def _process(field: str) -> str:
    return field.partition("|")[0]
