"""Template tags of the console: icons, times, numbers, and addresses. None of them queries.

Owns: how a value is spelled for a reader, and whether a button is for them. A value that is not known (None) is spelled
"unknown", never 0.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.http import HttpRequest
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from accounts import members
from brokers.catalog import access
from brokers.domain import clock
from brokers.domain.states import DeadLetterState, OperationState, TransactionState

from . import page, problems

register = template.Library()

Html = SafeString | str


@register.simple_tag
def icon(name: str, css: str = "") -> Html:
    """Draws one symbol of the icon sprite; decoration only, so screen readers skip it."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true"><use href="{}#{}"></use></svg>', css, static("console/icons.svg"), name
    )


@register.simple_tag
def live(names: str = "") -> Html:
    """Prints the attributes that make an element refresh itself: from hints about `names`, and slowly anyway."""
    return format_html(
        'data-live="{}" hx-get="" hx-trigger="refresh" hx-swap="morph:innerHTML" hx-ext="morph"'
        ' hx-disinherit="*" hx-sync="this:drop"',
        names,
    )


@register.simple_tag(takes_context=True)
def can(context: template.Context, action: str, *named: str) -> bool:
    """Returns whether the reader may do this, so that a page offers no button that would be refused.

    `named` is an instance, or an instance and a topic or group; for `ram:` actions nothing, or `user`, `group` or
    `policy` and a name.
    """
    reader = page.actor(context["request"])
    if action.startswith("ram:"):
        return access.may(reader, action, members.resource(reader.account_id, "/".join(named) or "*"))
    return access.may(reader, action, access.resource(reader.account_id, *named))


@register.simple_tag(takes_context=True)
def query(context: template.Context, **changes: Any) -> str:  # Any: whatever a template passes
    """Returns the query string of this page with `changes`; an empty value removes the name."""
    request: HttpRequest = context["request"]
    kept = request.GET.copy()
    for name, value in changes.items():
        kept.pop(name, None)
        if value not in (None, ""):
            kept[name] = str(value)
    text = kept.urlencode()
    return f"?{text}" if text else "?"


# --- numbers ---------------------------------------------------------------------------------------------------
@register.filter
def count(value: int | None) -> str:
    """Spells a number with separators; None is unknown."""
    return _("unknown") if value is None else f"{value:,}"


