"""Who could answer a request: the clients that read a topic right now.

Owns: how long a sign of life counts, and what "nobody" means. Must not know: wires.
Called by: dispatch notes readers; engine.requests and the console ask.

A client reads a topic from its first receive or heartbeat that names it, whatever its filter, until it says goodbye,
its connection ends, or no sign of life came for so long: 45 seconds for a client that asks again and again (as in
`engine.ways`), 120 for one whose connection beats (as RocketMQ's broker). "Nobody" is said only when Redis has kept
count for ten seconds; before that it is unknown.
"""

from collections.abc import Iterable, Mapping

from ..leases import responders as rows
from ..leases.responders import Place, Reader

POLLING_MS = 45_000
BEATING_MS = 120_000

__all__ = ["BEATING_MS", "POLLING_MS", "Place", "Reader", "forget", "groups", "note"]


def note(readers: Mapping[Place, Mapping[Reader, int]]) -> int:
    """Notes who reads what, each until an instant in ms since 1970; also that count is kept.

    Returns a number that changes when what was noted before is lost. Raises TryLater LEASES_UNAVAILABLE.
    """
    return rows.note(readers)


def forget(places: Iterable[Place], reader: Reader) -> None:
    """Forgets a client that left. Failing quietly."""
    rows.forget(places, reader)


def groups(places: Iterable[Place]) -> list[frozenset[int] | None]:
    """Returns the groups that read each topic now, in order; an empty set is nobody, None is unknown."""
    return rows.groups(list(places))
