"""Every operation dies once at every point it reaches; what was answered for stays, and repeating it is safe.

`SCENARIOS` names the points of each operation in the order they are reached. A point added to the code fails a test
here until the scenarios know it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from brokers.domain.errors import BrokerError, Stale
from brokers.engine.publish import Published
from brokers.engine.transactions import Decided, Prepared
from brokers.models import Group, Topic
from tests.integration.crash import ledger, operations
from tests.integration.crash.conftest import Die
from tests.integration.reads.world import World
from tests.stack import PROJECT, wait_until

BRIEF = 0.03
# The points of a redrive are dealt with in tests/integration/reads/test_crashes.py.
ELSEWHERE = re.compile(r"redrive_")
_FAILING = ["noted_failures", "before_commit", "after_commit", "failed"]
_COMMITTING = ["appended", "decided_halves", "before_commit", "after_commit"]
_BURYING = ["noted_failures", "appended", "buried", "before_commit", "after_commit", "failed"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a scenario plays."""

    world: World
    topic: Topic
    group: Group

    def sent(self, *ids: str, **fields: Any) -> list[str]:
        results = operations.send(topic=self.topic.pk, ids=list(ids), **fields)
        assert all(isinstance(result, Published) for result in results)
        return list(ids)

    def receipts(self, *, invisible: float = 60.0) -> list[str]:
        got = operations.receive(group=self.group.pk, topic=self.topic.pk, invisible=invisible)
        return [operations.text_of(delivered) for delivered in got]


@dataclass(frozen=True, slots=True)
class Scenario:
    """An operation, what goes before it, and what must be true at the end.

    `is_kept` says from which point on it counts as done.
    """

    operation: str
    points: list[str]
    prepare: Callable[[Place], dict[str, Any]]
    kept_from: int
    order: str = "CONCURRENT"
    max_attempts: int = 16


def _failed_by(place: Place, **fields: Any) -> dict[str, Any]:
    place.sent("A")
    return {"receipts": place.receipts(**fields)}


def _run_out(place: Place) -> dict[str, Any]:
    place.sent("A")
    place.receipts(invisible=BRIEF)
    wait_until_run_out(place)
    return {}


def _due(place: Place) -> dict[str, Any]:
    place.sent("A", "B", delay=0.01)
    wait_until(
        lambda: ledger.rows("SELECT 1 FROM pending WHERE due_at <= clock_timestamp() HAVING count(*) = 2"), what="due"
    )
    return {}


def _send(ids: list[str], **fields: Any) -> Callable[[Place], dict[str, Any]]:
    return lambda place: {"topic": place.topic.pk, "ids": ids, **fields}


def _receive(place: Place) -> dict[str, Any]:
    place.sent("A", "B")
    return {"group": place.group.pk, "topic": place.topic.pk, "invisible": BRIEF}


def _acknowledge(place: Place) -> dict[str, Any]:
    place.sent("A", "B")
    return {"receipts": place.receipts(invisible=1.0)}


def _scheduled(place: Place) -> dict[str, Any]:
    (message_id,) = place.sent("A", delay=3600.0)
    return {"topic": place.topic.pk, "message_id": message_id}


def _half(ids: list[str], **fields: Any) -> Callable[[Place], dict[str, Any]]:
    def prepare(place: Place) -> dict[str, Any]:
        operations.producer_group(place.topic.pk)  # made now: its own commit is not what is looked at
        return {"topic": place.topic.pk, "ids": ids, **fields}

    return prepare


def _halves(place: Place, *ids: str) -> list[str]:
    results = operations.prepare(topic=place.topic.pk, ids=list(ids))
    assert all(isinstance(result, Prepared) for result in results), results
    return [str(result.id) for result in results if isinstance(result, Prepared)]


def _prepared(*, commit: bool, discarded: bool = False) -> Callable[[Place], dict[str, Any]]:
    def prepare(place: Place) -> dict[str, Any]:
        named = _halves(place, "A", "B")
        if discarded:
            ledger.change("UPDATE half SET state = 'DISCARDED'")
        return {"transactions_": named, "commit": commit, "recover": discarded}

    return prepare


