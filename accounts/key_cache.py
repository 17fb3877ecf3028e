"""What this process knows of AccessKeys without asking the database.

Owns: the cache, its age, and the notes of when a key was used and refused. Must not know: how a request proves a key.
Called by: credentials, remoting_signature (`is_warm`, `lookup`, `note_use`, `note_refusal`), keys (`expire`),
policy_cache (`recent`, `compared`, `ask`).

Every change of a key, a user or a policy raises `AccessVersion` in its transaction. The version is compared once a
second, on demand and by one caller while the others go on; nothing is trusted that was not compared within two seconds.
So a disabled key is refused everywhere within two seconds, without a query per request and without a thread.
"""

import logging
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from math import inf
from typing import TypeVar

from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.models import Q

from . import clock, denials, limits, vault
from .errors import TryLater
from .models import AccessKey, AccessVersion, RoleSession
from .policies.evaluation import Held

_log = logging.getLogger(__name__)

Result = TypeVar("Result")

_KEY_ID = re.compile(r"MQ[A-Z0-9]{18}\Z")


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """A key as doors need it. `enabled` is false too when its user is switched off."""

    key_id: str
    secret: bytes
    user_id: int
    account_id: int
    login: str
    is_root: bool
    enabled: bool
    ends_at: float = inf  # seconds since 1970: the key of somebody in a role is over then


class _Cache:
    """Replaced whole, never emptied: a look-up under way fills the one it began with."""

    def __init__(self) -> None:
        self.known: dict[str, KeyEntry] = {}
        self.unknown: set[str] = set()
        self.policies: dict[int, tuple[Held, ...]] = {}  # by user; filled by `policy_cache`
        self.ends: dict[int, float] = {}  # of sessions in roles, by their number among `policies`


_cache = _Cache()
_version: int | None = None
_compared_at = float("-inf")
_comparing = False
_used_at: dict[str, float] = {}
_lock = threading.Lock()


def is_warm(key_id: str) -> bool:
    """Returns True if `lookup` and `note_use` would ask nothing of the database now. Never blocks."""
    global _comparing
    age = clock.monotonic() - _compared_at
    if age >= limits.KEY_CHECK_SECONDS and (age >= limits.KEY_STALE_SECONDS or not _comparing):
        _comparing = True  # this caller goes and compares
        return False
    return key_id in _cache.known and clock.monotonic() - _used_at.get(key_id, float("-inf")) < limits.KEY_USE_SECONDS


def peek(key_id: str) -> KeyEntry | None:
    """Returns the cached key without looking at its age. Only after `is_warm` said True."""
    return _in_time(_cache.known.get(key_id))


def lookup(key_id: str) -> KeyEntry | None:
    """Returns the key, or None when there is none with this id. Asks the database when the cache is cold or old.

    Raises: TryLater STORE_UNAVAILABLE when it must ask and cannot: an unchecked key is never let through.
    """
    cache = compared()
    entry = cache.known.get(key_id)
    if entry is not None or key_id in cache.unknown or not _KEY_ID.match(key_id):
        return _in_time(entry)
    entry = _load(key_id)
    if entry is None:
        if len(cache.unknown) >= limits.UNKNOWN_KEY_CACHE_COUNT:
            cache.unknown.clear()
        cache.unknown.add(key_id)
        return None
    if len(cache.known) >= limits.KEY_CACHE_COUNT:
        cache.known.clear()
    cache.known[key_id] = entry
    return _in_time(entry)


def recent(age_seconds: float = limits.KEY_STALE_SECONDS) -> _Cache | None:
    """Returns the cache if it was compared so lately that it may be trusted, else None. Never blocks."""
    return _cache if clock.monotonic() - _compared_at < age_seconds else None


def compared() -> _Cache:
    """Returns the cache after comparing the version if that is due. Raises TryLater as `lookup`."""
    if clock.monotonic() - _compared_at >= limits.KEY_CHECK_SECONDS:
        _compare()
    return _cache


def note_use(key_id: str, source_ip: str, door: str = "http") -> None:
    """Writes when, whence and by which door the key was used, at most once a minute. A failure harms nobody."""
    now = clock.monotonic()
    if now - _used_at.get(key_id, float("-inf")) < limits.KEY_USE_SECONDS:
        return
    if len(_used_at) >= limits.KEY_CACHE_COUNT:
        _used_at.clear()
    _used_at[key_id] = now
    instant = clock.now()
    # Another process may have written it a moment ago.
    old = Q(last_used_at=None) | Q(last_used_at__lt=instant - timedelta(seconds=limits.KEY_USE_SECONDS))
    try:
        AccessKey.objects.filter(old, key_id=key_id).update(
            last_used_at=instant, last_used_from=source_ip[:45], last_used_door=door
        )
    except DatabaseError as error:
        _log.warning("access_key_use_not_recorded", extra={"reason": type(error).__name__})


