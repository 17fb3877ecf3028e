"""Finding messages, and all that is known of one."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ..catalog import access, snapshot
from ..domain import clock
from ..engine import browse, schedule, visible
from . import message_forms as forms
from . import message_shapes as shapes
from .idempotency import idempotent
from .identity import actor_of
from .view import ApiView, query


class Messages(ApiView):
    @extend_schema(
        operation_id="searchMessages",
        summary="Find messages by topic, time, key, tag, id and text, newest first",
        description="`complete`: what matches is here or behind `next`. When it is false, `completeness` says why:"
        " `truncated` a bound stopped the search, `unknown` some bodies could not be read.",
        parameters=[forms.SearchQuery],
        responses=shapes.HitShape(many=True),
    )
    def get(self, request: Request, instance: str) -> Response:
        actor = actor_of(request)
        found_in = access.instance(actor, instance)
        asked = query(forms.SearchQuery, request)
        cursor, limit = asked.pop("cursor", None), asked.pop("limit")
        found = visible.search(
            actor, found_in, browse.Search(instance_id=found_in.pk, **asked), cursor=cursor, limit=limit
        )
        return Response(
            {
                "items": shapes.HitShape(found.items, many=True).data,
                "next": found.next,
                "complete": found.completeness == "complete",
                "completeness": found.completeness,
                "scanned": found.scanned,
            }
        )


class OneMessage(ApiView):
    @extend_schema(
        operation_id="getMessage",
        summary="Show a message with its body, its copies and what every group did with it",
        parameters=[forms.MessageQuery],
        responses=shapes.MessageShape,
    )
    def get(self, request: Request, instance: str, message: str) -> Response:
        actor = actor_of(request)
        found_in = access.instance(actor, instance)
        asked = query(forms.MessageQuery, request)
        return Response(_describe(visible.message(actor, found_in, message, topic=asked.get("topic"))))


class Recall(ApiView):
    @extend_schema(
        operation_id="recallMessage",
        summary="Take back a scheduled message before its time",
        description="Nobody will see it. 409 CONFLICT: it was delivered already; 404 MESSAGE_NOT_FOUND: no message with"
        " this id waits in the topic, or it was recalled before. A `dedup_id` it was sent with stays used.",
        request=None,
        responses=shapes.RecalledShape,
    )
    @idempotent
    def post(self, request: Request, instance: str, topic: str, message: str) -> Response:
        actor = actor_of(request)
        found = access.topic(actor, instance, topic, action="mq:PUB")
        entry = snapshot.topic(actor.account_id, instance, found.name)
        return Response(shapes.RecalledShape(schedule.recall(actor, entry, message)).data)


def _describe(page: browse.MessagePage) -> dict[str, Any]:  # Any: JSON values
    main, body = page.main, page.body
    return {
        "message_id": page.message_id,
        "topics": page.topics,
        "tag": main.tag,
        "keys": main.keys,
        **shapes.property_members(main.properties),
        "born_at": clock.from_ms(main.born_at_ms),
        "born_host": main.born_host,
        **(shapes.body_members(body.raw) if body is not None else {}),
        "body_size": main.body_size,
        "is_intact": body.is_intact if body is not None else None,
        "copies": shapes.CopyShape(page.copies, many=True).data,
        "waiting": shapes.WaitingShape(page.waiting, many=True).data,
        "dead_letters": shapes.DeadTraceShape(page.dead, many=True).data,
        "attempts": shapes.AttemptShape(page.attempts, many=True).data,
        "groups": shapes.StandingShape(page.standings, many=True).data,
        "complete": page.is_complete,
        "leases_known": page.are_leases_known,
    }
