"""Limits of the account, its instances and its access keys, and how much of each is used."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ..catalog import access
from ..catalog import quotas as catalog
from ..domain import quotas
from ..domain.errors import Rejected
from ..domain.quotas import Quota, Scope
from ..engine import quotas as engine
from . import form_words
from .identity import actor_of
from .view import ApiView, Form, Integer, Text, page, read


class LimitShape(serializers.Serializer[quotas.Usage]):
    scope = serializers.ChoiceField(choices=[one.value for one in Scope])
    target = serializers.CharField(source="name", help_text="the instance or the key; empty for the account")
    limit = serializers.ChoiceField(source="quota", choices=[one.value for one in Quota])
    value = serializers.IntegerField(allow_null=True, help_text="what holds; null: no limit")
    own = serializers.IntegerField(allow_null=True, help_text="what was set here")
    ceiling = serializers.IntegerField(allow_null=True, help_text="the most that can be set, by the platform")
    used = serializers.FloatField(
        allow_null=True, help_text="now: a rate is the mean of the last ten seconds; null when nobody can say"
    )
    near = serializers.BooleanField(source="is_near", help_text="four fifths of it are used")
    reached = serializers.BooleanField(source="is_reached")


@extend_schema_field(form_words.LIMITS)
class _Values(serializers.DictField):
    child = Integer(min_value=0, max_value=quotas.HIGHEST, allow_null=True)


class LimitsForm(Form):
    scope = serializers.ChoiceField(choices=[one.value for one in Scope])
    target = Text(required=False, default="", max_length=64, help_text="the instance or the key")
    limits = _Values()


class Limits(ApiView):
    @extend_schema(
        operation_id="listLimits",
        summary="List every limit with how much of it is used: account, instances, then keys that have limits",
        responses=LimitShape(many=True),
    )
    def get(self, request: Request) -> Response:
        actor = actor_of(request)
        access.check(actor, "mq:QueryLimits", access.resource(actor.account_id, "*"))
        return page(LimitShape, engine.usage(actor.account_id), next=None)

    @extend_schema(
        operation_id="updateLimits",
        summary="Set limits of the account, an instance or a key; they count within two seconds",
        request=LimitsForm,
        responses=LimitShape(many=True),
    )
    def patch(self, request: Request) -> Response:
        actor, asked = actor_of(request), read(LimitsForm, request)
        # Who may not read the answer changes nothing.
        access.check(actor, "mq:QueryLimits", access.resource(actor.account_id, "*"))
        catalog.set_limits(actor, Scope(asked["scope"]), asked["target"], values=_values(asked["limits"]))
        return page(LimitShape, engine.usage(actor.account_id), next=None)


def _values(asked: dict[str, Any]) -> dict[Quota, int | None]:  # Any: whole numbers or None, the form says
    known = [one.value for one in Quota]
    for name in asked:
        if name not in known:
            raise Rejected(f"There is no limit {name!r}; there are {', '.join(known)}.")
    return {Quota(name): value for name, value in asked.items()}
