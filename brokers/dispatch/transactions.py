"""Half messages, decisions and polled checks, as coroutines.

Owns: their lines of callers. Must not know: wires, credentials. Called by: doors, through `desk.get()`.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

from ..catalog.snapshot import ProducerGroupEntry, TopicEntry
from ..domain import clock, limits
from ..engine import back_checks, transactions
from ..engine.back_checks import Question
from ..engine.transactions import DecideResult, Decision, Half, PrepareResult
from . import bridge
from .batching import Batcher

# A parked poll looks again so often; checks come seconds after their half message, so nobody is in a hurry.
_LOOK_AGAIN_SECONDS = 1.0
_BATCH_BYTES = 16 * 1024 * 1024
_WAITING_BYTES = 256 * 1024 * 1024


class Transactions:
    """The transactional side of the engine as coroutines see it. `is_stopping` ends parked polls."""

    def __init__(self, is_stopping: Callable[[], bool]) -> None:
        self._is_stopping = is_stopping
        self._halves: Batcher[Half, PrepareResult] = Batcher(
            transactions.prepare,
            max_items=limits.BATCH_MESSAGE_COUNT,
            waiting_limit=limits.DISPATCH_WAITING_COUNT,
            weigh=lambda half: len(half.message.body),
            max_weight=_BATCH_BYTES,
            max_waiting_weight=_WAITING_BYTES,
            lanes=(bridge.Lane("half"),),
        )
        self._decisions: Batcher[Decision, DecideResult] = Batcher(
            transactions.decide,
            max_items=500,
            waiting_limit=limits.DISPATCH_WAITING_COUNT,
            lanes=(bridge.Lane("decide"),),
        )

    async def prepare(self, halves: Sequence[Half]) -> Sequence[PrepareResult]:
        """Returns one result a half message once the batch that holds them is committed."""
        return await self._halves.submit(halves)

    async def decide(self, decisions: Sequence[Decision]) -> Sequence[DecideResult]:
        """Returns one result a decision once the batch that holds them is committed."""
        return await self._decisions.submit(decisions)

    async def poll(
        self,
        group: ProducerGroupEntry,
        shows: Callable[[TopicEntry], bool],
        *,
        limit: int,
        client_id: str,
        wait: timedelta,
        is_gone: Callable[[], bool],
    ) -> list[Question]:
        """Returns checks as soon as some are due, or none after `wait`. `shows` runs on a thread and may block."""
        deadline = clock.monotonic() + wait.total_seconds()
        while True:
            found = await bridge.run(
                lambda: back_checks.take_offered(group, shows, limit=limit, door="http", client_id=client_id)
            )
            left = deadline - clock.monotonic()
            if found or left <= 0 or self._is_stopping() or is_gone():
                return found
            await asyncio.sleep(min(left, _LOOK_AGAIN_SECONDS))
