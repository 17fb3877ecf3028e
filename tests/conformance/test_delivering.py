"""What a consumer may rely on: everything once at least, in order, settled for good when it says so."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests import tempo
from tests.conformance.conftest import Product
from tests.conformance.door import Delivered, Door, Message, Refused, Sent
from tests.stack import wait_until

WAIT_SECONDS = 120


def send(door: Door, topic: str, count: int, **fields: object) -> list[Sent]:
    results = door.send_batch(topic, [Message(body=b"%d" % n, **fields) for n in range(count)])  # type: ignore[arg-type] # fields of Message
    assert all(isinstance(result, Sent) for result in results), results
    return [result for result in results if isinstance(result, Sent)]


def let_it_park() -> None:
    """Gives a receive on another thread the time to look, find nothing and wait."""
    start = time.monotonic()
    wait_until(lambda: time.monotonic() > start + 0.3, what="the receive to be parked")


def drain(door: Door, group: str, topic: str, *, count: int, seconds: float = 120.0) -> list[Delivered]:
    """Receives and acknowledges until so many came."""
    got: list[Delivered] = []
    deadline = time.monotonic() + seconds
    while len(got) < count and time.monotonic() < deadline:
        some = door.receive(group, [topic], wait=1)
        if some:
            assert door.ack(group, [d.receipt for d in some]) == [None] * len(some)
        got += some
    return got


def only(deliveries: list[Delivered]) -> Delivered:
    (one,) = deliveries
    return one


@pytest.fixture
def topic(product: Product) -> str:
    return product.topic()


@pytest.fixture
def group(product: Product) -> str:
    return product.group()


# --- everybody gets everything, in order ---------------------------------------------------------------------------


def test_every_group_gets_every_message_in_queue_order(product: Product, door: Door, topic: str) -> None:
    sent = send(door, topic, 200)
    for group in (product.group(), product.group()):
        got = drain(door, group, topic, count=200)
        assert sorted(d.message_id for d in got) == sorted(s.message_id for s in sent)
        for queue in (0, 1):
            assert [d.offset for d in got if d.queue == queue] == [s.offset for s in sent if s.queue == queue]
        assert all(d.attempt == 1 for d in got)
        assert door.receive(group, [topic]) == []


def test_offsets_of_concurrent_senders_are_dense(
    product: Product, door: Door, other_door: Door, threads: ThreadPoolExecutor
) -> None:
    topic = product.topic(queues=3)
    parts = threads.map(lambda n: send((door, other_door)[n % 2], topic, 20), range(20))
    places = sorted((s.queue, s.offset) for part in parts for s in part)
    counts = [sum(1 for queue, _ in places if queue == q) for q in range(3)]
    assert sum(counts) == 400
    assert places == [(q, offset) for q in range(3) for offset in range(counts[q])]


@pytest.mark.needs("leases")
def test_members_of_a_group_share_without_overlap(
    product: Product, door: Door, other_door: Door, threads: ThreadPoolExecutor
) -> None:
    topic, group = product.topic(), product.group()
    sent = send(door, topic, 300)
    parts = threads.map(lambda n: (door, other_door)[n % 2].receive(group, [topic], count=40), range(16))
    got = [d.message_id for part in parts for d in part]
    assert len(got) == len(set(got)) == 300
    assert set(got) == {s.message_id for s in sent}


@pytest.mark.needs("leases")
def test_a_group_that_starts_at_the_latest_sees_only_what_comes_after(product: Product, door: Door, topic: str) -> None:
    group = product.group(start_from="LATEST")
    send(door, topic, 3)
    assert door.receive(group, [topic]) == []
    (sent,) = send(door, topic, 1)
    assert only(door.receive(group, [topic], wait=20)).message_id == sent.message_id


def test_a_message_arrives_as_it_was_sent(product: Product, door: Door, topic: str, group: str) -> None:
    messages = [
        Message(body=b"text"),
        Message(body=b"\xff\x00\x80" * 100),
        Message(body=b""),
        Message(body="日本語\u0000🙂".encode()),
        Message(tag="a tag", keys=("k1", "ключ"), properties={"a": "1", "ß": "naïve 🙂"}),
        Message(body=b"x" * 1_000_000),
    ]
    ids = [door.send(topic, message).message_id for message in messages]
    got = {d.message_id: d for d in drain(door, group, topic, count=len(messages))}
    for message_id, message in zip(ids, messages, strict=True):
        seen = got[message_id]
        assert (seen.body, seen.tag, seen.keys, dict(seen.properties)) == (
            message.body,
            message.tag,
            message.keys,
            dict(message.properties),
        )
        assert seen.topic == topic


@pytest.mark.needs("entries")
def test_a_property_without_a_value_arrives(door: Door, topic: str, group: str) -> None:
    door.send(topic, Message(properties={"empty": ""}))
    assert dict(only(drain(door, group, topic, count=1)).properties) == {"empty": ""}


def test_more_bodies_than_fit_into_one_answer_all_arrive(product: Product, door: Door, group: str) -> None:
    topic = product.topic(queues=1)
    sent = [door.send(topic, Message(body=b"%d" % n * 3_000_000)).message_id for n in range(9)]
    got = door.receive(group, [topic])
    assert 0 < len(got) < 9
    while len(got) < 9:
        some = door.receive(group, [topic])
        assert some
        got += some
    assert [d.message_id for d in got] == sent
    assert {d.attempt for d in got} == {1}


# --- long polls ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sender", ["same", "other"])
def test_a_waiting_receive_wakes_up_at_once(
    product: Product, door: Door, other_door: Door, threads: ThreadPoolExecutor, sender: str
) -> None:
    topic, group = product.topic(), product.group()
    door.receive(group, [topic])  # known to both, so that only waking is measured
    other_door.receive(group, [topic])
    delays = []
    for _ in range(5):
        poll = threads.submit(lambda: (door.receive(group, [topic], wait=20), time.monotonic()))
        let_it_park()
        start = time.monotonic()
        sent = (door if sender == "same" else other_door).send(topic, Message())
        got, end = poll.result()
        assert [d.message_id for d in got] == [sent.message_id]
        assert door.ack(group, [got[0].receipt]) == [None]
        delays.append(end - start)
    # A parked receiver looks by itself once a second; five in a row that fast were woken.
    assert sorted(delays)[2] < 0.4 * tempo.slowness(), delays


def test_a_receive_without_messages_answers_after_its_wait(door: Door, topic: str, group: str) -> None:
    with tempo.watch() as watch:
        start = time.monotonic()
        assert door.receive(group, [topic], wait=1.2) == []
        assert time.monotonic() - start > 1.1 and watch.seconds() < 4


# --- settling ------------------------------------------------------------------------------------------------------


@pytest.mark.needs("leases")
def test_an_acknowledgement_is_for_good_and_may_be_repeated(door: Door, topic: str, group: str) -> None:
    send(door, topic, 3)
    got = door.receive(group, [topic], invisible=4)
    receipts = [d.receipt for d in got]
    assert door.ack(group, receipts[:2]) == [None, None]
    assert door.ack(group, receipts[:2]) == [None, None]
    again = only(wait_for(door, group, topic))
    assert again.message_id == got[2].message_id
    assert door.receive(group, [topic], wait=1.5) == []


@pytest.mark.needs("leases")
def test_a_lease_that_runs_out_brings_the_message_again_once(door: Door, topic: str, group: str) -> None:
    send(door, topic, 1)
    first = only(door.receive(group, [topic], invisible=4))
    assert door.receive(group, [topic]) == []
    second = only(wait_for(door, group, topic))
    assert (second.message_id, second.topic, second.attempt) == (first.message_id, topic, 2)
    assert door.receive(group, [topic], wait=1.2) == []
    (late,) = door.ack(group, [first.receipt])
    assert isinstance(late, Refused) and late.is_a("STALE_RECEIPT")
    assert door.ack(group, [second.receipt]) == [None]


@pytest.mark.needs("leases")
def test_extending_keeps_a_message_hidden(door: Door, topic: str, group: str) -> None:
    send(door, topic, 3)
    got = door.receive(group, [topic], invisible=4)
    (until,) = door.extend(group, [got[1].receipt], invisible=60)
    assert not isinstance(until, Refused)
    assert until - got[1].invisible_until > timedelta(seconds=50)
    again: list[Delivered] = []
    while len(again) < 2:
        again += wait_for(door, group, topic)
    assert sorted(d.message_id for d in again) == sorted([got[0].message_id, got[2].message_id])
    assert door.receive(group, [topic], wait=1) == []
    assert door.ack(group, [got[1].receipt]) == [None]


@pytest.mark.needs("leases", "reasons")
def test_a_refused_message_waits_for_its_back_off_and_dies_once_with_its_origin(
    product: Product, door: Door, topic: str
) -> None:
    group = product.group(max_attempts=3, backoff_seconds=[3])
    (sent,) = send(door, topic, 1, tag="paid", keys=("o-1",))
    for attempt in (1, 2, 3):
        got = only(wait_for(door, group, topic))
        assert (got.attempt, got.message_id, got.topic, got.tag) == (attempt, sent.message_id, topic, "paid")
        assert door.nack(group, [got.receipt], error=f"failure {attempt}") == [None]
        if attempt < 3:
            assert door.receive(group, [topic], wait=0.5) == []
        (again,) = door.nack(group, [got.receipt], error="again")
        assert isinstance(again, Refused) and again.is_a("STALE_RECEIPT")
    letters = product.rows(
        "SELECT d.topic_name, d.message_id, d.tag, d.keys, d.attempts, d.error, d.body, d.queue_id, d.queue_offset"
        " FROM dead_letter d JOIN brokers_group g ON g.id = d.group_id WHERE g.name = %s",
        group,
    )
    assert [row[:7] for row in letters] == [(topic, sent.message_id, "paid", ["o-1"], 3, "failure 3", b"0")]
    assert door.receive(group, [topic], wait=1.5) == []
    # Anyone may read the dead letters as a topic.
    copy = only(door.receive(product.group(), [f"%DLQ%{group}"]))
    assert (copy.message_id, copy.properties["RETRY_TOPIC"]) == (sent.message_id, topic)
    assert copy.properties["ORIGIN_MESSAGE_ID"] == sent.message_id


@pytest.mark.needs("leases")
def test_a_nack_may_choose_its_own_delay(product: Product, door: Door, topic: str) -> None:
    group = product.group(backoff_seconds=[3600])
    send(door, topic, 1)
    got = only(door.receive(group, [topic]))
    assert door.nack(group, [got.receipt], delay=0) == [None]
    assert only(wait_for(door, group, topic)).attempt == 2


def test_a_refusal_in_one_group_is_not_seen_in_another(product: Product, door: Door, topic: str, group: str) -> None:
    other = product.group()
    send(door, topic, 1)
    got = only(door.receive(group, [topic]))
    assert door.nack(group, [got.receipt]) == [None]
    assert only(door.receive(other, [topic])).attempt == 1
    assert only(wait_for(door, group, topic)).attempt == 2
    assert door.receive(other, [topic], wait=0.5) == []


# --- receipts that are not good ------------------------------------------------------------------------------------


@pytest.mark.needs("leases")
def test_bad_receipts_are_named_one_by_one_and_do_nothing(product: Product, door: Door, topic: str, group: str) -> None:
    send(door, topic, 2)
    good, other = door.receive(group, [topic])
    foreign_group = product.group()
    foreign = only(door.receive(foreign_group, [topic], count=1))
    forged = good.receipt[:-2] + ("AA" if good.receipt[-2:] != "AA" else "BB")
    texts = [foreign.receipt, good.receipt, forged, "", "not a receipt", "é" * 20, good.receipt + "x"]
    for settle in (door.ack, door.nack):
        results = settle(group, texts)
        expected = ["INVALID_RECEIPT", "STALE_RECEIPT" if settle == door.nack else None, *["INVALID_RECEIPT"] * 5]
        for result, code in zip(results, expected, strict=True):
            assert (result is None) if code is None else (result is not None and result.is_a(code)), (code, result)
        assert all(result.detail for result in results if result is not None)
    assert door.ack(foreign_group, [foreign.receipt]) == [None]
    assert door.ack(group, [other.receipt]) == [None]


@pytest.mark.needs("leases")
def test_extending_what_is_over_is_stale(door: Door, topic: str, group: str) -> None:
    send(door, topic, 1)
    got = only(door.receive(group, [topic]))
    assert door.ack(group, [got.receipt]) == [None]
    (result,) = door.extend(group, [got.receipt], invisible=30)
    assert isinstance(result, Refused) and result.is_a("STALE_RECEIPT")


# --- filters and pauses --------------------------------------------------------------------------------------------


def test_a_filter_settles_what_it_leaves_out(product: Product, door: Door, topic: str, group: str) -> None:
    tags = ["paid", "open", None, "late", "paid"] * 20
    sent = door.send_batch(topic, [Message(tag=tag) for tag in tags])
    got = door.receive(group, [(topic, "paid || late")], count=256)
    assert all(d.tag in {"paid", "late"} for d in got)
    assert len(got) == 60 and len(sent) == 100
    assert door.ack(group, [d.receipt for d in got]) == [None] * 60
    assert door.receive(group, [topic]) == []
    left = product.rows(
        "SELECT sum(q.next_offset - c.committed) FROM cursor c JOIN brokers_queue q ON q.id = c.queue_id"
        " JOIN brokers_group g ON g.id = c.group_id WHERE g.name = %s",
        group,
    )
    assert left == [(0,)]


def test_a_filter_does_not_hide_retries_from_others_who_want_them(door: Door, topic: str, group: str) -> None:
    door.send_batch(topic, [Message(tag="a"), Message(tag="b")])
    got = only(door.receive(group, [(topic, "a")]))
    assert door.nack(group, [got.receipt]) == [None]
    assert only(wait_for(door, group, topic, tags="a")).message_id == got.message_id


def test_a_paused_group_gets_nothing_and_can_still_settle(product: Product, door: Door, topic: str, group: str) -> None:
    send(door, topic, 2)
    got = door.receive(group, [topic], count=1)
    product.change_group(group, paused=True)

    def is_paused() -> bool:
        try:
            door.receive(group, [topic], count=1, invisible=1)
        except Refused as error:
            return error.is_a("GROUP_PAUSED") and "Resume" in error.detail
        return False

    wait_until(is_paused, what="the pause to be seen")
    assert door.ack(group, [got[0].receipt]) == [None]
    product.change_group(group, paused=False)
    send(door, topic, 1)
    wait_until(lambda: wait_for(door, group, topic), what="the group to go on")


def wait_for(door: Door, group: str, topic: str, *, tags: str = "*") -> list[Delivered]:
    """Returns the next deliveries."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        try:
            got = door.receive(group, [(topic, tags)], wait=1)
        except Refused as error:
            assert error.is_a("GROUP_PAUSED")
            continue
        if got:
            return got
    raise AssertionError(f"nothing came in {WAIT_SECONDS} s")
