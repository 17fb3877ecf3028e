"""Policies an account writes, and who has which.

Owns: the rows of policies, versions and attachments; that a saved document can be read; that nobody grants more than
they hold. Must not know: what an action does. Called by: console, api.

Every change is one transaction with its audit row and raises the access version: it counts everywhere within two
seconds.
"""

import json
import re
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from . import editions, keys, limits, members, permissions, policy_cache
from .errors import NotFound, Rejected
from .models import Account, Attachment, GrantUse, Policy, PolicyVersion, Role, User, UserGroup
from .permissions import Asker
from .policies import advice, document, spellings, system
from .policies.conditions import Facts
from .policies.evaluation import Held

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,126}[A-Za-z0-9])?\Z")

# What a quick grant gives on a topic or a group: effect and actions. Seeing the thing goes with using it.
QUICK = {
    "PUB": ("Allow", ("mq:PUB", "mq:QueryTopic")),
    "SUB": ("Allow", ("mq:SUB", "mq:QueryTopic", "mq:QueryGroup", "mq:QueryConsumerOffset")),
    "PUB|SUB": ("Allow", ("mq:PUB", "mq:SUB", "mq:QueryTopic", "mq:QueryGroup", "mq:QueryConsumerOffset")),
    "DENY": ("Deny", ("mq:PUB", "mq:SUB")),
}


def policies(asker: Asker) -> Sequence[Policy]:
    """Returns the policies the account wrote, by name. Raises Denied."""
    permissions.require(asker, "ram:ListPolicies", members.resource(asker.account_id, "*"))
    found = Policy.objects.filter(account_id=asker.account_id).prefetch_related(
        "attachments__user", "attachments__group", "attachments__role"
    )
    return list(found.order_by("name")[: limits.POLICIES_PER_ACCOUNT])


def policy(asker: Asker, name: str, action: str = "ram:GetPolicy") -> Policy:
    """Returns a policy the account wrote. Raises Denied, NotFound."""
    permissions.require(asker, action, members.resource(asker.account_id, f"policy/{name}"))
    found = Policy.objects.filter(account_id=asker.account_id, name=name).first()
    if found is None:
        raise NotFound(f"There is no policy {name!r} in your account.")
    return found


def versions(found: Policy) -> list[PolicyVersion]:
    """Returns the versions of a policy, newest first; at most five."""
    return list(found.versions.order_by("-number"))


def edition(found: Policy) -> str:
    """Returns which edition of a policy this is: another as soon as another version counts, or one more is kept."""
    return editions.of(found.pk, found.default_number, found.last_number)


def create_policy(asker: Asker, name: str, text: str, *, remark: str = "") -> Policy:
    """Returns a new policy with its first version, attached to nobody. Raises Denied, Rejected."""
    permissions.require(asker, "ram:CreatePolicy", members.resource(asker.account_id, f"policy/{name}"))
    if not _NAME.match(name) or name in system.POLICIES:
        raise Rejected(
            f"A policy's name has 1 to {limits.POLICY_NAME_CHARS} letters, digits, '_', '.' and '-', begins and ends"
            " with a letter or digit, and is not that of a system policy.",
            "INVALID_NAME",
        )
    if len(remark) > limits.REMARK_CHARS:
        raise Rejected(f"A remark has at most {limits.REMARK_CHARS} characters.")
    document.parse(text)
    if Policy.objects.filter(account_id=asker.account_id).count() >= limits.POLICIES_PER_ACCOUNT:
        raise Rejected(f"An account has at most {limits.POLICIES_PER_ACCOUNT} policies.", "CONFLICT")
    try:
        with transaction.atomic():
            made = Policy.objects.create(account_id=asker.account_id, name=name, remark=remark)
            PolicyVersion.objects.create(policy=made, number=1, document=text, created_by=asker.signature[:200])
            members.note(asker, "ram:CreatePolicy", f"policy/{name}", document=text)
            made.refresh_from_db(fields=["created_at"])
    except IntegrityError:
        raise Rejected(f"The account has a policy {name!r} already.", "ALREADY_EXISTS") from None
    return made


