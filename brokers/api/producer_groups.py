"""Producer groups: how often their transactions are checked, and where a webhook is asked."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ..catalog import access, producers, selectors
from ..domain import limits
from ..engine import removal, transaction_pages
from . import forms
from .identity import actor_of
from .view import ApiView, Boolean, Form, Integer, PageQuery, Text, page, query, read


class ProducerGroupChange(Form):
    immunity_seconds = Integer(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=limits.IMMUNITY_MAX_SECONDS,
        help_text="from a half message to its first check; null: the server's setting",
    )
    interval_seconds = Integer(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=limits.CHECK_INTERVAL_MAX_SECONDS,
        help_text="from one check to the next; null: the server's setting",
    )
    max_checks = Integer(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=limits.CHECK_COUNT_MAX,
        help_text="then the half message is discarded, recoverably; null: the server's setting",
    )
    webhook_url = Text(
        required=False,
        max_length=limits.WEBHOOK_URL_CHARS,
        help_text="an https address that is asked when no producer is connected; empty ends that",
    )
    renew_webhook_secret = Boolean(required=False)


class ProducerShape(serializers.Serializer[Any]):
    client_id = serializers.CharField()
    door = serializers.CharField()
    address = serializers.CharField()
    user = serializers.CharField()
    worker = serializers.CharField(help_text="the broker worker it is connected to; empty for one that polls")


class ProducerGroupShape(serializers.Serializer[Any]):
    name = serializers.CharField(source="group.name")
    immunity_seconds = serializers.IntegerField(source="group.immunity_seconds", allow_null=True)
    interval_seconds = serializers.IntegerField(source="group.interval_seconds", allow_null=True)
    max_checks = serializers.IntegerField(source="group.max_checks", allow_null=True)
    webhook_url = serializers.CharField(source="group.webhook_url")
    waiting_count = serializers.IntegerField(
        help_text=f"half messages that wait; {transaction_pages.COUNT_LIMIT}: or more"
    )
    discarded_count = serializers.IntegerField(help_text="half messages that had their last check; as above")
    check_count = serializers.IntegerField(source="group.check_count", help_text="checks, ever")
    discard_count = serializers.IntegerField(source="group.discard_count", help_text="discards, ever")
    producers = ProducerShape(
        source="there", many=True, allow_null=True, help_text="who is there to be asked; null when that is unknown"
    )
    created_at = serializers.DateTimeField(source="group.created_at")


class ChangedProducerGroupShape(ProducerGroupShape):
    webhook_secret = serializers.CharField(
        allow_null=True, help_text="shown this once, when it is new: signs what is posted to the webhook"
    )


class ProducerGroups(ApiView):
    @extend_schema(
        operation_id="listProducerGroups",
        summary="List producer groups",
        parameters=[PageQuery],
        responses=ProducerGroupShape(many=True),
    )
    def get(self, request: Request, instance: str) -> Response:
        actor = actor_of(request)
        found = selectors.producer_groups(actor, access.instance(actor, instance), **query(PageQuery, request))
        return page(ProducerGroupShape, transaction_pages.standings(found.items), next=found.next)


class OneProducerGroup(ApiView):
    @extend_schema(
        operation_id="getProducerGroup",
        summary="Show a producer group and who is there to be asked",
        responses=ProducerGroupShape,
    )
    def get(self, request: Request, instance: str, group: str) -> Response:
        found = producers.get(actor_of(request), instance, group)
        return Response(ProducerGroupShape(*transaction_pages.standings([found])).data)

    @extend_schema(
        operation_id="updateProducerGroup",
        summary="Change how a producer group is asked; made if it is missing",
        request=ProducerGroupChange,
        responses=ChangedProducerGroupShape,
    )
    def patch(self, request: Request, instance: str, group: str) -> Response:
        actor = actor_of(request)
        found_in = access.instance(actor, instance)
        asked = read(ProducerGroupChange, request)
        url, is_renewed = asked.pop("webhook_url", None), asked.pop("renew_webhook_secret", False)
        changed = producers.change(
            actor, found_in, group, settings=asked, webhook_url=url, is_secret_renewed=is_renewed
        )
        described = ProducerGroupShape(*transaction_pages.standings([changed.group])).data
        return Response({**described, "webhook_secret": changed.secret})

    @extend_schema(
        operation_id="deleteProducerGroup",
        summary="Delete a producer group and what is remembered of its transactions",
        description="Refused while half messages wait or were discarded, unless `force`.",
        parameters=[forms.DeletionQuery],
        responses={204: None},
    )
    def delete(self, request: Request, instance: str, group: str) -> Response:
        actor = actor_of(request)
        found = producers.get(actor, instance, group, action="mq:DeleteProducerGroup")
        removal.delete_producer_group(actor, found, **query(forms.DeletionQuery, request))
        return Response(status=204)
