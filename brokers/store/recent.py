"""Messages this process read lately, kept so that the next reader of the same place needs no rows.

Owns: those messages and their bounds. Must not know: SQL, who reads. Called by: `looks`.
A message of the log never changes and its offset is never given out again, so what is kept stays right for as long as
the queue's bounds, which are asked for at every look, still hold its offset. Pages of a queue may overlap.
"""

import threading
from bisect import bisect_right, insort
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..domain import clock
from ..domain.messages import Stored

# All pages together, and how long a page nobody reads is kept.
LIMIT_BYTES = 64 * 1024 * 1024
_IDLE_SECONDS = 60.0
# Beside its body and its properties, a message takes about so many bytes.
_MESSAGE_BYTES = 1024
_PAGE_COUNT = 512

_Name = tuple[int, int]  # the queue's id and the page's first offset


@dataclass(slots=True)
class _Page:
    """Messages with offsets that follow one another."""

    first: int
    messages: list[Stored] = field(default_factory=list)
    size: int = 0
    used_at: float = 0.0

    @property
    def end(self) -> int:
        return self.first + len(self.messages)


_lock = threading.Lock()
_pages: OrderedDict[_Name, _Page] = OrderedDict()  # the page that rested longest first
_starts: dict[int, list[int]] = {}  # of each queue: the first offsets of its pages, in order
_size = 0


def take(queue_id: int, offset: int, *, count: int, max_bytes: int) -> list[Stored]:
    """Returns the messages from `offset` on that are kept, without a gap; none when that one is not.

    Units and bounds: at most `count`, and bodies of at most `max_bytes` plus one body.
    """
    found: list[Stored] = []
    size = 0
    with _lock:
        while (page := _find(queue_id, offset)) is not None:
            for message in page.messages[offset - page.first : offset - page.first + count - len(found)]:
                found.append(message)
                size += len(message.body)
                if size >= max_bytes:
                    return found
            if len(found) >= count:
                break
            offset = page.end
    return found


def has(queue_id: int, offset: int) -> bool:
    """Returns True if the message at an offset is kept."""
    with _lock:
        return _find(queue_id, offset) is not None


def keep(messages: Sequence[Stored]) -> None:
    """Keeps messages of one queue, in the order of their offsets. Pages that rested longest go when there are many."""
    if not messages:
        return
    with _lock:
        start = 0
        for end in range(1, len(messages) + 1):
            if end == len(messages) or messages[end].offset != messages[end - 1].offset + 1:
                _keep_run(messages[start:end])
                start = end
        _make_room()


def forget() -> None:
    """Forgets everything: the database may be another one than it was."""
    global _size
    with _lock:
        _pages.clear()
        _starts.clear()
        _size = 0


def size_bytes() -> int:
    """Returns about how much memory the pages take."""
    return _size


def _find(queue_id: int, offset: int) -> _Page | None:
    """Returns the page that holds an offset and was begun last before it, if it does."""
    starts = _starts.get(queue_id)
    at = bisect_right(starts, offset) - 1 if starts else -1
    if starts is None or at < 0:
        return None
    page = _pages[queue_id, starts[at]]
    if offset >= page.end:
        return None
    page.used_at = clock.monotonic()
    _pages.move_to_end((queue_id, page.first))
    return page


def _keep_run(run: Sequence[Stored]) -> None:
    global _size
    queue_id, first = run[0].queue_id, run[0].offset
    page = _page_for(queue_id, first)
    page.used_at = clock.monotonic()
    _pages.move_to_end((queue_id, page.first))
    fresh = run[page.end - first :]
    page.messages.extend(fresh)
    size = sum(map(_weigh, fresh))
    page.size += size
    _size += size


def _page_for(queue_id: int, first: int) -> _Page:
    """Returns the page messages from `first` on are added to: one that reaches there and has room, or a new one."""
    starts = _starts.setdefault(queue_id, [])
    at = bisect_right(starts, first) - 1
    if at >= 0:
        page = _pages[queue_id, starts[at]]
        if page.end > first or (page.end == first and len(page.messages) < _PAGE_COUNT):
            return page
    page = _pages[queue_id, first] = _Page(first)
    insort(starts, first)
    return page


def _weigh(message: Stored) -> int:
    return _MESSAGE_BYTES + len(message.body) + sum(map(len, message.properties.values()))


def _make_room() -> None:
    global _size
    oldest = clock.monotonic() - _IDLE_SECONDS
    while _pages:
        (queue_id, first), page = next(iter(_pages.items()))
        if _size <= LIMIT_BYTES and page.used_at >= oldest:
            return
        del _pages[queue_id, first]
        _size -= page.size
        starts = _starts[queue_id]
        del starts[bisect_right(starts, first) - 1]
        if not starts:
            del _starts[queue_id]
