"""Finding messages of an instance by topic, time, key, tag, id and text, in any combination.

Owns: choosing the way to look (by id, by key, or backwards through the queues), the bounds, and pages newest first.
Must not know: who asks or how a page looks. Called by: console, api. Looking never changes anything.

Every answer says how many rows were looked at and whether they were all there were (promise P8):
`complete` what matches is on this page or behind `next`; `truncated` a bound stopped the search (`next`, when there is
one, goes on from there); `unknown` some compressed bodies could not be read, so a text may have been missed.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import orjson

from ..domain import filters, limits, previews
from ..domain.errors import ErrorCode, NotFound, Rejected
from ..models import Group, Queue, Topic
from ..store import browse as rows
from ..store.browse import Edge, Found, Key, Source, Wanted, Window
from .message_page import MessagePage as MessagePage
from .message_page import message as message

Completeness = Literal["complete", "truncated", "unknown"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What to look for; None means anything. `start` is included, `end` is not. `tag` may be `a||b`.

    `body` is found in the body as sent (compressed ones are opened), letter by letter, case included.
    """

    instance_id: int
    topic: str | None = None
    key: str | None = None
    message_id: str | None = None
    tag: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    body: str | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A message where it stands. `queue` and `offset` are set in the log; `row_id` names a waiting or dead one.

    `status`: STORED, SCHEDULED, RETRYING, DEAD or REPLAYED. `at`: when it was stored, parked or buried.
    `group`: whose retry or dead letter it is. `head`: the first bytes as text, None when they are not text.
    """

    status: str
    topic: str
    queue: int | None
    offset: int | None
    row_id: int | None
    group: str | None
    message_id: str
    tag: str | None
    keys: tuple[str, ...]
    at: datetime
    due_at: datetime | None
    tries: int
    born_at_ms: int
    body_size: int
    head: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of hits, newest first. `next` is the cursor of the following page, or None."""

    items: tuple[Hit, ...]
    next: str | None
    completeness: Completeness
    scanned: int


@dataclass(slots=True)
class _Haul:
    """What the ways of looking brought in. Nothing older than `floor` may be shown: not all of it was looked at."""

    found: list[Found]
    scanned: int = 0
    floor: Key | None = None
    is_cut: bool = False
    is_blurred: bool = False


def search(query: Search, *, cursor: str | None = None, limit: int = limits.PAGE_DEFAULT) -> Page:
    """Returns one page of messages, newest first.

    Raises: Rejected for a bad cursor, limit, time range or text, or when too many queues would have to be searched.
        NotFound TOPIC_NOT_FOUND when the instance has no such topic.
    """
    if not 1 <= limit <= limits.PAGE_MAX:
        raise Rejected(f"limit is between 1 and {limits.PAGE_MAX}.")
    wanted = _wanted(query)
    before = None if cursor is None else _parse_cursor(cursor)
    # A text leaves out compressed bodies only after they were opened, so all candidates are fetched.
    most = limit + 1 if wanted.needle is None else limits.SCAN_ROW_COUNT
    haul = _look_in_log(wanted, before=before, limit=limit, most=most)
    _add(haul, rows.pending(wanted, before=before, limit=most))
    if wanted.message_id is not None or wanted.key is not None:
        _add(haul, rows.dead(wanted, before=before, limit=most))
    return _page(haul, wanted, limit=limit)


def _wanted(query: Search) -> Wanted:
    for name, text, longest in (
        ("key", query.key, limits.KEY_CHARS),
        ("message_id", query.message_id, limits.MESSAGE_ID_CHARS),
        ("body", query.body, limits.SEARCH_TEXT_CHARS),
    ):
        if text is not None and (not 0 < len(text) <= longest or "\0" in text):
            raise Rejected(f"{name} has 1 to {longest} characters.")
    if query.start is not None and query.end is not None and query.start >= query.end:
        raise Rejected("The time range is empty: `from` must be before `to`.")
    topic_id = None
    if query.topic is not None:
        topic_id = Topic.objects.filter(instance_id=query.instance_id, name=query.topic).values_list("pk").first()
        if topic_id is None:
            raise NotFound(f"There is no topic {query.topic!r} in this instance.", ErrorCode.TOPIC_NOT_FOUND)
    tags = filters.parse_tags(query.tag).tags if query.tag else frozenset()
    return Wanted(
        instance_id=query.instance_id,
        topic_id=topic_id[0] if topic_id else None,
        message_id=query.message_id,
        key=query.key,
        tags=tuple(sorted(tags)) or None,
        needle=None if query.body is None else query.body.encode("utf-8", "surrogatepass"),
        start=query.start,
        end=query.end,
    )


