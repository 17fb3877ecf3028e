"""Where the console's sessions live: Django's session engine over our own table.

Owns: the rows, and when one is over. Must not know: requests, how somebody signed in. Called by: Django's and Channels'
session middleware; `sessions` lists and ends the rows.

The table holds the SHA-256 of the key, not the key in the cookie: whoever reads the database cannot become anybody.
A session ends when nobody used it for a while (`MQ_SESSION_IDLE_MINUTES`), a fixed time after signing in
(`MQ_SESSION_HOURS`), or when its row is deleted; every request looks at the row.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.db.models import Q

from . import clock
from .models import ConsoleSession

SIGNED_IN_AT = "mq_signed_in_at"
SOURCE_IP = "mq_source_ip"
AGENT = "mq_agent"
HAS_SECOND_FACTOR = "mq_second_factor"


def digest(key: str) -> str:
    """Returns how a row is named whose key is in a cookie."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def alive() -> Q:
    """Returns the condition that a row is not over yet."""
    now = clock.now()
    seen = Q(expire_date__gt=now, last_seen_at__gt=now - timedelta(minutes=settings.SESSION_IDLE_MINUTES))
    oldest = now - timedelta(seconds=settings.SESSION_COOKIE_AGE)
    return seen & (Q(user=None) | Q(signed_in_at__gt=oldest))


class SessionStore(DatabaseStore):
    """One session. Synchronous inside; the asynchronous methods run the same in a thread."""

    last_seen_at: datetime | None = None

    @classmethod
    def get_model_class(cls) -> type[ConsoleSession]:
        return ConsoleSession

    def exists(self, session_key: str | None) -> bool:
        return bool(ConsoleSession.objects.filter(session_key=digest(session_key or "")).exists())

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is not None:
            ConsoleSession.objects.filter(session_key=digest(key)).delete()

    def create_model_instance(self, data: dict[str, Any]) -> ConsoleSession:  # Any: as Django defines session data
        now = clock.now()
        user_id = data.get(SESSION_KEY)
        signed_in = data.get(SIGNED_IN_AT)
        return ConsoleSession(
            session_key=digest(self._get_or_create_session_key()),  # type: ignore[attr-defined] # absent from the stubs
            session_data=self.encode(data),
            expire_date=self.get_expiry_date(),
            user_id=None if user_id is None else int(user_id),
            source_ip=data.get(SOURCE_IP, "")[:45],
            agent=data.get(AGENT, "")[:200],
            has_second_factor=bool(data.get(HAS_SECOND_FACTOR)),
            signed_in_at=(datetime.fromtimestamp(signed_in, UTC) if signed_in else now) if user_id else None,
            last_seen_at=now,
        )

    async def aexists(self, session_key: str) -> bool:
        return await sync_to_async(self.exists)(session_key)

    async def adelete(self, session_key: str | None = None) -> None:
        await sync_to_async(self.delete)(session_key)

    async def acreate_model_instance(self, data: dict[str, Any]) -> ConsoleSession:  # Any: as above
        return await sync_to_async(self.create_model_instance)(data)

    def _get_session_from_db(self) -> ConsoleSession | None:
        row = ConsoleSession.objects.filter(alive(), session_key=digest(self.session_key or "")).first()
        if row is None:
            self._session_key = None
        else:
            self.last_seen_at = row.last_seen_at
        return row

    async def _aget_session_from_db(self) -> ConsoleSession | None:
        return await sync_to_async(self._get_session_from_db)()
