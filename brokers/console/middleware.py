"""What every answer of the site carries, and what every page needs to know of its reader.

Owns: the Content-Security-Policy header, the reader's time zone, the note that a session is in use.
Called by: Django's middleware chain.
"""

import secrets
import zoneinfo
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import unquote

from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts import sessions

TIMEZONE_COOKIE = "mq_tz"

Handler = Callable[[HttpRequest], HttpResponse]


class ContentSecurityPolicy:
    """Allows scripts with this answer's nonce, and nothing inline. Templates print `request.csp_nonce`."""

    def __init__(self, get_response: Handler) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        nonce = secrets.token_urlsafe(16)
        request.csp_nonce = nonce  # type: ignore[attr-defined]  # Django's request is open for such members
        response = self._get_response(request)
        host = request.get_host()
        response.headers.setdefault(
            "Content-Security-Policy",
            "default-src 'none'; "
            f"script-src 'nonce-{nonce}'; "
            "style-src 'self'; "
            "img-src 'self' data:; "
            # 'self' does not cover WebSockets in every browser.
            f"connect-src 'self' ws://{host} wss://{host}; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        )
        return response


class ReaderTimezone:
    """Makes times appear in the zone the reader chose, or the browser's, or UTC."""

    def __init__(self, get_response: Handler) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with timezone.override(reader_zone(request)):
            return self._get_response(request)


class SessionActivity:
    """Notes that a session is in use, which puts off its end. A page that refreshes itself is nobody's doing."""

    def __init__(self, get_response: Handler) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        is_refresh = request.method == "GET" and request.headers.get("HX-Request") == "true"
        if request.session.accessed and not is_refresh:
            # Without the database there is no session either; the answer that says so is on its way already.
            with suppress(DatabaseError, InterfaceError):
                if not isinstance(request.user, AnonymousUser):
                    sessions.touch(request.session)
        return response


def reader_zone(request: HttpRequest) -> zoneinfo.ZoneInfo:
    """Returns the zone of the request's cookie, UTC when it names none that exists."""
    name = unquote(request.COOKIES.get(TIMEZONE_COOKIE, ""))
    try:
        return zoneinfo.ZoneInfo(name or "UTC")
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # the last two: a name that is a path or a folder
        return zoneinfo.ZoneInfo("UTC")
