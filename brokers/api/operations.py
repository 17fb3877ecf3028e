"""Long operations: how they go, what they did, and stopping them."""

from collections.abc import Callable

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ..catalog import access, selectors
from ..domain import limits
from ..domain.actor import Actor
from ..domain.errors import ErrorCode, NotFound
from ..engine import dead_letters
from ..models import Operation
from . import message_forms as forms
from . import message_shapes as shapes
from .idempotency import idempotent
from .identity import actor_of
from .view import ApiView, page, query


class Operations(ApiView):
    @extend_schema(
        operation_id="listOperations",
        summary="List operations, newest first",
        parameters=[forms.OperationQuery],
        responses=shapes.OperationShape(many=True),
    )
    def get(self, request: Request, instance: str) -> Response:
        actor = actor_of(request)
        found_in = access.instance(actor, instance)
        asked = query(forms.OperationQuery, request)
        name = asked.pop("group", None)
        group = access.group(actor, instance, name, action="mq:QueryOperation") if name is not None else None
        found = selectors.operations(actor, found_in, group=group, **asked)
        return page(shapes.OperationShape, found.items, next=found.next)


class OneOperation(ApiView):
    @extend_schema(operation_id="getOperation", summary="Show an operation's progress", responses=shapes.OperationShape)
    def get(self, request: Request, instance: str, operation: str) -> Response:
        return Response(shapes.OperationShape(_get(actor_of(request), instance, operation)).data)


class Entries(ApiView):
    @extend_schema(
        operation_id="listOperationEntries",
        summary="List what an operation did with each dead letter",
        parameters=[forms.EntryQuery],
        responses=shapes.EntryShape(many=True),
    )
    def get(self, request: Request, instance: str, operation: str) -> Response:
        found_in = _get(actor_of(request), instance, operation)
        found = dead_letters.ledger(found_in, **query(forms.EntryQuery, request))
        return page(shapes.EntryShape, found.items, next=found.next)


class Pause(ApiView):
    @extend_schema(
        operation_id="pauseOperation",
        summary="Stop after the batch under way; resume goes on from there",
        request=None,
        responses=shapes.OperationShape,
    )
    @idempotent
    def post(self, request: Request, instance: str, operation: str) -> Response:
        return _change(dead_letters.pause, actor_of(request), instance, operation=operation)


class Resume(ApiView):
    @extend_schema(
        operation_id="resumeOperation",
        summary="Go on with a paused or failed operation",
        request=None,
        responses=shapes.OperationShape,
    )
    @idempotent
    def post(self, request: Request, instance: str, operation: str) -> Response:
        return _change(dead_letters.resume, actor_of(request), instance, operation=operation)


class Cancel(ApiView):
    @extend_schema(
        operation_id="cancelOperation",
        summary="End an operation; what it moved stays moved",
        request=None,
        responses=shapes.OperationShape,
    )
    @idempotent
    def post(self, request: Request, instance: str, operation: str) -> Response:
        return _change(dead_letters.cancel, actor_of(request), instance, operation=operation)


def _change(
    change: Callable[[Actor, Operation], Operation], actor: Actor, instance: str, *, operation: str
) -> Response:
    return Response(shapes.OperationShape(change(actor, _get(actor, instance, operation, action="mq:Resend"))).data)


def _get(actor: Actor, instance: str, number: str, *, action: str = "mq:QueryOperation") -> Operation:
    is_number = number.isascii() and number.isdigit() and len(number) <= 19 and int(number) <= limits.INT64_MAX
    if not is_number:
        access.instance(actor, instance, action)
        raise NotFound(f"There is no operation {number!r}.", ErrorCode.OPERATION_NOT_FOUND)
    return access.operation(actor, instance, int(number), action=action)
