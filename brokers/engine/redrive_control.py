"""Starting, pausing, resuming and cancelling redrives.

Owns: who may, what a redrive would take, and the changes of an operation's state that people ask for.
Must not know: how the work is done (`engine.redrive`). Called by: console, api, through `engine.dead_letters`.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from django.db import transaction

from .. import events
from ..catalog import access, changes, snapshot
from ..domain import limits
from ..domain.actor import Actor
from ..domain.errors import ErrorCode, NotFound, Rejected, TryLater
from ..domain.states import OperationEvent, OperationState, next_operation_state
from ..models import Group, Operation, Topic
from ..store import dead_letters as rows
from ..store import session
from ..store.dead_letters import DeadLetter, Filter
from . import jobs, selections
from .selections import Selection

ORIGIN = "origin"
_CHANGE_TRIES = 5


@dataclass(frozen=True, slots=True)
class Preview:
    """What a redrive would take: how many dead letters now, and some of them. `destination` as it will be kept."""

    count: int
    samples: tuple[DeadLetter, ...]
    destination: dict[str, str]


def start_redrive(
    actor: Actor,
    group: Group,
    *,
    selection: Selection,
    destination: str = ORIGIN,
    rate: int | None = None,
    dry_run: bool = False,
) -> Operation | Preview:
    """Starts an operation and returns it, or says what it would take.

    Units and bounds: `rate` is in messages per second, None for as fast as batches go. Dead letters that arrive later
    are not taken. `destination` is `origin` or `topic:<name>`.
    Raises: Denied. Rejected for a bad selection or rate, CONFLICT when nothing waits to be replayed. NotFound
        MESSAGE_NOT_FOUND when none of the ids is a dead letter of the group, TOPIC_NOT_FOUND for the destination.
    Effects: one transaction: operation and audit row; then asks for a worker.
    """
    resource = access.resource(group.instance.account_id, group.instance.name, group.name)
    access.check(actor, "mq:Resend", resource)
    selection = selections.check(selection)
    kept_destination = _destination(actor, group, destination)
    if rate is not None and not 1 <= rate <= limits.REDRIVE_RATE_MAX_PER_SECOND:
        raise Rejected(f"rate is between 1 and {limits.REDRIVE_RATE_MAX_PER_SECOND} messages a second.")
    upper_id = rows.newest_id(group.pk)
    matched = _matched(group, selection, upper_id=upper_id)
    if dry_run:
        return Preview(matched, _samples(group, selection), kept_destination)
    if matched == 0:
        raise Rejected("No dead letter that waits matches; nothing was started.", ErrorCode.CONFLICT)
    with session.transaction():
        operation = Operation.objects.create(
            instance_id=group.instance_id,
            group=group,
            selection=selections.pack(selection),
            destination=kept_destination,
            rate_per_second=rate,
            matched_count=matched,
            upper_id=upper_id,
            requested_by=actor.signature,
        )
        changes.record(
            actor,
            "mq:Resend",
            resource,
            operation=operation.pk,
            selection=operation.selection,
            destination=kept_destination,
            matched=matched,
            rate=rate,
        )
        _ask_on_commit(operation)
    operation.refresh_from_db()
    return operation


def pause(actor: Actor, operation: Operation) -> Operation:
    """Lets the operation stop after the batch under way. Raises Denied, Rejected CONFLICT when it is over or paused."""
    return _change(actor, operation, OperationEvent.PAUSE)


def resume(actor: Actor, operation: Operation) -> Operation:
    """Lets a paused or failed operation go on where it stopped. Raises Denied, Rejected CONFLICT."""
    return _change(actor, operation, OperationEvent.RESUME)


def cancel(actor: Actor, operation: Operation) -> Operation:
    """Ends the operation; what was moved stays moved. Raises Denied, Rejected CONFLICT when it is over."""
    return _change(actor, operation, OperationEvent.CANCEL)


def _change(actor: Actor, operation: Operation, event: OperationEvent) -> Operation:
    resource = access.resource(operation.instance.account_id, operation.instance.name, operation.group.name)
    # On the instance or on the group, as whoever may see the operation was judged.
    access.check_on_group(actor, "mq:Resend", instance=operation.instance.name, group=operation.group.name)
    for _ in range(_CHANGE_TRIES):
        before = Operation.objects.values_list("state", flat=True).filter(pk=operation.pk).first()
        if before is None:
            raise NotFound(f"There is no operation {operation.pk}.", ErrorCode.OPERATION_NOT_FOUND)
        after = next_operation_state(OperationState(before), event)
        with session.transaction():
            now = rows.now()
            fields: dict[str, Any] = {"state": after}  # Any: column values
            if event == OperationEvent.RESUME:
                fields |= {"heartbeat_at": now, "error": "", "finished_at": None}
            elif event == OperationEvent.CANCEL:
                fields |= {"finished_at": now}
            if not Operation.objects.filter(pk=operation.pk, state=before).update(**fields):
                continue  # a worker changed it meanwhile: look again
            changes.record(actor, f"mq:{event.title()}Operation", resource, operation=operation.pk)
            if event == OperationEvent.RESUME:
                _ask_on_commit(operation)
        hints = [f"operation:{operation.pk}", f"group:{operation.group_id}"]
        transaction.on_commit(partial(events.announce, hints=hints))
        operation.refresh_from_db()
        return operation
    raise TryLater("The operation changes too fast to be stopped now. Try again.", retry_after_seconds=1)


def _ask_on_commit(operation: Operation) -> None:
    def ask() -> None:
        jobs.ask(jobs.REDRIVE, operation.pk)
        events.announce(hints=[f"operation:{operation.pk}", f"group:{operation.group_id}"])

    transaction.on_commit(ask)


def _destination(actor: Actor, group: Group, destination: str) -> dict[str, str]:
    if destination == ORIGIN:
        return {"kind": "origin"}
    kind, _, name = destination.partition(":")
    if kind != "topic" or not name:
        raise Rejected("destination is `origin` or `topic:<name>`.")
    access.check(actor, "mq:PUB", access.resource(group.instance.account_id, group.instance.name, name))
    topic = snapshot.topic(group.instance.account_id, group.instance.name, name)
    if topic.kind != Topic.Kind.USER:
        raise Rejected(f"Topic {name!r} belongs to a consumer group; choose another.", ErrorCode.TOPIC_TYPE_MISMATCH)
    return {"kind": "topic", "topic": name}


def _matched(group: Group, selection: Selection, *, upper_id: int) -> int:
    if selection.ids is None:
        wanted = replace(selection.filter or Filter(), state="DEAD")
        return rows.count(group.pk, wanted, upper_id=upper_id, scan_limit=limits.INT64_MAX)[0]
    states = rows.states(group.pk, selection.ids)
    if not states:
        raise NotFound(f"Group {group.name!r} has no such dead letter.", ErrorCode.MESSAGE_NOT_FOUND)
    if "DEAD" not in states.values():
        raise Rejected("These dead letters were replayed already.", ErrorCode.CONFLICT)
    return len(selection.ids)


def _samples(group: Group, selection: Selection) -> tuple[DeadLetter, ...]:
    limit = limits.REDRIVE_SAMPLE_COUNT
    if selection.ids is None:
        wanted = replace(selection.filter or Filter(), state="DEAD")
        return tuple(rows.page(group.pk, wanted, before_id=limits.INT64_MAX, limit=limit)[0])
    found = (rows.get(group.pk, i) for i in selection.ids[:limit])
    return tuple(opened[0] for opened in found if opened is not None)