def _send_back(*, is_final: bool) -> Callable[[Place], dict[str, Any]]:
    def prepare(place: Place) -> dict[str, Any]:
        (message_id,) = place.sent("A")
        where = {"group": place.group.pk, "topic": place.topic.pk}
        return {**where, "message_id": message_id, "is_final": is_final}

    return prepare


def _check_due(place: Place, *, check_count: int = 0) -> dict[str, Any]:
    _halves(place, "A")
    ledger.change("UPDATE half SET next_check_at = clock_timestamp(), check_count = %s", check_count)
    return {}


MANY = [f"M{n:04d}" for n in range(150)]
SCENARIOS: dict[str, Scenario] = {
    "send": Scenario("send", ["appended"], _send(["A", "B"]), 0),
    "send in the event loop": Scenario("send", ["appended"], _send(["A", "B"], in_loop=True), 0),
    "send many": Scenario("send", ["before_commit", "after_commit", "appended"], _send(MANY), 1),
    "send with a dedup id": Scenario(
        "send", ["claimed_dedup", "appended", "before_commit", "after_commit"], _send(["A", "B"], dedup=True), 3
    ),
    "send many with dedup ids": Scenario(
        "send", ["claimed_dedup", "appended", "before_commit", "after_commit"], _send(MANY, dedup=True), 3
    ),
    "schedule": Scenario(
        "send",
        ["claimed_dedup", "parked", "before_commit", "after_commit"],
        _send(["A", "B"], dedup=True, delay=0.01),
        3,
    ),
    "receive": Scenario("receive", ["positions_read", "claimed"], _receive, 2),
    "receive in order": Scenario("receive", ["positions_read", "claimed"], _receive, 2, order="FIFO"),
    "acknowledge": Scenario("acknowledge", ["acknowledged"], _acknowledge, 0),
    "acknowledge in order": Scenario("acknowledge", ["acknowledged"], _acknowledge, 0, order="FIFO"),
    "refuse": Scenario("refuse", _FAILING, _failed_by, 2),
    "refuse in order": Scenario("refuse", _FAILING, _failed_by, 2, order="FIFO"),
    "bury": Scenario("refuse", _BURYING, _failed_by, 4, max_attempts=1),
    "bury in order": Scenario("refuse", _BURYING, _failed_by, 4, order="FIFO", max_attempts=1),
    "expire": Scenario("expire", ["listed_expired", *_FAILING, "expired"], _run_out, 3),
    "expire in order": Scenario("expire", ["listed_expired", *_FAILING, "expired"], _run_out, 3, order="FIFO"),
    "expire and bury": Scenario("expire", ["listed_expired", *_BURYING, "expired"], _run_out, 5, max_attempts=1),
    "recall": Scenario("recall", ["recalled", "before_commit", "after_commit"], _scheduled, 2),
    "prepare": Scenario("prepare", ["prepared_halves", "before_commit", "after_commit"], _half(["A", "B"]), 2),
    "prepare with a dedup id": Scenario(
        "prepare",
        ["claimed_dedup", "prepared_halves", "before_commit", "after_commit"],
        _half(["A", "B"], dedup=True),
        3,
    ),
    "commit": Scenario("decide", _COMMITTING, _prepared(commit=True), 3),
    "roll back": Scenario("decide", _COMMITTING[1:], _prepared(commit=False), 2),
    "commit what was discarded": Scenario("decide", _COMMITTING, _prepared(commit=True, discarded=True), 3),
    "check": Scenario("check", ["claimed_checks"], _check_due, 0),
    "discard": Scenario("check", ["claimed_checks"], lambda place: _check_due(place, check_count=15), 0),
    "send back": Scenario("send_back", ["sent_back", "before_commit", "after_commit"], _send_back(is_final=False), 2),
    "send back for good": Scenario(
        "send_back", ["appended", "sent_back", "before_commit", "after_commit"], _send_back(is_final=True), 3
    ),
    "move what is due": Scenario("move_due", ["appended", "moved_due", "before_commit", "after_commit"], _due, 3),
}


