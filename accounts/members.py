"""Sub-accounts and user groups, as those who administer them see and change them.

Owns: who may, and that nobody gains more through it than they hold. Must not know: pages, what policies say.
Called by: console, api. The rows of users are `people`'s, their keys are `keys`'.
"""

from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.db.models import Q

from . import audit, invitations, keys, limits, people, permissions, policy_cache, second_factors, sessions
from .errors import Denied, NotFound, Rejected
from .models import AccessKey, Account, ConsoleSession, Invitation, User, UserGroup
from .permissions import Asker
from .policies import holdings
from .policies.evaluation import Held


def resource(account_id: int, rest: str) -> str:
    """Returns how policies and the audit trail name a user, a user group, a policy, or (`*`) the account."""
    return f"acs:ram:*:{account_id}:{rest}"


def users(asker: Asker) -> Sequence[User]:
    """Returns everybody in the account, root first. Raises Denied."""
    permissions.require(asker, "ram:ListUsers", resource(asker.account_id, "*"))
    found = User.objects.filter(account_id=asker.account_id).prefetch_related(
        "user_groups", "access_keys", "second_factors"
    )
    return list(found.order_by("-is_root", "name")[: limits.USERS_PER_ACCOUNT + 1])


def user(asker: Asker, name: str, action: str = "ram:GetUser") -> User:
    """Returns one user of the account. Raises Denied, NotFound."""
    permissions.require(asker, action, resource(asker.account_id, f"user/{name}"))
    found = User.objects.select_related("account").filter(account_id=asker.account_id, name=name).first()
    if found is None:
        raise NotFound(f"There is no user {name!r} in your account.")
    return found


def create_user(asker: Asker, name: str, *, password: str | None) -> User:
    """Returns a new sub-account, which may do nothing yet. Raises Denied, Rejected."""
    permissions.require(asker, "ram:CreateUser", resource(asker.account_id, f"user/{name}"))
    if User.objects.filter(account_id=asker.account_id).count() > limits.USERS_PER_ACCOUNT:
        raise Rejected(f"An account has at most {limits.USERS_PER_ACCOUNT} users.", "CONFLICT")
    account = Account.objects.get(pk=asker.account_id)
    return people.create_user(account, name, password=password, actor=asker.signature, source_ip=asker.source_ip)


def set_active(asker: Asker, name: str, active: bool) -> User:
    """Returns the user after switching it on or off. Raises Denied, NotFound, Rejected for the root user."""
    found = _sub_account(asker, name, "ram:UpdateUser")
    if active:
        require_holding(asker, of_user(found), action="ram:UpdateUser", rest=f"user/{name}")
    people.set_active(found, active, actor=asker.signature, source_ip=asker.source_ip)
    return found


def set_password(asker: Asker, name: str, password: str) -> None:
    """Gives a sub-account a password, which ends its sessions. Raises Denied, NotFound, Rejected."""
    found = _sub_account(asker, name, "ram:UpdateLoginProfile")
    require_holding(asker, of_user(found), action="ram:UpdateLoginProfile", rest=f"user/{name}")
    people.set_password(found, password, actor=asker.signature, source_ip=asker.source_ip)


def delete_user(asker: Asker, name: str) -> None:
    """Deletes a sub-account with its keys. Raises Denied, NotFound, Rejected for the root user."""
    found = _sub_account(asker, name, "ram:DeleteUser")
    people.delete_user(found, actor=asker.signature, source_ip=asker.source_ip)


def sessions_of(asker: Asker, name: str) -> Sequence[ConsoleSession]:
    """Returns where a user is signed in. Raises Denied, NotFound."""
    return sessions.of_user(user(asker, name, "ram:ListSessions"))


def end_session(asker: Asker, name: str, public_id: str) -> None:
    """Ends one session of a sub-account. Raises Denied, NotFound, Rejected for the root user."""
    found = _sub_account(asker, name, "ram:EndSessions")
    sessions.end(found, public_id, actor=asker.signature, source_ip=asker.source_ip)


def end_sessions(asker: Asker, name: str) -> int:
    """Ends all sessions of a sub-account and returns how many. Raises Denied, NotFound, Rejected for the root user."""
    found = _sub_account(asker, name, "ram:EndSessions")
    return sessions.end_all(found, actor=asker.signature, source_ip=asker.source_ip)


def remove_second_factors(asker: Asker, name: str) -> None:
    """Takes the second factors of a sub-account away, for somebody who lost them; its sessions end.

    Raises: Denied, also when the sub-account may more than `asker`; NotFound; Rejected for the root user.
    """
    found = _sub_account(asker, name, "ram:UnbindMFADevice")
    require_holding(asker, of_user(found), action="ram:UnbindMFADevice", rest=f"user/{name}")
    with transaction.atomic():
        second_factors.remove_all(found, actor=asker.signature, source_ip=asker.source_ip)
        sessions.end_all(found, actor=asker.signature, source_ip=asker.source_ip)


def may_require_second_factor(asker: Asker) -> bool:
    """Returns True if `require_second_factor` would not refuse."""
    scope = resource(asker.account_id, "*")
    return permissions.decide(asker, "ram:SetSecurityPreference", scope).is_allowed


