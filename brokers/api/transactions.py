"""Transactions: listed, opened, checked now. Half messages, decisions and polls are on the hot door."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ..catalog import access
from ..domain import clock, limits, transactions
from ..domain.states import TransactionState
from ..engine import back_checks, transaction_pages
from ..engine.transaction_pages import Line
from ..engine.transactions import topic_of
from . import message_shapes
from .idempotency import idempotent
from .identity import actor_of
from .view import ApiView, PageQuery, Text, page, query


class TransactionQuery(PageQuery):
    state = serializers.ChoiceField(choices=[(s.value, s.value) for s in TransactionState], required=False)
    topic = Text(required=False, max_length=limits.DERIVED_TOPIC_NAME_CHARS)
    producer_group = Text(required=False, max_length=limits.GROUP_NAME_CHARS)
    message_id = Text(required=False, max_length=limits.MESSAGE_ID_CHARS)


class TransactionShape(serializers.Serializer[Any]):
    transaction_id = serializers.CharField(source="id")
    state = serializers.ChoiceField(source="half.state", choices=[(s.value, s.value) for s in TransactionState])
    topic = serializers.CharField(source="half.topic")
    queue = serializers.IntegerField(source="half.queue")
    offset = serializers.IntegerField(source="half.queue_offset", allow_null=True, help_text="where a commit put it")
    deliver_at = serializers.DateTimeField(source="half.due_at", allow_null=True)
    producer_group = serializers.CharField(source="half.producer_group")
    message_id = serializers.CharField(source="half.message_id")
    tag = serializers.CharField(source="half.tag", allow_null=True)
    keys = serializers.SerializerMethodField()
    body_size = serializers.IntegerField(
        source="half.body_size",
        allow_null=True,
        help_text="bytes; null once it is decided: the body is in the log, or gone",
    )
    created_at = serializers.DateTimeField(source="half.created_at")
    changed_at = serializers.DateTimeField(source="half.changed_at", help_text="when it got its state")
    check_count = serializers.IntegerField(source="half.check_count")
    max_checks = serializers.IntegerField(source="half.max_checks")
    next_check_at = serializers.SerializerMethodField()
    decided_by = serializers.CharField(source="half.decided_by", help_text="empty while nobody has decided")

    def get_keys(self, line: Line) -> list[str]:
        return list(line.half.keys or ())

    def get_next_check_at(self, line: Line) -> str | None:
        """While it waits."""
        waits = line.half.state == TransactionState.WAITING
        field = serializers.DateTimeField()
        return field.to_representation(line.half.next_check_at) if waits else None


class CheckShape(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    at = serializers.DateTimeField()
    outcome = serializers.ChoiceField(
        choices=["OFFERED", "ASKED", "UNKNOWN", "FAILED"],
        help_text="OFFERED: nobody was there yet; ASKED: a producer got it; UNKNOWN: it does not know; FAILED: it could"
        " not be asked",
    )
    door = serializers.CharField(help_text="remoting, http or webhook; empty while OFFERED")
    client_id = serializers.CharField()
    detail = serializers.CharField()


class OpenedTransactionShape(TransactionShape):
    properties = serializers.DictField(child=serializers.CharField())
    sharding_key = serializers.CharField(required=False)
    born_at = serializers.DateTimeField()
    born_host = serializers.CharField()
    body = serializers.CharField(required=False)
    body_base64 = serializers.CharField(required=False)
    checks = CheckShape(many=True, help_text="newest first, a hundred at most")


class Transactions(ApiView):
    @extend_schema(
        operation_id="listTransactions",
        summary="List transactions, newest first",
        description="Without `state`, in every state; decided ones as long as decisions are remembered.",
        parameters=[TransactionQuery],
        responses=TransactionShape(many=True),
    )
    def get(self, request: Request, instance: str) -> Response:
        actor = actor_of(request)
        found_in = access.instance(actor, instance)
        asked = query(TransactionQuery, request)
        state, topic = asked.pop("state", None), asked.pop("topic", None)
        found = transaction_pages.page(
            actor,
            found_in,
            states=tuple(TransactionState) if state is None else (TransactionState(state),),
            topic=access.topic(actor, instance, topic, action="mq:QueryMessage") if topic is not None else None,
            **asked,
        )
        return page(TransactionShape, found.items, next=found.next)


class OneTransaction(ApiView):
    @extend_schema(
        operation_id="getTransaction",
        summary="Show a transaction with its message and its checks",
        responses=OpenedTransactionShape,
    )
    def get(self, request: Request, instance: str, transaction: str) -> Response:
        actor = actor_of(request)
        found = transaction_pages.one(actor, access.instance(actor, instance), transaction)
        return Response(_describe(found))


class Check(ApiView):
    @extend_schema(
        operation_id="checkTransaction",
        summary="Ask the producer group now what became of a half message",
        description="Also when it had its last check. The check is made by a broker worker, within a second.",
        request=None,
        responses={202: None},
    )
    @idempotent
    def post(self, request: Request, instance: str, transaction: str) -> Response:
        actor = actor_of(request)
        id = transactions.parse(transaction)
        back_checks.check_now(actor, topic_of(actor.account_id, instance, id), id)
        return Response(status=202)


def _describe(found: transaction_pages.Opened) -> dict[str, Any]:  # Any: JSON values
    return {
        **TransactionShape(found).data,
        **message_shapes.property_members(found.whole.properties),
        "born_at": clock.from_ms(found.whole.born_at_ms),
        "born_host": found.whole.born_host,
        **(message_shapes.body_members(found.body.raw) if found.body is not None else {}),
        "checks": CheckShape(found.checks, many=True).data,
    }
