"""Which clients of this process read which topics, told to Redis: who could answer a request.

Owns: when to write. Must not know: requests, wires. Called by: doors note readers; dispatch.desk flushes.
A reader that is new is written before its request goes on, so that whoever asks next finds it; repetitions are written
every few seconds, and everything is when Redis lost it. One write at a time, so that none overtakes another.
"""

import asyncio
from collections.abc import Coroutine, Sequence

from ..domain import clock
from ..domain.errors import TryLater
from ..engine import responders
from ..engine.responders import BEATING_MS, POLLING_MS, Place, Reader
from . import bridge

__all__ = ["BEATING_MS", "POLLING_MS", "Place", "Reader", "Readers"]


class Readers:
    """The readers of one process; belongs to one event loop."""

    def __init__(self) -> None:
        self._until: dict[Place, dict[Reader, int]] = {}
        self._places: dict[Reader, set[Place]] = {}
        self._changed: dict[Place, dict[Reader, int]] = {}
        self._new: set[tuple[Place, Reader]] = set()  # not in Redis yet
        self._since: int | None = None
        self._writing = asyncio.Lock()
        self._begun = 0

    async def note(self, places: Sequence[Place], reader: Reader, *, lasting_ms: int) -> None:
        """Notes that a client reads topics from now on. Failing quietly: the next time tries again."""
        now = clock.now_ms()
        self._places.setdefault(reader, set()).update(places)
        for place in places:
            known = self._until.setdefault(place, {})
            if known.get(reader, 0) < now:
                self._new.add((place, reader))
            known[reader] = self._changed.setdefault(place, {})[reader] = now + lasting_ms
        # Whoever is as good as written only because another call writes it right now waits for that as well.
        if self._new and any((place, reader) in self._new for place in places):
            await self.flush()

    async def forget(self, reader: Reader) -> None:
        """Forgets a client that left."""
        places = self._places.pop(reader, set())
        for place in places:
            self._new.discard((place, reader))
            for known in (self._until, self._changed):
                known.get(place, {}).pop(reader, None)
        if places:
            await _to_its_end(self._take_out(places, reader))

    async def flush(self) -> None:
        """Writes what changed since the last time, and everything when Redis lost it. Failing quietly."""
        await _to_its_end(self._write(self._begun + 1))

    async def _write(self, number: int) -> None:
        """Writes, unless others did since this was asked for: all who wait share one try, also when it fails."""
        async with self._writing:
            if self._begun >= number:
                return
            self._begun += 1
            changed, self._changed = self._changed, {}
            self._drop_old()
            # Unless this ends well, the next time writes everything.
            before, self._since = self._since, None
            try:
                since = await bridge.run(responders.note, changed)
                if since != before:
                    everything = {place: dict(of) for place, of in self._until.items()}
                    since = await bridge.run(responders.note, everything)
            except TryLater:
                return
            self._new.difference_update((place, reader) for place, of in changed.items() for reader in of)
            self._since = since

    async def _take_out(self, places: set[Place], reader: Reader) -> None:
        async with self._writing:
            # A client that came back meanwhile stays.
            gone = [place for place in places if reader not in self._until.get(place, {})]
            if gone:
                await bridge.run(responders.forget, gone, reader)

    def _drop_old(self) -> None:
        now = clock.now_ms()
        for place, of in list(self._until.items()):
            for reader in [reader for reader, until in of.items() if until < now]:
                del of[reader]
                self._new.discard((place, reader))
                places = self._places.get(reader, set())
                places.discard(place)
                if not places:
                    self._places.pop(reader, None)
            if not of:
                del self._until[place]


async def _to_its_end(work: Coroutine[None, None, None]) -> None:
    """Waits for work that goes on when whoever waits is cancelled: others count on it."""
    await asyncio.shield(asyncio.ensure_future(work))
