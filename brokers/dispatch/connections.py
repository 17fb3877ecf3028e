"""How many connections this process holds, by account and access key.

Owns: the counts, and telling them to the other processes. Must not know: sockets, wires.
Called by: doors and live (`enter`, `leave`, `hold`); the desk runs `tend`. All on the event loop's thread.

A connection is what somebody keeps open here: a remoting client, a live page, an HTTP request that waits. An HTTP
connection between requests is nobody's: each request on it brings its own credentials, and the server ends idle ones.
Other processes' numbers are up to two seconds old, so a few connections more than the limit may come in at once.
"""

import asyncio
import os
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from ..catalog import quotas as held
from ..domain.actor import Actor
from ..domain.errors import BrokerError
from ..domain.quotas import Quota, Scope
from ..engine import quotas, refusals
from . import bridge

_TELL_SECONDS = 2.0

_mine: dict[int, Counter[str]] = {}
_others: dict[int, dict[str, int]] = {}


async def enter(actor: Actor) -> None:
    """Counts a connection in. Raises TryLater QUOTA_EXCEEDED when the account or the key has as many as it may."""
    limits = held.peek(actor.account_id)
    if limits is None:
        limits = await bridge.run(held.of, actor.account_id)
    mine, others = _mine.setdefault(actor.account_id, Counter()), _others.get(actor.account_id, {})
    for scope, name, values in (
        (Scope.ACCOUNT, "", limits.account),
        (Scope.KEY, actor.access_key_id, limits.keys.get(actor.access_key_id, {})),
    ):
        most = values.get(Quota.CONNECTIONS)
        if most is not None and mine[name] + others.get(name, 0) >= most:
            raise refusals.too_many_connections(scope, most)
    _count(actor, 1)


def leave(actor: Actor) -> None:
    """Counts a connection out that `enter` counted in."""
    _count(actor, -1)


@asynccontextmanager
async def hold(actor: Actor, wait: timedelta) -> AsyncIterator[None]:
    """Counts a request that may wait as a connection while the block runs. Raises as `enter`; without a wait never."""
    if not wait:
        yield
        return
    await enter(actor)
    try:
        yield
    finally:
        leave(actor)


async def tend() -> None:
    """Tells the others how many there are here, and hears of theirs, for ever."""
    process = f"{socket.gethostname()}-{os.getpid()}"
    _mine.clear()
    while True:
        if _mine:
            counts = {account_id: {name: n for name, n in each.items() if n} for account_id, each in _mine.items()}
            try:
                told = await bridge.run(quotas.tell_connections, process, counts)
            except BrokerError:  # a loop boundary: numbers grow old, nobody is refused for it
                told = None
            _others.clear()
            _others.update(told or {})
            for account_id in [number for number, each in _mine.items() if not +each]:
                del _mine[account_id]
        await asyncio.sleep(_TELL_SECONDS)


def _count(actor: Actor, change: int) -> None:
    mine = _mine.setdefault(actor.account_id, Counter())
    mine[""] += change
    if actor.access_key_id:
        mine[actor.access_key_id] += change
