"""Roles: made, given policies, trusted to people, taken on for a while."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import limits, roles
from accounts.models import Role, RoleSession

from .idempotency import idempotent
from .identity import actor_of, require_fresh, user_of
from .view import ApiView, Form, Integer, Text, created, page, read


class RoleForm(Form):
    name = Text(max_length=limits.USER_NAME_CHARS)
    max_seconds = Integer(
        required=False, default=3600, min_value=limits.ROLE_MIN_SECONDS, max_value=limits.ROLE_MAX_SECONDS
    )
    remark = Text(required=False, max_length=limits.REMARK_CHARS, default="")


class TrustForm(Form):
    login = Text(max_length=130, help_text="name@account; the account may be another one")


class AssumptionForm(Form):
    account = Text(required=False, default="", max_length=64, help_text="of the role; your own if it is left out")
    seconds = Integer(required=False, default=900, min_value=limits.ROLE_MIN_SECONDS, max_value=limits.ROLE_MAX_SECONDS)
    reason = Text(required=False, default="", max_length=limits.REMARK_CHARS)


class RoleShape(serializers.Serializer[Role]):
    name = serializers.CharField()
    remark = serializers.CharField()
    max_seconds = serializers.IntegerField()
    policies = serializers.SerializerMethodField()
    trusts = serializers.SerializerMethodField(help_text="who may take it on")
    created_at = serializers.DateTimeField()

    def get_policies(self, role: Role) -> list[str]:
        return sorted(row.policy_name for row in role.attachments.all())

    def get_trusts(self, role: Role) -> list[str]:
        return sorted(row.login for row in role.trusts.all())


class OfferShape(serializers.Serializer[Role]):
    account = serializers.CharField(source="account.name")
    name = serializers.CharField()
    remark = serializers.CharField()
    max_seconds = serializers.IntegerField()


class RoleSessionShape(serializers.Serializer[RoleSession]):
    id = serializers.IntegerField(source="pk")
    login = serializers.CharField(source="user.login")
    access_key_id = serializers.CharField(source="key_id", allow_null=True, help_text="null: in the console")
    reason = serializers.CharField()
    source_ip = serializers.CharField()
    started_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    revoked_at = serializers.DateTimeField(allow_null=True)


class AssumedShape(RoleSessionShape):
    secret = serializers.CharField(
        allow_null=True, help_text="shown this once; good at every door until `ends_at`; null: asked for again"
    )


class Roles(ApiView):
    @extend_schema(operation_id="listRoles", summary="List the roles by name", responses=RoleShape(many=True))
    def get(self, request: Request) -> Response:
        return page(RoleShape, roles.roles(actor_of(request)), next=None)

    @extend_schema(
        operation_id="createRole",
        summary="Create a role that allows nothing and trusts nobody",
        request=RoleForm,
        responses={201: RoleShape},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        asked = read(RoleForm, request)
        made = roles.create(actor_of(request), asked["name"], max_seconds=asked["max_seconds"], remark=asked["remark"])
        return created(request, RoleShape(made).data, name=made.name)


class OneRole(ApiView):
    @extend_schema(operation_id="getRole", summary="Show a role", responses=RoleShape)
    def get(self, request: Request, role: str) -> Response:
        return Response(RoleShape(roles.role(actor_of(request), role)).data)

    @extend_schema(
        operation_id="deleteRole",
        summary="Delete a role; whoever acts in it has nothing within two seconds",
        responses={204: None},
    )
    def delete(self, request: Request, role: str) -> Response:
        roles.delete(actor_of(request), role)
        return Response(status=204)


class Trust(ApiView):
    @extend_schema(
        operation_id="trustWithRole", summary="Let somebody take the role on", request=TrustForm, responses=RoleShape
    )
    @idempotent
    def post(self, request: Request, role: str) -> Response:
        return Response(RoleShape(roles.trust(actor_of(request), role, read(TrustForm, request)["login"])).data)


class Distrust(ApiView):
    @extend_schema(
        operation_id="distrustWithRole",
        summary="Take that back, and end what they do in the role",
        request=TrustForm,
        responses=RoleShape,
    )
    @idempotent
    def post(self, request: Request, role: str) -> Response:
        return Response(RoleShape(roles.distrust(actor_of(request), role, read(TrustForm, request)["login"])).data)


class Offers(ApiView):
    @extend_schema(
        operation_id="listRoleOffers", summary="List the roles you may take on", responses=OfferShape(many=True)
    )
    def get(self, request: Request) -> Response:
        return page(OfferShape, roles.offers(user_of(request)), next=None)


class Assume(ApiView):
    @extend_schema(
        operation_id="assumeRole",
        summary="Take a role on: an access key that has its rights until the time is over",
        request=AssumptionForm,
        responses={201: AssumedShape},
    )
    @idempotent
    def post(self, request: Request, role: str) -> Response:
        actor, user = actor_of(request), user_of(request)
        require_fresh(actor)
        asked = read(AssumptionForm, request)
        made, secret = roles.assume(
            user,
            asked["account"] or user.account.name,
            role,
            seconds=asked["seconds"],
            reason=asked["reason"],
            source_ip=actor.source_ip,
            with_key=True,
        )
        return Response({**RoleSessionShape(made).data, "secret": secret}, status=201)


class Sessions(ApiView):
    @extend_schema(
        operation_id="listRoleSessions",
        summary="List who acts or acted in a role, newest first; at most 100",
        responses=RoleSessionShape(many=True),
    )
    def get(self, request: Request, role: str) -> Response:
        return page(RoleSessionShape, roles.sessions(actor_of(request), role), next=None)


class Revoke(ApiView):
    @extend_schema(
        operation_id="revokeRoleSession",
        summary="End a session in a role; its holder has nothing within two seconds",
        request=None,
        responses={204: None},
    )
    @idempotent
    def post(self, request: Request, role: str, number: int) -> Response:
        roles.revoke(actor_of(request), role, number)
        return Response(status=204)
