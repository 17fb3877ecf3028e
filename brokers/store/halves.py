"""Half messages: stored, visible to nobody, until they are committed or rolled back.

Owns: the `half` and `half_check` tables. Must not know: who may decide, how producers are asked. Called by: engine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from . import queries, session
from .log import Row, unpack_properties
from .rows import columns

_SQL = queries.load("halves")
_FORGET_COUNT = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class New:
    """A half message to store. It becomes visible at `deliver_ms`, or `delay` after its commit, or at once."""

    row: Row
    instance_id: int
    topic_id: int
    producer_group_id: int
    immunity: timedelta
    deliver_ms: int | None = None
    delay: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A half message's number, and its times in milliseconds since 1970."""

    id: int
    created_at_ms: int
    check_at_ms: int


@dataclass(frozen=True, slots=True)
class Earlier:
    """A half message stored before."""

    stored: Stored
    queue_id: int


@dataclass(frozen=True, slots=True)
class Locked:
    """A transaction that is held. `row` is None once it is decided; `due_ms` is when a commit now would show it."""

    id: int
    state: str
    topic_id: int
    queue_id: int
    instance_id: int
    producer_group: str
    message_id: str
    row: Row | None
    visible_ms: int | None
    queue_offset: int | None
    due_ms: int | None
    decided_by: str
    changed_at_ms: int


@dataclass(frozen=True, slots=True)
class Decided:
    """What is written down of a decision."""

    id: int
    state: str
    queue_offset: int | None
    due_ms: int | None
    decided_by: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """A check that is due, taken up; or, when `state` is DISCARDED, a half message that had its last one."""

    id: int
    state: str
    number: int
    instance_id: int
    topic_id: int
    producer_group_id: int
    producer_group: str
    instance: str
    account_id: int
    webhook_url: str


@dataclass(frozen=True, slots=True)
class Noted:
    """What became of handing on the newest check of a half message."""

    id: int
    outcome: str
    door: str = ""
    client_id: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """A whole half message that waits."""

    id: int
    topic_id: int
    row: Row
    created_at_ms: int
    check_count: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A transaction in a list. `body_size` is None once it is decided."""

    id: int
    state: str
    topic_id: int
    topic: str
    queue: int
    producer_group: str
    message_id: str
    tag: str | None
    keys: list[str] | None
    body_size: int | None
    created_at: datetime
    changed_at: datetime
    next_check_at: datetime
    check_count: int
    max_checks: int
    decided_by: str
    queue_offset: int | None
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Whole:
    """A transaction with its message; `body` is None once it is decided."""

    summary: Listed
    properties: dict[str, str]
    body: bytes | None
    sys_flag: int
    born_at_ms: int
    born_host: str


@dataclass(frozen=True, slots=True)
class Check:
    """A check that was made."""

    number: int
    at: datetime
    outcome: str
    door: str
    client_id: str
    detail: str


def add(halves: Sequence[New]) -> list[Stored]:
    """Stores half messages and returns where each is, in order."""
    with session.cursor() as cur:
        cur.execute(
            _SQL["add"],
            {
                "instance_ids": [half.instance_id for half in halves],
                "topic_ids": [half.topic_id for half in halves],
                **columns([half.row for half in halves]),
                "group_ids": [half.producer_group_id for half in halves],
                "immunities": [half.immunity.total_seconds() for half in halves],
                "deliver": [half.deliver_ms for half in halves],
                "delays": [None if half.delay is None else half.delay.total_seconds() for half in halves],
            },
        )
        return [Stored(*found) for found in cur]


def of_messages(wanted: Sequence[tuple[int, str]]) -> dict[tuple[int, str], Earlier]:
    """Returns the first half message of each (topic id, message id) that has one."""
    with session.cursor() as cur:
        cur.execute(_SQL["of_messages"], {"topic_ids": [w[0] for w in wanted], "message_ids": [w[1] for w in wanted]})
        return {(row[0], row[1]): Earlier(Stored(row[2], row[4], row[5]), row[3]) for row in cur}


def lock(ids: Sequence[int]) -> dict[int, Locked]:
    """Returns the transactions that exist, held until the transaction ends."""
    with session.cursor() as cur:
        cur.execute(_SQL["lock"], {"ids": list(ids)})
        return {row[0]: _locked(row) for row in cur}


def decide(decided: Sequence[Decided]) -> dict[int, int]:
    """Writes decisions of held transactions down; returns when, in milliseconds, by number."""
    with session.cursor() as cur:
        cur.execute(
            _SQL["decide"],
            {
                "ids": [d.id for d in decided],
                "states": [d.state for d in decided],
                "offsets": [d.queue_offset for d in decided],
                "due": [d.due_ms for d in decided],
                "by": [d.decided_by for d in decided],
            },
        )
        return {row[0]: row[1] for row in cur}


def claim_due(limit: int, *, interval: timedelta, max_checks: int) -> list[Claimed]:
    """Takes up due checks and discards what had its last one. What is given holds where a group has none."""
    with session.cursor() as cur:
        cur.execute(
            _SQL["claim_due"],
            {"limit": limit, "interval_seconds": int(interval.total_seconds()), "max_checks": max_checks},
        )
        return [Claimed(*row) for row in cur]


def take_offered(
    producer_group_id: int, topic_ids: Sequence[int], *, limit: int, door: str, client_id: str
) -> list[int]:
    """Returns the numbers of half messages whose check nobody has taken yet; they are this client's now."""
    asked = {"group_id": producer_group_id, "topic_ids": list(topic_ids), "limit": limit, "door": door}
    with session.cursor() as cur:
        cur.execute(_SQL["take_offered"], {**asked, "client_id": client_id})
        return [row[0] for row in cur]


