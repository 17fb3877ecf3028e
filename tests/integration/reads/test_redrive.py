"""Redrives: counts that add up, destinations, pace, pause and cancel, crashes, and workers that meet."""

import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection

from accounts.models import AuditEntry
from brokers import tasks
from brokers.domain import limits
from brokers.domain.errors import Denied, ErrorCode, NotFound, Rejected
from brokers.engine import dead_letters, redrive
from brokers.engine.dead_letters import Filter, Selection
from brokers.models import Group, Operation, Topic
from brokers.store import dead_letters as rows
from brokers.store import session
from tests.integration.reads.consuming import acknowledge, bury, receive
from tests.integration.reads.graves import dig
from tests.integration.reads.world import World

ALL = Selection(filter=Filter())


def start(world: World, group: Group, selection: Selection = ALL, **options: object) -> Operation:
    made = dead_letters.start_redrive(world.actor, group, selection=selection, **options)  # type: ignore[arg-type] # test data
    assert isinstance(made, Operation)
    return made


def run(operation: Operation, *, batches: int = 1000) -> Operation:
    """Runs batches without the waits between them, as many as given."""
    for _ in range(batches):
        if dead_letters.run_batch(operation.pk).is_done:
            break
    operation.refresh_from_db()
    return operation


def check_books(operation: Operation) -> None:
    """Counts, ledger and marks tell the same story."""
    operation.refresh_from_db()
    with connection.cursor() as cur:
        cur.execute(
            "SELECT outcome, count(*) FROM redrive_entry WHERE operation_id = %s GROUP BY outcome", [operation.pk]
        )
        ledger = dict(cur.fetchall())
        cur.execute("SELECT count(*) FROM dead_letter WHERE replayed_by = %s", [operation.pk])
        marked = cur.fetchone()[0]
        cur.execute(
            "SELECT count(*) FROM redrive_entry e JOIN message m"
            " ON m.queue_id = e.queue_id AND m.queue_offset = e.queue_offset"
            " WHERE e.operation_id = %s AND e.outcome = 'MOVED'",
            [operation.pk],
        )
        appended = cur.fetchone()[0]
    assert ledger.get("MOVED", 0) == operation.moved_count == marked == appended
    assert ledger.get("FAILED", 0) == operation.failed_count
    assert ledger.get("SKIPPED", 0) <= operation.skipped_count
    if operation.state in {"SUCCEEDED", "PARTIAL"}:
        dealt_with = operation.moved_count + operation.skipped_count + operation.failed_count
        assert operation.matched_count == dealt_with
        assert operation.finished_at is not None


def copies(group: Group) -> list[str]:
    with connection.cursor() as cur:
        cur.execute(
            "SELECT m.message_id FROM message m JOIN brokers_queue q ON q.id = m.queue_id"
            " JOIN brokers_topic t ON t.id = q.topic_id WHERE t.group_id = %s AND t.kind = 'RETRY'",
            [group.pk],
        )
        return [message_id for (message_id,) in cur.fetchall()]


def test_replay_to_origin_reaches_only_that_group_as_its_first_attempt(world: World) -> None:
    topic, group, other = world.topic("orders", queues=1), world.group("mail", max_attempts=2), world.group("pay")
    world.append(topic, message_id="X", tag="T", keys="k")
    acknowledge(receive(world, other, [topic]))
    bury(world, group, [topic])
    operation = run(start(world, group))
    assert (operation.state, operation.moved_count) == ("SUCCEEDED", 1)
    check_books(operation)
    assert receive(world, other, [topic]) == []
    (delivery,) = receive(world, group, [topic])
    assert (delivery.topic, delivery.attempt, delivery.message.message_id) == ("orders", 1, "X")
    assert (delivery.message.tag, delivery.message.keys) == ("T", ("k",))
    acknowledge([delivery])
    (letter,) = dead_letters.page(group).items
    assert (letter.state, letter.replayed_by) == ("REPLAYED", operation.pk)


