"""The story of one message, told group by group: what is drawn as a timeline.

Owns: the order and the words of events. Must not know: HTML, the store. Called by: the message page.
"""

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from brokers.engine.browse import MessagePage
from brokers.engine.message_page import Attempt, Copy, Dead, GroupState, Standing, Waiting
from brokers.models import Instance, Topic

from .tags import duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One mark of a timeline. `at` is None for what is still to come at an unknown time."""

    tone: str
    icon: str
    title: str
    at: datetime | None = None
    detail: str = ""
    error: str = ""
    link: str = ""
    link_words: str = ""


@dataclass(frozen=True, slots=True)
class GroupStory:
    """A group's side of the message: its state in a pill, and its events, oldest first."""

    name: str
    topic: str
    tone: str
    icon: str
    words: str
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the message stands that the page shows."""

    queue: int | None
    offset: int | None
    stored_at: datetime | None
    due_at: datetime | None


def place(found: MessagePage) -> Place:
    """Returns where the shown copy stands; all None for one that is in the log no more."""
    main = found.main
    if isinstance(main, Copy):
        return Place(main.queue, main.offset, main.stored_at, None)
    if isinstance(main, Waiting):
        return Place(None, None, main.created_at, main.due_at)
    return Place(None, None, None, None)


def of_groups(found: MessagePage, instance: Instance) -> list[GroupStory]:
    """Returns one story for each group concerned, the most urgent first."""
    urgency = list(GroupState)
    ordered = sorted(found.standings, key=lambda standing: urgency.index(standing.state))
    return [_story(found, standing, instance) for standing in ordered]


def _story(found: MessagePage, standing: Standing, instance: Instance) -> GroupStory:
    tone, icon, words = _state(standing, found.are_leases_known)
    events = _past(found, standing, instance)
    events.sort(key=lambda event: event.at.timestamp() if event.at else 0)
    events += _present(standing, found.are_leases_known)
    return GroupStory(standing.group, standing.topic, tone, icon, words, tuple(events))


def _past(found: MessagePage, standing: Standing, instance: Instance) -> list[Event]:
    events = [
        Event(
            tone="tone-brand", icon="arrow-down-to-line", title=_("Stored"), at=copy.stored_at, detail=_position(copy)
        )
        for copy in found.copies
        if copy.kind not in Topic.GROUPS_OWN and copy.topic == standing.topic
    ]
    events += [_failed(attempt) for attempt in found.attempts if attempt.group_id == standing.group_id]
    events += [
        Event(tone="tone-info", icon="timer-reset", title=_("Came back from its back-off"), at=copy.stored_at)
        for copy in found.copies
        # A copy with no failed delivery behind it was put there by a replay, which is an event of its own.
        if copy.kind == Topic.Kind.RETRY and copy.group_id == standing.group_id and copy.reconsume_times
    ]
    for dead in found.dead:
        if dead.group_id == standing.group_id:
            events += _died(dead, standing, instance)
    return events


def _position(copy: Copy) -> str:
    return _("queue %(queue)d, offset %(offset)d") % {"queue": copy.queue, "offset": copy.offset}


def _failed(attempt: Attempt) -> Event:
    words = {
        "REFUSED": _("Attempt %(n)d was refused"),
        "EXPIRED": _("Attempt %(n)d ran out of time"),
    }
    parts = [_("after %(span)s") % {"span": duration(attempt.ended_at - attempt.started_at)}]
    if attempt.client_id:
        parts.append(_("client %(name)s") % {"name": attempt.client_id})
    if attempt.next_at:
        parts.append(
            _("next in %(span)s") % {"span": duration(round((attempt.next_at - attempt.ended_at).total_seconds()))}
        )
    return Event(
        tone="tone-warn" if attempt.next_at else "tone-bad",
        icon="x" if attempt.outcome == "REFUSED" else "timer",
        title=words.get(attempt.outcome, attempt.outcome) % {"n": attempt.attempt},
        at=attempt.ended_at,
        detail=" · ".join(parts),
        error=attempt.error,
    )


def _died(dead: Dead, standing: Standing, instance: Instance) -> list[Event]:
    link = reverse("dead_letter", args=[instance.name, standing.group, dead.id])
    events = [
        Event(
            tone="tone-bad",
            icon="mail-x",
            title=_("Became a dead letter"),
            at=dead.died_at,
            detail=ngettext("after %(n)d attempt", "after %(n)d attempts", dead.attempts) % {"n": dead.attempts},
            link=link,
            link_words=_("Open the dead letter"),
        )
    ]
    if dead.replayed_at is not None:
        shown = reverse("operation", args=[instance.name, dead.replayed_by]) if dead.replayed_by else ""
        events.append(
            Event(
                tone="tone-info",
                icon="repeat",
                title=_("Replayed"),
                at=dead.replayed_at,
                link=shown,
                link_words=_("Replay %(n)d") % {"n": dead.replayed_by} if shown else "",
            )
        )
    return events


def _state(standing: Standing, are_leases_known: bool) -> tuple[str, str, str]:
    """Returns tone, icon and word. Green is only for what is certain."""
    if standing.state == GroupState.WAITING and not are_leases_known:
        return "tone-quiet", "circle-help", _("Waiting or in flight")
    return {
        GroupState.IN_FLIGHT: ("tone-info", "plug", _("In flight")),
        GroupState.RETRYING: ("tone-warn", "timer-reset", _("Retrying")),
        GroupState.WAITING: ("tone-quiet", "clock", _("Waiting")),
        GroupState.DEAD: ("tone-bad", "mail-x", _("Dead")),
        GroupState.REPLAYED: ("tone-info", "repeat", _("Replayed")),
        GroupState.ACKNOWLEDGED: ("tone-ok", "circle-check", _("Acknowledged")),
        GroupState.FILTERED: ("tone-quiet", "list-filter", _("Filtered out")),
        GroupState.SETTLED: ("tone-quiet", "check", _("Settled")),
    }[standing.state]


def _present(standing: Standing, are_leases_known: bool) -> list[Event]:
    tone, icon, words = _state(standing, are_leases_known)
    attempt = _("attempt %(n)d") % {"n": standing.attempt} if standing.attempt else ""
    if standing.state == GroupState.IN_FLIGHT:
        holder = _("client %(name)s") % {"name": standing.held_by} if standing.held_by else ""
        detail = " · ".join(part for part in (attempt, holder) if part)
        return [Event(tone=tone, icon=icon, title=_("In flight until"), at=standing.held_until, detail=detail)]
    if standing.state == GroupState.RETRYING:
        return [Event(tone=tone, icon=icon, title=_("Comes again"), at=standing.due_at, detail=attempt)]
    if standing.state == GroupState.WAITING:
        return [Event(tone=tone, icon=icon, title=_("Waits to be received"), detail=attempt)]
    if standing.state in {GroupState.DEAD, GroupState.REPLAYED}:
        return []
    if standing.state == GroupState.SETTLED:
        why = _("It will not come again; why is not recorded (an offset reset, a changed filter, or retention).")
        return [Event(tone=tone, icon=icon, title=words, detail=why)]
    return [Event(tone=tone, icon=icon, title=words)]
