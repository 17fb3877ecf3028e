"""Which tag filter each group uses on each topic, noted for people to look at.

Owns: noting a filter when it changes, and now and then when it does not. Must not know: what a filter leaves out.
Called by: engine.delivery, after every receive. `engine.message_page` says "acknowledged" or "filtered" only about
messages that came after the filter in force was noted.
"""

from collections.abc import Iterable

from ..domain import clock
from ..domain.errors import TryLater, UnknownOutcome
from ..store import cursors

# Members in different processes that disagree overwrite each other's note at this pace, so that it stays young.
_AGAIN_SECONDS = 30.0
_NOTED_COUNT = 100_000
_noted: dict[tuple[int, int], tuple[str, float]] = {}


def note(group_id: int, filters: Iterable[tuple[int, str]]) -> None:
    """Notes (topic, filter expression) pairs of a group. Failing quietly: the next receive tries again.

    Effects: mostly none; one statement for a filter that is new to this process, or was noted half a minute ago.
    """
    now = clock.monotonic()
    for topic_id, expression in filters:
        known = _noted.get((group_id, topic_id))
        if known is not None and known[0] == expression and now - known[1] < _AGAIN_SECONDS:
            continue
        try:
            cursors.subscribe(group_id, topic_id, expression)
        except (TryLater, UnknownOutcome):
            return
        if len(_noted) >= _NOTED_COUNT:
            _noted.clear()
        _noted[group_id, topic_id] = (expression, now)


def forget() -> None:
    """Drops what this process remembers. For tests."""
    _noted.clear()
