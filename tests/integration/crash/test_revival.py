"""A connection that PostgreSQL closed while it rested is replaced before anything is sent on it."""

import psutil
import psycopg
import pytest
from django.db import connection, connections

from brokers.domain.errors import UnknownOutcome
from brokers.store import log, revival, session
from tests.integration.reads.world import World
from tests.stack import wait_until


def end_backend() -> None:
    """Ends this thread's backend from outside, as a restart of the server does."""
    connection.ensure_connection()
    pid = connection.connection.info.backend_pid
    settings = connection.get_connection_params()
    where = {name: settings[name] for name in ("host", "user", "dbname")}
    with psycopg.connect(**where, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [pid])
    # It says goodbye first and closes a moment later; the client knows of neither until it reads.
    wait_until(lambda: not psutil.pid_exists(pid), what="the backend to be gone")


@pytest.fixture
def rested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revival, "_REST_SECONDS", 0.0)


def test_a_single_statement_goes_to_a_fresh_connection(world: World, rested: None) -> None:
    (queue_id,) = world.queues(world.topic("orders", queues=1))
    end_backend()
    (place,) = log.append([world.row(queue_id)])
    assert place is not None and place.offset == 0


def test_so_does_a_transaction(world: World, rested: None) -> None:
    end_backend()
    with session.transaction(), session.cursor() as cur:
        cur.execute("SELECT 1")
        assert cur.fetchone() == (1,)


def test_a_live_connection_is_kept(world: World, rested: None) -> None:
    with session.cursor():
        before = connections["default"].connection
    with session.cursor():
        assert connections["default"].connection is before


def test_one_that_dies_in_use_still_leaves_doubt(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    (queue_id,) = world.queues(world.topic("orders", queues=1))
    monkeypatch.setattr(revival, "_REST_SECONDS", 3600.0)
    end_backend()
    with pytest.raises(UnknownOutcome):
        log.append([world.row(queue_id)])
    (place,) = log.append([world.row(queue_id)])
    assert place is not None and place.offset == 0