def note_refusal(entry: KeyEntry | None, source_ip: str, reason: str) -> None:
    """Notes for the trail that a request with this key was refused; for none it takes as long. Never blocks."""
    refusal = denials.Refusal(
        account_id=entry.account_id if entry else 0,
        login=entry.login if entry else "",
        actor=f"{entry.login} ({entry.key_id})" if entry else "",
        source_ip=source_ip,
        action="ram:UseAccessKey",
        resource=f"acs:ram:*:{entry.account_id}:accesskey/{entry.key_id}" if entry else "",
        detail={"reason": reason},
    )
    if entry is None:
        assert refusal.mark  # the same work, so that time does not tell which keys there are
        return
    denials.note(refusal, at_once=False)


def ask(query: Callable[[], Result]) -> Result:
    """Returns the answer; once again on a fresh connection when this thread's one had died. Raises TryLater."""
    try:
        return query()
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block:
            raise
        connection.close()
    try:
        return query()
    except (OperationalError, InterfaceError) as error:
        connection.close()
        raise TryLater(
            "Access keys cannot be checked because the database is not reachable; nothing was done. Try again.",
            retry_after_seconds=1,
        ) from error


def expire() -> None:
    """Makes the next look-up compare the version. Called after a change made in this process."""
    global _compared_at
    _compared_at = float("-inf")


def forget() -> None:
    """Drops everything. For tests, whose database goes back in time."""
    global _cache, _version
    with _lock:
        _cache, _version = _Cache(), None
        _used_at.clear()
    expire()


def _compare() -> None:
    global _cache, _version, _compared_at, _comparing
    with _lock:
        began = clock.monotonic()
        if began - _compared_at < limits.KEY_CHECK_SECONDS:
            return  # somebody did while this caller waited for the lock
        number = ask(lambda: AccessVersion.objects.values_list("number", flat=True).first())
        if number != _version:
            _cache, _version = _Cache(), number
        _compared_at, _comparing = began, False


def _in_time(entry: KeyEntry | None) -> KeyEntry | None:
    if entry is None or clock.now_seconds() < entry.ends_at:
        return entry
    return replace(entry, enabled=False)


def _load_of_role(key_id: str) -> KeyEntry | None:
    """Returns the key of somebody in a role: the tenant is the role's account, the number of the user the session's."""
    rows = RoleSession.objects.select_related("role__account", "user").filter(key_id=key_id)
    found = ask(lambda: rows.first())
    if found is None or found.secret_nonce is None or found.secret_ciphertext is None:
        return None
    account = found.role.account
    try:
        secret = vault.unseal(
            bytes(found.secret_nonce), bytes(found.secret_ciphertext), account_id=account.pk, key_id=key_id
        )
    except vault.Unreadable:
        _log.error("access_key_unreadable", extra={"access_key_id": key_id})
        return None
    return KeyEntry(
        key_id=key_id,
        secret=secret,
        user_id=-found.pk,
        account_id=account.pk,
        login=f"{found.user.login} as role/{found.role.name}@{account.name}",
        is_root=False,
        enabled=found.revoked_at is None and found.user.is_active,
        ends_at=found.ends_at.timestamp(),
    )


def _load(key_id: str) -> KeyEntry | None:
    key = ask(lambda: AccessKey.objects.select_related("user").filter(key_id=key_id).first())
    if key is None:
        return _load_of_role(key_id) if key_id.startswith("MQT") else None
    try:
        secret = vault.unseal(
            bytes(key.secret_nonce), bytes(key.secret_ciphertext), account_id=key.user.account_id, key_id=key_id
        )
    except vault.Unreadable:
        _log.error("access_key_unreadable", extra={"access_key_id": key_id})
        return None
    return KeyEntry(
        key_id=key_id,
        secret=secret,
        user_id=key.user_id,
        account_id=key.user.account_id,
        login=key.user.login,
        is_root=key.user.is_root,
        enabled=key.enabled and key.user.is_active,
        ends_at=inf if key.ends_at is None else key.ends_at.timestamp(),
    )
