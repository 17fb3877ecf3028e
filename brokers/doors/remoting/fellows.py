"""Members of the groups known here that are connected to other processes.

Owns: writing down ours, reading theirs once a second, and saying when theirs change. Must not know: what members read.
Called by: doors.remoting.members, server. While Redis is away, those known last stay known: queues do not change hands.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable, Iterable

from ...dispatch import bridge
from ...engine import clients

_log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0

Place = tuple[int, str]  # a group, and a connection


class Fellows:
    """What this process knows of the others' members."""

    def __init__(self) -> None:
        self._process = uuid.uuid4().hex
        self._written: dict[Place, str] = {}
        self._theirs: dict[int, frozenset[str]] = {}

    def of(self, group_id: int) -> frozenset[str]:
        """Returns the client ids of a group's members elsewhere, as known last."""
        return self._theirs.get(group_id, frozenset())

    async def join(self, place: Place, client_id: str) -> None:
        """Writes a member of this process down, and reads who else is in its group."""
        if self._written.get(place) == client_id:
            return
        if await bridge.run(clients.note_fellows, self._process, {place: client_id}):
            self._written[place] = client_id
        found = await bridge.run(clients.other_fellows, self._process, [place[0]])
        if found is not None:
            self._theirs.update(found)

    async def watch(self, ours: Callable[[], dict[Place, str]], changed: Callable[[int], object]) -> None:
        """Keeps both sides up to date, for ever; calls `changed` with a group that has other members elsewhere now."""
        while True:
            try:
                for group_id in await self._look(ours()):
                    changed(group_id)
            except Exception as error:  # a loop boundary: log once, go on
                _log.warning("background_work_failed", extra={"reason": type(error).__name__})
            await asyncio.sleep(_LOOK_SECONDS)

    async def end(self) -> None:
        """Says that this process has no members any more."""
        await bridge.run(clients.forget_fellows, self._process)

    async def _look(self, ours: dict[Place, str]) -> Iterable[int]:
        joined = {place: name for place, name in ours.items() if self._written.get(place) != name}
        left = [place for place in self._written if place not in ours]
        if await bridge.run(clients.note_fellows, self._process, joined, left):
            self._written = dict(ours)
        else:
            self._written = {}  # all of it is written again at the next look
        groups = sorted({group_id for group_id, _ in ours})
        found = await bridge.run(clients.other_fellows, self._process, groups) if groups else {}
        if found is None:
            return []
        before, self._theirs = self._theirs, found
        return [group_id for group_id in groups if before.get(group_id, frozenset()) != found[group_id]]
