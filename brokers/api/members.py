"""Users and user groups of the caller's account, and the keys of sub-accounts."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import keys, members

from . import forms, shapes
from . import people_shapes as own
from .idempotency import idempotent
from .identity import actor_of
from .view import ApiView, created, page, read


class Users(ApiView):
    @extend_schema(operation_id="listUsers", summary="List users, root first", responses=own.UserShape(many=True))
    def get(self, request: Request) -> Response:
        return page(own.UserShape, members.users(actor_of(request)), next=None)

    @extend_schema(
        operation_id="createUser",
        summary="Create a sub-account, which may do nothing yet",
        request=own.UserForm,
        responses={201: own.UserShape},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        asked = read(own.UserForm, request)
        made = members.create_user(actor_of(request), asked["name"], password=asked.get("password"))
        made.refresh_from_db()
        return created(request, own.UserShape(made).data, name=made.name)


class OneUser(ApiView):
    @extend_schema(operation_id="getUser", summary="Show a user", responses=own.UserShape)
    def get(self, request: Request, user: str) -> Response:
        return Response(own.UserShape(members.user(actor_of(request), user)).data)

    @extend_schema(
        operation_id="updateUser",
        summary="Switch a sub-account on or off, or give it another password",
        request=own.UserChange,
        responses=own.UserShape,
    )
    def patch(self, request: Request, user: str) -> Response:
        actor = actor_of(request)
        asked = read(own.UserChange, request)
        members.user(actor, user)  # who may not read the answer changes nothing
        if "password" in asked:
            members.set_password(actor, user, asked["password"])
        if "active" in asked:
            members.set_active(actor, user, asked["active"])
        return Response(own.UserShape(members.user(actor, user)).data)

    @extend_schema(operation_id="deleteUser", summary="Delete a sub-account with its keys", responses={204: None})
    def delete(self, request: Request, user: str) -> Response:
        members.delete_user(actor_of(request), user)
        return Response(status=204)


class UserKeys(ApiView):
    @extend_schema(
        operation_id="listUserAccessKeys",
        summary="List the access keys of a user",
        responses=shapes.KeyShape(many=True),
    )
    def get(self, request: Request, user: str) -> Response:
        return page(shapes.KeyShape, keys.of_user(members.user(actor_of(request), user)), next=None)

    @extend_schema(
        operation_id="createUserAccessKey",
        summary="Make an access key for a sub-account; the answer holds its secret, once",
        request=forms.KeyForm,
        responses={201: shapes.NewKeyShape},
    )
    @idempotent
    def post(self, request: Request, user: str) -> Response:
        key, secret = members.create_key(actor_of(request), user, **read(forms.KeyForm, request))
        return created(request, {**shapes.KeyShape(key).data, "secret": secret}, name=key.key_id)


class OneUserKey(ApiView):
    @extend_schema(
        operation_id="updateUserAccessKey",
        summary="Switch a sub-account's key on or off",
        request=own.UserKeyChange,
        responses=shapes.KeyShape,
    )
    def patch(self, request: Request, user: str, key: str) -> Response:
        asked = read(own.UserKeyChange, request)
        changed = members.set_key_enabled(actor_of(request), user, key, enabled=asked.get("enabled", True))
        return Response(shapes.KeyShape(changed).data)

    @extend_schema(operation_id="deleteUserAccessKey", summary="Delete a sub-account's key", responses={204: None})
    def delete(self, request: Request, user: str, key: str) -> Response:
        members.delete_key(actor_of(request), user, key)
        return Response(status=204)


class RotateUserKey(ApiView):
    @extend_schema(
        operation_id="rotateUserAccessKey",
        summary="Make a sub-account's key that takes the place of another; both are good during the overlap",
        request=forms.RotateForm,
        responses={201: shapes.NewKeyShape},
    )
    @idempotent
    def post(self, request: Request, user: str, key: str) -> Response:
        overlap = read(forms.RotateForm, request)["overlap_seconds"]
        made, secret = members.rotate_key(actor_of(request), user, key, overlap_seconds=overlap)
        return Response({**shapes.KeyShape(made).data, "secret": secret}, status=201)


class UserGroups(ApiView):
    @extend_schema(
        operation_id="listUserGroups", summary="List user groups by name", responses=own.UserGroupShape(many=True)
    )
    def get(self, request: Request) -> Response:
        return page(own.UserGroupShape, members.groups(actor_of(request)), next=None)

    @extend_schema(
        operation_id="createUserGroup",
        summary="Create a user group",
        request=own.UserGroupForm,
        responses={201: own.UserGroupShape},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        asked = read(own.UserGroupForm, request)
        made = members.create_group(actor_of(request), asked["name"], remark=asked["remark"])
        return created(request, own.UserGroupShape(made).data, name=made.name)


class OneUserGroup(ApiView):
    @extend_schema(operation_id="getUserGroup", summary="Show a user group", responses=own.UserGroupShape)
    def get(self, request: Request, group: str) -> Response:
        return Response(own.UserGroupShape(members.group(actor_of(request), group)).data)

    @extend_schema(
        operation_id="deleteUserGroup",
        summary="Delete a user group; its members lose what they had through it",
        responses={204: None},
    )
    def delete(self, request: Request, group: str) -> Response:
        members.delete_group(actor_of(request), group)
        return Response(status=204)


class Members(ApiView):
    @extend_schema(
        operation_id="addUserToGroup",
        summary="Make a user a member of a user group",
        request=own.MemberForm,
        responses=own.UserGroupShape,
    )
    @idempotent
    def post(self, request: Request, group: str) -> Response:
        actor = actor_of(request)
        asked = read(own.MemberForm, request)
        changed = members.add_to_group(actor, group, asked["user"])
        return Response(own.UserGroupShape(changed).data)


class OneMember(ApiView):
    @extend_schema(operation_id="removeUserFromGroup", summary="End a membership", responses={204: None})
    def delete(self, request: Request, group: str, user: str) -> Response:
        members.remove_from_group(actor_of(request), group, user)
        return Response(status=204)
