"""Refusals in the trail: the first at once, the same again within a minute counted.

Owns: what "the same" is, the counts of this process, and their bounds. Must not know: rights, credentials.
Called by: permissions and credentials (`note`), the doors' desk (`flush`).

A client that asks for the same in a loop costs one entry a minute and process, with a count, beside that of its first
refusal; what one login is refused beyond a number of different things a minute is one entry too. Counts are in memory
until the minute is over, so that a refusal costs no write; what a killed process counted in its last minute is lost,
the first refusal of each kind never is.
"""

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import redis
from django.db import DatabaseError, InterfaceError, connection

from . import audit, clock, limits, volatile

_OTHERS = "refused too many different things in a minute to name each"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Who was refused what, from where and why. `login` is whom it is counted for; `actor` names their key too."""

    account_id: int
    login: str
    actor: str
    source_ip: str
    action: str
    resource: str
    detail: dict[str, Any] = field(hash=False)  # Any: JSON values

    @property
    def mark(self) -> str:
        """Returns what the same refusal has in common."""
        said = (self.account_id, self.actor, self.source_ip, self.action, self.resource, self.detail.get("reason"))
        return hashlib.sha256("\n".join(map(str, said)).encode("utf-8", "replace")).hexdigest()[:32]


@dataclass(slots=True)
class _Counted:
    """A refusal, and how often it came since `began` without being written."""

    refusal: Refusal
    began: float
    first_at: datetime
    last_at: datetime
    is_introduced: bool = False  # the first one is in the trail, or will be counted with the others
    count: int = 1


_counted: dict[str, _Counted] = {}
_times: dict[tuple[int, str], deque[float]] = {}  # when a login was refused something it was not refused just before
_lock = threading.Lock()


def note(refusal: Refusal, *, at_once: bool = True) -> None:
    """Writes a refusal, or counts it when it was written within the last minute by any process.

    Effects: at most one write and one question to Redis a minute for the same refusal. Without `at_once` none: `flush`
        writes the first too, for an event loop's thread.
    """
    with _lock:
        if _count(refusal.mark, also_old=not at_once):
            return
        is_named = _has_room(refusal)
        if not is_named:
            refusal = _others(refusal)
            if _count(refusal.mark, also_old=not at_once):
                return
        now = clock.now()
        over = _counted.get(refusal.mark)
        mine = _counted[refusal.mark] = _Counted(refusal, clock.monotonic(), now, now, is_introduced=not is_named)
    if over is not None:
        _write(over)
    if at_once and is_named:
        _introduce(mine)


def flush(*, everything: bool = False) -> None:
    """Writes what is not in the trail yet: first refusals, and a count of each whose minute is over (or of all)."""
    due = clock.monotonic() - limits.DENIAL_NOTE_SECONDS
    with _lock:
        fresh = [one for one in _counted.values() if not one.is_introduced]
    for one in fresh:
        _introduce(one)
    with _lock:
        over = [mark for mark, one in _counted.items() if everything or one.began <= due]
        found = [_counted.pop(mark) for mark in over]
        for login in [login for login, times in _times.items() if times[-1] <= due]:
            del _times[login]
    for one in found:
        _write(one)


def forget() -> None:
    """Drops all counts. For tests, whose database goes back in time."""
    with _lock:
        _counted.clear()
        _times.clear()


def _count(mark: str, *, also_old: bool) -> bool:
    """Returns True after counting, False when there is nothing of this minute (`also_old`: at all). Wants the lock."""
    known = _counted.get(mark)
    if known is None or (not also_old and clock.monotonic() - known.began >= limits.DENIAL_NOTE_SECONDS):
        return False
    known.count += 1
    known.last_at = clock.now()
    return True


def _has_room(refusal: Refusal) -> bool:
    """Returns False when somebody was refused too many different things in a minute. Wants the lock."""
    now = clock.monotonic()
    times = _times.setdefault((refusal.account_id, refusal.login), deque(maxlen=limits.DENIAL_NOTE_COUNT))
    is_full = len(times) == limits.DENIAL_NOTE_COUNT and now - times[0] < limits.DENIAL_NOTE_SECONDS
    if is_full or len(_counted) >= limits.DENIAL_KEPT_COUNT:
        return False
    times.append(now)
    return True


def _others(refusal: Refusal) -> Refusal:
    """Returns what stands for all a login is refused beyond the bound."""
    return Refusal(
        account_id=refusal.account_id,
        login=refusal.login,
        actor=refusal.login,
        source_ip="",
        action="*",
        resource=f"acs:*:*:{refusal.account_id}:*",
        detail={"reason": _OTHERS, "statement": None},
    )


def _introduce(one: _Counted) -> None:
    """Writes the first of a refusal, unless another process did; then, or without the database, it is only counted."""
    one.is_introduced = True
    if _is_first(one.refusal.mark) and _apart(partial(_record, one.refusal)):
        with _lock:
            one.count -= 1


def _write(one: _Counted) -> None:
    """Writes how often a refusal came again; keeps the number for the next time when the database is away."""
    repeated = {"repeated_from": one.first_at.isoformat(), "repeated_to": one.last_at.isoformat()}
    if not one.count or _apart(partial(_record, one.refusal, repeated, count=one.count)):
        return
    with _lock:
        newer = _counted.get(one.refusal.mark)
        if newer is not None:
            one.count += newer.count
            one.last_at = newer.last_at
        _counted[one.refusal.mark] = one


def _record(refusal: Refusal, repeated: Mapping[str, str] | None = None, *, count: int = 1) -> None:
    audit.record(
        refusal.account_id,
        refusal.actor,
        refusal.action,
        resource=refusal.resource,
        outcome=audit.REFUSED,
        source_ip=refusal.source_ip,
        detail={**refusal.detail, **(repeated or {})},
        count=count,
    )


def _apart(write: Callable[[], None]) -> bool:
    """Returns whether `write` worked, outside any open transaction: the refusal will roll that one back."""
    if not connection.in_atomic_block:
        return _is_done(write)
    done: list[bool] = []

    def work() -> None:
        done.append(_is_done(write))
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return done == [True]


def _is_done(write: Callable[[], None]) -> bool:
    try:
        write()
    except (DatabaseError, InterfaceError):
        connection.close_if_unusable_or_obsolete()
        return False
    return True


def _is_first(mark: str) -> bool:
    """Returns True if no process has written this refusal in the last minute, or nobody can say."""
    try:
        return volatile.use(partial(_first, mark=mark))
    except volatile.Unavailable:
        return True


def _first(client: redis.Redis, *, mark: str) -> bool:
    return bool(client.set(f"{volatile.PREFIX}denial:{mark}", b"1", nx=True, ex=limits.DENIAL_NOTE_SECONDS))
