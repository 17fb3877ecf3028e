"""Where people are signed in to the console, how they may get in, and what the account asks of them."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import members, sessions
from accounts.models import Account, ConsoleSession, Invitation

from .idempotency import idempotent
from .identity import actor_of, require_fresh, user_of
from .view import ApiView, Boolean, Form, page, read


class SessionShape(serializers.Serializer[ConsoleSession]):
    id = serializers.CharField(source="public_id")
    source_ip = serializers.CharField()
    agent = serializers.CharField(help_text="what the browser called itself")
    second_factor = serializers.BooleanField(source="has_second_factor")
    signed_in_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField()


class InvitationShape(serializers.Serializer[Invitation]):
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class NewInvitationShape(InvitationShape):
    secret = serializers.CharField(
        allow_null=True,
        help_text="the link is /invitation/{secret} of the console; null in an answer that is repeated",
    )


class AccountShape(serializers.Serializer[Account]):
    name = serializers.CharField()
    requires_second_factor = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class AccountChange(Form):
    requires_second_factor = Boolean(help_text="true ends every session that no second factor began")


class OneAccount(ApiView):
    @extend_schema(operation_id="getAccount", summary="Show the account", responses=AccountShape)
    def get(self, request: Request) -> Response:
        return Response(AccountShape(members.account(actor_of(request))).data)

    @extend_schema(
        operation_id="updateAccount",
        summary="Require a second factor of everybody at the console, or no longer",
        request=AccountChange,
        responses=AccountShape,
    )
    def patch(self, request: Request) -> Response:
        actor = actor_of(request)
        require_fresh(actor)
        members.require_second_factor(actor, read(AccountChange, request)["requires_second_factor"])
        return Response(AccountShape(members.account(actor)).data)


class Sessions(ApiView):
    @extend_schema(
        operation_id="listSessions", summary="List where you are signed in", responses=SessionShape(many=True)
    )
    def get(self, request: Request) -> Response:
        return page(SessionShape, sessions.of_user(user_of(request)), next=None)


class EndOthers(ApiView):
    @extend_schema(
        operation_id="endSessions",
        summary="End all your sessions, save the one that asks",
        request=None,
        responses={204: None},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        actor = actor_of(request)
        key = request._request.session.session_key if request.auth == "session" else None
        sessions.end_all(user_of(request), but=key, actor=actor.signature, source_ip=actor.source_ip)
        return Response(status=204)


class OneSession(ApiView):
    @extend_schema(operation_id="endSession", summary="End one of your sessions", responses={204: None})
    def delete(self, request: Request, session: str) -> Response:
        actor = actor_of(request)
        sessions.end(user_of(request), session, actor=actor.signature, source_ip=actor.source_ip)
        return Response(status=204)


class UserSessions(ApiView):
    @extend_schema(
        operation_id="listUserSessions", summary="List where a user is signed in", responses=SessionShape(many=True)
    )
    def get(self, request: Request, user: str) -> Response:
        return page(SessionShape, members.sessions_of(actor_of(request), user), next=None)


class EndUserSessions(ApiView):
    @extend_schema(
        operation_id="endUserSessions",
        summary="End all sessions of a sub-account",
        request=None,
        responses={204: None},
    )
    @idempotent
    def post(self, request: Request, user: str) -> Response:
        members.end_sessions(actor_of(request), user)
        return Response(status=204)


class OneUserSession(ApiView):
    @extend_schema(operation_id="endUserSession", summary="End one session of a sub-account", responses={204: None})
    def delete(self, request: Request, user: str, session: str) -> Response:
        members.end_session(actor_of(request), user, session)
        return Response(status=204)


class UserFactors(ApiView):
    @extend_schema(
        operation_id="deleteUserSecondFactors",
        summary="Remove the second factors of a sub-account that lost them; its sessions end",
        responses={204: None},
    )
    def delete(self, request: Request, user: str) -> Response:
        members.remove_second_factors(actor_of(request), user)
        return Response(status=204)


class UserInvitation(ApiView):
    @extend_schema(
        operation_id="getUserInvitation",
        summary="Show the invitation of a sub-account that was not used yet",
        responses=InvitationShape,
    )
    def get(self, request: Request, user: str) -> Response:
        return Response(InvitationShape(members.invitation(actor_of(request), user)).data)

    @extend_schema(
        operation_id="createUserInvitation",
        summary="Make a link with which a person sets the password of a sub-account, once",
        description="It works for three days. An earlier link of the user stops to work.",
        request=None,
        responses={201: NewInvitationShape},
    )
    @idempotent
    def post(self, request: Request, user: str) -> Response:
        made, token = members.invite(actor_of(request), user)
        return Response({**InvitationShape(made).data, "secret": token}, status=201)

    @extend_schema(operation_id="deleteUserInvitation", summary="Take an invitation back", responses={204: None})
    def delete(self, request: Request, user: str) -> Response:
        members.revoke_invitation(actor_of(request), user)
        return Response(status=204)
