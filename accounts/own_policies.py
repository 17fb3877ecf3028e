"""A policy that says what one user may, kept statement by statement for a door that has no policies of its own.

Owns: that it is attached to that user alone when it is first written, and that what others wrote under its name in wait
is not taken over. Must not know: what the statements say. Called by: doors.
"""

import json
from collections.abc import Callable
from typing import Any

from django.db import transaction

from . import grants, members, permissions
from .errors import Rejected
from .models import Attachment, Policy, PolicyVersion, User
from .permissions import Asker

Statements = list[dict[str, Any]]  # Any: JSON values


def statements(asker: Asker, name: str, *, user: str) -> Statements:
    """Returns what the policy says, empty unless `user` has it. Raises Denied."""
    permissions.require(asker, "ram:GetPolicy", members.resource(asker.account_id, f"policy/{name}"))
    row = (
        Attachment.objects.filter(policy__account_id=asker.account_id, policy__name=name, user__name=user)
        .select_related("policy")
        .first()
    )
    if row is None or row.policy is None:
        return []
    return _statements(row.policy.versions.get(number=row.policy.default_number).document)


def every(asker: Asker, prefix: str) -> dict[str, Statements]:
    """Returns what the policies called `prefix` and a user's name say, by the user's name. Raises Denied."""
    permissions.require(asker, "ram:ListPolicies", members.resource(asker.account_id, "*"))
    rows = Attachment.objects.filter(
        policy__account_id=asker.account_id, policy__name__startswith=prefix, user__isnull=False
    ).select_related("policy", "user")
    held = {
        row.user.name: row.policy
        for row in rows
        if row.user and row.policy and row.policy.name == prefix + row.user.name
    }
    versions = PolicyVersion.objects.filter(policy__in=[policy.pk for policy in held.values()])
    texts = {(version.policy_id, version.number): version.document for version in versions}
    return {name: _statements(texts[policy.pk, policy.default_number]) for name, policy in sorted(held.items())}


def edit(asker: Asker, name: str, change: Callable[[Statements], Statements], *, user: str) -> None:
    """Makes the policy say what `change` makes of what it says; with nothing left it is taken away and deleted.

    Raises: Denied, also when it gives more than `asker` holds; NotFound; Rejected; what `change` raises.
    Effects: one transaction with its audit rows; holds the user's row, so that changes come one after another.
    """
    members.user(asker, user)
    with transaction.atomic():
        holder = User.objects.select_for_update().get(account_id=asker.account_id, name=user)
        before = statements(asker, name, user=user)
        after = change(before)
        known = Policy.objects.filter(account_id=asker.account_id, name=name).first()
        if after:
            text = json.dumps({"Version": "1", "Statement": after}, indent=2, ensure_ascii=False)
            if known is None:
                grants.create_policy(asker, name, text)
            else:
                _require_alone(known, holder)
                grants.add_version(asker, name, text)
            grants.attach(asker, name, user=user)
        elif before:
            grants.detach(asker, name, user=user)
            grants.delete_policy(asker, name)


def _require_alone(known: Policy, holder: User) -> None:
    """Refuses to give others what is meant for one."""
    others = known.attachments.exclude(user=holder)
    if others.exists():
        raise Rejected(f"Others have the policy {known.name!r} too; change it in the console.", "CONFLICT")


def _statements(text: str) -> Statements:
    found = json.loads(text)["Statement"]
    return found if isinstance(found, list) else [found]