def offered_topics(producer_group_id: int) -> list[int]:
    """Returns the topics of the checks that wait for a producer that polls."""
    with session.cursor() as cur:
        cur.execute(_SQL["offered_topics"], {"group_id": producer_group_id})
        return [row[0] for row in cur]


def note_checks(noted: Sequence[Noted]) -> None:
    """Writes down what became of the newest check of each half message."""
    with session.cursor() as cur:
        cur.execute(
            _SQL["note_checks"],
            {
                "ids": [n.id for n in noted],
                "outcomes": [n.outcome for n in noted],
                "doors": [n.door for n in noted],
                "clients": [n.client_id for n in noted],
                "details": [n.detail for n in noted],
            },
        )


def want_check(half_id: int) -> bool:
    """Makes the next check due now; returns False when the half message no longer waits."""
    with session.cursor() as cur:
        cur.execute(_SQL["want_check"], {"id": half_id})
        return cur.rowcount == 1


def open_waiting(ids: Sequence[int]) -> list[Opened]:
    """Returns those half messages that still wait, whole."""
    with session.cursor() as cur:
        cur.execute(_SQL["open"], {"ids": list(ids)})
        return [Opened(row[0], row[1], _row(row, keys=" ".join(row[5]) if row[5] else None), *row[11:]) for row in cur]


def page(
    instance_id: int,
    states: Sequence[str],
    *,
    topic_id: int | None,
    producer_group_id: int | None,
    message_id: str | None,
    before: int,
    limit: int,
    max_checks: int,
) -> list[Listed]:
    """Returns transactions numbered below `before`, newest first."""
    with session.cursor() as cur:
        cur.execute(
            _SQL["page"],
            {
                "instance_id": instance_id,
                "states": list(states),
                "topic_id": topic_id,
                "group_id": producer_group_id,
                "message_id": message_id,
                "before": before,
                "limit": limit,
                "max_checks": max_checks,
            },
        )
        return [Listed(*row) for row in cur]


def one(instance_id: int, half_id: int, *, max_checks: int) -> Whole | None:
    """Returns a transaction of an instance with its message."""
    with session.cursor() as cur:
        cur.execute(_SQL["one"], {"instance_id": instance_id, "id": half_id, "max_checks": max_checks})
        row = cur.fetchone()
        return None if row is None else Whole(Listed(*row[:18]), unpack_properties(row[18]), *row[19:])


def checks(half_id: int, *, limit: int) -> list[Check]:
    """Returns the checks of a transaction, newest first."""
    with session.cursor() as cur:
        cur.execute(_SQL["checks"], {"id": half_id, "limit": limit})
        return [Check(*row) for row in cur]


def counts(instance_id: int, *, topic_id: int | None, limit: int) -> dict[str, int]:
    """Returns how many transactions are WAITING and DISCARDED, each counted up to `limit`."""
    with session.cursor() as cur:
        cur.execute(_SQL["counts"], {"instance_id": instance_id, "topic_id": topic_id, "limit": limit})
        return {row[0]: row[1] for row in cur}


def counts_by_group(producer_group_ids: Sequence[int], *, limit: int) -> dict[int, tuple[int, int]]:
    """Returns how many wait and how many were discarded of each group, each counted up to `limit`."""
    with session.cursor() as cur:
        cur.execute(_SQL["counts_by_group"], {"group_ids": list(producer_group_ids), "limit": limit})
        return {row[0]: (row[1], row[2]) for row in cur}


def forget(state: str, age: timedelta) -> int:
    """Deletes a bounded number of transactions that have been in a state for longer than `age`. Returns how many."""
    with session.cursor() as cur:
        cur.execute(_SQL["forget"], {"state": state, "age": age, "limit": _FORGET_COUNT})
        return cur.rowcount


def gauges(limit: int) -> list[tuple[str, str, str, int, int]]:
    """Returns account, instance, topic, waiting and discarded half messages of at most `limit` topics."""
    with session.cursor() as cur:
        cur.execute(_SQL["gauges"], {"limit": limit})
        return [(row[0], row[1], row[2], row[3], row[4]) for row in cur]


def totals(limit: int) -> list[tuple[str, str, str, int, int]]:
    """Returns account, instance, producer group, checks and discards ever of at most `limit` groups."""
    with session.cursor() as cur:
        cur.execute(_SQL["totals"], {"limit": limit})
        return [(row[0], row[1], row[2], row[3], row[4]) for row in cur]


def _locked(row: tuple) -> Locked:  # type: ignore[type-arg] # what the statement selects
    message = None
    if row[10] is not None:
        message = Row(row[3], row[6], row[7], row[8], row[9], row[10], row[11], row[12], row[13], 0)
    return Locked(row[0], row[1], row[2], row[3], row[4], row[5], row[6], message, *row[14:])


def _row(row: tuple, *, keys: str | None) -> Row:  # type: ignore[type-arg] # what the statement selects
    return Row(row[2], row[3], row[4], keys, row[6], row[7], row[8], row[9], row[10], 0)
