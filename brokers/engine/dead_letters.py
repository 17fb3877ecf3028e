"""Dead letters of a group: listing, opening, counting, grouping by what went wrong, sending them on their way again.

Owns: the bounds of looking, and the one name under which others find all of it.
Must not know: how a page looks. Called by: console, api, tasks. Redrives are in `redrive_control` and `redrive`.
"""

import zlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from ..catalog import access, changes
from ..domain import limits, previews
from ..domain.actor import Actor
from ..domain.errors import ErrorCode, NotFound, Rejected
from ..models import Group, Operation
from ..store import dead_letters as rows
from ..store.dead_letters import DeadLetter as DeadLetter
from ..store.dead_letters import Failure, LedgerRow
from ..store.dead_letters import Filter as Filter
from .message_page import Body
from .redrive import Step as Step
from .redrive import break_off as break_off
from .redrive import rescue as rescue
from .redrive import run_batch as run_batch
from .redrive_control import Preview as Preview
from .redrive_control import cancel as cancel
from .redrive_control import pause as pause
from .redrive_control import resume as resume
from .redrive_control import start_redrive as start_redrive
from .selections import Selection as Selection

Completeness = Literal["complete", "truncated"]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of dead letters, newest first. `truncated`: a bound stopped the search; `next` goes on from there."""

    items: tuple[DeadLetter, ...]
    next: str | None
    completeness: Completeness
    scanned: int


@dataclass(frozen=True, slots=True)
class Count:
    """How many match. `truncated`: among the newest `scanned` only; there may be more."""

    number: int
    completeness: Completeness
    scanned: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A dead letter and its body."""

    letter: DeadLetter
    body: Body


@dataclass(frozen=True, slots=True)
class Failures:
    """Kinds of failure, the most frequent first, among the newest `scanned` dead letters nobody replayed."""

    items: tuple[Failure, ...]
    completeness: Completeness
    scanned: int


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """A page of an operation's ledger, in the order the work was done."""

    items: tuple[LedgerRow, ...]
    next: str | None


def page(
    group: Group, wanted: Filter | None = None, *, cursor: str | None = None, limit: int = limits.PAGE_DEFAULT
) -> Page:
    """Returns one page, newest first. Raises Rejected for a bad cursor, limit or filter."""
    wanted = _checked(wanted)
    _check_limit(limit)
    before_id = limits.INT64_MAX if cursor is None else _parse(cursor)
    found, scanned, lowest = rows.page(group.pk, wanted, before_id=before_id, limit=limit + 1)
    if len(found) > limit:
        return Page(tuple(found[:limit]), str(found[limit - 1].id), "complete", scanned)
    if wanted != Filter() and scanned >= limits.SCAN_ROW_COUNT and lowest is not None:
        return Page(tuple(found), str(lowest), "truncated", scanned)
    return Page(tuple(found), None, "complete", scanned)


def get(group: Group, dead_letter_id: int) -> Opened:
    """Returns a dead letter with its body. Raises NotFound MESSAGE_NOT_FOUND."""
    found = rows.get(group.pk, dead_letter_id) if 0 < dead_letter_id <= limits.INT64_MAX else None
    if found is None:
        raise NotFound(f"Group {group.name!r} has no dead letter {dead_letter_id}.", ErrorCode.MESSAGE_NOT_FOUND)
    letter, raw = found
    return Opened(letter, Body(raw, previews.preview(raw, letter.sys_flag), zlib.crc32(raw) == letter.body_crc))


def opened(actor: Actor, group: Group, dead_letter_id: int) -> Opened:
    """Returns a dead letter to show `actor`, who may see the group's. Raises as `get`. Effects: an audit entry."""
    found = get(group, dead_letter_id)
    resource = access.resource(actor.account_id, group.instance.name, group.name)
    changes.record_read(actor, "mq:QueryDLQMessage", resource, dead_letter=dead_letter_id)
    return found


def count(group: Group, wanted: Filter | None = None) -> Count:
    """Returns how many match, looking at no more than `SCAN_ROW_COUNT` of the newest."""
    scan_limit = limits.SCAN_ROW_COUNT
    matching, looked_at = rows.count(group.pk, _checked(wanted), upper_id=limits.INT64_MAX, scan_limit=scan_limit + 1)
    if looked_at <= scan_limit:
        return Count(matching, "complete", looked_at)
    matching, looked_at = rows.count(group.pk, _checked(wanted), upper_id=limits.INT64_MAX, scan_limit=scan_limit)
    return Count(matching, "truncated", looked_at)


def failures(group: Group, *, most: int = limits.SCAN_ROW_COUNT) -> Failures:
    """Returns what went wrong and how often among the newest `most`; `Filter(failure=…)` picks those of one kind."""
    found, scanned = rows.failures(group.pk, scan_limit=most)
    is_all = scanned < most
    return Failures(tuple(found), "complete" if is_all else "truncated", scanned)


def waiting_since(group: Group) -> datetime | None:
    """Returns when the oldest dead letter died that nobody replayed, None when none waits."""
    return rows.oldest_waiting(group.pk)


def ledger(
    operation: Operation, *, outcome: str | None = None, cursor: str | None = None, limit: int = limits.PAGE_DEFAULT
) -> LedgerPage:
    """Returns a page of what a redrive did with each dead letter; `outcome` is MOVED, SKIPPED or FAILED."""
    _check_limit(limit)
    if outcome not in {None, "MOVED", "SKIPPED", "FAILED"}:
        raise Rejected("outcome is one of MOVED, SKIPPED, FAILED.")
    after_id = 0 if cursor is None else _parse(cursor)
    found = rows.ledger(operation.pk, outcome=outcome, after_id=after_id, limit=limit + 1)
    items = tuple(found[:limit])
    return LedgerPage(items, str(items[-1].dead_letter_id) if len(found) > limit else None)


def _checked(wanted: Filter | None) -> Filter:
    if wanted is None:
        return Filter()
    if wanted.state not in {None, "DEAD", "REPLAYED"}:
        raise Rejected("state is DEAD or REPLAYED.")
    if wanted.start is not None and wanted.end is not None and wanted.start >= wanted.end:
        raise Rejected("The time range is empty: `from` must be before `to`.")
    for text in (wanted.topic, wanted.key, wanted.message_id, wanted.error, wanted.failure):
        if text is not None and (len(text) > limits.ERROR_TEXT_CHARS or "\0" in text):
            raise Rejected(f"A condition has at most {limits.ERROR_TEXT_CHARS} characters and no NUL.")
    return replace(wanted, tags=wanted.tags or None)


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= limits.PAGE_MAX:
        raise Rejected(f"limit is between 1 and {limits.PAGE_MAX}.")


def _parse(cursor: str) -> int:
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 19 or int(cursor) > limits.INT64_MAX:
        raise Rejected("This cursor is not one this list gave out.")
    return int(cursor)
