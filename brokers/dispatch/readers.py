"""Which clients of this process read which topics, told to Redis: who could answer a request.

Owns: when to write. Must not know: requests, wires. Called by: doors note readers; dispatch.desk flushes.
A reader that is new is written before its request goes on, so that whoever asks next finds it; repetitions are written
every few seconds, and everything is when Redis lost it.
"""

from collections.abc import Sequence

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
        self._since: int | None = None

    async def note(self, places: Sequence[Place], reader: Reader, *, lasting_ms: int) -> None:
        """Notes that a client reads topics from now on. Failing quietly: whether anybody reads is then unknown."""
        now = clock.now_ms()
        is_new = False
        self._places.setdefault(reader, set()).update(places)
        for place in places:
            known = self._until.setdefault(place, {})
            is_new = is_new or known.get(reader, 0) < now
            known[reader] = self._changed.setdefault(place, {})[reader] = now + lasting_ms
        if is_new:
            await self.flush()

    async def forget(self, reader: Reader) -> None:
        """Forgets a client that left."""
        places = self._places.pop(reader, set())
        for place in places:
            for known in (self._until, self._changed):
                known.get(place, {}).pop(reader, None)
        if places:
            await bridge.run(responders.forget, places, reader)

    async def flush(self) -> None:
        """Writes what changed since the last time, and everything when Redis lost it. Failing quietly."""
        changed, self._changed = self._changed, {}
        self._drop_old()
        try:
            since = await bridge.run(responders.note, changed)
            if since != self._since:
                everything = {place: dict(of) for place, of in self._until.items()}
                await bridge.run(responders.note, everything)
            self._since = since
        except TryLater:
            self._since = None  # what was not written is, with everything else, the next time

    def _drop_old(self) -> None:
        now = clock.now_ms()
        for place, of in list(self._until.items()):
            for reader in [reader for reader, until in of.items() if until < now]:
                del of[reader]
                places = self._places.get(reader, set())
                places.discard(place)
                if not places:
                    self._places.pop(reader, None)
            if not of:
                del self._until[place]
