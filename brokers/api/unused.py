"""Rights that were granted and are not used."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import grant_use
from accounts.grant_use import Right

from .identity import actor_of
from .view import ApiView, Form, page, query


class UnusedQuery(Form):
    days = serializers.IntegerField(required=False, min_value=1, max_value=365, default=90)


class RightShape(serializers.Serializer[Right]):
    holder_kind = serializers.ChoiceField(source="kind", choices=["user", "group", "role"])
    holder = serializers.CharField()
    policy = serializers.CharField()
    version = serializers.IntegerField()
    statement = serializers.IntegerField(help_text="from 1")
    actions = serializers.ListField(child=serializers.CharField())
    resources = serializers.ListField(child=serializers.CharField())
    granted_at = serializers.DateTimeField()
    used_at = serializers.DateTimeField(allow_null=True, help_text="when it last allowed something in that time")
    used = serializers.ListField(child=serializers.CharField(), help_text="actions it allowed in that time")
    unused = serializers.ListField(child=serializers.CharField(), help_text="actions it could have")
    suggestion = serializers.ChoiceField(choices=["detach", "narrow"], help_text="narrow: to the actions in `used`")


class UnusedRights(ApiView):
    @extend_schema(
        operation_id="listUnusedRights",
        summary="List statements granted and not used for so many days, wholly or in part",
        parameters=[UnusedQuery],
        responses=RightShape(many=True),
    )
    def get(self, request: Request) -> Response:
        days = query(UnusedQuery, request)["days"]
        return page(RightShape, grant_use.report(actor_of(request), days=days), next=None)
