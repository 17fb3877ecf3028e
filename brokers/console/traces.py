"""What a message's clients traced of it, as a timeline.

Owns: the order and the words of its events. Must not know: HTML, wires, the store. Called by: the message page.
The times are the clients' own: their clocks may differ from the server's.
"""

from collections.abc import Callable, Iterable

from django.utils.translation import gettext as _

from brokers.catalog import access
from brokers.domain import clock
from brokers.domain.actor import Actor
from brokers.domain.names import TRACE_TOPIC
from brokers.domain.traces import Kind, Trace
from brokers.engine import traces
from brokers.engine.browse import MessagePage
from brokers.models import Instance

from .stories import Event


def events(actor: Actor, home: Instance, found: MessagePage) -> list[Event]:
    """Returns the events, oldest first; none for who may not read the topic traces are kept in."""
    keeper = traces.home(actor.account_id)
    if keeper is None or not access.may(
        actor, "mq:QueryMessage", access.resource(actor.account_id, keeper, TRACE_TOPIC)
    ):
        return []
    told = traces.of_message(actor.account_id, found.message_id)
    return _events(told, home.name, access.filter_of(actor, home.name, "mq:QueryGroup")) if told else []


def _events(told: Iterable[Trace], instance: str, shows: Callable[[str], bool] | None) -> list[Event]:
    told = list(told)
    ends = {one.request: one for one in told if one.kind == Kind.CONSUMED}
    timed: list[tuple[int, Event]] = []
    for one in told:
        if one.kind == Kind.CONSUMED and any(o.kind == Kind.GIVEN and o.request == one.request for o in told):
            continue
        group = one.group.removeprefix(f"{instance}%")
        if one.kind in {Kind.GIVEN, Kind.CONSUMED} and shows is not None and not shows(group):
            continue
        timed.append((one.at_ms or 0, _event(one, group, ends.get(one.request))))
    return [event for _at, event in sorted(timed, key=lambda pair: pair[0])]


def _event(one: Trace, group: str, end: Trace | None) -> Event:
    at = None if one.at_ms is None else clock.from_ms(one.at_ms)
    if one.kind == Kind.SENT:
        title = _("Sent by its producer") if one.is_success else _("A send failed")
        return Event(
            tone="tone-ok" if one.is_success else "tone-bad",
            icon="send",
            title=title,
            at=at,
            detail=_detail(group, one),
        )
    if one.kind == Kind.DECIDED:
        icon, title = {
            "COMMIT_MESSAGE": ("check-check", _("Its producer committed it")),
            "ROLLBACK_MESSAGE": ("rotate-ccw", _("Its producer rolled it back")),
        }.get(one.state, ("circle-help", _("Its producer does not know yet")))
        asked = " · ".join([group, _("asked by the server")]) if one.is_asked else group
        return Event(tone="tone-info", icon=icon, title=title, at=at, detail=asked)
    if one.kind == Kind.RECALLED:
        title = _("Recalled by a client") if one.is_success else _("A recall failed")
        return Event(tone="tone-warn", icon="ban", title=title, at=at, detail=group)
    done = one if one.kind == Kind.CONSUMED else end
    if done is None:
        return Event(tone="tone-info", icon="timer", title=_("Given to a listener, no end traced"), at=at, detail=group)
    title = _("Consumed by a listener") if done.is_success else _("A listener failed")
    return Event(
        tone="tone-ok" if done.is_success else "tone-bad",
        icon="check" if done.is_success else "x",
        title=title,
        at=at,
        detail=_detail(group, done, attempt=one.repeats + 1),
    )


def _detail(group: str, one: Trace, *, attempt: int | None = None) -> str:
    parts = [group]
    if attempt is not None:
        parts.append(_("attempt %(n)d") % {"n": attempt})
    if one.cost_ms is not None:
        parts.append(_("in %(n)d ms") % {"n": one.cost_ms})
    return " · ".join(part for part in parts if part)
