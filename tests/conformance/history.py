"""What clients saw, written down as it happened, and what must be true of it at the end."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that reached a member of a group. The receive was asked for at `asked`, answered at `seen`."""

    group: str
    key: str
    attempt: int
    queue: int
    offset: int
    asked: float
    seen: float


@dataclass(slots=True)
class History:
    """Keys are what the sender wrote into the body: one a message. Times are of the clients' one clock."""

    acknowledged_sends: set[str] = field(default_factory=set)
    unknown_sends: set[str] = field(default_factory=set)
    refused_sends: set[str] = field(default_factory=set)
    deliveries: list[Delivery] = field(default_factory=list)
    acks: dict[tuple[str, str], float] = field(default_factory=dict)
    redis_losses: list[tuple[float, float]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    clock: Clock = time.monotonic

    def sent(self, key: str, outcome: str) -> None:
        """Notes what became of a send: `ok`, `unknown` or `refused`."""
        known = {"ok": self.acknowledged_sends, "unknown": self.unknown_sends, "refused": self.refused_sends}
        with self._lock:
            known[outcome].add(key)

    def delivered(self, deliveries: Iterable[Delivery]) -> None:
        with self._lock:
            self.deliveries.extend(deliveries)

    def acked(self, group: str, keys: Iterable[str]) -> None:
        """Notes acknowledgements the server answered with ok."""
        now = self.clock()
        with self._lock:
            for key in keys:
                self.acks.setdefault((group, key), now)


def lost(history: History, group: str, dead: Iterable[str] = ()) -> set[str]:
    """Returns acknowledged sends the group neither acknowledged nor has as dead letters."""
    done = {key for g, key in history.acks if g == group} | set(dead)
    return history.acknowledged_sends - done


def from_nowhere(history: History) -> set[str]:
    """Returns delivered keys nobody sent, or whose send was definitely refused."""
    return {d.key for d in history.deliveries} - history.acknowledged_sends - history.unknown_sends


def unsticky(history: History) -> list[Delivery]:
    """Returns deliveries asked for after their acknowledgement had been answered with ok."""
    never = float("inf")
    return [d for d in history.deliveries if d.asked > history.acks.get((d.group, d.key), never)]


def undeclared_duplicates(history: History) -> list[Delivery]:
    """Returns deliveries that repeat an attempt already delivered, with no loss of Redis around or between."""
    seen: dict[tuple[str, str, int], Delivery] = {}
    found = []
    for d in sorted(history.deliveries, key=lambda d: d.seen):
        first = seen.setdefault((d.group, d.key, d.attempt), d)
        if first is not d and not any(start <= d.seen and end >= first.asked for start, end in history.redis_losses):
            found.append(d)
    return found


def bad_offsets(history: History) -> list[tuple[str, int, int]]:
    """Returns (group, queue, offset) under which a group got two messages on their first attempt."""
    keys: dict[tuple[str, int, int], set[str]] = defaultdict(set)
    for d in history.deliveries:
        if d.attempt == 1:
            keys[d.group, d.queue, d.offset].add(d.key)
    return [place for place, known in keys.items() if len(known) > 1]


def second_letters(letters: Mapping[str, int] | Counter[str]) -> list[str]:
    """Returns keys that have more than one dead letter."""
    return [key for key, count in letters.items() if count != 1]
