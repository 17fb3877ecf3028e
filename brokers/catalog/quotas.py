"""The limits of accounts, instances and access keys: what was set, what holds, and how it is changed.

Owns: the rows, the ceilings of the platform, who may change a limit, and the counts of topics and groups.
Must not know: rates and tokens. Called by: api, console, `actions` for counts, engine.quotas for what holds.

What holds of an account is cached until the catalog's version moves; so a changed limit counts everywhere within two
seconds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db.models import Count, QuerySet

from accounts.models import AccessKey

from ..domain import quotas
from ..domain.actor import Actor
from ..domain.errors import ErrorCode, NotFound, Rejected
from ..domain.names import may_exist
from ..domain.quotas import Quota, Scope
from ..models import Backlog, Group, Instance, QuotaSetting, Topic
from . import access, changes, snapshot

Values = dict[Quota, int]


@dataclass(frozen=True, slots=True)
class Limits:
    """All that holds in an account: what was set on it, on its instances by id, on its keys by key id."""

    account: Values
    instances: Mapping[int, Values] = field(default_factory=dict)
    keys: Mapping[str, Values] = field(default_factory=dict)
    full: frozenset[int] = frozenset()  # instances with a full backlog


_cache: dict[int, Limits] = {}
_cached_version: int | None = None


def ceiling(quota: Quota) -> int | None:
    """Returns the most any account may have by the platform's settings; None: no ceiling."""
    return settings.CEILINGS[quota.value] or None


def peek(account_id: int) -> Limits | None:
    """Returns what holds in an account if that is cached and the catalog has not moved, else None. Never blocks."""
    return _cache.get(account_id) if snapshot.version() == _cached_version is not None else None


def of(account_id: int) -> Limits:
    """Returns what holds in an account. Two queries when the catalog changed since the last look, else none."""
    global _cached_version
    snapshot.refresh_if_old()
    version = snapshot.version()
    if version != _cached_version:
        _cache.clear()
        _cached_version = version
    found = _cache.get(account_id)
    if found is None:
        found = _cache[account_id] = _load(account_id)
    return found


def set_limits(actor: Actor, scope: Scope, name: str, *, values: Mapping[Quota, int | None]) -> None:
    """Sets limits of the account (`name` empty), an instance or a key; None takes one away. They count within 2 s.

    Raises: Denied; NotFound; Rejected for a limit that cannot be set there, or one above the ceiling.
    """
    resource = access.resource(actor.account_id, name if scope == Scope.INSTANCE else "*")
    access.check(actor, "mq:UpdateLimits", resource)
    for quota, value in values.items():
        _check(scope, quota, value)
    instance, key = _target(actor.account_id, scope, name)
    with changes.change(f"limits:{actor.account_id}"):
        rows = QuotaSetting.objects.filter(account_id=actor.account_id, instance=instance, key=key)
        before = dict(rows.filter(quota__in=list(values)).values_list("quota", "value"))
        rows.filter(quota__in=list(values)).delete()
        QuotaSetting.objects.bulk_create(
            QuotaSetting(account_id=actor.account_id, instance=instance, key=key, quota=quota, value=value)
            for quota, value in values.items()
            if value is not None
        )
        changes.record(
            actor,
            "mq:UpdateLimits",
            resource,
            scope=scope.value,
            name=name or None,
            before={quota.value: before.get(quota.value) for quota in values},
            after={quota.value: value for quota, value in values.items()},
        )


def require_room(instance: Instance, quota: Quota) -> None:
    """Raises Rejected LIMIT_REACHED when the instance or its account may have no further topic or group.

    Effects: inside the transaction of the change; two that come at the same time may both pass.
    """
    limits = of(instance.account_id)
    everywhere, here = limits.account.get(quota), limits.instances.get(instance.pk, {}).get(quota)
    word = quota.value
    if here is not None and _count(quota, instance_id=instance.pk) >= here:
        raise Rejected(
            f"The instance {instance.name!r} may have {here} {word} and has them. Delete one, or raise the limit.",
            ErrorCode.LIMIT_REACHED,
            limit=word,
            scope=Scope.INSTANCE.value,
        )
    if everywhere is not None and _count(quota, account_id=instance.account_id) >= everywhere:
        raise Rejected(
            f"The account may have {everywhere} {word} and has them. Delete one, or raise the limit.",
            ErrorCode.LIMIT_REACHED,
            limit=word,
            scope=Scope.ACCOUNT.value,
        )