def require_second_factor(asker: Asker, required: bool) -> None:
    """Switches on or off that nobody signs in with a password alone. Raises Denied.

    Effects: on ends every session that no second factor began; whoever has none sets one up at the next sign-in.
    """
    permissions.require(asker, "ram:SetSecurityPreference", resource(asker.account_id, "*"))
    with transaction.atomic():
        changed = Account.objects.filter(pk=asker.account_id, requires_second_factor=not required)
        if not changed.update(requires_second_factor=required):
            return
        ended = sessions.end_weak(asker.account_id) if required else 0
        note(asker, "ram:SetSecurityPreference", "*", requires_second_factor=required, ended_sessions=ended)
        keys.raise_version()


def invite(asker: Asker, name: str) -> tuple[Invitation, str]:
    """Returns an invitation of a sub-account and the secret of its link: whoever opens it becomes that user.

    Raises: Denied, also when the sub-account may more than `asker`; NotFound; Rejected for the root user or one that is
        switched off.
    """
    found = _sub_account(asker, name, "ram:UpdateLoginProfile")
    require_holding(asker, of_user(found), action="ram:UpdateLoginProfile", rest=f"user/{name}")
    if not found.is_active:
        raise Rejected("This user is switched off. Switch it on before you invite somebody to be it.", "CONFLICT")
    return invitations.create(found, actor=asker.signature, source_ip=asker.source_ip)


def invitation(asker: Asker, name: str) -> Invitation:
    """Returns the invitation of a sub-account that still works. Raises Denied, NotFound."""
    made = invitations.of_user(user(asker, name))
    if made is None:
        raise NotFound(f"There is no invitation of {name!r}.")
    return made


def revoke_invitation(asker: Asker, name: str) -> None:
    """Takes the invitation of a sub-account back. Raises Denied, NotFound."""
    found = _sub_account(asker, name, "ram:UpdateLoginProfile")
    invitations.revoke(found, actor=asker.signature, source_ip=asker.source_ip)


def account(asker: Asker) -> Account:
    """Returns the account the asker belongs to."""
    return Account.objects.get(pk=asker.account_id)


def create_key(asker: Asker, name: str, *, remark: str = "") -> tuple[AccessKey, str]:
    """Returns a new key of a sub-account and its secret. Raises Denied, NotFound, Rejected."""
    found = _sub_account(asker, name, "ram:CreateAccessKey")
    require_holding(asker, of_user(found), action="ram:CreateAccessKey", rest=f"user/{name}")
    return keys.create(found, remark=remark, actor=asker.signature, source_ip=asker.source_ip)


def set_key_enabled(asker: Asker, name: str, key_id: str, *, enabled: bool) -> AccessKey:
    """Returns a sub-account's key after switching it on or off. Raises Denied, NotFound."""
    found = _sub_account(asker, name, "ram:UpdateAccessKey")
    if enabled:
        require_holding(asker, of_user(found), action="ram:UpdateAccessKey", rest=f"user/{name}")
    return keys.change(found, key_id, enabled=enabled, actor=asker.signature, source_ip=asker.source_ip)


def rotate_key(asker: Asker, name: str, key_id: str, *, overlap_seconds: int) -> tuple[AccessKey, str]:
    """Returns a sub-account's new key and its secret; the one it takes the place of is refused after the overlap.

    Raises: Denied, also when the sub-account may more than `asker`; NotFound; Rejected.
    """
    found = _sub_account(asker, name, "ram:CreateAccessKey")
    permissions.require(asker, "ram:UpdateAccessKey", resource(asker.account_id, f"user/{name}"))
    require_holding(asker, of_user(found), action="ram:CreateAccessKey", rest=f"user/{name}")
    return keys.rotate(found, key_id, overlap_seconds=overlap_seconds, actor=asker.signature, source_ip=asker.source_ip)


def delete_key(asker: Asker, name: str, key_id: str) -> None:
    """Deletes a sub-account's key. Raises Denied, NotFound."""
    found = _sub_account(asker, name, "ram:DeleteAccessKey")
    keys.delete(found, key_id, actor=asker.signature, source_ip=asker.source_ip)


def groups(asker: Asker) -> Sequence[UserGroup]:
    """Returns the user groups by name. Raises Denied."""
    permissions.require(asker, "ram:ListGroups", resource(asker.account_id, "*"))
    found = UserGroup.objects.filter(account_id=asker.account_id).prefetch_related("members", "attachments__policy")
    return list(found.order_by("name")[: limits.GROUPS_PER_ACCOUNT])


def group(asker: Asker, name: str, action: str = "ram:GetGroup") -> UserGroup:
    """Returns a user group. Raises Denied, NotFound."""
    permissions.require(asker, action, resource(asker.account_id, f"group/{name}"))
    found = UserGroup.objects.filter(account_id=asker.account_id, name=name).first()
    if found is None:
        raise NotFound(f"There is no user group {name!r} in your account.")
    return found


