"""Dead letters of a group: listed, opened, counted, sent on their way again."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ..catalog import access
from ..domain import filters
from ..domain.errors import ErrorCode, NotFound
from ..engine import dead_letters
from . import message_forms as forms
from . import message_shapes as shapes
from .idempotency import idempotent
from .identity import actor_of
from .view import ApiView, query, read


class DeadLetters(ApiView):
    @extend_schema(
        operation_id="listDeadLetters",
        summary="List dead letters, newest first",
        parameters=[forms.DeadLetterQuery],
        responses=shapes.DeadLetterShape(many=True),
    )
    def get(self, request: Request, instance: str, group: str) -> Response:
        found_in = access.group(actor_of(request), instance, group, action="mq:QueryDLQMessage")
        asked = query(forms.DeadLetterQuery, request)
        cursor, limit = asked.pop("cursor", None), asked.pop("limit")
        found = dead_letters.page(found_in, _filter(asked), cursor=cursor, limit=limit)
        return Response(
            {
                "items": shapes.DeadLetterShape(found.items, many=True).data,
                "next": found.next,
                "complete": found.completeness == "complete",
                "completeness": found.completeness,
                "scanned": found.scanned,
            }
        )


class OneDeadLetter(ApiView):
    @extend_schema(
        operation_id="getDeadLetter",
        summary="Show a dead letter with its body",
        responses=shapes.OpenedDeadLetterShape,
    )
    def get(self, request: Request, instance: str, group: str, number: str) -> Response:
        found_in = access.group(actor_of(request), instance, group, action="mq:QueryDLQMessage")
        if not number.isascii() or not number.isdigit() or len(number) > 19:
            raise NotFound(f"Group {group!r} has no dead letter {number!r}.", ErrorCode.MESSAGE_NOT_FOUND)
        opened = dead_letters.opened(actor_of(request), found_in, int(number))
        return Response(
            {
                **shapes.DeadLetterShape(opened.letter).data,
                **shapes.property_members(opened.letter.properties),
                "born_host": opened.letter.born_host,
                **shapes.body_members(opened.body.raw),
                "is_intact": opened.body.is_intact,
            }
        )


class Count(ApiView):
    @extend_schema(
        operation_id="countDeadLetters",
        summary="Count dead letters that match",
        parameters=[forms.DeadLetterCondition],
        responses=shapes.CountShape,
    )
    def get(self, request: Request, instance: str, group: str) -> Response:
        found_in = access.group(actor_of(request), instance, group, action="mq:QueryDLQMessage")
        counted = dead_letters.count(found_in, _filter(query(forms.DeadLetterCondition, request)))
        return Response(shapes.CountShape(counted).data)


class Redrive(ApiView):
    @extend_schema(
        operation_id="redriveDeadLetters",
        summary="Replay dead letters: send them on their way again, or say which that would be",
        description="Answers 202 with an operation that runs by itself, and 200 with a preview for `dry_run`."
        " Dead letters that arrive later are not taken.",
        request=forms.RedriveForm,
        responses={202: shapes.OperationShape, 200: shapes.PreviewShape},
    )
    @idempotent
    def post(self, request: Request, instance: str, group: str) -> Response:
        actor = actor_of(request)
        found_in = access.group(actor, instance, group, action="mq:Resend")
        asked = read(forms.RedriveForm, request)
        outcome = dead_letters.start_redrive(
            actor,
            found_in,
            selection=dead_letters.Selection(
                ids=tuple(asked["ids"]) if "ids" in asked else None,
                filter=_filter(asked["filter"]) if "filter" in asked else None,
            ),
            destination=asked["destination"],
            rate=asked["rate"],
            dry_run=asked["dry_run"],
        )
        if isinstance(outcome, dead_letters.Preview):
            return Response(shapes.PreviewShape(outcome).data)
        where = f"/api/v1/instances/{instance}/operations/{outcome.pk}"
        return Response(shapes.OperationShape(outcome).data, status=202, headers={"Location": where})


def _filter(asked: dict[str, Any]) -> dead_letters.Filter:  # Any: checked members
    conditions = dict(asked)
    tag = conditions.pop("tag", "")
    return dead_letters.Filter(**conditions, tags=tuple(sorted(filters.parse_tags(tag).tags)) or None)