def counts(account_id: int, quota: Quota) -> dict[int, int]:
    """Returns how many topics or groups of its own each instance has, by its id. One query."""
    rows = _rows(quota).filter(instance__account_id=account_id).order_by().values_list("instance_id")
    return dict(rows.annotate(number=Count("pk")))


def own(account_id: int) -> dict[tuple[Scope, str, Quota], int]:
    """Returns what was set in an account, by scope, name (`""`: the account) and limit. One query."""
    rows = QuotaSetting.objects.filter(account_id=account_id)
    found: dict[tuple[Scope, str, Quota], int] = {}
    for instance, key, quota, value in rows.values_list("instance__name", "key__key_id", "quota", "value"):
        scope = Scope.INSTANCE if instance else Scope.KEY if key else Scope.ACCOUNT
        found[scope, instance or key or "", Quota(quota)] = value
    return found


def backlogs(account_id: int) -> dict[int, Backlog]:
    """Returns the last look at each instance's backlog. One query."""
    return {row.instance_id: row for row in Backlog.objects.filter(instance__account_id=account_id)}


def _load(account_id: int) -> Limits:
    account: Values = {quota: most for quota in Quota if (most := ceiling(quota)) is not None}
    instances: dict[int, Values] = {}
    keys: dict[str, Values] = {}
    found = QuotaSetting.objects.filter(account_id=account_id)
    rows: Iterable[tuple[int | None, str | None, str, int]] = found.values_list(
        "instance_id", "key__key_id", "quota", "value"
    )
    for instance_id, key_id, name, value in rows:
        quota = Quota(name)
        if instance_id is not None:
            instances.setdefault(instance_id, {})[quota] = value
        elif key_id:
            keys.setdefault(key_id, {})[quota] = value
        else:
            account[quota] = min(value, account.get(quota, value))
    full = Backlog.objects.filter(instance__account_id=account_id, is_full=True)
    return Limits(account, instances, keys, frozenset(full.values_list("instance_id", flat=True)))


def _check(scope: Scope, quota: Quota, value: int | None) -> None:
    if scope not in quotas.SCOPES[quota]:
        scopes = ", ".join(sorted(quotas.SCOPES[quota]))
        raise Rejected(f"{quota.value} cannot be set on this: it is a limit of {scopes}.")
    if value is None:
        return
    least = 0 if quota in (Quota.TOPICS, Quota.GROUPS) else 1
    most = ceiling(quota) or quotas.HIGHEST
    if not least <= value <= most:
        raise Rejected(
            f"{quota.value} must be a whole number from {least} to {most}."
            + (" The platform's settings allow no more." if ceiling(quota) else "")
        )


def _target(account_id: int, scope: Scope, name: str) -> tuple[Instance | None, AccessKey | None]:
    if scope == Scope.INSTANCE:
        rows = Instance.objects.filter(account_id=account_id, name=name)
        found = rows.first() if may_exist(name) else None
        if found is None:
            raise NotFound(f"There is no instance {name!r} in your account.", ErrorCode.INSTANCE_NOT_FOUND)
        return found, None
    if scope == Scope.KEY:
        key = AccessKey.objects.filter(user__account_id=account_id, key_id=name).first() if may_exist(name) else None
        if key is None:
            raise NotFound(f"There is no access key {name!r} in your account.")
        return None, key
    if name:
        raise Rejected("The limits of the account have no name; leave it empty.")
    return None, None


def _rows(quota: Quota) -> QuerySet[Any]:  # Any: topics or groups
    return Topic.objects.filter(kind=Topic.Kind.USER) if quota == Quota.TOPICS else Group.objects.all()


def _count(quota: Quota, *, account_id: int | None = None, instance_id: int | None = None) -> int:
    rows = _rows(quota)
    rows = rows.filter(instance_id=instance_id) if instance_id else rows.filter(instance__account_id=account_id)
    return int(rows.count())
