"""How far a group is, and moving it."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ..catalog import access
from ..engine import offsets
from ..models import Topic
from . import message_forms as forms
from . import message_shapes as shapes
from .idempotency import idempotent
from .identity import actor_of
from .view import ApiView, read


class Offsets(ApiView):
    @extend_schema(
        operation_id="getOffsets",
        summary="Show how far a group is, in messages and seconds, per queue",
        responses=shapes.ProgressShape,
    )
    def get(self, request: Request, instance: str, group: str) -> Response:
        actor = actor_of(request)
        found = access.group(actor, instance, group, action="mq:QueryConsumerOffset")
        shows = access.filter_of(actor, instance, "mq:QueryTopic")
        progress = offsets.progress([found.pk])[found.pk]
        queues: dict[int, list[Any]] = {}  # Any: the engine's rows of queues
        for row in offsets.of_group(found):
            queues.setdefault(row.topic_id, []).append(row)
        topics = [
            {
                **{name: getattr(topic, name) for name in _TOPIC_MEMBERS},
                "queues": shapes.QueueProgressShape(queues.get(topic.topic_id, []), many=True).data,
            }
            for topic in progress.topics
            if shows is None or topic.kind == Topic.Kind.RETRY or shows(topic.topic)
        ]
        return Response({**{name: getattr(progress, name) for name in _GROUP_MEMBERS}, "topics": topics})


_TOPIC_MEMBERS = [str(name) for name in shapes.TopicProgressShape().fields.keys() - {"queues"}]
_GROUP_MEMBERS = [str(name) for name in shapes.ProgressShape().fields.keys() - {"topics"}]


class Reset(ApiView):
    @extend_schema(
        operation_id="resetOffsets",
        summary="Move a group in a topic, or say what that would do",
        description="Receipts given out before the move are stale after it. `undo` is the body that moves it back.",
        request=forms.ResetForm,
        responses=shapes.ResetAnswerShape,
    )
    @idempotent
    def post(self, request: Request, instance: str, group: str) -> Response:
        actor = actor_of(request)
        asked = read(forms.ResetForm, request)
        done = offsets.reset(
            actor,
            access.group(actor, instance, group, action="mq:ResetConsumerOffset"),
            access.topic(actor, instance, asked["topic"], action="mq:ResetConsumerOffset"),
            to=asked["to"],
            value=_value(asked["to"], asked.get("value")),
            settled={number: tuple(map(tuple, one)) for number, one in _by_queue(asked.get("settled", {})).items()},
            dry_run=asked["dry_run"],
        )
        undo = {
            "topic": asked["topic"],
            "to": "offset",
            "value": {str(q): n for q, n in done.undo.items()},
            "settled": {str(q): ranges for q, ranges in done.settled.items()},
        }
        return Response({**shapes.ResetShape(done).data, "undo": undo if done.undo else None})


def _value(to: str, given: Any) -> Any:  # Any: JSON in, an instant, a number or a mapping out
    if to == "time" and given is not None:
        return forms.Instant().run_validation(given)
    return _by_queue(given) if to == "offset" and isinstance(given, dict) else given


def _by_queue(given: dict[str, Any]) -> dict[int, Any]:  # Any: JSON values
    if not all(queue.isascii() and queue.isdigit() and len(queue) <= 4 for queue in given):
        raise serializers.ValidationError({"value": "must be an object from queue numbers to offsets"})
    return {int(queue): value for queue, value in given.items()}