def _look_in_log(wanted: Wanted, *, before: Key | None, limit: int, most: int) -> _Haul:
    scan_limit = limits.SCAN_ROW_COUNT
    by_index = wanted.message_id is not None or (
        wanted.key is not None and rows.count_key(wanted.key, at_most=scan_limit) < scan_limit
    )
    if by_index:
        haul = _Haul([])
        _add(haul, rows.copies(wanted, before=before, limit=most))
        return haul
    try:
        return _scan(_queues(wanted), wanted, before=before, limit=limit)
    except LookupError:
        raise NotFound("The topic was deleted meanwhile.", ErrorCode.TOPIC_NOT_FOUND) from None


def _queues(wanted: Wanted) -> list[int]:
    queues = Queue.objects.filter(topic__instance_id=wanted.instance_id)
    if wanted.topic_id is not None:
        queues = queues.filter(topic_id=wanted.topic_id)
    else:
        queues = queues.filter(topic__kind=Topic.Kind.USER)
    found = list(queues.order_by("pk").values_list("pk", flat=True)[: limits.SEARCH_QUEUE_COUNT + 1])
    if len(found) > limits.SEARCH_QUEUE_COUNT:
        raise Rejected("This instance has many queues: name a topic, or look for a message id or a rarer key.")
    return found


