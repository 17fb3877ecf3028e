"""Links with which somebody sets the password of a user: for a new colleague, or a forgotten password.

Owns: the rows, and that a link works once and not for long. Must not know: pages, who may invite. Called by: members,
the invitation page. The secret of a link leaves this room once; the database has its SHA-256.
"""

import hashlib
import secrets
from datetime import timedelta

from django.db import transaction

from . import audit, clock, limits, people
from .errors import NotFound
from .models import Invitation, User

_TOKEN_BYTES = 32


def create(user: User, *, actor: str, source_ip: str = "") -> tuple[Invitation, str]:
    """Returns a new invitation of the user and its secret; an earlier one stops to work.

    Effects: one transaction with its audit row.
    """
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    with transaction.atomic():
        made, _is_new = Invitation.objects.update_or_create(
            user=user,
            defaults={
                "digest": digest(token),
                "created_by": actor[:200],
                "expires_at": clock.now() + timedelta(hours=limits.INVITATION_HOURS),
            },
        )
        _note(user, "ram:CreateInvitation", actor=actor, source_ip=source_ip)
    made.refresh_from_db()
    return made, token


def of_user(user: User) -> Invitation | None:
    """Returns the invitation of the user that still works, None when there is none."""
    return Invitation.objects.filter(user=user, expires_at__gt=clock.now()).first()


def revoke(user: User, *, actor: str, source_ip: str = "") -> None:
    """Makes the user's invitation useless. Raises NotFound when there is none."""
    with transaction.atomic():
        if not Invitation.objects.filter(user=user).delete()[0]:
            raise NotFound(f"There is no invitation of {user.name!r}.")
        _note(user, "ram:DeleteInvitation", actor=actor, source_ip=source_ip)


def digest(token: str) -> bytes:
    """Returns how the database names the invitation of this link."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def find(named: bytes) -> Invitation:
    """Returns the invitation of this digest, with its user and account. Raises NotFound when it works no more."""
    found = Invitation.objects.select_related("user__account").filter(
        digest=named, expires_at__gt=clock.now(), user__is_active=True
    )
    invitation = found.first()
    if invitation is None:
        raise NotFound("This invitation was used already, is too old, or was taken back. Ask for a new one.")
    return invitation


def accept(named: bytes, password: str, *, source_ip: str) -> User:
    """Returns the user after giving them the password they chose. The invitation is used up.

    Raises: NotFound as `find`; Rejected for a weak password, which leaves the invitation as it was.
    """
    with transaction.atomic():
        invitation = find(named)
        if not Invitation.objects.filter(pk=invitation.pk, digest=named).delete()[0]:
            raise NotFound("This invitation was used already. Ask for a new one.")
        user = invitation.user
        people.set_password(user, password, actor=user.login, source_ip=source_ip)
        _note(user, "ram:AcceptInvitation", actor=user.login, source_ip=source_ip)
    return user


def _note(user: User, action: str, *, actor: str, source_ip: str) -> None:
    resource = f"acs:ram:*:{user.account_id}:user/{user.name}"
    audit.record(user.account_id, actor, action, resource=resource, source_ip=source_ip)