def place_of(world: World, scenario: Scenario) -> Place:
    kind = "TRANSACTION" if scenario.operation in {"prepare", "decide", "check"} else "DELAY"
    topic = world.topic("orders", queues=1, type=kind)
    group = world.group("mail", order=scenario.order, max_attempts=scenario.max_attempts, backoff_seconds=[0])
    place = Place(world, topic, group)
    place.receipts()  # makes the cursors
    return place


def wait_until_run_out(place: Place) -> None:
    from brokers.leases import claims

    wait_until(lambda: claims.expired(10), what="a lease to run out")


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_scenario_names_every_point_the_operation_reaches(world: World, reached: list[str], name: str) -> None:
    scenario = SCENARIOS[name]
    arguments = scenario.prepare(place_of(world, scenario))
    reached.clear()
    operations.perform(scenario.operation, arguments)
    assert reached == scenario.points


def test_every_point_of_the_code_is_in_a_scenario() -> None:
    written = {
        point
        for path in (PROJECT / "brokers").rglob("*.py")
        for point in re.findall(r'\breached\("(\w+)"\)', path.read_text())
    }
    known = {point for scenario in SCENARIOS.values() for point in scenario.points}
    assert {point for point in written if not ELSEWHERE.match(point)} == known


CASES = [(name, number) for name, scenario in SCENARIOS.items() for number in range(len(scenario.points))]


@pytest.mark.parametrize(("name", "number"), CASES, ids=[f"{n}-{SCENARIOS[n].points[i]}-{i}" for n, i in CASES])
def test_dying_at_a_point_loses_nothing_and_repeats_safely(world: World, die: Die, name: str, number: int) -> None:
    scenario = SCENARIOS[name]
    place = place_of(world, scenario)
    arguments = scenario.prepare(place)
    die(scenario.operation, arguments, number)
    ledger.check_offsets()
    is_kept = number >= scenario.kept_from
    CHECKS[scenario.operation](place, arguments, is_kept)
    ledger.check_offsets()


def check_send(place: Place, arguments: dict[str, Any], is_kept: bool) -> None:
    ids = arguments["ids"]
    stored = ledger.log_of(place.topic) or [
        str(i) for (i,) in ledger.rows("SELECT message_id FROM pending ORDER BY id")
    ]
    assert stored == (ids if is_kept else [])
    if arguments.get("dedup"):
        again = operations.send(**arguments)
        assert [isinstance(r, Published) and r.duplicate for r in again] == [is_kept] * len(ids)
    elif not is_kept:
        place.sent(*ids)
    seen = ledger.drain(place.group, place.topic)
    assert seen == dict.fromkeys(ids, 1)
    assert sorted(ledger.log_of(place.topic)) == sorted(ids)


def check_receive(place: Place, _: dict[str, Any], is_kept: bool) -> None:
    assert ledger.drain(place.group, place.topic) == {"A": 1, "B": 1}
    assert ledger.dead_letters(place.group) == []


def check_acknowledge(place: Place, arguments: dict[str, Any], is_kept: bool) -> None:
    assert is_kept
    assert operations.acknowledge(**arguments) == [None] * len(arguments["receipts"])
    left = {"B": 1} if place.group.order == "FIFO" else {}
    assert ledger.drain(place.group, place.topic) == left


def check_refuse(place: Place, arguments: dict[str, Any], is_kept: bool) -> None:
    (result,) = operations.refuse(**arguments)
    assert isinstance(result, Stale) if is_kept else result is None
    check_failed_once(place)


def check_expire(place: Place, _: dict[str, Any], is_kept: bool) -> None:
    assert ledger.attempts(place.group) == int(is_kept)
    operations.expire()
    check_failed_once(place)


