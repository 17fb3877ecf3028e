"""Roles: made, given policies, trusted to people, taken on for a while, and given back.

Owns: who may take a role on, for how long, and when that is over. Must not know: pages, requests.
Called by: console, api. What a role allows is in `policy_cache`, its keys are looked up by `key_cache`.

Whoever acts in a role has the role's rights and no others, not their own. The tenant is the role's account; the person
may be of another one, if the account trusts their login.
"""

import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.sessions.backends.base import SessionBase
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from . import audit, clock, keys, limits, members, people, permissions, policy_cache, vault
from .errors import Denied, NotFound, Rejected
from .models import Role, RoleSession, User
from .permissions import Asker
from .policies.evaluation import Held

KEY_PREFIX = "MQT"
_IN_SESSION = "mq_role_session"
_ALPHABET = string.ascii_uppercase + string.digits


@dataclass(frozen=True, slots=True)
class Acting:
    """Somebody in a role: what doors make an actor from. `asker_id` stands where a user's number would."""

    session_id: int
    account_id: int
    account: str
    role: str
    login: str
    ends_at: datetime

    @property
    def asker_id(self) -> int:
        """Returns the number policies are found by: a session's is negative, so that it is nobody's own."""
        return -self.session_id

    @property
    def name(self) -> str:
        """Returns who as whom, as the audit names them."""
        return named(self.login, self.role, self.account)


def named(login: str, role: str, account: str) -> str:
    """Returns how somebody in a role is called."""
    return f"{login} as role/{role}@{account}"


def roles(asker: Asker) -> Sequence[Role]:
    """Returns the roles of the account by name. Raises Denied."""
    permissions.require(asker, "ram:ListRoles", members.resource(asker.account_id, "*"))
    found = Role.objects.filter(account_id=asker.account_id).prefetch_related("trusts", "attachments__policy")
    return list(found.order_by("name")[: limits.ROLES_PER_ACCOUNT])


def role(asker: Asker, name: str, action: str = "ram:GetRole") -> Role:
    """Returns a role of the account. Raises Denied, NotFound."""
    permissions.require(asker, action, members.resource(asker.account_id, f"role/{name}"))
    found = Role.objects.select_related("account").filter(account_id=asker.account_id, name=name).first()
    if found is None:
        raise NotFound(f"There is no role {name!r} in your account.")
    return found


def create(asker: Asker, name: str, *, max_seconds: int, remark: str = "") -> Role:
    """Returns a new role that allows nothing and trusts nobody. Raises Denied, Rejected."""
    permissions.require(asker, "ram:CreateRole", members.resource(asker.account_id, f"role/{name}"))
    people.check_name("role", name)
    _check(max_seconds, remark)
    if Role.objects.filter(account_id=asker.account_id).count() >= limits.ROLES_PER_ACCOUNT:
        raise Rejected(f"An account has at most {limits.ROLES_PER_ACCOUNT} roles.", "CONFLICT")
    try:
        with transaction.atomic():
            made = Role.objects.create(account_id=asker.account_id, name=name, max_seconds=max_seconds, remark=remark)
            made.refresh_from_db(fields=["created_at"])
            members.note(asker, "ram:CreateRole", f"role/{name}", max_seconds=max_seconds)
    except IntegrityError:
        raise Rejected(f"The account has a role {name!r} already.", "ALREADY_EXISTS") from None
    return made


def delete(asker: Asker, name: str) -> None:
    """Deletes a role; whoever acts in it has nothing within two seconds. Raises Denied, NotFound."""
    found = role(asker, name, "ram:DeleteRole")
    with transaction.atomic():
        members.note(asker, "ram:DeleteRole", f"role/{name}")
        found.delete()
        keys.raise_version()


def trust(asker: Asker, name: str, login: str) -> Role:
    """Lets somebody (`name@account`, of any account) take the role on.

    A login that nobody in another account has is kept without a word, and stays without effect.

    Raises: Denied, also when the role may more than `asker`; NotFound, also for nobody in this account; Rejected.
    """
    found = role(asker, name, "ram:UpdateRole")
    members.require_holding(asker, of_role(found), action="ram:UpdateRole", rest=f"role/{name}")
    account, user_name = people.split_login(login)
    if not account:
        account = found.account.name
    people.check_name("account", account)
    people.check_name("user", user_name)
    if found.trusts.count() >= limits.TRUSTS_PER_ROLE:
        raise Rejected(f"A role trusts at most {limits.TRUSTS_PER_ROLE} people.", "CONFLICT")
    full = people.login_of(account, user_name)
    trusted = User.objects.filter(login=full).first()
    if trusted is None and account == found.account.name:
        raise NotFound(f"There is no user {user_name!r} in your account.")
    with transaction.atomic():
        # That nobody elsewhere has this login is not told: it is another account's business who its users are.
        found.trusts.update_or_create(login=full, defaults={"user": trusted})
        members.note(asker, "ram:UpdateRole", f"role/{name}", trusts=full)
    return found


def distrust(asker: Asker, name: str, login: str) -> Role:
    """Takes that back and ends what the person does in the role. Raises Denied, NotFound."""
    found = role(asker, name, "ram:UpdateRole")
    with transaction.atomic():
        if not found.trusts.filter(login=login).delete()[0]:
            raise NotFound(f"The role {name!r} does not trust {login!r}.")
        _alive().filter(role=found, user__login=login).update(revoked_at=clock.now())
        members.note(asker, "ram:UpdateRole", f"role/{name}", trusts_no_more=login)
        keys.raise_version()
    return found


