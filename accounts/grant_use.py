"""Which rights are made use of, and which are not.

Owns: the rows of uses, and the report of what was granted and not used. Must not know: what an action does.
Called by: the doors' desk (`flush`), console and api (`report`). `uses` notes them where a judgement lets somebody in.

A use is a set's member in this process until the minute is over; then it is a row with the time. So a check costs no
query, and what a killed process noted in its last minute is lost.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import DatabaseError
from django.db.models import Q

from . import clock, limits, members, permissions, policy_cache
from .models import AccessKey, Attachment, GrantUse, PolicyVersion, RoleSession, User
from .permissions import Asker
from .policies import spellings, system
from .policies.document import Document, Statement
from .uses import take as take_uses

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Right:
    """A statement somebody has, and whether it is used. `holder` is a user, a user group or a role, by `kind`.

    `used` and `unused` are actions that this server asks for, of those the statement allows. `suggestion` is a code:
    `detach`, `narrow` (to `used`), or empty.
    """

    kind: str
    holder: str
    policy: str
    version: int
    statement: int
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    granted_at: datetime
    used_at: datetime | None
    used: tuple[str, ...]
    unused: tuple[str, ...]
    suggestion: str


def flush() -> None:
    """Writes down what was used since the last time. A failure is logged and harms nobody."""
    seen = take_uses()
    if not seen:
        return
    sessions = {-one[0] for one in seen if one[0] < 0}
    roles = dict(RoleSession.objects.filter(pk__in=sessions).values_list("pk", "role_id"))
    users = set(User.objects.filter(pk__in={one[0] for one in seen}).values_list("pk", flat=True))
    now = clock.now()
    rows: set[tuple[int | None, int | None, str, int, int, str]] = set()
    for asker_id, policy, version, statement, action in seen:
        if asker_id in users:
            rows.add((asker_id, None, policy, version, statement, action))
        elif -asker_id in roles:
            rows.add((None, roles[-asker_id], policy, version, statement, action))
    try:
        GrantUse.objects.bulk_create(
            [
                GrantUse(
                    user_id=user_id,
                    role_id=role_id,
                    policy=policy,
                    version=version,
                    statement=statement,
                    action=action[:64],
                    used_at=now,
                )
                for user_id, role_id, policy, version, statement, action in rows
            ],
            update_conflicts=True,
            unique_fields=["user", "role", "policy", "version", "statement", "action"],
            update_fields=["used_at"],
        )
    except DatabaseError as error:
        _log.warning("grant_use_not_recorded", extra={"reason": type(error).__name__})


def report(asker: Asker, *, days: int, only_unused: bool = True) -> list[Right]:
    """Returns the statements that allow something in the account, those granted longest ago first. Raises Denied.

    With `only_unused` those that nobody used for `days`, in whole or in part, and that are so old. Five queries.
    """
    permissions.require(asker, "ram:ListUnusedRights", members.resource(asker.account_id, "*"))
    since = clock.now() - timedelta(days=days)
    held = Attachment.objects.select_related("policy", "user", "group", "role").prefetch_related("group__members")
    found = list(held.filter(_of(asker.account_id)).order_by("created_at")[: limits.REPORT_COUNT])
    texts = _texts(row for row in found)
    uses: dict[tuple[str, int, int], list[GrantUse]] = {}
    rows = GrantUse.objects.filter(_used_in(asker.account_id), used_at__gte=since)
    for use in rows[: limits.REPORT_USE_COUNT]:
        uses.setdefault((use.policy, use.version, use.statement), []).append(use)
    rights = []
    for row in found:
        version, document = texts[row.policy_name]
        for statement in document.statements:
            if statement.allows:
                mine = [one for one in uses.get((row.policy_name, version, statement.number), []) if _is_by(row, one)]
                rights.append(_right(row, version, statement, uses=mine))
    if only_unused:
        rights = [one for one in rights if one.granted_at < since and one.suggestion]
    return rights


def idle_keys(asker: Asker, *, days: int) -> Sequence[AccessKey]:
    """Returns the account's keys that nobody used for `days` and that are so old, oldest use first. Raises Denied."""
    permissions.require(asker, "ram:ListUnusedRights", members.resource(asker.account_id, "*"))
    since = clock.now() - timedelta(days=days)
    rows = AccessKey.objects.select_related("user").filter(user__account_id=asker.account_id, created_at__lt=since)
    idle = rows.exclude(last_used_at__gte=since)
    return list(idle.order_by("last_used_at", "pk")[: limits.REPORT_COUNT])


def _right(row: Attachment, version: int, statement: Statement, *, uses: Sequence[GrantUse]) -> Right:
    used = {use.action for use in uses}
    allowed = [action for action in spellings.ACTIONS if _covers(statement, action)]
    unused = tuple(action for action in allowed if action not in used)
    suggestion = "detach" if not used else "narrow" if unused else ""
    kind, holder = _holder(row)
    return Right(
        kind=kind,
        holder=holder,
        policy=row.policy_name,
        version=version,
        statement=statement.number,
        actions=tuple(pattern.text for pattern in statement.actions),
        resources=tuple(pattern.text for pattern in statement.resources),
        granted_at=row.created_at,
        used_at=max((use.used_at for use in uses), default=None),
        used=tuple(action for action in allowed if action in used),
        unused=unused,
        suggestion=suggestion,
    )


def _covers(statement: Statement, action: str) -> bool:
    return any(pattern.matches(action) for pattern in statement.actions) is not statement.is_negated


def _holder(row: Attachment) -> tuple[str, str]:
    if row.user is not None:
        return "user", row.user.name
    if row.group is not None:
        return "group", row.group.name
    assert row.role is not None, "an attachment has one holder"
    return "role", row.role.name


def _is_by(row: Attachment, use: GrantUse) -> bool:
    if row.role_id is not None:
        return use.role_id == row.role_id
    if row.group is not None:
        return use.user_id in {member.pk for member in row.group.members.all()}
    return use.user_id == row.user_id


def _of(account_id: int) -> Q:
    return Q(user__account_id=account_id) | Q(group__account_id=account_id) | Q(role__account_id=account_id)


def _used_in(account_id: int) -> Q:
    return Q(user__account_id=account_id) | Q(role__account_id=account_id)


def _texts(found: Iterable[Attachment]) -> dict[str, tuple[int, Document]]:
    """Returns the version that counts of each policy and what it says, by the policy's name. One query."""
    own = {row.policy.pk: row.policy for row in found if row.policy is not None}
    wanted = Q(pk__in=[])
    for policy in own.values():
        wanted |= Q(policy=policy, number=policy.default_number)
    texts = {name: (1, policy_cache.parse(name, text)) for name, text in system.POLICIES.items()}
    for version in PolicyVersion.objects.filter(wanted):
        name = own[version.policy_id].name
        texts[name] = (version.number, policy_cache.parse(name, version.document))
    return texts