def test_a_replayed_message_that_fails_again_is_a_new_dead_letter(world: World) -> None:
    topic, group = world.topic("orders", queues=1), world.group("mail", max_attempts=2)
    world.append(topic, message_id="X")
    bury(world, group, [topic])
    run(start(world, group))
    bury(world, group, [topic])
    states = [(d.message_id, d.state, d.attempts) for d in dead_letters.page(group).items]
    assert states == [("X", "DEAD", 2), ("X", "REPLAYED", 2)]
    assert [d.topic for d in dead_letters.page(group).items] == ["orders", "orders"]


def test_replay_to_a_topic_is_a_new_message_for_every_group(world: World) -> None:
    group, other = world.group("mail"), world.group("pay")
    target = world.topic("second", queues=4)
    dig(world, group, [{"message_id": f"M{n}", "properties": '{"RETRY_TOPIC":"orders","a":"b"}'} for n in range(3)])
    operation = run(start(world, group, destination="topic:second"))
    check_books(operation)
    deliveries = receive(world, other, [target])
    assert sorted(d.message.properties["ORIGIN_MESSAGE_ID"] for d in deliveries) == ["M0", "M1", "M2"]
    assert not {d.message.message_id for d in deliveries} & {"M0", "M1", "M2"}
    assert all(d.topic == "second" and "RETRY_TOPIC" not in d.message.properties for d in deliveries)


def test_messages_of_one_sharding_key_go_to_one_queue(world: World) -> None:
    group = world.group("mail")
    target = world.topic("second", queues=4, type=Topic.Type.FIFO)
    dig(world, group, [{"properties": f'{{"__SHARDINGKEY":"s{n % 3}"}}'} for n in range(30)])
    run(start(world, group, destination="topic:second"))
    with connection.cursor() as cur:
        cur.execute(
            "SELECT properties::json->>'__SHARDINGKEY', count(DISTINCT queue_id) FROM message"
            " WHERE queue_id = ANY(%s) GROUP BY 1",
            [world.queues(target)],
        )
        assert dict(cur.fetchall()) == {"s0": 1, "s1": 1, "s2": 1}


def test_four_thousand_dead_letters_are_replayed_and_the_counts_add_up(world: World) -> None:
    group = world.group("mail")
    dig(world, group, [{"tag": "AB"[n % 2]} for n in range(4000)])
    operation = run(start(world, group))
    assert (operation.matched_count, operation.moved_count, operation.state) == (4000, 4000, "SUCCEEDED")
    check_books(operation)
    found = copies(group)
    assert len(found) == len(set(found)) == 4000


def test_only_what_matches_is_taken_and_later_ones_are_left(world: World) -> None:
    group = world.group("mail")
    dig(world, group, [{"tag": "AB"[n % 2]} for n in range(10)])
    operation = start(world, group, Selection(filter=Filter(tags=("A",))))
    dig(world, group, [{"tag": "A"}])
    run(operation)
    assert (operation.matched_count, operation.moved_count) == (5, 5)
    assert dead_letters.count(group, Filter(state="DEAD")).number == 6


def test_dry_run_counts_and_shows_samples_but_does_nothing(world: World) -> None:
    group = world.group("mail")
    dig(world, group, [{} for _ in range(30)])
    preview = dead_letters.start_redrive(world.actor, group, selection=ALL, dry_run=True)
    assert isinstance(preview, dead_letters.Preview)
    assert (preview.count, len(preview.samples)) == (30, 20)
    assert not Operation.objects.exists()
    nothing = Selection(filter=Filter(topic="none"))
    empty = dead_letters.start_redrive(world.actor, group, selection=nothing, dry_run=True)
    assert isinstance(empty, dead_letters.Preview)
    assert empty.count == 0


def test_what_vanished_or_was_replayed_meanwhile_is_skipped_with_the_reason(world: World) -> None:
    group = world.group("mail")
    numbers = dig(world, group, [{} for _ in range(6)])
    by_hand = start(world, group, Selection(ids=(*numbers, numbers[-1] + 1000)))
    all_of_them = start(world, group)
    run(start(world, group, Selection(ids=(numbers[0],))))
    with connection.cursor() as cur:
        cur.execute("DELETE FROM dead_letter WHERE id = %s", [numbers[1]])
    run(all_of_them)
    run(by_hand)
    counts = (all_of_them.matched_count, all_of_them.moved_count, all_of_them.skipped_count)
    assert (*counts, all_of_them.state) == (6, 4, 2, "PARTIAL")
    assert (by_hand.matched_count, by_hand.moved_count, by_hand.skipped_count, by_hand.state) == (7, 0, 7, "PARTIAL")
    for operation in (all_of_them, by_hand):
        check_books(operation)
    reasons = Counter(row.detail.split(" by ")[0] for row in dead_letters.ledger(by_hand).items)
    assert reasons == {"replayed already": 5, "gone": 2}


