"""Who a browser's session stands for: its user, or the role they have taken on.

Owns: making an `Actor` from a session. Must not know: requests, sockets. Called by: console, api, live.
"""

from django.contrib.sessions.backends.base import SessionBase

from accounts import sessions
from accounts.models import User
from accounts.roles import Acting

from ..domain.actor import Actor


def of_session(user: User, session: SessionBase, role: Acting | None, *, source_ip: str, is_secure: bool) -> Actor:
    """Returns the actor. In a role they have the rights of the role, in the role's account, and none of their own."""
    return Actor(
        account_id=role.account_id if role else user.account_id,
        user_id=role.asker_id if role else user.pk,
        name=role.name if role else user.login,
        is_root=user.is_root and role is None,
        source_ip=source_ip,
        is_secure=is_secure,
        has_second_factor=sessions.has_second_factor(session),
        is_fresh=sessions.is_fresh(session),
    )
