"""How far members say they are with what else they ask for: written beside that, the furthest of each cursor at a time.

Owns: what is not written yet, and when it is. Must not know: wires, SQL. Called by: dispatch.desk, one for each.
Nothing answers such a word, so nobody waits for its commit; a member repeats it with its next pull. A process that
dies in between forgets up to `_GATHER_SECONDS` of them, and what was done since comes once more, as it would if the
member had died.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from ..domain import clock
from ..domain.errors import BrokerError
from ..engine.pulls import Commit

_log = logging.getLogger(__name__)

# The first word after a rest is written at once, the next ones so long after the last at the earliest.
_GATHER_SECONDS = 0.05
_AGAIN_SECONDS = 1.0

Heard = Callable[[], object]
_Word = tuple[Commit, Heard]


class Progress:
    """Words about cursors that wait to be written. Belongs to one event loop."""

    def __init__(self, commit: Callable[[Sequence[Commit]], Awaitable[Sequence[bool]]]) -> None:
        self._commit = commit
        self._waiting: dict[tuple[int, int], _Word] = {}
        self._writing: set[asyncio.Task[bool]] = set()
        self._loop: asyncio.Task[None] | None = None

    def note(self, one: Commit, heard: Heard) -> None:
        """Takes a word that names an epoch; calls `heard` once it is durable, not if it was stale or a later one came.

        Never blocks.
        """
        assert one.epoch is not None, "a word of no epoch would undo a reset that comes before it is written"
        self._put(one, heard)
        if self._loop is None:
            self._loop = asyncio.create_task(self._write_on())

    async def flush(self) -> None:
        """Returns when all that was noted before is durable, or could not be written just now."""
        if self._waiting:
            self._write()
        if self._writing:
            await asyncio.wait(list(self._writing))

    async def stop(self) -> None:
        """Writes what waits, and ends."""
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.cancel()
        await self.flush()

    def _put(self, one: Commit, heard: Heard) -> None:
        key = (one.group_id, one.queue_id)
        known = self._waiting.get(key)
        if known is None or _rank(known[0]) < _rank(one):
            self._waiting[key] = (one, heard)

    async def _write_on(self) -> None:
        while self._waiting:
            began = clock.monotonic()
            is_written = await asyncio.shield(self._write())
            pause = _GATHER_SECONDS if is_written else _AGAIN_SECONDS
            await asyncio.sleep(max(began + pause - clock.monotonic(), 0))
        # No await since nothing was seen to wait: whoever comes next begins anew.
        self._loop = None

    def _write(self) -> "asyncio.Task[bool]":
        words, self._waiting = list(self._waiting.values()), {}
        task = asyncio.create_task(self._write_these(words))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        return task

    async def _write_these(self, words: Sequence[_Word]) -> bool:
        try:
            results = await self._commit([one for one, _ in words])
        except Exception as error:  # a task boundary: these words go with the next ones, unless later ones came
            _log.warning("progress_delayed", extra={"reason": _reason(error), "count": len(words)})
            for one, heard in words:
                self._put(one, heard)
            return False
        for (_, heard), is_heard in zip(words, results, strict=True):
            if is_heard:
                heard()
        return True


def _rank(one: Commit) -> tuple[int, int]:
    return one.epoch or 0, one.offset


def _reason(error: Exception) -> str:
    return str(error.code) if isinstance(error, BrokerError) else type(error).__name__