def add_version(asker: Asker, name: str, text: str, *, seen: Collection[str] | None = None) -> PolicyVersion:
    """Returns a new version, which counts from now on; the oldest that does not count makes room at five.

    `seen` are the editions it may follow; None: whatever stands there.
    Raises: Denied, also when it is attached and gives more than `asker` holds; NotFound; Rejected, CHANGED_MEANWHILE
    when another edition stands there.
    """
    found = policy(asker, name, "ram:CreatePolicyVersion")
    read = document.parse(text)
    with transaction.atomic():
        locked = Policy.objects.select_for_update().get(pk=found.pk)
        _require_seen(locked, seen)
        _require_swap(asker, locked, read=read, action="ram:CreatePolicyVersion")
        kept = list(locked.versions.order_by("number"))
        if len(kept) >= limits.POLICY_VERSION_COUNT:
            kept[0].delete()
        locked.last_number = locked.default_number = locked.last_number + 1
        made = PolicyVersion.objects.create(
            policy=locked, number=locked.last_number, document=text, created_by=asker.signature[:200]
        )
        made.refresh_from_db(fields=["created_at"])
        locked.save()
        members.note(asker, "ram:CreatePolicyVersion", f"policy/{name}", version=made.number, document=text)
        keys.raise_version()
    return made


def set_default(asker: Asker, name: str, number: int, *, seen: Collection[str] | None = None) -> Policy:
    """Returns the policy after making an older version count again. Raises as `add_version`, whose `seen` it is."""
    found = policy(asker, name, "ram:CreatePolicyVersion")
    with transaction.atomic():
        locked = Policy.objects.select_for_update().get(pk=found.pk)
        _require_seen(locked, seen)
        version = locked.versions.filter(number=number).first()
        if version is None:
            raise NotFound(f"The policy {name!r} has no version {number}.")
        _require_swap(asker, locked, read=document.parse(version.document), action="ram:CreatePolicyVersion")
        before, locked.default_number = locked.default_number, number
        locked.save()
        members.note(
            asker,
            "ram:CreatePolicyVersion",
            f"policy/{name}",
            before={"default_version": before},
            after={"default_version": number},
        )
        keys.raise_version()
    return locked


def delete_policy(asker: Asker, name: str) -> None:
    """Deletes a policy with its versions. Raises Denied, NotFound, Rejected CONFLICT while somebody has it."""
    found = policy(asker, name, "ram:DeletePolicy")
    with transaction.atomic():
        locked = Policy.objects.select_for_update().get(pk=found.pk)
        if locked.attachments.exists():
            raise Rejected(f"Somebody has the policy {name!r}; detach it first.", "CONFLICT")
        locked.delete()
        # One of the same name begins anew.
        GrantUse.objects.filter(policy=name, user__account_id=asker.account_id).delete()
        GrantUse.objects.filter(policy=name, role__account_id=asker.account_id).delete()
        members.note(asker, "ram:DeletePolicy", f"policy/{name}")


def attach(asker: Asker, name: str, *, user: str = "", group: str = "", role: str = "") -> None:
    """Gives a user, a user group or a role a policy, the account's or a system's; a second time changes nothing.

    Raises: Denied, also when the policy gives more than `asker` holds; NotFound; Rejected.
    """
    given, held = _named(asker, name, "ram:AttachPolicy")
    members.require_holding(asker, [held], action="ram:AttachPolicy", rest=f"policy/{name}")
    whom = _holder(asker, user=user, group=group, role=role)
    with transaction.atomic():
        if given is not None:
            # What it says may have changed since: a policy that nobody has takes any text.
            Policy.objects.select_for_update().filter(pk=given.pk).first()
            given, held = _named(asker, name, "ram:AttachPolicy")
            members.require_holding(asker, [held], action="ram:AttachPolicy", rest=f"policy/{name}")
        if Attachment.objects.filter(**whom).count() >= limits.POLICIES_PER_HOLDER:
            raise Rejected(f"At most {limits.POLICIES_PER_HOLDER} policies can be attached to one.", "CONFLICT")
        made = Attachment.objects.get_or_create(policy=given, system_name="" if given else name, **whom)[1]
        if made:
            members.note(asker, "ram:AttachPolicy", f"policy/{name}", user=user, group=group, role=role)
            keys.raise_version()


