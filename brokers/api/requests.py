"""What became of requests: counts, latency, who could answer."""

from datetime import timedelta
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ..catalog import access
from ..engine import request_pages
from ..engine.request_pages import RequestPage
from ..engine.request_stats import Line, Percentiles
from .identity import actor_of
from .view import ApiView, Form, query


class RequestsQuery(Form):
    minutes = serializers.IntegerField(
        min_value=1,
        max_value=int(request_pages.LONGEST.total_seconds()) // 60,
        default=60,
        help_text="how far to look back",
    )


class LatencyShape(serializers.Serializer[Any]):
    p50_ms = serializers.IntegerField(source="p50", allow_null=True, help_text="null: there was no reply")
    p95_ms = serializers.IntegerField(source="p95", allow_null=True)
    p99_ms = serializers.IntegerField(source="p99", allow_null=True)


class TopicRequestsShape(serializers.Serializer[Any]):
    topic = serializers.CharField()
    asked = serializers.IntegerField(help_text="requests that were sent")
    answered = serializers.IntegerField(help_text="with at least one reply")
    timed_out = serializers.IntegerField()
    no_responder = serializers.IntegerField(help_text="refused because nobody could answer; nothing was sent")
    abandoned = serializers.IntegerField(help_text="whoever asked was gone before a reply came")
    in_flight = serializers.IntegerField(allow_null=True, help_text="that wait now; null when that is not known")
    latency = LatencyShape(help_text="to the first reply")
    readers = serializers.ListField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="groups with a live consumer that reads the topic; null when that is not known",
    )


class ResponderShape(serializers.Serializer[Any]):
    topic = serializers.CharField()
    group = serializers.CharField()
    replies = serializers.IntegerField()
    refused = serializers.IntegerField(help_text="replies that came late, twice or for nothing")
    latency = LatencyShape()


class RequestsShape(serializers.Serializer[Any]):
    since = serializers.DateTimeField()
    topics = TopicRequestsShape(many=True)
    responders = ResponderShape(many=True)
    latency = LatencyShape()


class InstanceRequests(ApiView):
    @extend_schema(
        operation_id="getRequests",
        summary="Show what became of an instance's requests",
        parameters=[RequestsQuery],
        responses=RequestsShape,
    )
    def get(self, request: Request, instance: str) -> Response:
        actor = actor_of(request)
        found = access.instance(actor, instance)
        over = timedelta(minutes=query(RequestsQuery, request)["minutes"])
        return Response(_describe(request_pages.of_instance(actor, found, over=over)))


class TopicRequests(ApiView):
    @extend_schema(
        operation_id="getTopicRequests",
        summary="Show what became of a topic's requests, and who could answer now",
        parameters=[RequestsQuery],
        responses=RequestsShape,
    )
    def get(self, request: Request, instance: str, topic: str) -> Response:
        actor = actor_of(request)
        found = access.topic(actor, instance, topic)
        over = timedelta(minutes=query(RequestsQuery, request)["minutes"])
        page = request_pages.of_topic(actor, found, over=over)
        described = _describe(page)
        if not described["topics"]:
            flying = None if page.summary.in_flight is None else page.summary.in_flight.get(found.pk, 0)
            described["topics"] = [_nothing(found.name, flying, page.readers[found.pk])]
        return Response(described)


def _describe(page: RequestPage) -> dict[str, Any]:  # Any: JSON values
    summary = page.summary
    return {
        "since": summary.since,
        "topics": [
            {
                "topic": line.topic,
                "asked": line.asked,
                "answered": line.answered,
                "timed_out": line.timed_out,
                "no_responder": line.no_responder,
                "abandoned": line.gone,
                "in_flight": None if summary.in_flight is None else summary.in_flight.get(line.topic_id, 0),
                "latency": LatencyShape(line.percentiles).data,
                "readers": page.readers[line.topic_id],
            }
            for line in summary.topics
        ],
        "responders": [_responder(line) for line in summary.responders],
        "latency": LatencyShape(summary.percentiles).data,
    }


def _responder(line: Line) -> dict[str, Any]:  # Any: JSON values
    return {
        "topic": line.topic,
        "group": line.group,
        "replies": line.answered,
        "refused": line.refused,
        "latency": LatencyShape(line.percentiles).data,
    }


def _nothing(topic: str, flying: int | None, readers: list[str] | None) -> dict[str, Any]:  # Any: JSON values
    counts = dict.fromkeys(("asked", "answered", "timed_out", "no_responder", "abandoned"), 0)
    latency = LatencyShape(Percentiles(None, None, None)).data
    return {"topic": topic, **counts, "in_flight": flying, "latency": latency, "readers": readers}