@register.filter
def size(byte_count: int | None) -> str:
    """Spells a number of bytes."""
    if byte_count is None:
        return _("unknown")
    if byte_count < 1024:
        return ngettext("%(n)d byte", "%(n)d bytes", byte_count) % {"n": byte_count}
    value = byte_count / 1024
    for unit in ("KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


# --- times -----------------------------------------------------------------------------------------------------
@register.filter
def duration(value: timedelta | float | None) -> str:
    """Spells a length of time in its two largest useful units; None is unknown."""
    if value is None:
        return _("unknown")
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if 0 < seconds < 1:
        return pgettext("milliseconds", "%(n)d ms") % {"n": max(1, round(seconds * 1000))}
    whole = int(seconds)
    if whole < 60:
        return pgettext("seconds", "%(n)d s") % {"n": whole}
    if whole < 3600:
        return _join(pgettext("minutes", "%(n)d min") % {"n": whole // 60}, pgettext("seconds", "%(n)d s"), whole % 60)
    if whole < 86400:
        hours = pgettext("hours", "%(n)d h") % {"n": whole // 3600}
        return _join(hours, pgettext("minutes", "%(n)d min"), whole % 3600 // 60)
    days = pgettext("days", "%(n)d d") % {"n": whole // 86400}
    return _join(days, pgettext("hours", "%(n)d h"), whole % 86400 // 3600)


@register.filter
def milliseconds(value: int | None) -> str:
    """Spells a number of milliseconds; None is unknown."""
    return duration(None if value is None else value / 1000)


@register.filter
def waited(seconds: float | None) -> str:
    """Spells how long something waits, without the flicker of milliseconds; None is unknown."""
    return _("under 1 s") if seconds is not None and seconds < 1 else duration(seconds)


def _join(large: str, small: str, rest: int) -> str:
    return f"{large} {small % {'n': rest}}" if rest else large


@register.simple_tag
def ago(at: datetime | int | None) -> Html:
    """Spells how long ago (or in how long) an instant is; the exact time is its title."""
    moment = _instant(at)
    if moment is None:
        return _("unknown")
    seconds = (clock.now() - moment).total_seconds()
    if abs(seconds) < 1:
        words = _("just now")
    elif seconds > 0:
        words = _("%(span)s ago") % {"span": _coarse(seconds)}
    else:
        words = _("in %(span)s") % {"span": _coarse(-seconds)}
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', moment.isoformat(), _with_offset(moment, "milliseconds"), words
    )


@register.simple_tag
def when(at: datetime | int | None, precision: str = "seconds") -> Html:
    """Spells an instant in the reader's zone; `precision` is `seconds` or `milliseconds`."""
    moment = _instant(at)
    if moment is None:
        return _("unknown")
    return format_html(
        '<time class="num" datetime="{}" title="{}">{}</time>',
        moment.isoformat(),
        _with_offset(moment, precision),
        _spelled(moment, precision),
    )


@register.simple_tag
def zone_offset(at: datetime | None = None) -> str:
    """Spells how far the reader's zone is from UTC, now or at an instant."""
    text = timezone.localtime(at or clock.now()).strftime("%z")
    return f"UTC{text[:3]}:{text[3:5]}"


def _instant(at: datetime | int | None) -> datetime | None:
    return clock.from_ms(at) if isinstance(at, int) else at


def _spelled(moment: datetime, precision: str) -> str:
    return timezone.localtime(moment).replace(tzinfo=None).isoformat(" ", timespec=precision)


def _with_offset(moment: datetime, precision: str) -> str:
    return f"{_spelled(moment, precision)} {zone_offset(moment)}"


def _coarse(seconds: float) -> str:
    """One unit is enough beside "ago"."""
    if seconds >= 86400:
        return pgettext("days", "%(n)d d") % {"n": int(seconds // 86400)}
    if seconds >= 3600:
        return pgettext("hours", "%(n)d h") % {"n": int(seconds // 3600)}
    if seconds >= 60:
        return pgettext("minutes", "%(n)d min") % {"n": int(seconds // 60)}
    return pgettext("seconds", "%(n)d s") % {"n": int(seconds)}


@register.filter
def door(name: str) -> str:
    """Spells the door a key was used at."""
    return {"remoting": "RocketMQ"}.get(name, "HTTP")


# --- states ----------------------------------------------------------------------------------------------------
# value → tone, icon, words. Green is for what is wholly well.
PILLS: Mapping[str, tuple[str, str, Any]] = {  # Any: a lazy translation
    OperationState.QUEUED: ("tone-info", "clock", gettext_lazy("Queued")),
    OperationState.RUNNING: ("tone-info", "refresh-cw", gettext_lazy("Running")),
    OperationState.PAUSED: ("tone-warn", "pause", gettext_lazy("Paused")),
    OperationState.SUCCEEDED: ("tone-ok", "circle-check", gettext_lazy("Succeeded")),
    OperationState.PARTIAL: ("tone-warn", "triangle-alert", gettext_lazy("Partly done")),
    OperationState.CANCELLED: ("tone-quiet", "ban", gettext_lazy("Cancelled")),
    OperationState.FAILED: ("tone-bad", "circle-alert", gettext_lazy("Failed")),
    DeadLetterState.DEAD: ("tone-bad", "mail-x", gettext_lazy("Dead")),
    DeadLetterState.REPLAYED: ("tone-ok", "repeat", gettext_lazy("Replayed")),
    TransactionState.WAITING: ("tone-info", "clock", gettext_lazy("Waiting")),
    TransactionState.DISCARDED: ("tone-bad", "archive", gettext_lazy("Discarded")),
    TransactionState.COMMITTED: ("tone-ok", "check-check", gettext_lazy("Committed")),
    TransactionState.ROLLED_BACK: ("tone-quiet", "rotate-ccw", gettext_lazy("Rolled back")),
    "SCHEDULED": ("tone-info", "alarm-clock", gettext_lazy("Scheduled")),
    "RETRYING": ("tone-warn", "timer-reset", gettext_lazy("Retrying")),
    "ASKED": ("tone-info", "timer", gettext_lazy("Waiting")),
    "ANSWERED": ("tone-ok", "circle-check", gettext_lazy("Answered")),
    "PARTLY_ANSWERED": ("tone-warn", "triangle-alert", gettext_lazy("Partly answered")),
    "TIMED_OUT": ("tone-warn", "alarm-clock", gettext_lazy("Timed out")),
    "ABANDONED": ("tone-quiet", "ban", gettext_lazy("Given up")),
    "complete": ("tone-ok", "circle-check", gettext_lazy("Complete result")),
    "truncated": ("tone-warn", "triangle-alert", gettext_lazy("Truncated result")),
    "unknown": ("tone-quiet", "circle-help", gettext_lazy("Unknown")),
}


@register.filter
def told(text: str) -> str:
    """Spells what the server told, in the reader's language where it is a sentence of ours."""
    return problems.told(text)


@register.simple_tag
def pill(value: str) -> Html:
    """Draws a state as a coloured pill with an icon, so that colour is never the only sign."""
    tone, name, words = PILLS.get(value, ("tone-quiet", "circle-help", value))
    return format_html('<span class="pill {}">{}{}</span>', tone, icon(name), words)
