"""Partitions of the log, one for each segment of twelve hours: made ahead of time, dropped whole when they are old.

Owns: partitions, `queue.min_offset`, and forgetting old rows of the smaller tables.
Must not know: why somebody keeps messages. Called by: `log` when a partition is missing, and the broker worker.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import psycopg
from django.db import connection

from . import queries, session

Result = TypeVar("Result")

# Every read opens every partition, so there are few of them: three days of messages are seven.
SEGMENT = timedelta(hours=12)
# So many are made ahead; where no broker worker does it, a send makes what is missing.
AHEAD_COUNT = 1
DEDUP_WINDOW = timedelta(hours=24)
_FORGET_COUNT = 5000
# Any number; the same in every process.
_LOCK = 0x6D71_5345

_SQL = queries.load("segments")


def with_partitions(work: Callable[[], Result]) -> Result:
    """Returns what `work` returns; when a partition is missing, makes the coming ones and calls `work` once more.

    Inside a caller's transaction the partitions are made on that transaction's behalf after a savepoint rolls back.
    """
    try:
        return _guarded(work)
    except psycopg.errors.CheckViolation as error:
        if "no partition" not in str(error):
            raise
    make_ahead()
    return work()


def make_ahead() -> int:
    """Makes the partitions from now to `AHEAD_COUNT` segments on. Returns how many were missing.

    Effects: an advisory lock, then a brief SHARE UPDATE EXCLUSIVE lock on the log; sends and reads go on.
    """
    with session.transaction(), session.cursor() as cur:
        now = _current(cur)
        missing = set(range(now, now + AHEAD_COUNT + 1)) - _existing(cur)
        if not missing:
            return 0
        cur.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        missing -= _existing(cur)
        for segment in sorted(missing):
            cur.execute(
                f"CREATE TABLE message_s{segment:d} (LIKE message INCLUDING DEFAULTS INCLUDING STORAGE,"
                f" CHECK (segment = {segment:d}))".encode()
            )
            cur.execute(
                f"ALTER TABLE message ATTACH PARTITION message_s{segment:d}"
                f" FOR VALUES FROM ({segment:d}) TO ({segment + 1:d})".encode()
            )
    return len(missing)


def drop_before(age: timedelta) -> int:
    """Drops the partitions whose every message is older than `age`. Returns how many.

    Cursors that had not come so far jump, and count what they lost in `expired_count`.
    Effects: transactions of its own, one a partition and one for the bookkeeping.
    """
    with session.cursor() as cur:
        oldest_kept = _current(cur) - -(-int(age.total_seconds()) // int(SEGMENT.total_seconds()))
        old = sorted(s for s in _existing(cur) if s < oldest_kept)
    if not old:
        return 0
    with session.transaction(), session.cursor() as cur:
        cur.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        cur.execute(_SQL["advance_minimum"], {"segment": oldest_kept})
        cur.execute(_SQL["skip_dropped"])
        cur.execute(_SQL["forget_ranges"], {"segment": oldest_kept})
    for segment in old:
        with session.transaction(), session.cursor() as cur:
            cur.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            cur.execute(f"DROP TABLE IF EXISTS message_s{segment:d}".encode())
    return len(old)


def forget(*, attempts_after: timedelta, dead_letters_after: timedelta) -> int:
    """Deletes a bounded number of old dedup ids, attempts and dead letters. Returns how many; 0 means all are young."""
    count = 0
    for name, age in (
        ("forget_dedup", DEDUP_WINDOW),
        ("forget_attempts", attempts_after),
        ("forget_dead_letters", dead_letters_after),
    ):
        with session.cursor() as cur:
            cur.execute(_SQL[name], {"age": age, "limit": _FORGET_COUNT})
            count += cur.rowcount
    return count


def _guarded(work: Callable[[], Result]) -> Result:
    if not connection.in_atomic_block:
        return work()
    from django.db import transaction

    with transaction.atomic():  # a savepoint: a missing partition must not spoil the caller's transaction
        return work()


def _current(cur: psycopg.Cursor[tuple[int]]) -> int:
    cur.execute(_SQL["current"])
    row = cur.fetchone()
    assert row is not None
    return row[0]


def _existing(cur: psycopg.Cursor[tuple[int]]) -> set[int]:
    cur.execute(_SQL["existing"])
    return {row[0] for row in cur}