def detach(asker: Asker, name: str, *, user: str = "", group: str = "", role: str = "") -> None:
    """Takes a policy away from a user, a user group or a role. Raises Denied, NotFound."""
    given, held = _named(asker, name, "ram:DetachPolicy")
    members.require_no_deny(asker, [held], action="ram:DetachPolicy", rest=f"policy/{name}")
    whom = _holder(asker, user=user, group=group, role=role)
    with transaction.atomic():
        gone = Attachment.objects.filter(policy=given, system_name="" if given else name, **whom).delete()[0]
        if not gone:
            raise NotFound(f"The policy {name!r} is not attached there.")
        members.note(asker, "ram:DetachPolicy", f"policy/{name}", user=user, group=group, role=role)
        keys.raise_version()


def warnings(found: Policy) -> Sequence[advice.Warning]:
    """Returns what in the version that counts is probably not meant."""
    text = found.versions.get(number=found.default_number).document
    return advice.warnings(policy_cache.parse(found.name, text), account_id=found.account_id)


def simulate(
    asker: Asker, *, user: str, action: str, resource: str, source_ip: str, at: datetime, secure: bool, mfa: bool
) -> dict[str, Any]:  # Any: JSON values
    """Returns how a user would be judged: allowed, outcome, reason, statement. Raises Denied, NotFound, Rejected."""
    permissions.require(asker, "ram:SimulatePolicy", members.resource(asker.account_id, "*"))
    found = members.user(asker, user)
    try:
        named, actions = spellings.resource(resource), spellings.actions(action)
    except ValueError as error:
        raise Rejected(f"{error}.") from None
    if len(actions) > 1 or "*" in actions[0]:
        raise Rejected("Ask about one action, such as mq:PUB.")
    judged = permissions.simulate(
        members.of_user(found),
        account_id=asker.account_id,
        is_root=found.is_root,
        action=actions[0],
        resource=named.replace("acs:mq:*:*:", f"acs:mq:*:{asker.account_id}:"),
        facts=Facts(source_ip=source_ip, now=at, is_secure=secure, has_mfa=mfa),
    )
    outcome = str(judged.outcome)
    return {"allowed": judged.is_allowed, "outcome": outcome, **permissions.explain(judged)}


def quick_grant(asker: Asker, instance: str, name: str, *, right: str, user: str = "", group: str = "") -> Policy:
    """Returns the policy `grants-<holder>` after writing a statement into it that gives `right` on a topic or group.

    `right` is PUB, SUB, PUB|SUB or DENY. An allow replaces what the quick grants said of that name before.
    Raises: Denied, NotFound, Rejected.
    """
    if right not in QUICK:
        raise Rejected(f"The right must be one of {', '.join(QUICK)}.")
    whom = _holder(asker, user=user, group=group)
    policy_name = f"grants-user-{user}" if user else f"grants-group-{group}"
    with transaction.atomic():
        # One after the other, so that none writes over what another has just granted. The audit's rows, which refer to
        # the account, need not wait for this lock.
        Account.objects.select_for_update(no_key=True).get(pk=asker.account_id)
        known = Policy.objects.filter(account_id=asker.account_id, name=policy_name).first()
        statements: list[object] = []
        # Only what the holder has already is kept: somebody else may have written a policy of this name in wait.
        if known is not None and known.attachments.filter(**whom).exists():
            found = json.loads(known.versions.get(number=known.default_number).document)["Statement"]
            statements = found if isinstance(found, list) else [found]
        text = _with_grant(statements, asker.account_id, instance, name=name, right=right)
        if known is None:
            made = create_policy(asker, policy_name, text)
        else:
            add_version(asker, policy_name, text)
            made = known
        attach(asker, policy_name, user=user, group=group)
    return made


