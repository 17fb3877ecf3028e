"""Connections and transactions for everything that touches message tables.

Owns: borrowing this thread's Django connection, opening short transactions, turning driver errors into ours.
Must not know: what the statements mean. Called by: the other files of this room, and the engine for `transaction`.

psycopg is used bare (server-side binding, binary, prepared) because Django's cursor costs more than the statement.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import django.db
import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db import transaction as django_transaction

from ..domain.errors import ErrorCode, NotFound, TryLater, UnknownOutcome
from . import revival

Result = TypeVar("Result")

_DRIVER_ERRORS = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    django.db.OperationalError,
    django.db.InterfaceError,
)
_DEADLOCK_TRIES = 3

# Tests stop the program at named points through this; None outside tests.
failpoint: Callable[[str], None] | None = None


def reached(point: str) -> None:
    """Marks a named point around a commit, so that tests can crash there. Does nothing outside tests."""
    if failpoint is not None:
        failpoint(point)


@contextmanager
def cursor() -> Iterator[psycopg.Cursor[Any]]:  # Any: rows are tuples of what the statement selects
    """Gives a binary psycopg cursor on this thread's connection, inside the open transaction if there is one.

    Raises: as `connected`.
    """
    with connected() as raw, psycopg.Cursor(raw) as cur:
        cur.format = psycopg.pq.Format.BINARY
        yield cur


@contextmanager
def connected() -> Iterator[psycopg.Connection[Any]]:  # Any: as `cursor`
    """Gives this thread's connection, inside the open transaction if there is one.

    Raises: TryLater STORE_UNAVAILABLE when PostgreSQL cannot be reached or gave up before anything was kept.
        UnknownOutcome when a statement outside a transaction lost its connection: it may have been committed.
    """
    wrapper = connections[DEFAULT_DB_ALIAS]  # looked up once: the `connection` proxy looks it up at every attribute
    outermost = not wrapper.in_atomic_block
    if outermost:
        _revive(wrapper)
    raw: psycopg.Connection[Any] = wrapper.connection
    try:
        yield raw
    except psycopg.errors.ForeignKeyViolation as error:
        raise NotFound("The topic or group was deleted meanwhile.") from error
    except _DRIVER_ERRORS as error:
        if not outermost:
            raise  # `transaction` decides
        lost = raw.closed
        _forget_connection()
        if lost:
            raise unknown() from error
        raise _unavailable() from error


@contextmanager
def transaction() -> Iterator[None]:
    """Runs the block in one transaction, committed when the block ends; joins an open one.

    Raises: TryLater STORE_UNAVAILABLE when the connection failed before COMMIT: nothing was done.
        UnknownOutcome when it failed during COMMIT: it may have been done.
    """
    if connection.in_atomic_block:
        yield
        return
    _revive(connections[DEFAULT_DB_ALIAS])
    committing = False
    try:
        with django_transaction.atomic():
            yield
            reached("before_commit")
            committing = True
        reached("after_commit")
    except _DRIVER_ERRORS as error:
        _forget_connection()
        if committing:
            raise unknown() from error
        raise _unavailable() from error


def again_after_deadlock(work: Callable[[], Result]) -> Result:
    """Returns what `work` returns, calling it again (at most three times in all) when PostgreSQL broke a deadlock.

    `work` must be a whole transaction of its own.
    """
    for tries_left in range(_DEADLOCK_TRIES - 1, -1, -1):
        try:
            return work()
        except TryLater as error:
            if not tries_left or not isinstance(error.__cause__, psycopg.errors.DeadlockDetected):
                raise
    raise AssertionError("unreachable")


@contextmanager
def opening() -> Iterator[None]:
    """Turns the driver's errors of opening a connection into TryLater STORE_UNAVAILABLE."""
    try:
        yield
    except _DRIVER_ERRORS as error:
        raise _unavailable() from error


def close_if_broken() -> None:
    """Closes this thread's connection after an error, so that the next call opens a fresh one."""
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()


def _revive(wrapper: Any) -> None:  # Any: Django's wrapper around a connection
    """Makes sure that there is a connection, and a fresh one if it died while it rested. Raises: TryLater."""
    if wrapper.connection is not None and revival.is_dead(wrapper.connection):
        wrapper.close()
    if wrapper.connection is None:
        with opening():
            wrapper.ensure_connection()


def _forget_connection() -> None:
    if connection.connection is not None and connection.connection.closed and not connection.in_atomic_block:
        connection.close()


def _unavailable() -> TryLater:
    return TryLater(
        "The message store cannot be reached; nothing was done. Try again.",
        ErrorCode.STORE_UNAVAILABLE,
        retry_after_seconds=1,
    )


def unknown() -> UnknownOutcome:
    """Returns the error of work whose connection was lost before its commit was answered."""
    return UnknownOutcome(
        "The connection to the message store was lost while the work was being committed; it may have been done."
        " Send again with the same dedup_id, or repeat the same receipts: both are safe."
    )
