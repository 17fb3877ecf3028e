"""Reads of message bodies in the trail: the first at once, the same again within a minute counted.

Owns: what "the same" is, and that every read is counted in some entry. Must not know: messages.
Called by: console and api where a body is shown; the timetable (`flush`). Consuming is no read of this kind.
"""

import hashlib
from datetime import timedelta
from typing import Any, Protocol

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now

from . import audit, clock, limits
from .models import AuditRepeat

_FLUSH_COUNT = 1000


class Reader(Protocol):
    """Who reads: a proven identity, as doors make it."""

    @property
    def account_id(self) -> int: ...
    @property
    def signature(self) -> str: ...
    @property
    def source_ip(self) -> str: ...


def note(reader: Reader, action: str, resource: str, **detail: Any) -> None:  # Any: JSON values
    """Writes that somebody saw a message's body. The same read again within a minute is counted, not written.

    Effects: one short transaction; call it before the body is shown, so that nothing is shown that was not written.
    """
    said = "\n".join((str(reader.account_id), reader.signature, reader.source_ip, action, resource, repr(detail)))
    mark = hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()
    if AuditRepeat.objects.filter(mark=mark, first_at__gt=_old()).update(count=F("count") + 1, last_at=Now()):
        return
    try:
        with transaction.atomic():
            _close(list(AuditRepeat.objects.select_for_update().filter(mark=mark)))
            AuditRepeat.objects.create(
                mark=mark,
                account_id=reader.account_id,
                actor=reader.signature[:200],
                source_ip=reader.source_ip[:45],
                action=action,
                resource=resource[:400],
                detail=detail,
            )
            audit.record(
                reader.account_id,
                reader.signature,
                action,
                resource=resource,
                source_ip=reader.source_ip,
                detail=detail,
            )
    except IntegrityError:  # the same read at the same moment, in another process
        AuditRepeat.objects.filter(mark=mark).update(count=F("count") + 1, last_at=Now())


def flush() -> int:
    """Writes one entry for each row of repeated reads whose minute is over. Returns how many rows were closed."""
    with transaction.atomic():
        rows = AuditRepeat.objects.select_for_update(skip_locked=True).filter(first_at__lte=_old())
        found = list(rows.order_by("first_at")[:_FLUSH_COUNT])
        _close(found)
    return len(found)


def _close(rows: list[AuditRepeat]) -> None:
    for row in rows:
        if row.count:
            audit.record(
                row.account_id,
                row.actor,
                row.action,
                resource=row.resource,
                source_ip=row.source_ip,
                detail={
                    **row.detail,
                    "repeated_from": row.first_at.isoformat(),
                    "repeated_to": row.last_at.isoformat(),
                },
                count=row.count,
            )
        row.delete()


def _old() -> Any:  # Any: an instant
    return clock.now() - timedelta(seconds=limits.READ_NOTE_SECONDS)
