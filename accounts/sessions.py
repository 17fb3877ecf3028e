"""The console's sessions of people: begun, listed, ended; what one has proven.

Owns: the facts a session carries (when, from where, with which proof) and the end of sessions. Must not know: pages.
Called by: the sign-in pages (`begin`), every page (`touch`, `is_fresh`), people and members (`end_all`), api, live.
The rows and their age are `session_store`'s.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction

from . import audit, clock, keys, limits
from .errors import NotFound
from .models import PUBLIC_ID_CHARS, ConsoleSession, User
from .session_store import AGENT, HAS_SECOND_FACTOR, SIGNED_IN_AT, SOURCE_IP, alive, digest

_CONFIRMED_AT = "mq_confirmed_at"


def begin(session: SessionBase, *, source_ip: str, agent: str, has_second_factor: bool) -> None:
    """Notes in a session that somebody has just signed in to it how they did. Effects: removes rows that are over."""
    now = clock.now().timestamp()
    session[SIGNED_IN_AT] = session[_CONFIRMED_AT] = now
    session[SOURCE_IP] = source_ip
    session[AGENT] = agent
    session[HAS_SECOND_FACTOR] = has_second_factor
    sweep()


def confirm(session: SessionBase, *, has_second_factor: bool) -> None:
    """Notes that its person has just proven again who they are; a second factor counts from then on."""
    session[_CONFIRMED_AT] = clock.now().timestamp()
    if has_second_factor:
        session[HAS_SECOND_FACTOR] = True


def is_fresh(session: SessionBase) -> bool:
    """Returns True if the person proved who they are within the last five minutes."""
    age = clock.now().timestamp() - float(session.get(_CONFIRMED_AT, 0.0))
    return 0 <= age <= limits.FRESH_SECONDS


def has_second_factor(session: SessionBase) -> bool:
    """Returns True if a second factor was shown in this session."""
    return bool(session.get(HAS_SECOND_FACTOR))


def touch(session: Any) -> None:  # Any: Django's request has a session without the attributes of ours
    """Notes that the session is in use; writes at most once a minute."""
    now = clock.now()
    seen = getattr(session, "last_seen_at", None)
    if session.session_key is None or seen is None or now - seen < timedelta(seconds=limits.SESSION_TOUCH_SECONDS):
        return
    ConsoleSession.objects.filter(session_key=digest(session.session_key)).update(last_seen_at=now)
    session.last_seen_at = now


def is_alive(session_key: str, user_id: int) -> bool:
    """Returns True if the session is still there and its user switched on. One query."""
    found = ConsoleSession.objects.filter(alive(), session_key=digest(session_key), user_id=user_id)
    return found.filter(user__is_active=True).exists()


def is_of(row: ConsoleSession, session_key: str | None) -> bool:
    """Returns True if the row is the session with this key."""
    return session_key is not None and row.session_key == digest(session_key)


def of_user(user: User) -> Sequence[ConsoleSession]:
    """Returns the sessions of a user, the one used last first; at most 100."""
    return list(ConsoleSession.objects.filter(alive(), user=user).order_by("-last_seen_at")[: limits.SESSIONS_SHOWN])


def end(user: User, public_id: str, *, actor: str, source_ip: str = "") -> None:
    """Ends one session of a user. Raises NotFound, also for a session of another user."""
    found = ConsoleSession.objects.filter(user=user, session_key__startswith=public_id)
    with transaction.atomic():
        if len(public_id) != PUBLIC_ID_CHARS or not found.delete()[0]:
            raise NotFound(f"There is no session {public_id!r} of {user.name}.")
        _ended(user, 1, actor=actor, source_ip=source_ip)


def end_all(user: User, *, but: str | None = None, actor: str, source_ip: str = "") -> int:
    """Ends the sessions of a user, save the one whose key is `but`. Returns how many.

    Effects: the next request of each finds nobody signed in; open pages are closed within two seconds.
    """
    found = ConsoleSession.objects.filter(user=user)
    if but is not None:
        found = found.exclude(session_key=digest(but))
    with transaction.atomic():
        count = found.delete()[0]
        if count:
            _ended(user, count, actor=actor, source_ip=source_ip)
    return count


def end_weak(account_id: int) -> int:
    """Ends the sessions of an account that no second factor began. Returns how many. Effects: wants a transaction."""
    return ConsoleSession.objects.filter(user__account_id=account_id, has_second_factor=False).delete()[0]


def sweep() -> None:
    """Removes some rows that are over. Called when somebody signs in, so that nothing piles up."""
    old = ConsoleSession.objects.exclude(alive()).values("pk")[: limits.SESSION_SWEEP_COUNT]
    ConsoleSession.objects.filter(pk__in=old).delete()


def _ended(user: User, count: int, *, actor: str, source_ip: str) -> None:
    audit.record(
        user.account_id,
        actor,
        "ram:EndSessions",
        resource=f"acs:ram:*:{user.account_id}:user/{user.name}",
        source_ip=source_ip,
        detail={"count": count},
    )
    keys.raise_version()
