"""The two ways of consuming, of which a group uses one at a time.

Owns: which way a group's clients use now. Must not know: wires. Called by: engine.delivery and engine.pulls.
With leases, the server hands out messages one by one and each is acknowledged. With offsets, members share out the
queues among themselves and say how far they are. Both move the same cursors, so a group may change from one to the
other; used at once, each would hand out what the other is working on. So the later one is refused while the other
was seen lately. Presence in Redis says who was; when it cannot, nobody is refused.
"""

from collections.abc import Collection

from ..catalog.snapshot import GroupEntry
from ..domain import clock
from ..domain.errors import ErrorCode, Rejected
from ..leases import presence

LEASES, OFFSETS = "leases", "offsets"
# Doors that note clients, and how their clients consume.
_WAY_OF_DOOR = {"http": LEASES, "remoting-pop": LEASES, "remoting": OFFSETS}
# A remoting client's heartbeat comes every 30 seconds, a long poll at least as often.
_LATELY_MS = 45_000
_LOOK_AGAIN_SECONDS = 1.0
_KNOWN_COUNT = 50_000
_known: dict[int, tuple[float, tuple[tuple[str, str], ...]]] = {}


def check(group: GroupEntry, way: str, *, asking: Collection[str] = ()) -> None:
    """Raises Rejected CONFLICT when clients of `group` consumed the other way within the last 45 seconds.

    `asking` are the ids of the clients that ask: they have changed their way, so what they did before does not count.
    """
    doors = [door for client, door in _seen(group.id) if _WAY_OF_DOOR[door] != way and client not in asking]
    if doors:
        raise Rejected(
            f"Group {group.name!r} is being consumed through the {doors[0]} door, which keeps its place in another way."
            " Stop those clients and wait 45 seconds, or use another group.",
            ErrorCode.CONFLICT,
        )


def is_known(group_id: int) -> bool:
    """Returns True if `check` would ask nobody about this group now."""
    known = _known.get(group_id)
    return known is not None and clock.monotonic() - known[0] < _LOOK_AGAIN_SECONDS


def forget() -> None:
    """Drops what this process remembers: after a client left, and for tests."""
    _known.clear()


def _seen(group_id: int) -> tuple[tuple[str, str], ...]:
    """Returns (client, door) of those seen lately."""
    now = clock.monotonic()
    known = _known.get(group_id)
    if known is not None and now - known[0] < _LOOK_AGAIN_SECONDS:
        return known[1]
    oldest = clock.now_ms() - _LATELY_MS
    found = presence.clients(group_id) or []
    seen = tuple((s.client_id, s.door) for s in found if s.last_seen_ms >= oldest and s.door in _WAY_OF_DOOR)
    if len(_known) >= _KNOWN_COUNT:
        _known.clear()
    _known[group_id] = (now, seen)
    return seen
