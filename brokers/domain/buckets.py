"""Token buckets and the purses that are filled from them.

Owns: their arithmetic. Must not know: Redis, clocks, who pays. Called by: engine.quotas, dispatch.allowances.

A bucket holds at most what flows in during the burst time. A purse is what one process took out of the buckets of one
sender in advance, so that a message costs two subtractions. Whoever finds more than nothing in its purse may go, even
if it needs more: the purse is then in debt, and the buckets pay it before they give again. So a large batch is never
refused for being large, and the long-term rate is exact.
"""

from dataclasses import dataclass
from math import inf

_FIRST_COUNT = 32.0
_FIRST_BYTES = 256.0 * 1024


@dataclass(slots=True)
class Bucket:
    """One bucket in this process' memory. Times are seconds of any clock that only goes forward."""

    rate: float
    capacity: float
    level: float
    at: float

    @classmethod
    def full(cls, rate: float, *, burst_seconds: float, now: float) -> "Bucket":
        """Returns a bucket that was never used; it holds one token at least, or nothing would ever pass."""
        capacity = max(rate * burst_seconds, 1.0)
        return cls(rate, capacity, capacity, now)

    def settle(self, charge: float, want: float, *, now: float) -> float:
        """Returns how much of `want` is given, after `charge` was paid; a negative charge gives back.

        The same as one bucket of `leases/lua/take_tokens.lua`.
        """
        self.level = min(self.capacity, self.level + max(now - self.at, 0.0) * self.rate)
        self.at = max(self.at, now)
        self.level = min(self.capacity, self.level - charge)
        given = min(want, max(self.level, 0.0))
        self.level -= given
        return given

    def wait(self) -> float:
        """Returns how many seconds after the last settlement there will be a token again; 0 when there is one."""
        return max((1.0 - self.level) / self.rate, 0.0) if self.rate > 0 else inf


@dataclass(slots=True)
class Purse:
    """Messages and bytes paid in advance; infinite where there is no limit. `closed_until`: nothing before then."""

    count: float = 0.0
    size: float = 0.0
    most_bytes: float = inf  # of one message
    closed_until: float = 0.0
    blame: int = -1  # which bucket was empty, by its place among the purse's buckets
    target_count: float = _FIRST_COUNT
    target_size: float = _FIRST_BYTES
    filled_count: float = 0.0
    filled_size: float = 0.0
    idle_rounds: int = 0

    def ask(self, most_count: float, most_size: float) -> tuple[tuple[float, float], tuple[float, float]]:
        """Returns (charge, want) of messages and of bytes, and sets the next targets by what was spent.

        A charge is a debt to pay; a negative one gives back what is too much. `most_*` bound what one purse may hold,
        infinite where there is no limit.
        """
        spent_count, spent_size = _spent(self.filled_count, self.count), _spent(self.filled_size, self.size)
        self.idle_rounds = 0 if spent_count > 0 or spent_size > 0 else self.idle_rounds + 1
        self.target_count = _target(spent_count, _FIRST_COUNT, most=most_count)
        self.target_size = _target(spent_size, _FIRST_BYTES, most=most_size)
        return _ask(self.count, self.target_count), _ask(self.size, self.target_size)

    def fill(self, count: float, size: float, *, paid: tuple[float, float]) -> None:
        """Puts in what the buckets gave and what they `paid` (the charges asked for; what was given back is negative).

        What was spent while they were asked stays spent.
        """
        self.count = self.filled_count = self.count + paid[0] + count
        self.size = self.filled_size = self.size + paid[1] + size


def _spent(filled: float, held: float) -> float:
    return 0.0 if filled == inf else filled - held


def _target(spent: float, least: float, *, most: float) -> float:
    if most == inf:
        return inf
    return min(max(least, 2.0 * spent), most)


def _ask(held: float, target: float) -> tuple[float, float]:
    if target == inf:
        return 0.0, 0.0
    if held < 0:
        return -held, target
    return min(target - held, 0.0), max(target - held, 0.0)
