"""The frame around every change of the catalog: one short durable transaction, its audit row, its announcement.

Owns: what must go with a change so that no process and no page keeps believing the old state.
Must not know: what is changed. Called by: `actions`; the engine takes `record` for its own changes.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import InterfaceError, OperationalError, connection
from django.db import transaction as django_transaction
from django.db.models import F

from accounts import audit, audit_reads

from .. import events
from ..domain.actor import Actor
from ..domain.errors import ErrorCode, TryLater, UnknownOutcome
from ..models import CatalogVersion
from . import snapshot

# Django's own, and the driver's where the engine works with bare cursors inside the same transaction.
_DRIVER_ERRORS = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)


@contextmanager
def change(*hints: str) -> Iterator[None]:
    """Runs the block in one transaction that raises the catalog's version; tells `hints` to browsers after the commit.

    Raises: as `transaction`.
    Effects: locks the catalog's version row last, so that changes wait for one another only at their end.
    """
    with transaction():
        yield
        raise_version()
        django_transaction.on_commit(lambda: events.announce(hints=hints))


@contextmanager
def transaction() -> Iterator[None]:
    """Runs the block in one durable transaction, or joins the open one.

    Raises: TryLater STORE_UNAVAILABLE when nothing was kept, UnknownOutcome when the connection died in COMMIT.
    """
    if connection.in_atomic_block:
        with django_transaction.atomic():
            yield
        return
    committing = False
    try:
        with django_transaction.atomic():
            yield
            committing = True
    except _DRIVER_ERRORS as error:
        connection.close_if_unusable_or_obsolete()
        if committing:
            raise UnknownOutcome(
                "The connection to the database was lost while the change was being committed. Look whether it was"
                " made before you repeat it."
            ) from error
        raise TryLater(
            "The database cannot be reached; nothing was changed. Try again.",
            ErrorCode.STORE_UNAVAILABLE,
            retry_after_seconds=1,
        ) from error


def raise_version() -> None:
    """Makes every process drop what it cached of the catalog. Effects: inside a transaction; locks one row."""
    if not CatalogVersion.objects.update(number=F("number") + 1):
        CatalogVersion.objects.create(number=1)
    django_transaction.on_commit(snapshot.forget)


def record_read(actor: Actor, action: str, resource: str, **detail: Any) -> None:  # Any: JSON values
    """Writes that `actor` sees a message's body; the same again within a minute is counted."""
    audit_reads.note(actor, action, resource, **detail)


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:  # Any: JSON values
    """Returns `before` and `after` with the members that differ."""
    names = [name for name in after if before.get(name) != after[name]]
    return {"before": {name: before.get(name) for name in names}, "after": {name: after[name] for name in names}}


def record(actor: Actor, action: str, resource: str, **detail: Any) -> None:  # Any: JSON values
    """Writes the audit row of a change that `actor` makes. Effects: inside the transaction of the change."""
    audit.record(
        actor.account_id,
        actor.signature,
        action,
        resource=resource,
        source_ip=actor.source_ip,
        detail={name: value for name, value in detail.items() if value is not None},
    )
