"""The compiled policies of a user, without a query for each check.

Owns: loading them, and keeping them beside the cached keys, under the same version: what a key may do changes as fast
as whether it is enabled. Must not know: what is asked. Called by: permissions.
"""

import logging

from django.db.models import Q

from . import clock, key_cache, limits
from .errors import Rejected
from .models import Attachment, PolicyVersion, RoleSession
from .policies import document, system
from .policies.evaluation import Held

_log = logging.getLogger(__name__)

_DENY_ALL = document.parse('{"Version": "1", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}')


def peek(user_id: int) -> tuple[Held, ...] | None:
    """Returns the user's policies if they are cached and fresh, else None. Never blocks."""
    cache = key_cache.recent()
    if cache is None:
        return None
    return () if _is_over(cache.ends.get(user_id)) else cache.policies.get(user_id)


def of_user(user_id: int) -> tuple[Held, ...]:
    """Returns the user's policies, own and of their groups; a negative number is a session in a role.

    Asks the database when the cache is cold or old.

    Raises: TryLater STORE_UNAVAILABLE when it must ask and cannot.
    """
    cache = key_cache.compared()
    held = cache.policies.get(user_id)
    if held is None and user_id < 0:
        held, cache.ends[user_id] = key_cache.ask(lambda: _of_session(-user_id))
        cache.policies[user_id] = held
    if _is_over(cache.ends.get(user_id)):
        return ()
    if held is None:
        held = key_cache.ask(lambda: load(Q(user_id=user_id) | Q(group__members=user_id)))
        if len(cache.policies) >= limits.KEY_CACHE_COUNT:
            cache.policies.clear()
        cache.policies[user_id] = held
    return held


def _of_session(session_id: int) -> tuple[tuple[Held, ...], float]:
    """Returns what a session in a role has, and when it is over in seconds since 1970; nothing when it is already."""
    found = RoleSession.objects.filter(pk=session_id, revoked_at=None, user__is_active=True).first()
    if found is None:
        return (), 0.0
    return load(Q(role=found.role_id)), found.ends_at.timestamp()


def _is_over(ends_at: float | None) -> bool:
    return ends_at is not None and clock.now_seconds() >= ends_at


def load(whose: Q) -> tuple[Held, ...]:
    """Returns what is attached to somebody, read from the database in two queries."""
    found = list(Attachment.objects.filter(whose).select_related("policy", "group").order_by("pk"))
    wanted = Q(pk__in=[])
    for row in found:
        if row.policy is not None:
            wanted |= Q(policy=row.policy, number=row.policy.default_number)
    texts = {version.policy_id: version.document for version in PolicyVersion.objects.filter(wanted)}
    held = []
    for row in found:
        text = system.POLICIES.get(row.system_name, "") if row.policy is None else texts.get(row.policy.pk, "")
        number = 1 if row.policy is None else row.policy.default_number
        held.append(Held(row.policy_name, number, row.group.name if row.group else "", parse(row.policy_name, text)))
    return tuple(held)


def parse(name: str, text: str) -> document.Document:
    """Returns a stored document; one that cannot be read denies everything, because it might have."""
    try:
        return document.parse(text)
    except Rejected as error:
        _log.error("policy_unreadable", extra={"policy": name, "reason": error.detail})
        return _DENY_ALL