def _with_grant(statements: list[object], account_id: int, instance: str, *, name: str, right: str) -> str:
    scope = f"acs:mq:*:{account_id}:{instance}"
    effect, actions = QUICK[right]
    # Its own earlier words about this name give way, so that a DENY can be taken back by a grant.
    kept = [one for one in statements if not (isinstance(one, dict) and one.get("Resource") == f"{scope}%{name}")]
    base = {
        "Effect": "Allow",
        "Action": ["mq:QueryInstanceBaseInfo", "mq:ListTopic", "mq:ListGroup"],
        "Resource": scope,
    }
    if effect == "Allow" and base not in kept:
        kept.append(base)
    kept.append({"Effect": effect, "Action": list(actions), "Resource": f"{scope}%{name}"})
    return json.dumps({"Version": "1", "Statement": kept}, indent=2, ensure_ascii=False)


def _require_seen(locked: Policy, seen: Collection[str] | None) -> None:
    if editions.is_other(seen, edition(locked)):
        raise Rejected(
            f"The policy {locked.name!r} was changed since you looked at it; nothing was saved. Look again, and then"
            " change what is there now.",
            editions.CODE,
        )


def _require_swap(asker: Asker, locked: Policy, *, read: document.Document, action: str) -> None:
    """Lets a policy that somebody has be changed only within what `asker` holds."""
    if not locked.attachments.exists():
        return
    old = locked.versions.get(number=locked.default_number)
    members.require_no_deny(
        asker,
        [Held(locked.name, old.number, "", document.parse(old.document))],
        action=action,
        rest=f"policy/{locked.name}",
    )
    members.require_holding(asker, [Held(locked.name, 0, "", read)], action=action, rest=f"policy/{locked.name}")


def _named(asker: Asker, name: str, action: str) -> tuple[Policy | None, Held]:
    """Returns the row (None for a system policy) and what it says."""
    if name in system.POLICIES:
        permissions.require(asker, action, members.resource(asker.account_id, f"policy/{name}"))
        return None, Held(name, 1, "", document.parse(system.POLICIES[name]))
    found = policy(asker, name, action)
    text = found.versions.get(number=found.default_number).document
    return found, Held(name, found.default_number, "", policy_cache.parse(name, text))


def _holder(asker: Asker, *, user: str, group: str, role: str = "") -> dict[str, Any]:  # Any: a row or None
    """Returns the columns of an attachment that say who has it. Raises NotFound, Rejected."""
    if bool(user) + bool(group) + bool(role) != 1:
        raise Rejected("Name either a user, a user group or a role.")
    if role:
        found_role = Role.objects.filter(account_id=asker.account_id, name=role).first()
        if found_role is None:
            raise NotFound(f"There is no role {role!r} in your account.")
        return {"role": found_role, "group": None, "user": None}
    if group:
        found_group = UserGroup.objects.filter(account_id=asker.account_id, name=group).first()
        if found_group is None:
            raise NotFound(f"There is no user group {group!r} in your account.")
        return {"group": found_group, "user": None, "role": None}
    found_user = User.objects.filter(account_id=asker.account_id, name=user).first()
    if found_user is None:
        raise NotFound(f"There is no user {user!r} in your account.")
    if found_user.is_root:
        raise Rejected("The root user may do everything in its account, and no policy limits it.", "CONFLICT")
    return {"user": found_user, "group": None, "role": None}
