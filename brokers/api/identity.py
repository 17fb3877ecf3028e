"""Who calls: an access key in one of its two forms, or the console's session.

Both become an `Actor`; views see nothing else. A session must also prove that its own page sent the request (CSRF).
"""

import hashlib
from urllib.parse import quote

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from accounts import credentials, roles
from accounts.models import User

from ..catalog import readers
from ..domain.actor import Actor
from ..domain.errors import Denied, Unauthenticated


class KeyAuthentication(BaseAuthentication):
    """HTTP Basic with an AccessKey, or the signature MQ1-HMAC-SHA256."""

    def authenticate(self, request: Request) -> tuple[Actor, str] | None:
        """Returns the actor, or None when the request has no Authorization header. Raises what accounts raises."""
        raw = request._request
        if "authorization" not in raw.headers:
            return None
        entry = credentials.authenticate(
            {name.lower().encode("latin-1"): value.encode("latin-1") for name, value in raw.headers.items()},
            method=raw.method or "",
            raw_path=_raw_path(raw),
            query=raw.META.get("QUERY_STRING", "").encode("latin-1"),
            body_sha256=lambda: hashlib.sha256(raw.body).hexdigest(),
            source_ip=raw.META.get("REMOTE_ADDR", ""),
        )
        actor = Actor(
            account_id=entry.account_id,
            user_id=entry.user_id,
            name=entry.login,
            is_root=entry.is_root,
            source_ip=raw.META.get("REMOTE_ADDR", ""),
            access_key_id=entry.key_id,
            is_secure=raw.is_secure(),
        )
        return actor, "key"


class ConsoleAuthentication(SessionAuthentication):
    """The session of the browser console."""

    def authenticate(self, request: Request) -> tuple[Actor, str] | None:
        """Returns the actor, or None when nobody is signed in. Raises PermissionDenied without the CSRF token."""
        user = request._request.user
        if not isinstance(user, User) or not user.is_active:
            return None
        self.enforce_csrf(request)
        raw = request._request
        role = roles.of_session(raw.session, user)
        if role is None and roles.has_taken_on(raw.session):
            raise Unauthenticated("The time in the role is over, or was ended. Open the console to go on as yourself.")
        actor = readers.of_session(
            user, raw.session, role, source_ip=raw.META.get("REMOTE_ADDR", ""), is_secure=raw.is_secure()
        )
        return actor, "session"


def actor_of(request: Request) -> Actor:
    """Returns who calls. Raises Unauthenticated when nobody proved to be anybody."""
    actor: object = request.user
    if not isinstance(actor, Actor):
        raise Unauthenticated(
            "This needs an access key: HTTP Basic with its id and secret, or a signature (docs/http-signature.md)."
        )
    return actor


def user_of(request: Request) -> User:
    """Returns the row of who calls. Raises Unauthenticated when it was deleted meanwhile."""
    actor = actor_of(request)
    roles.require_self(actor)
    user_id = actor.user_id
    assert user_id is not None, "only the system has none, and it does not call"
    user = User.objects.select_related("account").filter(pk=user_id).first()
    if user is None:
        raise Unauthenticated("This user does not exist any more.")
    return user


def require_fresh(actor: Actor) -> None:
    """Raises Denied for root in a session whose last proof of who it is lies too far back: its keys open everything."""
    if actor.is_root and not actor.is_fresh:
        raise Denied("Prove that it is you at /confirm in the console, then send this again.")


def _raw_path(request: HttpRequest) -> bytes:
    """Returns the path as it stood in the request line, which only ASGI servers hand on."""
    scope = getattr(request, "scope", None)
    raw = scope.get("raw_path") if scope else None
    return bytes(raw) if raw is not None else quote(request.path, safe="/:%|~@!$&'()*+,;=").encode()
