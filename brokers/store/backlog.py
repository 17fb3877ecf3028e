"""How much waits for consumers in each instance.

Owns: the look at it and the rows it leaves. Must not know: limits. Called by: engine.quotas.
"""

from dataclasses import dataclass

from . import queries, session

_SQL = queries.load("backlog")
_LOCK = 0x6D71_4251


@dataclass(frozen=True, slots=True)
class Waiting:
    """Messages and bytes of one instance that wait."""

    count: int
    size: int


def is_alone() -> bool:
    """Returns True if no other process is looking. Effects: a lock until the caller's transaction ends."""
    with session.cursor() as cur:
        cur.execute(_SQL["try_alone"], {"lock": _LOCK})
        (is_mine,) = cur.fetchone() or (False,)
        return bool(is_mine)


def look() -> dict[int, Waiting]:
    """Returns what waits by instance id; one that is not there has nothing. Bytes are an estimate."""
    found: dict[int, Waiting] = {}
    with session.cursor() as cur:
        for name in ("of_log", "of_pending"):
            cur.execute(_SQL[name])
            for instance_id, count, size in cur.fetchall():
                old = found.get(instance_id, Waiting(0, 0))
                found[instance_id] = Waiting(old.count + count, old.size + size)
    return found


def keep(instance_id: int, waiting: Waiting, *, is_full: bool) -> None:
    """Writes down what was seen of an instance."""
    row = {"instance_id": instance_id, "count": waiting.count, "size": waiting.size, "is_full": is_full}
    with session.cursor() as cur:
        cur.execute(_SQL["keep"], row)