def test_a_deleted_destination_fails_each_and_leaves_them_dead(world: World) -> None:
    group = world.group("mail")
    target = world.topic("second")
    dig(world, group, [{} for _ in range(3)])
    operation = start(world, group, destination="topic:second")
    target.delete()
    run(operation)
    assert (operation.failed_count, operation.state) == (3, "PARTIAL")
    check_books(operation)
    Topic.objects.get(name="orders").delete()
    orphans = run(start(world, group))
    assert (orphans.failed_count, orphans.moved_count) == (3, 0)
    assert "choose another destination" in dead_letters.ledger(orphans, outcome="FAILED").items[0].detail
    assert dead_letters.count(group, Filter(state="DEAD")).number == 3


def test_pause_resume_and_cancel(world: World) -> None:
    group = world.group("mail")
    dig(world, group, [{} for _ in range(500)])
    operation = run(start(world, group), batches=1)
    assert (operation.state, operation.moved_count) == ("RUNNING", 200)
    dead_letters.pause(world.actor, operation)
    assert dead_letters.run_batch(operation.pk).is_done
    with pytest.raises(Rejected) as caught:
        dead_letters.pause(world.actor, operation)
    assert caught.value.code == ErrorCode.CONFLICT
    dead_letters.resume(world.actor, operation)
    run(operation, batches=1)
    assert operation.moved_count == 400
    dead_letters.cancel(world.actor, operation)
    assert dead_letters.run_batch(operation.pk).is_done
    operation.refresh_from_db()
    assert (operation.state, operation.moved_count) == ("CANCELLED", 400)
    check_books(operation)
    with pytest.raises(Rejected):
        dead_letters.resume(world.actor, operation)
    actions = AuditEntry.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["mq:Resend", "mq:PauseOperation", "mq:ResumeOperation", "mq:CancelOperation"]


def test_a_batch_never_takes_more_than_the_rate_allows(world: World) -> None:
    group = world.group("mail")
    dig(world, group, [{} for _ in range(100)])
    operation = start(world, group, rate=50)
    step = dead_letters.run_batch(operation.pk)
    operation.refresh_from_db()
    assert (operation.moved_count, step.wait) == (10, timedelta(milliseconds=200))
    run(operation, batches=5)  # at once: nothing was earned yet
    assert operation.moved_count <= 15
    Operation.objects.filter(pk=operation.pk).update(heartbeat_at=rows.now() - timedelta(hours=1))
    run(operation, batches=1)
    assert operation.moved_count <= 65  # no more than a second's worth is ever saved up
    check_books(operation)


def test_two_workers_move_each_dead_letter_once(world: World) -> None:
    group = world.group("mail")
    dig(world, group, [{} for _ in range(1500)])
    operations = [start(world, group), start(world, group)]
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for _ in range(100):
                steps = [dead_letters.run_batch(o.pk) for o in operations[:: 1 if number % 2 else -1]]
                if all(step.is_done for step in steps):
                    return
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    workers = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert errors == []
    for operation in operations:
        run(operation)
        check_books(operation)
    assert sum(o.moved_count for o in operations) == 1500
    found = copies(group)
    assert len(found) == len(set(found)) == 1500


class Crash(BaseException):
    """The end of a worker, as its own code sees it: nothing catches it."""