def create_group(asker: Asker, name: str, *, remark: str = "") -> UserGroup:
    """Returns a new, empty user group. Raises Denied, Rejected."""
    permissions.require(asker, "ram:CreateGroup", resource(asker.account_id, f"group/{name}"))
    people.check_name("user group", name)
    if len(remark) > limits.REMARK_CHARS:
        raise Rejected(f"A remark has at most {limits.REMARK_CHARS} characters.")
    if UserGroup.objects.filter(account_id=asker.account_id).count() >= limits.GROUPS_PER_ACCOUNT:
        raise Rejected(f"An account has at most {limits.GROUPS_PER_ACCOUNT} user groups.", "CONFLICT")
    try:
        with transaction.atomic():
            made = UserGroup.objects.create(account_id=asker.account_id, name=name, remark=remark)
            made.refresh_from_db(fields=["created_at"])
            note(asker, "ram:CreateGroup", f"group/{name}")
    except IntegrityError:
        raise Rejected(f"The account has a user group {name!r} already.", "ALREADY_EXISTS") from None
    return made


def delete_group(asker: Asker, name: str) -> None:
    """Deletes a user group; its members lose what they had through it. Raises Denied, NotFound."""
    found = group(asker, name, "ram:DeleteGroup")
    require_no_deny(asker, of_group(found), action="ram:DeleteGroup", rest=f"group/{name}")
    with transaction.atomic():
        found.delete()
        note(asker, "ram:DeleteGroup", f"group/{name}")
        keys.raise_version()


def add_to_group(asker: Asker, group_name: str, user_name: str) -> UserGroup:
    """Returns the group after making a user a member.

    Raises: Denied, also when the group may more than `asker`; NotFound; Rejected.
    """
    found = group(asker, group_name, "ram:AddUserToGroup")
    require_holding(asker, of_group(found), action="ram:AddUserToGroup", rest=f"group/{group_name}")
    member = _member(asker, user_name)
    if member.is_root:
        raise Rejected("The root user may do everything already; it needs no group.", "CONFLICT")
    with transaction.atomic():
        User.objects.select_for_update().get(pk=member.pk)
        if member.user_groups.exclude(pk=found.pk).count() >= limits.GROUPS_PER_USER:
            raise Rejected(f"A user is in at most {limits.GROUPS_PER_USER} groups.", "CONFLICT")
        found.members.add(member)
        note(asker, "ram:AddUserToGroup", f"group/{group_name}", user=user_name)
        keys.raise_version()
    return found


def remove_from_group(asker: Asker, group_name: str, user_name: str) -> None:
    """Ends a membership. Raises Denied, NotFound."""
    found = group(asker, group_name, "ram:RemoveUserFromGroup")
    require_no_deny(asker, of_group(found), action="ram:RemoveUserFromGroup", rest=f"group/{group_name}")
    member = _member(asker, user_name)
    with transaction.atomic():
        found.members.remove(member)
        note(asker, "ram:RemoveUserFromGroup", f"group/{group_name}", user=user_name)
        keys.raise_version()


def of_user(found: User) -> tuple[Held, ...]:
    """Returns what a user has, own and through groups, as it stands in the database."""
    return policy_cache.load(Q(user_id=found.pk) | Q(group__members=found.pk))


def of_group(found: UserGroup) -> tuple[Held, ...]:
    """Returns what is attached to a group."""
    return policy_cache.load(Q(group=found))


def require_holding(asker: Asker, given: Sequence[Held], *, action: str, rest: str) -> None:
    """Raises Denied unless `asker` holds all that `given` allows (root holds everything)."""
    if asker.is_root:
        return
    mine = policy_cache.of_user(asker.user_id or 0)
    if not holdings.holds(mine, [held.document for held in given], account_id=asker.account_id):
        raise _beyond(asker, "it would give somebody more than you hold yourself", action=action, rest=rest)


def require_no_deny(asker: Asker, taken: Sequence[Held], *, action: str, rest: str) -> None:
    """Raises Denied if taking `taken` away would lift a deny and `asker` is not root."""
    if not asker.is_root and holdings.has_deny(held.document for held in taken):
        raise _beyond(asker, "it would lift a deny, which only the root user may do", action=action, rest=rest)


def note(asker: Asker, action: str, rest: str, **detail: object) -> None:
    """Writes the audit row of a change. Effects: inside the transaction of the change."""
    audit.record(
        asker.account_id,
        asker.signature,
        action,
        resource=resource(asker.account_id, rest),
        source_ip=asker.source_ip,
        detail=detail,
    )


def _sub_account(asker: Asker, name: str, action: str) -> User:
    found = user(asker, name, action)
    if found.is_root:
        raise Rejected("This is the root user of the account; it manages itself.", "CONFLICT")
    return found


def _member(asker: Asker, name: str) -> User:
    found = User.objects.filter(account_id=asker.account_id, name=name).first()
    if found is None:
        raise NotFound(f"There is no user {name!r} in your account.")
    return found


def _beyond(asker: Asker, reason: str, *, action: str, rest: str) -> Denied:
    return permissions.refusal(asker, action=action, resource=resource(asker.account_id, rest), reason=reason)
