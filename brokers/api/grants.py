"""Quick grants: a right on one topic or group, written as a statement for one user or user group."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import grants

from ..catalog import access
from . import people_shapes as own
from .idempotency import idempotent
from .identity import actor_of
from .view import ApiView, read


class Grants(ApiView):
    @extend_schema(
        operation_id="grant",
        summary="Grant PUB, SUB or both on a topic or group, or DENY it",
        description="Writes a statement into the policy `grants-user-<name>` or `grants-group-<name>` and attaches it.",
        request=own.GrantForm,
        responses=own.PolicyShape,
    )
    @idempotent
    def post(self, request: Request, instance: str) -> Response:
        actor = actor_of(request)
        found_in = access.instance(actor, instance)
        asked = read(own.GrantForm, request)
        made = grants.quick_grant(actor, found_in.name, asked.pop("name"), **asked)
        return Response(own.PolicyShape(made).data)