@pytest.mark.parametrize(
    "point",
    ["appended", "redrive_copies_appended", "redrive_batch_written", "before_commit", "redrive_batch_committed"],
)
@pytest.mark.parametrize("batch", [1, 2])
def test_a_crash_at_any_point_loses_and_repeats_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, point: str, batch: int
) -> None:
    group = world.group("mail")
    dig(world, group, [{} for _ in range(450)])
    operation = start(world, group)
    seen = Counter[str]()

    def crash(reached: str) -> None:
        seen[reached] += 1
        if reached == point and seen[reached] == batch:
            raise Crash

    monkeypatch.setattr(session, "failpoint", crash)
    with pytest.raises(Crash):
        run(operation)
    monkeypatch.setattr(session, "failpoint", None)
    check_books(operation)
    Operation.objects.update(heartbeat_at=rows.now() - 2 * redrive.STALLED_AFTER)
    assert dead_letters.rescue() == [operation.pk]
    run(operation)
    assert (operation.state, operation.moved_count) == ("SUCCEEDED", 450)
    check_books(operation)
    found = copies(group)
    assert len(found) == len(set(found)) == 450


def test_the_rescue_asks_only_for_what_stands_still_and_not_twice(world: World) -> None:
    group = world.group("mail")
    dig(world, group, [{} for _ in range(3)])
    lost, fresh, paused = (start(world, group) for _ in range(3))
    dead_letters.pause(world.actor, paused)
    assert dead_letters.rescue() == []
    old = rows.now() - 2 * redrive.STALLED_AFTER
    Operation.objects.filter(pk__in=[lost.pk, paused.pk]).update(created_at=old)
    assert dead_letters.rescue() == [lost.pk]
    assert dead_letters.rescue() == []
    assert run(fresh).state == "SUCCEEDED"


def test_the_task_runs_an_operation_to_its_end(world: World) -> None:
    group = world.group("mail")
    dig(world, group, [{} for _ in range(450)])
    operation = start(world, group, rate=limits.REDRIVE_RATE_MAX_PER_SECOND)
    tasks.redrive(operation.pk)
    operation.refresh_from_db()
    assert (operation.state, operation.moved_count) == ("SUCCEEDED", 450)
    check_books(operation)
    tasks.redrive(operation.pk + 1)  # one that is gone ends at once


def test_an_operation_that_cannot_go_on_is_failed_and_can_be_resumed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = world.group("mail")
    dig(world, group, [{} for _ in range(3)])
    operation = start(world, group)

    def poison(reached: str) -> None:
        if reached == "redrive_copies_appended":
            raise ZeroDivisionError

    monkeypatch.setattr(session, "failpoint", poison)
    tasks.redrive(operation.pk)
    monkeypatch.setattr(session, "failpoint", None)
    operation.refresh_from_db()
    assert operation.state == "FAILED"
    assert "ZeroDivisionError" in operation.error
    dead_letters.resume(world.actor, operation)
    assert run(operation).state == "SUCCEEDED"
    check_books(operation)


def test_large_bodies_make_small_batches(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    group = world.group("mail")
    dig(world, group, [{"body": b"x" * 1000} for _ in range(7)])
    monkeypatch.setattr(limits, "REDRIVE_BATCH_BYTES", 2500)
    operation = run(start(world, group), batches=1)
    assert operation.moved_count == 2
    run(operation)
    assert operation.moved_count == 7
    check_books(operation)


def test_bad_requests_start_nothing(world: World, stranger: World) -> None:
    group = world.group("mail")
    (number,) = dig(world, group, [{}])
    (foreign,) = dig(stranger, stranger.group("mail"), [{}])
    for selection in (Selection(), Selection(ids=(), filter=None), Selection(ids=(1,), filter=Filter())):
        with pytest.raises(Rejected):
            start(world, group, selection)
    for options in ({"rate": 0}, {"rate": 10**9}, {"destination": "queue:x"}, {"destination": "topic:%RETRY%mail"}):
        with pytest.raises(Rejected):
            start(world, group, **options)
    with pytest.raises(NotFound):
        start(world, group, Selection(ids=(foreign,)))
    with pytest.raises(NotFound):
        start(world, group, destination="topic:nowhere")
    with pytest.raises(Denied):
        start(stranger, group)
    with pytest.raises(Rejected) as caught:
        start(world, group, Selection(filter=Filter(topic="none")))
    assert caught.value.code == ErrorCode.CONFLICT
    assert not Operation.objects.exists()
    run(start(world, group, Selection(ids=(number,))))
    with pytest.raises(Rejected):
        start(world, group, Selection(ids=(number,)))