def check_failed_once(place: Place) -> None:
    assert ledger.attempts(place.group) == 1
    is_dead = place.group.max_attempts == 1
    assert ledger.drain(place.group, place.topic) == ({} if is_dead else {"A": 1})
    assert ledger.dead_letters(place.group) == (["A"] if is_dead else [])
    assert ledger.attempts(place.group) == 1


def check_send_back(place: Place, arguments: dict[str, Any], is_kept: bool) -> None:
    assert ledger.attempts(place.group) == int(is_kept)
    is_final = arguments["is_final"]
    assert operations.send_back(**arguments) is not is_final
    assert ledger.attempts(place.group) == 1
    assert ledger.dead_letters(place.group) == (["A"] if is_final else [])
    # The member has not committed its offset, so the message itself is still to come, and its retry.
    assert ledger.drain(place.group, place.topic) == {"A": 1 if is_final else 2}


def check_move_due(place: Place, _: dict[str, Any], is_kept: bool) -> None:
    assert ledger.log_of(place.topic) == (["A", "B"] if is_kept else [])
    assert ledger.drain(place.group, place.topic) == {"A": 1, "B": 1}
    assert ledger.log_of(place.topic) == ["A", "B"]


def check_recall(place: Place, arguments: dict[str, Any], is_kept: bool) -> None:
    assert ledger.rows("SELECT count(*) FROM pending") == [(0 if is_kept else 1,)]
    assert operations.recall(**arguments) == ("MESSAGE_NOT_FOUND" if is_kept else "")
    assert operations.recall(**arguments) == "MESSAGE_NOT_FOUND"
    assert ledger.drain(place.group, place.topic) == {}


def check_prepare(place: Place, arguments: dict[str, Any], is_kept: bool) -> None:
    ids = arguments["ids"]
    assert ledger.halves("WAITING") == (ids if is_kept else [])
    if arguments.get("dedup"):
        again = operations.prepare(**arguments)
        assert [isinstance(r, Prepared) and r.duplicate for r in again] == [is_kept] * len(ids)
    elif not is_kept:
        _halves(place, *ids)
    assert ledger.halves("WAITING") == ids
    assert ledger.drain(place.group, place.topic) == {}


def check_decide(place: Place, arguments: dict[str, Any], is_kept: bool) -> None:
    is_commit = arguments["commit"]
    state = "COMMITTED" if is_commit else "ROLLED_BACK"
    assert ledger.log_of(place.topic) == (["A", "B"] if is_commit and is_kept else [])
    assert ledger.halves(state) == (["A", "B"] if is_kept else [])
    again = operations.decide(**arguments)
    assert [isinstance(r, Decided) and (r.state, r.is_repeated) for r in again] == [(state, is_kept)] * 2
    contrary = operations.decide(**{**arguments, "commit": not is_commit})
    assert [r.code for r in contrary if isinstance(r, BrokerError)] == ["TRANSACTION_DECIDED"] * 2
    assert ledger.log_of(place.topic) == (["A", "B"] if is_commit else [])
    assert ledger.drain(place.group, place.topic) == ({"A": 1, "B": 1} if is_commit else {})


def check_check(place: Place, _: dict[str, Any], is_kept: bool) -> None:
    assert is_kept
    assert operations.check() == []
    ((state, count, noted),) = ledger.rows(
        "SELECT state, check_count, (SELECT count(*) FROM half_check WHERE half_id = half.id) FROM half"
    )
    assert (state, count, noted) in {("WAITING", 1, 1), ("DISCARDED", 15, 0)}
    assert ledger.drain(place.group, place.topic) == {}


CHECKS: dict[str, Callable[[Place, dict[str, Any], bool], None]] = {
    "send": check_send,
    "receive": check_receive,
    "acknowledge": check_acknowledge,
    "refuse": check_refuse,
    "expire": check_expire,
    "send_back": check_send_back,
    "move_due": check_move_due,
    "recall": check_recall,
    "prepare": check_prepare,
    "decide": check_decide,
    "check": check_check,
}
