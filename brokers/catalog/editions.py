"""Which edition of a topic or a group somebody saw: whoever changes another than they saw is told, if they ask.

Owns: what counts as another edition. Must not know: how a door spells one. Called by: `actions`, api, console.
"""

from collections.abc import Collection

from accounts import editions

from ..domain.errors import ErrorCode, Stale
from ..models import Group, Topic


def of(found: Topic | Group) -> str:
    """Returns the edition: another as soon as anything that can be changed is another."""
    if isinstance(found, Topic):
        return editions.of(found.pk, found.queue_count, found.remark)
    return editions.of(
        found.pk,
        found.max_attempts,
        found.invisible_seconds,
        list(found.backoff_seconds),
        found.paused,
        found.remoting_mode,
        found.remark,
    )


def require(locked: Topic | Group, seen: Collection[str] | None) -> None:
    """Raises Stale CHANGED_MEANWHILE unless one of `seen` stands there; None is somebody who does not ask."""
    if not editions.is_other(seen, of(locked)):
        return
    what = "topic" if isinstance(locked, Topic) else "group"
    raise Stale(
        f"The {what} {locked.name!r} was changed since you looked at it; nothing was saved. Look again, and then change"
        " what is there now.",
        ErrorCode.CHANGED_MEANWHILE,
    )
