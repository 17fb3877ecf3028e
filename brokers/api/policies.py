"""Policies an account wrote: texts, versions, who has them, and what they would say."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import grants
from accounts.models import Policy

from ..domain import clock
from . import editions
from . import people_shapes as own
from .idempotency import idempotent
from .identity import actor_of
from .view import ApiView, created, page, read


class Policies(ApiView):
    @extend_schema(
        operation_id="listPolicies",
        summary="List the policies of the account by name",
        description="The system policies FullAccess, PubOnly, SubOnly, ReadOnly are not listed; attach them by name.",
        responses=own.PolicyShape(many=True),
    )
    def get(self, request: Request) -> Response:
        return page(own.PolicyShape, grants.policies(actor_of(request)), next=None)

    @extend_schema(
        operation_id="createPolicy",
        summary="Create a policy, attached to nobody",
        request=own.PolicyForm,
        responses={201: own.OpenedPolicyShape},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        asked = read(own.PolicyForm, request)
        made = grants.create_policy(actor_of(request), asked["name"], asked["document"], remark=asked["remark"])
        return created(request, _opened(made), name=made.name)


class OnePolicy(ApiView):
    @extend_schema(
        operation_id="getPolicy",
        summary="Show a policy with its versions",
        parameters=[editions.GIVEN],
        responses=own.OpenedPolicyShape,
    )
    def get(self, request: Request, policy: str) -> Response:
        found = grants.policy(actor_of(request), policy)
        return editions.marked(Response(_opened(found)), grants.edition(found))

    @extend_schema(
        operation_id="deletePolicy", summary="Delete a policy that nobody has any more", responses={204: None}
    )
    def delete(self, request: Request, policy: str) -> Response:
        grants.delete_policy(actor_of(request), policy)
        return Response(status=204)


class Versions(ApiView):
    @extend_schema(
        operation_id="createPolicyVersion",
        summary="Write a new version, which counts from now on",
        description="A policy keeps five versions; the oldest makes room.",
        parameters=[editions.ASKED],
        request=own.VersionForm,
        responses={201: own.VersionShape},
    )
    @idempotent
    def post(self, request: Request, policy: str) -> Response:
        text = read(own.VersionForm, request)["document"]
        made = grants.add_version(actor_of(request), policy, text, seen=editions.seen(request))
        return Response(own.VersionShape(made).data, status=201)


class Default(ApiView):
    @extend_schema(
        operation_id="setDefaultPolicyVersion",
        summary="Make another version count",
        parameters=[editions.ASKED],
        request=None,
        responses=own.PolicyShape,
    )
    @idempotent
    def post(self, request: Request, policy: str, number: int) -> Response:
        changed = grants.set_default(actor_of(request), policy, number, seen=editions.seen(request))
        return Response(own.PolicyShape(changed).data)


class Attach(ApiView):
    @extend_schema(
        operation_id="attachPolicy",
        summary="Give a policy to a user, a user group or a role",
        request=own.AttachmentForm,
        responses={204: None},
    )
    @idempotent
    def post(self, request: Request, policy: str) -> Response:
        grants.attach(actor_of(request), policy, **read(own.AttachmentForm, request))
        return Response(status=204)


class Detach(ApiView):
    @extend_schema(
        operation_id="detachPolicy",
        summary="Take a policy away from a user, a user group or a role",
        request=own.AttachmentForm,
        responses={204: None},
    )
    @idempotent
    def post(self, request: Request, policy: str) -> Response:
        grants.detach(actor_of(request), policy, **read(own.AttachmentForm, request))
        return Response(status=204)


class Simulate(ApiView):
    @extend_schema(
        operation_id="simulatePolicy",
        summary="May this user do this, from this address? With the statement that decides",
        request=own.SimulationForm,
        responses=own.DecisionShape,
    )
    @idempotent
    def post(self, request: Request) -> Response:
        asked = read(own.SimulationForm, request)
        asked["at"] = asked.get("at") or clock.now()
        return Response(own.DecisionShape(grants.simulate(actor_of(request), **asked)).data)


def _opened(found: Policy) -> dict[str, Any]:  # Any: JSON values
    versions: Any = grants.versions(found)  # Any: the stubs know no `many`
    return {
        **own.PolicyShape(found).data,
        "versions": own.VersionShape(versions, many=True).data,
        "warnings": own.WarningShape(grants.warnings(found), many=True).data,
    }
