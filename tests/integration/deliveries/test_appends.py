"""Sends the event loop stores itself: the same results as on a thread, whatever the connection does meanwhile."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psutil
import psycopg
import pytest
from django.db import connection

from brokers.dispatch import appends
from brokers.domain import messages
from brokers.domain.errors import BrokerError, ErrorCode, NotFound, Rejected
from brokers.domain.messages import Outgoing
from brokers.engine import publish
from brokers.engine.publish import Published, Send
from brokers.store import revival
from tests.integration.deliveries.lines import Line
from tests.integration.reads.world import World
from tests.stack import wait_until

Sends = Line[Send, publish.Result]


@pytest.fixture
def line() -> Iterator[Sends]:
    line = Line(appends.Lane("test"), publish.publish)
    yield line
    line.close()


@contextmanager
def another_connection() -> Iterator["psycopg.Connection[Any]"]:
    settings = connection.get_connection_params()
    where = {name: settings[name] for name in ("host", "user", "dbname")}
    with psycopg.connect(**where, autocommit=True) as other:
        yield other


def outgoing(**fields: Any) -> Outgoing:
    return Outgoing(body=fields.pop("body", b"hello"), message_id=messages.new_message_id(), **fields)


def offsets(results: list[publish.Result]) -> list[int | None]:
    return [result.offset for result in results if isinstance(result, Published)]


def test_a_batch_of_one_statement_needs_no_thread(world: World, line: Sends) -> None:
    entry = world.entry(world.topic("orders", queues=1))
    results = line.run(*[Send(entry, outgoing(tag="a", keys=("k",), properties={"p": "v"})) for _ in range(64)])
    assert offsets(results) == list(range(64)) and line.thread_count == 0
    big = world.entry(world.topic("big", queues=1))
    large = outgoing(body=bytes(range(256)) * 16_000)  # more than a socket takes at once
    assert offsets(line.run(Send(big, large))) == [0] and line.thread_count == 0
    with connection.cursor() as cur:
        cur.execute("SELECT tag, keys, properties FROM message WHERE message_id <> %s LIMIT 1", [large.message_id])
        assert cur.fetchone() == ("a", ["k"], '{"p":"v"}')
        cur.execute("SELECT body FROM message WHERE message_id = %s", [large.message_id])
        assert bytes(cur.fetchone()[0]) == large.body


@pytest.mark.parametrize("fields", [{"dedup_id": "d1"}, {"delay": timedelta(hours=1)}])
def test_what_takes_a_transaction_goes_to_the_thread(world: World, line: Sends, fields: dict[str, Any]) -> None:
    entry = world.entry(world.topic("orders", type="DELAY"))
    plain, other = line.run(Send(entry, outgoing()), Send(entry, outgoing(**fields)))
    assert isinstance(plain, Published) and isinstance(other, Published) and line.thread_count == 1


def test_what_is_refused_and_what_is_gone_spoil_no_other(world: World, line: Sends) -> None:
    kept, row = world.entry(world.topic("kept", queues=1)), world.topic("gone")
    gone = world.entry(row)
    row.delete()
    bad, lost, good = line.run(Send(kept, outgoing(queue=7)), Send(gone, outgoing()), Send(kept, outgoing()))
    assert isinstance(bad, Rejected) and isinstance(lost, NotFound)
    assert isinstance(good, Published) and good.offset == 0


def test_a_missing_partition_is_made(world: World, line: Sends) -> None:
    entry = world.entry(world.topic("orders", queues=1))
    with connection.cursor() as cur:
        cur.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'message'::regclass")
        for (name,) in cur.fetchall():
            cur.execute(f"DROP TABLE {name}")
    assert offsets(line.run(Send(entry, outgoing()))) == [0] and line.thread_count == 1
    assert offsets(line.run(Send(entry, outgoing()))) == [1] and line.thread_count == 1


@pytest.mark.parametrize("rest_seconds", [0.0, 3600.0])
def test_a_connection_that_died_is_replaced(
    world: World, line: Sends, monkeypatch: pytest.MonkeyPatch, rest_seconds: float
) -> None:
    entry = world.entry(world.topic("orders", queues=1))
    assert offsets(line.run(Send(entry, outgoing()))) + offsets(line.run(Send(entry, outgoing()))) == [0, 1]
    pid = line.backend()
    with another_connection() as other:
        other.execute("SELECT pg_terminate_backend(%s)", [pid])
    wait_until(lambda: not psutil.pid_exists(pid), what="the backend to be gone")
    monkeypatch.setattr(revival, "_REST_SECONDS", rest_seconds)
    if rest_seconds:  # in use until now: nobody can know whether the statement arrived
        with pytest.raises(BrokerError) as caught:
            line.run(Send(entry, outgoing()))
        assert caught.value.code == ErrorCode.UNKNOWN_OUTCOME
    assert offsets(line.run(Send(entry, outgoing()))) == [2]


def test_an_abandoned_statement_takes_its_connection_with_it(world: World, line: Sends) -> None:
    entry = world.entry(world.topic("orders", queues=1))
    line.run(Send(entry, outgoing()))
    before = line.backend()
    with another_connection() as other, other.transaction():
        other.execute("SELECT 1 FROM brokers_queue FOR UPDATE")
        with pytest.raises(TimeoutError):
            line.runner.run(asyncio.wait_for(line.lane.run(publish.publish, [Send(entry, outgoing())]), 0.2))
    wait_until(lambda: not psutil.pid_exists(before), what="the abandoned connection to be closed")
    (after,) = line.run(Send(entry, outgoing()))
    assert isinstance(after, Published) and line.backend() != before


def test_a_commit_that_fails_after_the_rows_were_told_stores_nothing(world: World, line: Sends) -> None:
    entry = world.entry(world.topic("orders", queues=1))
    assert offsets(line.run(Send(entry, outgoing()))) == [0]
    with connection.cursor() as cur:
        cur.execute(
            "CREATE FUNCTION refuse_commit() RETURNS trigger LANGUAGE plpgsql AS"
            " $$BEGIN RAISE EXCEPTION 'not today'; END$$;"
            "CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON brokers_queue DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION refuse_commit()"
        )
        try:
            with pytest.raises(psycopg.errors.RaiseException):
                line.run(Send(entry, outgoing()))
            assert line.thread_count == 1, "what PostgreSQL refused is for the thread to deal with"
        finally:
            cur.execute("DROP FUNCTION refuse_commit() CASCADE")
        cur.execute("SELECT count(*) FROM message")
        assert cur.fetchone() == (1,)
    assert offsets(line.run(Send(entry, outgoing()))) == [1]
