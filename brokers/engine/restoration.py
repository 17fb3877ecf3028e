"""Going on after a backup was restored: nothing that was given out since the backup is given out again.

Owns: how far ahead is far enough. Must not know: how a backup is made. Called by: `manage.py after_restore`.
"""

from dataclasses import dataclass

from ..domain.errors import ErrorCode, Rejected
from ..leases import workers
from ..store import restore, session

DEFAULT_OFFSET_COUNT = 1_000_000
OFFSET_COUNT_MAX = 1_000_000_000
# More offset resets of one group than this since the backup would be a strange day; so would more new topics.
_EPOCH_COUNT = 1000
_ID_COUNT = 1000


@dataclass(frozen=True, slots=True)
class Restored:
    """What was moved ahead."""

    queue_count: int
    cursor_count: int


def after_restore(offset_count: int = DEFAULT_OFFSET_COUNT) -> Restored:
    """Leaves a gap of so many offsets in every queue, settled for every group, and makes all older receipts stale.

    Units and bounds: the gap must be larger than the number of messages any queue got after the backup.
    Raises: Rejected CONFLICT while a broker worker runs: it would work on what is being moved.
    Effects: one transaction that locks every cursor and queue.
    """
    if not 1 <= offset_count <= OFFSET_COUNT_MAX:
        raise Rejected(f"The gap has 1 to {OFFSET_COUNT_MAX} offsets.")
    running = workers.alive()
    if running:
        raise Rejected(
            f"Stop every process first: {', '.join(sorted(running))} is running, or was until a few seconds ago.",
            ErrorCode.CONFLICT,
        )
    with session.transaction():
        queue_count, cursor_count = restore.go_on(
            offset_count=offset_count, epoch_count=_EPOCH_COUNT, id_count=_ID_COUNT
        )
    return Restored(queue_count, cursor_count)
