"""The trail as people read it: by who, what, where, result and time, newest first; and as files.

Owns: the filters, the pages, the two formats of an export, and who may look. Must not know: requests.
Called by: console, api.
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from . import audit, limits, permissions
from .errors import Rejected
from .models import AuditEntry
from .permissions import Asker

OUTCOMES = (audit.OK, audit.REFUSED)
FORMATS = {"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}
COLUMNS = (
    "sequence", "at", "actor", "source_ip", "action", "resource", "outcome", "count", "detail", "digest", "hash",
)  # fmt: skip
_CHUNK_COUNT = 500
# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries; empty and None: all. Texts that end in `*` are beginnings; `resource` is found anywhere."""

    actor: str = ""
    action: str = ""
    resource: str = ""
    outcome: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Entries, newest first. `next` goes on behind them; `is_cut`: the look ended before the page was full."""

    entries: list[AuditEntry]
    next: int | None
    is_cut: bool


def search(asker: Asker, wanted: Filter, *, cursor: int | None, limit: int) -> Page:
    """Returns a page. Raises Denied, Rejected for a filter that cannot be.

    A text in `resource` is looked for in a bounded number of entries a page; then `is_cut`, and `next` goes on.
    """
    _require(asker, "mq:QueryAudit")
    rows = _indexed(asker.account_id, wanted)
    if cursor is not None:
        rows = rows.filter(pk__lt=cursor)
    if not wanted.resource:
        found = list(rows[: limit + 1])
        more = len(found) > limit
        return Page(found[:limit], found[limit - 1].pk if more else None, is_cut=False)
    looked = list(rows.values_list("pk", flat=True)[limits.AUDIT_SCAN_COUNT - 1 : limits.AUDIT_SCAN_COUNT])
    if looked:
        rows = rows.filter(pk__gte=looked[0])
    found = list(rows.filter(resource__contains=wanted.resource)[: limit + 1])
    if len(found) > limit:
        return Page(found[:limit], found[limit - 1].pk, is_cut=False)
    return Page(found, looked[0] if looked else None, is_cut=bool(looked))


def export(asker: Asker, wanted: Filter, form: str) -> Iterator[bytes]:
    """Returns the entries of a filter as a file in parts, oldest first: `jsonl` or `csv`, with digests and hashes.

    Raises: Denied, Rejected before anything is returned. Effects: an entry of its own, which the export ends before.
    """
    if form not in FORMATS:
        raise Rejected(f"The format must be one of {', '.join(FORMATS)}.")
    _require(asker, "mq:QueryAudit")
    rows = _indexed(asker.account_id, wanted).order_by("pk")
    if wanted.resource:
        rows = rows.filter(resource__contains=wanted.resource)
    last = AuditEntry.objects.filter(account_id=asker.account_id).order_by("-pk").values_list("pk", flat=True).first()
    said = {name: str(value) for name, value in asdict(wanted).items() if value}
    audit.record(
        asker.account_id,
        asker.signature,
        "mq:ExportAudit",
        resource=resource(asker.account_id),
        source_ip=asker.source_ip,
        detail={"format": form, **said},
    )
    return _parts(rows.filter(pk__lte=last or 0), form)


def described(entry: AuditEntry) -> dict[str, Any]:  # Any: JSON values
    """Returns an entry by the names of `COLUMNS`."""
    return {name: getattr(entry, name) for name in COLUMNS} | {"at": entry.at.isoformat()}


def resource(account_id: int) -> str:
    """Returns what `mq:QueryAudit` is asked of."""
    return f"acs:mq:*:{account_id}:*"


def _require(asker: Asker, action: str) -> None:
    permissions.require(asker, action, resource(asker.account_id))


def _indexed(account_id: int, wanted: Filter) -> "QuerySet[AuditEntry]":
    rows = AuditEntry.objects.filter(account_id=account_id, sequence__isnull=False).order_by("-pk")
    for name, text in (("actor", wanted.actor), ("action", wanted.action)):
        if "\0" in text or "\0" in wanted.resource:
            raise Rejected("A text to look for has no NUL.")
        if text.endswith("*"):
            rows = rows.filter(**{f"{name}__startswith": text[:-1]})
        elif text:
            rows = rows.filter(**{name: text})
    if wanted.outcome:
        if wanted.outcome not in OUTCOMES:
            raise Rejected(f"The outcome must be one of {', '.join(OUTCOMES)}.")
        rows = rows.filter(outcome=wanted.outcome)
    if wanted.since is not None:
        rows = rows.filter(at__gte=wanted.since)
    if wanted.until is not None:
        rows = rows.filter(at__lt=wanted.until)
    return rows


def _parts(rows: "QuerySet[AuditEntry]", form: str) -> Iterator[bytes]:
    if form == "csv":
        yield _csv([list(COLUMNS)])
    rest = 0
    while True:
        found = list(rows.filter(pk__gt=rest)[:_CHUNK_COUNT])
        if not found:
            return
        rest = found[-1].pk
        if form == "csv":
            yield _csv([[_safe(value) for value in described(one).values()] for one in found])
        else:
            lines = (json.dumps(described(one), sort_keys=True, ensure_ascii=False) for one in found)
            yield "".join(f"{line}\n" for line in lines).encode()


def _csv(rows: Sequence[Sequence[Any]]) -> bytes:  # Any: cells
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _safe(value: Any) -> str:  # Any: a cell
    text = json.dumps(value, sort_keys=True, ensure_ascii=False) if isinstance(value, dict) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
