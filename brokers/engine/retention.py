"""Forgetting what is old enough, and making room for what comes.

Owns: the ages. Must not know: timers. Called by: the broker worker, every minute.
"""

from datetime import timedelta

from django.conf import settings

from ..store import segments
from . import request_stats, transactions


def tend() -> int:
    """Makes coming partitions, drops old ones, forgets a bounded number of old rows. Returns how many things it did."""
    done = segments.make_ahead()
    done += segments.drop_before(timedelta(hours=settings.RETENTION_HOURS))
    done += request_stats.fold()
    done += transactions.forget_old()
    kept = timedelta(days=settings.DEAD_LETTER_RETENTION_DAYS)
    return done + segments.forget(attempts_after=kept, dead_letters_after=kept)
