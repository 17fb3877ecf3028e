"""Topics of an instance."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ..catalog import access, actions, selectors
from ..catalog import editions as catalog_editions
from ..engine import removal
from ..models import Topic
from . import editions, forms, shapes
from .idempotency import idempotent
from .identity import actor_of
from .view import ApiView, created, page, query, read


class Topics(ApiView):
    @extend_schema(
        operation_id="listTopics",
        summary="List topics by name",
        parameters=[forms.TopicQuery],
        responses=shapes.TopicShape(many=True),
    )
    def get(self, request: Request, instance: str) -> Response:
        actor = actor_of(request)
        found_in = access.instance(actor, instance, "mq:ListTopic")
        found = selectors.topics(actor, found_in, **query(forms.TopicQuery, request))
        return page(shapes.TopicShape, found.items, next=found.next)

    @extend_schema(
        operation_id="createTopic",
        summary="Create a topic with its queues",
        request=forms.TopicForm,
        responses={201: shapes.TopicShape},
    )
    @idempotent
    def post(self, request: Request, instance: str) -> Response:
        actor = actor_of(request)
        asked = read(forms.TopicForm, request)
        made = actions.create_topic(
            actor,
            access.instance(actor, instance),
            queue_count=asked.pop("queues"),
            **asked,
        )
        return created(request, shapes.TopicShape(made).data, name=made.name)


class OneTopic(ApiView):
    @extend_schema(
        operation_id="getTopic", summary="Show a topic", parameters=[editions.GIVEN], responses=shapes.TopicShape
    )
    def get(self, request: Request, instance: str, topic: str) -> Response:
        return _shown(access.topic(actor_of(request), instance, topic))

    @extend_schema(
        operation_id="updateTopic",
        summary="Add queues or change the remark",
        description="The type never changes, and queues are never taken away: their messages would be lost.",
        parameters=[editions.ASKED, editions.GIVEN],
        request=forms.TopicChange,
        responses=shapes.TopicShape,
    )
    def patch(self, request: Request, instance: str, topic: str) -> Response:
        actor = actor_of(request)
        asked = read(forms.TopicChange, request)
        changed = actions.update_topic(
            actor,
            access.topic(actor, instance, topic, action="mq:UpdateTopic"),
            queue_count=asked.get("queues"),
            remark=asked.get("remark"),
            seen=editions.seen(request),
        )
        return _shown(changed)

    @extend_schema(
        operation_id="deleteTopic",
        summary="Delete a topic and its messages",
        description="Refused with CONFLICT while a group has not read all of it or scheduled messages wait,"
        " unless `force=true`.",
        parameters=[forms.DeletionQuery],
        responses={204: None},
    )
    def delete(self, request: Request, instance: str, topic: str) -> Response:
        actor = actor_of(request)
        asked = query(forms.DeletionQuery, request)
        removal.delete_topic(actor, access.topic(actor, instance, topic, action="mq:DeleteTopic"), force=asked["force"])
        return Response(status=204)


def _shown(topic: Topic) -> Response:
    return editions.marked(Response(shapes.TopicShape(topic).data), catalog_editions.of(topic))
