"""Everything about one message: where it stands, what each group did with it, why deliveries failed, and its body.

Owns: adding the store's facts up to one state per group, and saying so when they do not suffice.
Must not know: who asks or how a page looks. Called by: console, api, as `browse.message`.
Looking never changes anything.
"""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ..domain import clock, filters, limits, previews
from ..domain.errors import ErrorCode, NotFound
from ..domain.messages import ORIGIN_TOPIC
from ..leases import held
from ..models import Group, Instance, Topic
from ..store import timelines
from ..store.timelines import Attempt as Attempt
from ..store.timelines import Copy as Copy
from ..store.timelines import Dead as Dead
from ..store.timelines import Settlement
from ..store.timelines import Waiting as Waiting


class GroupState(StrEnum):
    """What a group did with a message, from the most urgent on.

    SETTLED: it will not come again, but the store does not know why (an offset reset, a changed filter, rows that
    retention dropped); ACKNOWLEDGED and FILTERED are said only when certain.
    """

    IN_FLIGHT = "IN_FLIGHT"
    RETRYING = "RETRYING"
    WAITING = "WAITING"
    DEAD = "DEAD"
    REPLAYED = "REPLAYED"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    FILTERED = "FILTERED"
    SETTLED = "SETTLED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A group's side of the message. `topic` is the one people know the message by.

    `attempt`: the delivery under way or coming next, from 1; None when none is. `due_at`: when a retry comes.
    `held_by` and `held_until` go with IN_FLIGHT. `dead_letter_id` is the newest dead letter,
    `replayed_at` its redrive.
    """

    group_id: int
    group: str
    topic: str
    state: GroupState
    attempt: int | None = None
    due_at: datetime | None = None
    held_by: str | None = None
    held_until: datetime | None = None
    dead_letter_id: int | None = None
    replayed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """The stored body and how to show it. `is_intact` is None when no checksum was kept."""

    raw: bytes
    preview: previews.Preview
    is_intact: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePage:
    """All that is known. `main` is the copy whose fields and body are shown: the first, else one that waits or died.

    `is_complete` is False when there are more copies, attempts or dead letters than shown.
    `are_leases_known` is False when Redis could not say what is in flight: such messages show as WAITING.
    """

    message_id: str
    topics: tuple[str, ...]
    main: Copy | Waiting | Dead
    body: Body | None
    copies: tuple[Copy, ...]
    waiting: tuple[Waiting, ...]
    dead: tuple[Dead, ...]
    attempts: tuple[Attempt, ...]
    standings: tuple[Standing, ...]
    is_complete: bool
    are_leases_known: bool


def message(instance: Instance, message_id: str, topic: str | None = None) -> MessagePage:
    """Returns the page of a message. `topic` picks one when the same id was sent to several.

    Raises: NotFound MESSAGE_NOT_FOUND when nothing of it is left in this instance.
    """
    copies = timelines.copies(instance.pk, message_id)
    waiting = timelines.waiting(instance.pk, message_id)
    dead = timelines.dead(instance.pk, message_id)
    attempts = timelines.attempts(instance.pk, message_id)
    is_complete = max(len(copies), len(waiting), len(dead), len(attempts)) < limits.MESSAGE_COPY_COUNT
    if topic is not None:
        copies = [c for c in copies if _known_as(c) == topic]
        waiting = [w for w in waiting if w.topic == topic]
        dead = [d for d in dead if d.topic == topic]
        attempts = [a for a in attempts if a.topic == topic]
    main = _main(copies, waiting, dead)
    if main is None:
        raise NotFound(
            "There is no message with this id: it was never sent here, or it is older than what is kept.",
            ErrorCode.MESSAGE_NOT_FOUND,
        )
    standings, are_leases_known = _standings(copies, waiting=waiting, dead=dead, attempts=attempts)
    names = dict.fromkeys([*map(_known_as, copies), *(w.topic for w in waiting), *(d.topic for d in dead)])
    return MessagePage(
        message_id=message_id,
        topics=tuple(names),
        main=main,
        body=_body(main),
        copies=tuple(copies),
        waiting=tuple(waiting),
        dead=tuple(dead),
        attempts=tuple(attempts),
        standings=standings,
        is_complete=is_complete,
        are_leases_known=are_leases_known,
    )


def _known_as(copy: Copy) -> str:
    return copy.topic if copy.kind not in Topic.GROUPS_OWN else copy.properties.get(ORIGIN_TOPIC, copy.topic)


def _main(copies: Sequence[Copy], waiting: Sequence[Waiting], dead: Sequence[Dead]) -> Copy | Waiting | Dead | None:
    rows: list[Copy | Waiting | Dead] = [c for c in copies if c.kind not in Topic.GROUPS_OWN]
    rows += [*waiting, *dead, *copies]
    return rows[0] if rows else None


def _body(main: Copy | Waiting | Dead) -> Body | None:
    found = timelines.body_of(main)
    if found is None:
        return None
    raw, crc = found
    is_intact = None if crc is None else zlib.crc32(raw) == crc
    return Body(raw, previews.preview(raw, main.sys_flag), is_intact)


@dataclass(frozen=True, slots=True)
class _Place:
    """A copy as one group sees it."""

    copy: Copy
    settlement: Settlement
    lease: held.Held | None


def _standings(
    copies: Sequence[Copy], *, waiting: Sequence[Waiting], dead: Sequence[Dead], attempts: Sequence[Attempt]
) -> tuple[tuple[Standing, ...], bool]:
    readable = [c for c in copies if c.kind != Topic.Kind.DEAD_LETTER]
    settlements = timelines.settlements(readable, [_known_as(c) for c in readable])
    leases = held.of_groups(sorted({s.group_id for s in settlements}))
    places: dict[tuple[int, str], list[_Place]] = {}
    for settlement in settlements:
        copy = readable[settlement.index]
        lease = _lease_over(copy, settlement, (leases or {}).get(settlement.group_id, ()))
        places.setdefault((settlement.group_id, _known_as(copy)), []).append(_Place(copy, settlement, lease))
    concerned = set(places)
    concerned |= {(w.group_id, w.topic) for w in waiting if w.group_id is not None}
    concerned |= {(d.group_id, d.topic) for d in dead}
    names = dict(Group.objects.filter(pk__in={group_id for group_id, _ in concerned}).values_list("pk", "name"))
    standings = [
        _standing(
            (group_id, names[group_id], topic),
            places=places.get((group_id, topic), []),
            waiting=[w for w in waiting if w.group_id == group_id and w.topic == topic],
            dead=[d for d in dead if d.group_id == group_id and d.topic == topic],
            attempts=[a for a in attempts if a.group_id == group_id],
        )
        for group_id, topic in sorted(concerned, key=lambda who: (names.get(who[0], ""), who[1]))
        if group_id in names
    ]
    return tuple(standings), leases is not None


def _standing(
    who: tuple[int, str, str],
    *,
    places: Sequence[_Place],
    waiting: Sequence[Waiting],
    dead: Sequence[Dead],
    attempts: Sequence[Attempt],
) -> Standing:
    """Returns the most urgent thing that is true of the group: see the order of `GroupState`."""
    newest_dead = dead[-1] if dead else None
    group_id, group, topic = who

    def standing(
        state: GroupState, *, attempt: int | None = None, due_at: datetime | None = None, lease: held.Held | None = None
    ) -> Standing:
        return Standing(
            group_id=group_id,
            group=group,
            topic=topic,
            state=state,
            attempt=attempt,
            due_at=due_at,
            held_by=None if lease is None else lease.client_id,
            held_until=None if lease is None else clock.from_ms(lease.expires_at_ms),
            dead_letter_id=None if newest_dead is None else newest_dead.id,
            replayed_at=None if newest_dead is None else newest_dead.replayed_at,
        )

    unsettled = [p for p in places if not p.settlement.is_settled]
    for place in unsettled:
        if place.lease is not None:
            return standing(GroupState.IN_FLIGHT, attempt=_attempt(place), lease=place.lease)
    if waiting:
        first = waiting[0]
        return standing(GroupState.RETRYING, attempt=first.reconsume_times + 1, due_at=first.due_at)
    if unsettled:
        place = unsettled[0]
        blocked_until = place.settlement.blocked_until
        is_head = place.copy.offset == place.settlement.committed
        if is_head and blocked_until is not None and blocked_until > clock.now():
            return standing(GroupState.RETRYING, attempt=_attempt(place), due_at=blocked_until)
        return standing(GroupState.WAITING, attempt=_attempt(place))
    if newest_dead is not None and newest_dead.replayed_at is None:
        return standing(GroupState.DEAD)
    newest = places[-1] if places else None
    if newest_dead is not None and (newest is None or newest.copy.stored_at < newest_dead.died_at):
        return standing(GroupState.REPLAYED)
    return standing(GroupState.SETTLED if newest is None else _why_settled(newest, attempts))


def _why_settled(place: _Place, attempts: Iterable[Attempt]) -> GroupState:
    """Returns why a settled copy was settled, when that is certain.

    A cursor never reset, and a filter that has been the same since before the message was stored, leave three
    reasons: it was not wanted, it failed (that leaves an attempt), or it was acknowledged.
    """
    copy, settlement = place.copy, place.settlement
    if settlement.epoch or settlement.filter is None or settlement.filter_changed_at is None:
        return GroupState.SETTLED
    if settlement.filter_changed_at > copy.stored_at:
        return GroupState.SETTLED
    is_retry = copy.kind == Topic.Kind.RETRY
    if not is_retry and not filters.parse_noted(settlement.filter).passes(copy):
        return GroupState.FILTERED
    here = [a for a in attempts if a.queue_id == copy.queue_id and a.offset == copy.offset]
    is_ordered = settlement.order == Group.Order.FIFO
    is_moved = any(a.next_at is None for a in here) if is_ordered else bool(here)
    return GroupState.SETTLED if is_moved else GroupState.ACKNOWLEDGED


def _attempt(place: _Place) -> int:
    settlement = place.settlement
    if settlement.order != Group.Order.FIFO:
        return place.copy.reconsume_times + 1
    return settlement.head_attempts + 1 if place.copy.offset == settlement.committed else 1


def _lease_over(copy: Copy, settlement: Settlement, leases: Iterable[held.Held]) -> held.Held | None:
    now_ms = clock.to_ms(clock.now() - timedelta(seconds=1))
    for lease in leases:
        is_here = lease.queue_id == copy.queue_id and lease.start <= copy.offset < lease.end
        if is_here and lease.epoch == settlement.epoch and lease.expires_at_ms > now_ms:
            return lease
    return None