def offers(user: User) -> Sequence[Role]:
    """Returns the roles a person may take on, in any account, by account and name."""
    found = Role.objects.select_related("account").filter(trusts__user=user)
    return list(found.order_by("account__name", "name")[: limits.ROLES_PER_ACCOUNT])


def assume(
    user: User, account: str, name: str, *, seconds: int, reason: str, source_ip: str, with_key: bool
) -> tuple[RoleSession, str]:
    """Returns a session in the role and the secret of its key, empty without one. The secret is not shown again.

    Raises: NotFound, with one text for a role that is not there and one that does not trust them; Rejected.
    Effects: an audit entry in the role's account.
    """
    found = Role.objects.select_related("account").filter(account__name=account, name=name, trusts__user=user).first()
    if found is None or not user.is_active:
        raise NotFound(f"There is no role {name!r} in the account {account!r} that you may take on.")
    if not limits.ROLE_MIN_SECONDS <= seconds <= found.max_seconds:
        raise Rejected(f"The role can be taken on for {limits.ROLE_MIN_SECONDS} to {found.max_seconds} seconds.")
    if len(reason) > limits.REMARK_CHARS or "\0" in reason:
        raise Rejected(f"A reason has at most {limits.REMARK_CHARS} characters, and no NUL.")
    key_id = KEY_PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(17)) if with_key else None
    secret = secrets.token_urlsafe(32) if with_key else ""
    sealed = vault.seal(secret, account_id=found.account_id, key_id=key_id) if key_id else (None, None)
    with transaction.atomic():
        made = RoleSession.objects.create(
            role=found,
            user=user,
            reason=reason,
            source_ip=source_ip[:45],
            key_id=key_id,
            secret_nonce=sealed[0],
            secret_ciphertext=sealed[1],
            ends_at=clock.now() + timedelta(seconds=seconds),
        )
        made.refresh_from_db(fields=["started_at"])
        audit.record(
            found.account_id,
            user.login,
            "ram:AssumeRole",
            resource=members.resource(found.account_id, f"role/{name}"),
            source_ip=source_ip,
            detail={"session": made.pk, "until": made.ends_at.isoformat(), "reason": reason, "key": key_id},
        )
        keys.raise_version()  # a key that was asked for before it was made
    return made, secret


def acting(session_id: int, user: User) -> Acting | None:
    """Returns a session of `user` that is not over, None otherwise. One query."""
    found = _alive().select_related("role__account").filter(pk=session_id, user=user).first()
    if found is None:
        return None
    return Acting(found.pk, found.role.account_id, found.role.account.name, found.role.name, user.login, found.ends_at)


def of_session(session: SessionBase, user: User) -> Acting | None:
    """Returns the role a console session acts in, None when it acts in none or that one is over. One query or none."""
    number = session.get(_IN_SESSION)
    return acting(int(number), user) if number is not None else None


def take_on(session: SessionBase, number: int | None) -> None:
    """Makes a console session act in a role's session from the next request on; None: as oneself again."""
    session.pop(_IN_SESSION, None)
    if number is not None:
        session[_IN_SESSION] = number


def has_taken_on(session: SessionBase) -> bool:
    """Returns True if the session began to act in a role, also when that one is over."""
    return _IN_SESSION in session


def sessions(asker: Asker, name: str) -> Sequence[RoleSession]:
    """Returns who acts or acted in a role, newest first; at most 100. Raises Denied, NotFound."""
    found = role(asker, name)
    return list(found.sessions.select_related("user").order_by("-pk")[: limits.SESSIONS_SHOWN])


def revoke(asker: Asker, name: str, session_id: int) -> None:
    """Ends a session in a role; its holder has nothing within two seconds. Raises Denied, NotFound."""
    found = role(asker, name, "ram:UpdateRole")
    with transaction.atomic():
        if not _alive().filter(pk=session_id, role=found).update(revoked_at=clock.now()):
            raise NotFound(f"The role {name!r} has no session {session_id} that is not over.")
        members.note(asker, "ram:RevokeRoleSession", f"role/{name}", session=session_id)
        keys.raise_version()


def leave(session_id: int, user: User, *, source_ip: str) -> None:
    """Ends one's own session in a role before its time. A second time changes nothing."""
    with transaction.atomic():
        found = _alive().select_related("role__account").filter(pk=session_id, user=user).first()
        if found is None:
            return
        RoleSession.objects.filter(pk=found.pk).update(revoked_at=clock.now())
        audit.record(
            found.role.account_id,
            named(user.login, found.role.name, found.role.account.name),
            "ram:LeaveRole",
            resource=members.resource(found.role.account_id, f"role/{found.role.name}"),
            source_ip=source_ip,
            detail={"session": found.pk},
        )
        keys.raise_version()


def of_role(found: Role) -> tuple[Held, ...]:
    """Returns what is attached to a role."""
    return policy_cache.load(Q(role=found))


def require_self(asker: Asker) -> None:
    """Raises Denied for somebody in a role: what is one's own (keys, factors, further roles) is not the role's."""
    if (asker.user_id or 0) < 0:
        raise Denied("This is about yourself, and you act in a role now. Leave the role first.")


def _alive() -> "QuerySet[RoleSession]":
    return RoleSession.objects.filter(revoked_at=None, ends_at__gt=clock.now(), user__is_active=True)


def _check(max_seconds: int, remark: str) -> None:
    if not limits.ROLE_MIN_SECONDS <= max_seconds <= limits.ROLE_MAX_SECONDS:
        raise Rejected(f"The longest time is {limits.ROLE_MIN_SECONDS} to {limits.ROLE_MAX_SECONDS} seconds.")
    if len(remark) > limits.REMARK_CHARS or "\0" in remark:
        raise Rejected(f"A remark has at most {limits.REMARK_CHARS} characters, and no NUL.")