def _scan(queue_ids: Sequence[int], wanted: Wanted, *, before: Key | None, limit: int) -> _Haul:
    """Looks backwards through the newest rows of each queue, as deep as the bound on rows allows.

    A queue that is not through hides what is older than its deepest row: the newest such row is the floor.
    """
    if not queue_ids:
        return _Haul([])
    lows = rows.offsets_at([Edge(q, wanted.start, False) for q in queue_ids])
    highs = rows.offsets_at([Edge(q, _upper(q, wanted.end, before), True) for q in queue_ids])
    if before is not None and before[1] == Source.LOG:
        highs = [min(h, before[3]) if q == before[2] else h for q, h in zip(queue_ids, highs, strict=True)]
    depth = max(1, limits.SCAN_ROW_COUNT // len(queue_ids))
    if wanted.tags is None and wanted.key is None and wanted.needle is None:
        depth = min(depth, limit + 1)
    edges = dict(zip(queue_ids, lows, strict=True))
    gaps = rows.gaps(queue_ids)
    windows = [
        Window(q, max(low, _deep(high, depth, gaps.get(q, []))), high)
        for q, low, high in zip(queue_ids, lows, highs, strict=True)
        if low < high
    ]
    if wanted.needle is not None:
        windows = _lighter(windows)
    most = limit + 1 if wanted.needle is None else limits.SCAN_ROW_COUNT
    found = rows.scan(windows, wanted, limit=most)
    unfinished = [(w.queue_id, w.low) for w in windows if w.low > edges[w.queue_id]]
    floors = zip(unfinished, rows.stored_at(unfinished), strict=True)
    return _Haul(
        found,
        scanned=sum(w.high - w.low - _unused(w.low, w.high, gaps.get(w.queue_id, [])) for w in windows),
        floor=max(((at, int(Source.LOG), q, low) for (q, low), at in floors if at is not None), default=None),
    )


def _deep(high: int, depth: int, gaps: Sequence[tuple[int, int]]) -> int:
    """Returns the offset that `depth` messages below `high` stand at or above, whatever gaps lie between."""
    low = high - depth
    for first, past in reversed(gaps):
        if first < high and min(past, high) > low:
            low -= min(past, high) - first
    return low


def _unused(low: int, high: int, gaps: Sequence[tuple[int, int]]) -> int:
    return sum(max(0, min(past, high) - max(first, low)) for first, past in gaps)


def _upper(queue_id: int, end: datetime | None, before: Key | None) -> datetime | None:
    """Returns the instant that ends the search in a queue: rows of the cursor's own instant come in a fixed order."""
    if before is None:
        return end
    at, source, queue, _ = before
    is_done = source == Source.LOG and queue_id > queue
    upper = at if is_done else at + _INSTANT
    return upper if end is None else min(upper, end)


def _lighter(windows: Sequence[Window]) -> list[Window]:
    """Returns the windows cut where their bodies pass the bound on bytes; at least one row of each stays."""
    allowance = limits.SCAN_BODY_BYTES // max(1, len(windows))
    lighter = []
    for window, sizes in zip(windows, rows.body_sizes(windows), strict=True):
        low, total = window.high, 0
        for offset, size in sizes:
            if total and total + size > allowance:
                break
            low, total = offset, total + size
        lighter.append(Window(window.queue_id, low if sizes else window.low, window.high))
    return lighter


def _add(haul: _Haul, looked: rows.Looked) -> None:
    haul.found += looked.found
    haul.scanned += looked.looked_at
    haul.is_cut = haul.is_cut or looked.is_cut


def _page(haul: _Haul, wanted: Wanted, *, limit: int) -> Page:
    shown = sorted(
        (f for f in haul.found if haul.floor is None or f.key >= haul.floor), key=lambda f: f.key, reverse=True
    )
    if wanted.needle is not None:
        shown = [f for f in shown if _holds(f, wanted.needle, haul)]
    following: Key | None = None
    is_stopped = haul.is_cut
    if len(shown) > limit:
        shown = shown[:limit]
        following = shown[-1].key
    elif haul.floor is not None:
        following = haul.floor
        is_stopped = True
    completeness: Completeness = "unknown" if haul.is_blurred else "truncated" if is_stopped else "complete"
    return Page(_hits(shown), None if following is None else _cursor(following), completeness, haul.scanned)


def _holds(found: Found, needle: bytes, haul: _Haul) -> bool:
    if found.body is None:
        return True  # the statement looked
    opened = previews.open_body(found.body, found.sys_flag)
    if not opened.problem and needle in opened.content:
        return True
    haul.is_blurred = haul.is_blurred or opened.is_cut or bool(opened.problem)
    return False


def _hits(found: Sequence[Found]) -> tuple[Hit, ...]:
    topics = dict(Topic.objects.filter(pk__in={f.topic_id for f in found}).values_list("pk", "name"))
    groups = dict(Group.objects.filter(pk__in={f.group_id for f in found if f.group_id}).values_list("pk", "name"))
    queues = dict(Queue.objects.filter(pk__in={f.queue_id for f in found}).values_list("pk", "number"))
    statuses = {"": "STORED", "RETRY": "RETRYING"}
    return tuple(
        Hit(
            status=statuses.get(f.status, f.status),
            topic=topics.get(f.topic_id or 0, ""),
            queue=queues.get(f.queue_id),
            offset=f.place if f.source == Source.LOG else None,
            row_id=None if f.source == Source.LOG else f.place,
            group=groups.get(f.group_id or 0),
            message_id=f.message_id,
            tag=f.tag,
            keys=f.keys,
            at=f.at,
            due_at=f.due_at,
            tries=f.tries,
            born_at_ms=f.born_at_ms,
            body_size=f.body_size,
            head=previews.head_text(f.head, f.sys_flag),
        )
        for f in found
    )


def _cursor(key: Key) -> str:
    parts = [(key[0] - _EPOCH) // _INSTANT, *key[1:]]
    return base64.urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


def _parse_cursor(text: str) -> Key:
    try:
        micros, source, queue, place = orjson.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_"))
        if not all(type(n) is int and 0 <= n <= limits.INT64_MAX for n in (micros, queue, place)):
            raise ValueError
        return (_EPOCH + micros * _INSTANT, int(Source(source)), queue, place)
    except (binascii.Error, ValueError, TypeError, OverflowError):
        raise Rejected("This cursor is not one this search gave out.") from None
