"""Dying around commits: a burial and a redrive happen once or not at all, and what was begun is finished later."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from brokers.domain.errors import ErrorCode, Stale, UnknownOutcome
from brokers.engine import dead_letters, settlement
from brokers.engine.dead_letters import Filter, Selection
from brokers.engine.settlement import Refusal
from brokers.models import Group, Operation
from brokers.store import session
from tests.integration.reads.consuming import receive
from tests.integration.reads.dying_worker import DEATH
from tests.integration.reads.graves import dig
from tests.integration.reads.world import World
from tests.stack import wait_until

BURIAL_POINTS = ["noted_failures", "appended", "buried", "before_commit", "after_commit", "failed"]


class Crash(BaseException):
    """The end of a process, as its own code sees it: nothing catches it."""


def crash_at(monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    def crash(reached: str) -> None:
        if reached == point:
            monkeypatch.setattr(session, "failpoint", None)
            raise Crash

    monkeypatch.setattr(session, "failpoint", crash)


def buried(group: Group) -> tuple[int, int, int]:
    """Returns how many dead letters, messages in the dead-letter topic and last attempts the group has."""
    with connection.cursor() as cur:
        cur.execute(
            "SELECT (SELECT count(*) FROM dead_letter WHERE group_id = %(g)s),"
            " (SELECT count(*) FROM message m JOIN brokers_queue q ON q.id = m.queue_id"
            "  JOIN brokers_topic t ON t.id = q.topic_id WHERE t.group_id = %(g)s AND t.kind = 'DEAD_LETTER'),"
            " (SELECT count(*) FROM attempt WHERE group_id = %(g)s AND next_at IS NULL)",
            {"g": group.pk},
        )
        return tuple(cur.fetchone())


@pytest.mark.parametrize("point", BURIAL_POINTS)
def test_a_consumer_that_repeats_its_refusal_after_a_crash_buries_once(
    world: World, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    topic, group = world.topic("orders", queues=1), world.group("mail", max_attempts=1)
    world.append(topic)
    (delivery,) = receive(world, group, [topic])
    crash_at(monkeypatch, point)
    with pytest.raises(Crash):
        settlement.refuse([Refusal(delivery.receipt, "boom")])
    was_committed = point in {"after_commit", "failed"}
    assert buried(group) == ((1, 1, 1) if was_committed else (0, 0, 0))
    (result,) = settlement.refuse([Refusal(delivery.receipt, "boom")])
    assert isinstance(result, Stale) if was_committed else result is None
    assert buried(group) == (1, 1, 1)


@pytest.mark.parametrize("point", BURIAL_POINTS)
def test_a_lease_that_runs_out_after_a_crash_buries_once(
    world: World, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    topic, group = world.topic("orders", queues=1), world.group("mail", max_attempts=1)
    world.append(topic)
    (delivery,) = receive(world, group, [topic], invisible=timedelta(milliseconds=50))
    crash_at(monkeypatch, point)
    with pytest.raises(Crash):
        settlement.refuse([Refusal(delivery.receipt, "boom")])
    wait_until(lambda: (settlement.expire_leases(100), buried(group)[0])[1], what="the burial")
    assert buried(group) == (1, 1, 1)
    assert receive(world, group, [topic]) == []


@pytest.fixture
def broken_commit(world: World) -> Iterator[None]:
    """PostgreSQL ends the connection of whoever commits a dead letter: the answer to COMMIT never comes."""
    with connection.cursor() as cur:
        cur.execute(
            "CREATE FUNCTION end_connection() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$"
        )
        cur.execute(
            "CREATE CONSTRAINT TRIGGER end_at_commit AFTER INSERT ON dead_letter DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION end_connection()"
        )
    yield
    with connection.cursor() as cur:
        cur.execute("DROP FUNCTION IF EXISTS end_connection() CASCADE")


def test_a_connection_lost_in_commit_is_an_unknown_outcome_and_repeating_is_safe(
    world: World, broken_commit: None
) -> None:
    topic, group = world.topic("orders", queues=1), world.group("mail", max_attempts=1)
    world.append(topic)
    (delivery,) = receive(world, group, [topic])
    with pytest.raises(UnknownOutcome) as caught:
        settlement.refuse([Refusal(delivery.receipt, "boom")])
    assert caught.value.code == ErrorCode.UNKNOWN_OUTCOME
    with connection.cursor() as cur:
        cur.execute("DROP FUNCTION end_connection() CASCADE")
    (result,) = settlement.refuse([Refusal(delivery.receipt, "boom")])
    assert result is None
    assert buried(group) == (1, 1, 1)


@pytest.mark.parametrize("point", ["redrive_copies_appended", "before_commit", "redrive_batch_committed"])
def test_a_worker_process_that_dies_leaves_whole_batches_only(world: World, point: str) -> None:
    group = world.group("mail")
    dig(world, group, [{} for _ in range(500)])
    operation = dead_letters.start_redrive(world.actor, group, selection=Selection(filter=Filter()))
    assert isinstance(operation, Operation)
    command = [sys.executable, "-m", "tests.integration.reads.dying_worker", connection.settings_dict["NAME"]]
    died = subprocess.run(
        [*command, str(operation.pk), point, "2"],
        cwd=Path(__file__).parents[3],
        env={**os.environ},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert died.returncode == DEATH, died.stderr.decode()
    operation.refresh_from_db()
    batches = 2 if point == "redrive_batch_committed" else 1
    assert operation.moved_count == batches * 200
    while not dead_letters.run_batch(operation.pk).is_done:
        pass
    operation.refresh_from_db()
    assert (operation.state, operation.moved_count) == ("SUCCEEDED", 500)
    with connection.cursor() as cur:
        cur.execute("SELECT count(*), count(DISTINCT message_id) FROM message")
        assert cur.fetchone() == (500, 500)
