"""Instances, and who calls."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ..catalog import access, actions, selectors
from . import forms, shapes
from .idempotency import idempotent
from .identity import actor_of, user_of
from .view import ApiView, PageQuery, created, page, query, read


class Caller(ApiView):
    @extend_schema(operation_id="whoami", summary="Who calls", responses=shapes.CallerShape)
    def get(self, request: Request) -> Response:
        actor, user = actor_of(request), user_of(request)
        return Response(
            {
                "account": user.account.name,
                "user": user.name,
                "login": user.login,
                "is_root": user.is_root,
                "signed_in_by": "access_key" if actor.access_key_id else "session",
                "access_key_id": actor.access_key_id or None,
            }
        )


class Instances(ApiView):
    @extend_schema(
        operation_id="listInstances",
        summary="List instances by name",
        parameters=[PageQuery],
        responses=shapes.InstanceShape(many=True),
    )
    def get(self, request: Request) -> Response:
        found = selectors.instances(actor_of(request), **query(PageQuery, request))
        return page(shapes.InstanceShape, found.items, next=found.next)

    @extend_schema(
        operation_id="createInstance",
        summary="Create an instance",
        request=forms.InstanceForm,
        responses={201: shapes.InstanceShape},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        made = actions.create_instance(actor_of(request), **read(forms.InstanceForm, request))
        return created(request, shapes.InstanceShape(made).data, name=made.name)


class OneInstance(ApiView):
    @extend_schema(operation_id="getInstance", summary="Show an instance", responses=shapes.InstanceShape)
    def get(self, request: Request, instance: str) -> Response:
        return Response(shapes.InstanceShape(access.instance(actor_of(request), instance)).data)

    @extend_schema(
        operation_id="updateInstance",
        summary="Change an instance's remark",
        request=forms.InstanceChange,
        responses=shapes.InstanceShape,
    )
    def patch(self, request: Request, instance: str) -> Response:
        actor = actor_of(request)
        found = access.instance(actor, instance, "mq:UpdateInstance")
        asked = read(forms.InstanceChange, request)
        changed = actions.update_instance(actor, found, remark=asked.get("remark", found.remark))
        return Response(shapes.InstanceShape(changed).data)

    @extend_schema(operation_id="deleteInstance", summary="Delete an empty instance", responses={204: None})
    def delete(self, request: Request, instance: str) -> Response:
        actor = actor_of(request)
        actions.delete_instance(actor, access.instance(actor, instance, "mq:DeleteInstance"))
        return Response(status=204)
