"""Celery tasks: work that outlives a request. Each is a loop around engine functions and holds no state of its own.

Owns: pace, retries and giving up. Must not know: what a batch does. Called by: the Celery worker and its timetable.
A task may be lost or run twice: the operation's row says what is left, and `rescue_operations` asks again.
"""

import logging
import time
from datetime import timedelta

from celery import shared_task
from django.conf import settings

from accounts import audit_checkpoints, audit_proof, audit_reads

from .domain import clock
from .domain.errors import TryLater, UnknownOutcome
from .engine import dead_letters, jobs

_log = logging.getLogger(__name__)

# After so long a task makes room for others and asks for itself again.
_TURN_SECONDS = 60.0
_TROUBLE_COUNT = 5
_TROUBLE_SECONDS = 1.0
_BUSY_COUNT = 4


@shared_task(name=jobs.REDRIVE, ignore_result=True)  # type: ignore[untyped-decorator] # Celery has no types
def redrive(operation_id: int) -> None:
    """Works on an operation until it is over or paused, another worker has it, or its turn is up."""
    ends_at = clock.monotonic() + _TURN_SECONDS
    busy = 0
    while clock.monotonic() < ends_at and busy < _BUSY_COUNT:
        step = _run_batch(operation_id)
        if step is None or step.is_done:
            return
        busy = busy + 1 if step.is_busy else 0
        if step.wait:
            time.sleep(step.wait.total_seconds())
    if busy < _BUSY_COUNT:
        jobs.ask(jobs.REDRIVE, operation_id)


@shared_task(name=jobs.RESCUE, ignore_result=True)  # type: ignore[untyped-decorator] # Celery has no types
def rescue_operations() -> None:
    """Asks again for operations whose worker died or whose request was lost."""
    try:
        found = dead_letters.rescue()
    except (TryLater, UnknownOutcome) as error:
        _log.info("rescue_put_off", extra={"code": error.code})
        return
    if found:
        _log.warning("operations_rescued", extra={"operation_ids": found})


@shared_task(name="brokers.checkpoint_audit", ignore_result=True)  # type: ignore[untyped-decorator] # as above
def checkpoint_audit() -> None:
    """Writes a signed line about each account's audit chain that grew."""
    try:
        audit_checkpoints.write()
    except (audit_checkpoints.Broken, OSError) as error:
        _log.error("audit_checkpoint_failed", extra={"reason": str(error)})


@shared_task(name="brokers.tend_audit", ignore_result=True)  # type: ignore[untyped-decorator] # as above
def tend_audit() -> None:
    """Writes repeated reads into the audit, and drops entries that are old enough and covered by a checkpoint."""
    audit_reads.flush()
    if settings.AUDIT_RETENTION_DAYS:
        try:
            audit_proof.prune(timedelta(days=settings.AUDIT_RETENTION_DAYS))
        except (audit_checkpoints.Broken, OSError) as error:
            _log.error("audit_checkpoint_failed", extra={"reason": str(error)})


def _run_batch(operation_id: int) -> dead_letters.Step | None:
    """Returns what a batch led to; None when it cannot be done: the rescue, or a person, will try again."""
    for _ in range(_TROUBLE_COUNT):
        try:
            return dead_letters.run_batch(operation_id)
        except (TryLater, UnknownOutcome) as error:
            _log.info("redrive_put_off", extra={"operation_id": operation_id, "code": error.code})
            time.sleep(_TROUBLE_SECONDS)
        except Exception as error:
            _log.exception("redrive_broke_off", extra={"operation_id": operation_id})
            dead_letters.break_off(operation_id, f"{type(error).__name__}: the log of the worker has the details")
            return None
    return None
