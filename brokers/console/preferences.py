"""What a reader chose for themselves: language, theme, time zone, last instance. Kept in cookies and on the user."""

import zoneinfo
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from accounts.models import User

from .middleware import TIMEZONE_COOKIE, reader_zone

THEME_COOKIE = "mq_theme"
INSTANCE_COOKIE = "mq_instance"
THEMES = ("light", "dark")
YEAR_SECONDS = 365 * 24 * 3600
# Offered in the menu; the browser's own zone is added when it is another one.
ZONES = (
    "UTC", "Asia/Shanghai", "Asia/Hong_Kong", "Asia/Taipei", "Asia/Singapore", "Asia/Tokyo", "Asia/Seoul",
    "Asia/Kolkata", "Asia/Dubai", "Australia/Sydney", "Europe/London", "Europe/Paris", "Europe/Berlin",
    "Europe/Moscow", "Africa/Johannesburg", "America/Sao_Paulo", "America/New_York", "America/Chicago",
    "America/Denver", "America/Los_Angeles",
)  # fmt: skip


def context(request: HttpRequest) -> dict[str, Any]:  # Any: template values
    """Returns what the layout needs to show and offer the reader's choices."""
    theme = request.COOKIES.get(THEME_COOKIE, "")
    zone = reader_zone(request).key
    return {
        "theme": theme if theme in THEMES else "",
        "zone_name": zone,
        "zones": ZONES if zone in ZONES else (zone, *ZONES),
    }


@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """Remembers each choice that was sent and goes back to the page it was sent from."""
    back = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}):
        back = "/"
    response = HttpResponseRedirect(back)
    changed: dict[str, str] = {}
    language = request.POST.get("language", "")
    if language in dict(settings.LANGUAGES):
        _keep(response, settings.LANGUAGE_COOKIE_NAME, language)
        changed["language"] = language
    theme = request.POST.get("theme", "")
    if theme in THEMES:
        _keep(response, THEME_COOKIE, theme)
    elif theme == "system":
        response.delete_cookie(THEME_COOKIE)
    zone = request.POST.get("timezone", "")
    if zone in zoneinfo.available_timezones():
        _keep(response, TIMEZONE_COOKIE, zone)
        changed["timezone"] = zone
    if changed and isinstance(request.user, User):
        User.objects.filter(pk=request.user.pk).update(**changed)
    return response


def apply(response: HttpResponse, user: User) -> None:
    """Sets the cookies of what the user chose on another machine."""
    if user.language:
        _keep(response, settings.LANGUAGE_COOKIE_NAME, user.language)
    if user.timezone:
        _keep(response, TIMEZONE_COOKIE, user.timezone)


def remember_instance(response: HttpResponse, name: str) -> HttpResponse:
    """Makes `name` the instance that `/` shows next time."""
    _keep(response, INSTANCE_COOKIE, name)
    return response


def _keep(response: HttpResponse, name: str, value: str) -> None:
    response.set_cookie(name, value, max_age=YEAR_SECONDS, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE)
