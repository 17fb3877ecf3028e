"""Access keys of the signed-in user. Nobody sees another's, and a secret is shown once."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import keys

from . import forms, shapes
from .idempotency import idempotent
from .identity import actor_of, require_fresh, user_of
from .view import ApiView, created, page, read


class Keys(ApiView):
    @extend_schema(
        operation_id="listAccessKeys",
        summary="List your access keys",
        responses=shapes.KeyShape(many=True),
    )
    def get(self, request: Request) -> Response:
        return page(shapes.KeyShape, keys.of_user(user_of(request)), next=None)

    @extend_schema(
        operation_id="createAccessKey",
        summary="Make an access key; the answer holds its secret, once",
        description="A user has at most two keys: one in use and one to change to.",
        request=forms.KeyForm,
        responses={201: shapes.NewKeyShape},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        actor = actor_of(request)
        require_fresh(actor)
        asked = read(forms.KeyForm, request)
        key, secret = keys.create(user_of(request), actor=actor.signature, source_ip=actor.source_ip, **asked)
        return created(request, {**shapes.KeyShape(key).data, "secret": secret}, name=key.key_id)


class OneKey(ApiView):
    @extend_schema(operation_id="getAccessKey", summary="Show one of your keys", responses=shapes.KeyShape)
    def get(self, request: Request, key: str) -> Response:
        return Response(shapes.KeyShape(keys.get(user_of(request), key)).data)

    @extend_schema(
        operation_id="updateAccessKey",
        summary="Switch a key on or off, or note a remark",
        description="A disabled key is refused everywhere within two seconds.",
        request=forms.KeyChange,
        responses=shapes.KeyShape,
    )
    def patch(self, request: Request, key: str) -> Response:
        actor = actor_of(request)
        require_fresh(actor)
        asked = read(forms.KeyChange, request)
        changed = keys.change(user_of(request), key, actor=actor.signature, source_ip=actor.source_ip, **asked)
        return Response(shapes.KeyShape(changed).data)

    @extend_schema(operation_id="deleteAccessKey", summary="Delete a key for good", responses={204: None})
    def delete(self, request: Request, key: str) -> Response:
        actor = actor_of(request)
        require_fresh(actor)
        keys.delete(user_of(request), key, actor=actor.signature, source_ip=actor.source_ip)
        return Response(status=204)


class Rotate(ApiView):
    @extend_schema(
        operation_id="rotateAccessKey",
        summary="Make a key that takes the place of another; both are good during the overlap",
        request=forms.RotateForm,
        responses={201: shapes.NewKeyShape},
    )
    @idempotent
    def post(self, request: Request, key: str) -> Response:
        actor = actor_of(request)
        require_fresh(actor)
        overlap = read(forms.RotateForm, request)["overlap_seconds"]
        made, secret = keys.rotate(
            user_of(request), key, overlap_seconds=overlap, actor=actor.signature, source_ip=actor.source_ip
        )
        return Response({**shapes.KeyShape(made).data, "secret": secret}, status=201)
