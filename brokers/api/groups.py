"""Consumer groups of an instance."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ..catalog import access, actions, selectors
from ..catalog import editions as catalog_editions
from ..engine import removal
from ..models import Group
from . import editions, forms, shapes
from .idempotency import idempotent
from .identity import actor_of
from .view import ApiView, created, page, query, read


class Groups(ApiView):
    @extend_schema(
        operation_id="listGroups",
        summary="List groups by name",
        parameters=[forms.GroupQuery],
        responses=shapes.GroupShape(many=True),
    )
    def get(self, request: Request, instance: str) -> Response:
        actor = actor_of(request)
        found_in = access.instance(actor, instance, "mq:ListGroup")
        found = selectors.groups(actor, found_in, **query(forms.GroupQuery, request))
        return page(shapes.GroupShape, found.items, next=found.next)

    @extend_schema(
        operation_id="createGroup",
        summary="Create a group with its retry topic and its dead-letter topic",
        request=forms.GroupForm,
        responses={201: shapes.GroupShape},
    )
    @idempotent
    def post(self, request: Request, instance: str) -> Response:
        actor = actor_of(request)
        asked = read(forms.GroupForm, request)
        made = actions.create_group(actor, access.instance(actor, instance), **asked)
        return created(request, shapes.GroupShape(made).data, name=made.name)


class OneGroup(ApiView):
    @extend_schema(
        operation_id="getGroup", summary="Show a group", parameters=[editions.GIVEN], responses=shapes.GroupShape
    )
    def get(self, request: Request, instance: str, group: str) -> Response:
        return _shown(access.group(actor_of(request), instance, group))

    @extend_schema(
        operation_id="updateGroup",
        summary="Change a group's settings, pause or resume it",
        description="Settings apply to the next delivery. `order` and `start_from` never change.",
        parameters=[editions.ASKED, editions.GIVEN],
        request=forms.GroupChange,
        responses=shapes.GroupShape,
    )
    def patch(self, request: Request, instance: str, group: str) -> Response:
        actor = actor_of(request)
        asked = read(forms.GroupChange, request)
        found = access.group(actor, instance, group, action="mq:UpdateGroup")
        return _shown(actions.update_group(actor, found, **asked, seen=editions.seen(request)))

    @extend_schema(
        operation_id="deleteGroup",
        summary="Delete a group with its offsets, retries and dead letters",
        description="Refused with CONFLICT while it has not read a topic to the end, or retries or dead letters wait,"
        " unless `force=true`.",
        parameters=[forms.DeletionQuery],
        responses={204: None},
    )
    def delete(self, request: Request, instance: str, group: str) -> Response:
        actor = actor_of(request)
        asked = query(forms.DeletionQuery, request)
        removal.delete_group(actor, access.group(actor, instance, group, action="mq:DeleteGroup"), force=asked["force"])
        return Response(status=204)


def _shown(group: Group) -> Response:
    return editions.marked(Response(shapes.GroupShape(group).data), catalog_editions.of(group))
