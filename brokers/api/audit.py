"""The audit: who did what, searched page by page, and as a file."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit_log
from accounts.audit_log import Filter
from accounts.models import AuditEntry

from ..domain import limits
from ..domain.errors import Rejected
from .identity import actor_of
from .message_forms import Instant
from .view import ApiView, Form, PageQuery, Text, query


class _Conditions(Form):
    actor = Text(required=False, max_length=200, help_text="who; with a star at the end, whoever begins so")
    action = Text(required=False, max_length=64, help_text="such as mq:CreateTopic, or mq:*")
    resource = Text(required=False, max_length=400, help_text="a text found anywhere in the resource")
    outcome = serializers.ChoiceField(required=False, choices=list(audit_log.OUTCOMES))

    def get_fields(self) -> Any:  # Any: REST framework's ordered fields
        fields = super().get_fields()
        fields["from"] = Instant(required=False, source="since", help_text="included")
        fields["to"] = Instant(required=False, source="until", help_text="not included")
        return fields


class AuditQuery(_Conditions, PageQuery):
    pass


class ExportQuery(_Conditions):
    format = serializers.ChoiceField(required=False, choices=list(audit_log.FORMATS), default="jsonl")


class AuditEntryShape(serializers.Serializer[AuditEntry]):
    sequence = serializers.IntegerField(help_text="from 1 in each account, without holes")
    at = serializers.DateTimeField()
    actor = serializers.CharField(help_text="who, as whom, with which key")
    source_ip = serializers.CharField()
    action = serializers.CharField()
    resource = serializers.CharField()
    outcome = serializers.CharField(help_text="ok or refused")
    count = serializers.IntegerField(help_text="so many of the same reads, for repeated ones")
    detail = serializers.DictField(help_text="what was changed, before and after; why it was refused")
    hash = serializers.CharField(help_text="SHA-256 over this entry and the hash before it")


class Audit(ApiView):
    @extend_schema(
        operation_id="listAudit",
        summary="List the audit, newest first",
        description="`complete` is false when the look for `resource` stopped at its bound; `next` goes on from there.",
        parameters=[AuditQuery],
        responses=AuditEntryShape(many=True),
    )
    def get(self, request: Request) -> Response:
        asked = query(AuditQuery, request)
        cursor, limit = asked.pop("cursor", None), asked.pop("limit")
        found = audit_log.search(actor_of(request), Filter(**asked), cursor=_number(cursor), limit=limit)
        return Response(
            {
                "items": AuditEntryShape(found.entries, many=True).data,  # type: ignore[arg-type] # stubs know no many
                "next": None if found.next is None else str(found.next),
                "complete": not found.is_cut,
            }
        )


class Export(ApiView):
    @extend_schema(
        operation_id="exportAudit",
        summary="Download the audit as JSON Lines or CSV, oldest first, with digests and hashes",
        parameters=[ExportQuery],
        responses={(200, form.partition(";")[0]): OpenApiTypes.STR for form in audit_log.FORMATS.values()},
    )
    def get(self, request: Request) -> HttpResponseBase:
        asked = query(ExportQuery, request)
        form = asked.pop("format")
        parts = audit_log.export(actor_of(request), Filter(**asked), form)
        return StreamingHttpResponse(
            _async(parts) if isinstance(request._request, ASGIRequest) else parts,
            content_type=audit_log.FORMATS[form],
            headers={"Content-Disposition": f'attachment; filename="audit.{form}"'},
        )


async def _async(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Hands the parts on one by one: Django would first collect all of them from what is not asynchronous."""
    take = sync_to_async(lambda: next(parts, b""))
    while part := await take():
        yield part


def _number(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not cursor.isascii() or not cursor.isdigit() or int(cursor) > limits.INT64_MAX:
        raise Rejected("cursor must be `next` of the page before.")
    return int(cursor)
