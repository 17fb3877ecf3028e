"""The connection dies with a commit under way: the answer is "unknown", never "failed", and repeating is safe."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from brokers.domain.errors import BrokerError, ErrorCode, Stale, TryLater, UnknownOutcome
from brokers.engine.publish import Published
from brokers.engine.transactions import Decided
from brokers.store import cursors, log
from tests.integration.crash import ledger, operations
from tests.integration.crash.cutting_proxy import CuttingProxy, When
from tests.integration.crash.test_crash_points import SCENARIOS, Place, place_of
from tests.integration.reads.world import World
from tests.stack import wait_until

# What the client says that makes the change durable: COMMIT, or a statement on its own, by the name it is prepared
# under (behind the portal's empty name, so that preparing it is not meant).
WORDS = {
    "prepare": b"COMMIT",
    "commit": b"COMMIT\0",  # and not a state of that beginning
    "roll back": b"COMMIT",
    "send": b"\0" + log._APPEND.name + b"\0",
    "send in the event loop": b"\0" + log._APPEND.name + b"\0",
    "send many": b"COMMIT",
    "send with a dedup id": b"COMMIT",
    "schedule": b"COMMIT",
    "acknowledge": b"\0" + cursors._SETTLE.name + b"\0",
    "refuse": b"COMMIT",
    "bury": b"COMMIT",
    "move what is due": b"COMMIT",
}


@pytest.fixture
def proxy(world: World) -> Iterator[CuttingProxy]:
    """This thread's connection goes through a proxy, for the test."""
    with tempfile.TemporaryDirectory(prefix="mqcut-") as folder:
        proxy = CuttingProxy(Path(folder), Path(connection.settings_dict["HOST"]))
        proxy.start()
        before = connection.settings_dict["HOST"]
        connection.close()
        connection.settings_dict["HOST"] = folder
        yield proxy
        connection.close()
        connection.settings_dict["HOST"] = before
        proxy.stop()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", WORDS)
def test_a_cut_at_the_commit_is_an_unknown_outcome(world: World, proxy: CuttingProxy, name: str, when: When) -> None:
    scenario = SCENARIOS[name]
    place = place_of(world, scenario)
    arguments = scenario.prepare(place)
    connection.close()
    proxy.cut(WORDS[name], when)
    with pytest.raises(UnknownOutcome) as caught:
        operations.perform(scenario.operation, arguments)
    assert proxy.cut_count == 1
    assert caught.value.code == ErrorCode.UNKNOWN_OUTCOME and "may have been done" in caught.value.detail
    if when == "after":
        wait_until(lambda: is_done(place, scenario.operation, arguments), what="PostgreSQL to have obeyed")
    repeat(place, scenario.operation, arguments, is_done=when == "after")
    ledger.check_offsets()


def is_done(place: Place, operation: str, arguments: dict[str, Any]) -> bool:
    if operation == "acknowledge":
        return bool(ledger.rows("SELECT 1 FROM cursor WHERE committed = 2"))
    if operation == "refuse":
        return ledger.attempts(place.group) == 1
    if operation == "prepare":
        return bool(ledger.halves("WAITING"))
    if operation == "decide":
        return not ledger.halves("WAITING")
    if operation == "move_due":
        return len(ledger.log_of(place.topic)) == 2
    return bool(ledger.log_of(place.topic) or ledger.rows("SELECT 1 FROM pending"))


def repeat(place: Place, operation: str, arguments: dict[str, Any], *, is_done: bool) -> None:
    """Does it again, as a client would, and looks at what became of it."""
    if operation == "prepare":
        assert ledger.halves("WAITING") == (arguments["ids"] if is_done else [])
        return
    if operation == "send" and not arguments.get("dedup"):
        assert ledger.log_of(place.topic) == (arguments["ids"] if is_done else [])
        return
    results = operations.perform(operation, arguments)
    if operation == "send":
        assert [isinstance(r, Published) and r.duplicate for r in results] == [is_done] * len(arguments["ids"])
        assert ledger.drain(place.group, place.topic) == dict.fromkeys(arguments["ids"], 1)
    elif operation == "decide":
        assert [isinstance(r, Decided) and r.is_repeated for r in results] == [is_done] * 2
        assert ledger.log_of(place.topic) == (["A", "B"] if arguments["commit"] else [])
    elif operation == "acknowledge":
        assert results == [None, None]
        assert ledger.drain(place.group, place.topic) == {}
    elif operation == "refuse":
        assert isinstance(results[0], Stale) if is_done else results[0] is None
        is_dead = place.group.max_attempts == 1
        assert ledger.drain(place.group, place.topic) == ({} if is_dead else {"A": 1})
        assert ledger.dead_letters(place.group) == (["A"] if is_dead else [])
    else:
        assert ledger.drain(place.group, place.topic) == {"A": 1, "B": 1}
        assert ledger.log_of(place.topic) == ["A", "B"]


@pytest.mark.parametrize("name", ["send with a dedup id", "refuse", "bury", "move what is due", "commit"])
def test_a_connection_ended_before_the_commit_means_nothing_was_done(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    scenario = SCENARIOS[name]
    place = place_of(world, scenario)
    arguments = scenario.prepare(place)
    end_at(monkeypatch, "before_commit")
    error = failure_of(scenario.operation, arguments)
    # The connection's death is noticed at the COMMIT, so nobody can know; and then nothing may be claimed.
    assert isinstance(error, UnknownOutcome | TryLater)
    repeat(place, scenario.operation, arguments, is_done=False)
    ledger.check_offsets()


@pytest.mark.parametrize(
    ("name", "point"),
    [("send with a dedup id", "claimed_dedup"), ("refuse", "noted_failures"), ("commit", "appended")],
)
def test_a_connection_ended_within_a_transaction_is_a_definite_no(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str, point: str
) -> None:
    scenario = SCENARIOS[name]
    place = place_of(world, scenario)
    arguments = scenario.prepare(place)
    end_at(monkeypatch, point)
    error = failure_of(scenario.operation, arguments)
    assert isinstance(error, TryLater) and error.code == ErrorCode.STORE_UNAVAILABLE
    repeat(place, scenario.operation, arguments, is_done=False)


def failure_of(operation: str, arguments: dict[str, Any]) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        operations.perform(operation, arguments)
    return caught.value


def end_at(monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    """Ends this thread's connection from another one when the engine comes to a point."""
    from brokers.store import session

    def end(reached: str) -> None:
        if reached != point:
            return
        monkeypatch.setattr(session, "failpoint", None)
        info = connection.connection.info
        with psycopg.connect(info.dsn, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [info.backend_pid])

    monkeypatch.setattr(session, "failpoint", end)
