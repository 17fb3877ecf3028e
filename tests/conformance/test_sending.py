"""What a sender may rely on: an answer means kept, a dedup id means once, a delay means not earlier."""

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from tests.conformance.conftest import Product
from tests.conformance.door import Delivered, Door, Message, Refused, Sent
from tests.stack import wait_until


@pytest.fixture
def topic(product: Product) -> str:
    return product.topic()


@pytest.fixture
def delayed(product: Product) -> str:
    return product.topic(type="DELAY")


def stored(product: Product, topic: str) -> list[tuple[int, int, str]]:
    """Returns (queue, offset, message id) of every message in a topic's log."""
    return [
        (number, offset, message_id)
        for number, offset, message_id in product.rows(
            "SELECT q.number, m.queue_offset, m.message_id FROM message m JOIN brokers_queue q ON q.id = m.queue_id"
            " JOIN brokers_topic t ON t.id = q.topic_id WHERE t.name = %s ORDER BY 1, 2",
            topic,
        )
    ]


# --- batches -------------------------------------------------------------------------------------------------------


@pytest.mark.needs("entries")
def test_what_is_wrong_with_one_entry_of_a_batch_is_its_own_business(product: Product, door: Door, topic: str) -> None:
    results = door.send_batch(
        topic,
        [
            Message(),
            Message(tag="a||b"),
            Message(body=b"x" * (4 * 1024 * 1024 + 1)),
            Message(properties={"TAGS": "mine"}),
            Message(delay=timedelta(seconds=5)),
            Message(properties={"p": "x" * 17_000}),
            Message(keys=("two words",)),
            Message(),
        ],
    )
    codes = [result.code if isinstance(result, Refused) else "" for result in results]
    assert codes == [
        "",
        "INVALID_REQUEST",
        "MESSAGE_TOO_LARGE",
        "RESERVED_PROPERTY",
        "TOPIC_TYPE_MISMATCH",
        "PROPERTIES_TOO_LARGE",
        "INVALID_REQUEST",
        "",
    ]
    assert all(len(result.detail) > 20 for result in results if isinstance(result, Refused))
    good = [result for result in results if isinstance(result, Sent)]
    assert sorted(row[2] for row in stored(product, topic)) == sorted(sent.message_id for sent in good)


@pytest.mark.needs("entries")
def test_a_refused_message_is_nowhere(product: Product, door: Door, topic: str) -> None:
    for message in (Message(tag=""), Message(sharding_key="x" * 65), Message(dedup_id="d" * 129)):
        with pytest.raises(Refused):
            door.send(topic, message)
    assert stored(product, topic) == []


def test_a_large_batch_keeps_its_order(product: Product, door: Door) -> None:
    topic = product.topic(queues=1)
    results = door.send_batch(topic, [Message(body=b"%d" % n) for n in range(1000)])
    assert [r.offset for r in results if isinstance(r, Sent)] == list(range(1000))
    assert [row[2] for row in stored(product, topic)] == [r.message_id for r in results if isinstance(r, Sent)]


# --- once ----------------------------------------------------------------------------------------------------------


@pytest.mark.needs("dedup")
def test_a_repeated_dedup_id_is_one_message_across_requests_and_processes(
    product: Product, door: Door, other_door: Door, topic: str
) -> None:
    first = door.send(topic, Message(dedup_id="order-1"))
    for again in (door.send(topic, Message(dedup_id="order-1")), other_door.send(topic, Message(dedup_id="order-1"))):
        assert again.is_duplicate and not first.is_duplicate
        assert (again.message_id, again.queue, again.offset) == (first.message_id, first.queue, first.offset)
    assert len(stored(product, topic)) == 1
    assert not door.send(product.topic(), Message(dedup_id="order-1")).is_duplicate


@pytest.mark.needs("dedup")
def test_a_dedup_id_repeated_within_a_batch_is_one_message(product: Product, door: Door, topic: str) -> None:
    results = door.send_batch(topic, [Message(dedup_id="a"), Message(dedup_id="b"), Message(dedup_id="a"), Message()])
    sent = [result for result in results if isinstance(result, Sent)]
    assert [s.is_duplicate for s in sent] == [False, False, True, False]
    assert sent[2].message_id == sent[0].message_id
    assert len(stored(product, topic)) == 3


@pytest.mark.needs("dedup")
def test_concurrent_senders_of_one_dedup_id_store_one_message(
    product: Product, door: Door, other_door: Door, threads: ThreadPoolExecutor
) -> None:
    topic = product.topic()
    sent = list(
        threads.map(lambda n: (door, other_door)[n % 2].send(topic, Message(dedup_id=f"d{n // 10}")), range(40))
    )
    assert len(stored(product, topic)) == 4
    for start in range(0, 40, 10):
        assert len({s.message_id for s in sent[start : start + 10]}) == 1
        assert sum(not s.is_duplicate for s in sent[start : start + 10]) == 1


@pytest.mark.needs("dedup")
def test_a_dedup_id_holds_for_a_message_that_still_waits(product: Product, door: Door, delayed: str) -> None:
    first = door.send(delayed, Message(dedup_id="later", delay=timedelta(hours=1)))
    again = door.send(delayed, Message(dedup_id="later", delay=timedelta(hours=2)))
    assert again.is_duplicate
    assert (again.message_id, again.deliver_at) == (first.message_id, first.deliver_at)


# --- not earlier ---------------------------------------------------------------------------------------------------


def test_a_delayed_message_is_never_early(product: Product, door: Door, delayed: str) -> None:
    group = product.group()
    door.receive(group, [delayed])
    at = database_time(product) + timedelta(seconds=4.9)
    due, latest = {}, {}  # a delay begins somewhere between asking for it and being told
    for seconds in (4.3, 4.7, 5.1, 5.5):
        began, delay = database_time(product), timedelta(seconds=seconds)
        sent = door.send(delayed, Message(delay=delay))
        due[sent.message_id], latest[sent.message_id] = began + delay, database_time(product) + delay
    sent = door.send(delayed, Message(deliver_at=at))
    due[sent.message_id] = latest[sent.message_id] = at
    now = door.send(delayed, Message())
    assert only(door.receive(group, [delayed], wait=1)).message_id == now.message_id
    got: list[Delivered] = []
    while len(got) < len(due):
        some = door.receive(group, [delayed], wait=20)
        assert some, f"{len(due) - len(got)} never came"
        seen_at = database_time(product)
        for delivered in some:
            assert delivered.stored_at >= due[delivered.message_id] - timedelta(milliseconds=1)
            assert seen_at >= due[delivered.message_id]
            assert seen_at - latest[delivered.message_id] < timedelta(seconds=20)
        got += some
    came = [d.message_id for d in got]
    assert sorted(came) == sorted(due)
    for earlier, later in itertools.combinations(came, 2):
        assert due[earlier] <= latest[later]


def test_a_time_in_the_past_means_now(product: Product, door: Door, delayed: str) -> None:
    group = product.group()
    sent = door.send(delayed, Message(deliver_at=datetime(2001, 1, 1, tzinfo=UTC)))
    assert only(door.receive(group, [delayed], wait=20)).message_id == sent.message_id


@pytest.mark.parametrize(
    "fields",
    [{"delay": timedelta(days=41)}, {"deliver_at": datetime(2500, 1, 1, tzinfo=UTC)}, {"delay": timedelta(-1)}],
)
def test_a_delay_that_is_too_long_is_refused(door: Door, delayed: str, fields: dict[str, timedelta]) -> None:
    with pytest.raises(Refused) as caught:
        door.send(delayed, Message(**fields))  # type: ignore[arg-type] # fields of Message
    assert caught.value.is_a("INVALID_REQUEST")


def database_time(product: Product) -> datetime:
    ((now,),) = product.rows("SELECT clock_timestamp()")
    assert isinstance(now, datetime)
    return now


def only(deliveries: list[Delivered]) -> Delivered:
    (one,) = deliveries
    return one


# --- in order ------------------------------------------------------------------------------------------------------


def test_one_sharding_key_is_one_queue_in_order(product: Product, door: Door, other_door: Door) -> None:
    topic = product.topic(type="FIFO", queues=4)
    for n in range(30):
        (door, other_door)[n % 2].send(topic, Message(body=b"%d" % n, sharding_key=f"key-{n % 3}"))
    group = product.group()
    got = door.receive(group, [topic], count=100)
    for key in range(3):
        mine = [d for d in got if int(d.body) % 3 == key]
        assert len({d.queue for d in mine}) == 1
        assert [int(d.body) for d in sorted(mine, key=lambda d: d.offset)] == list(range(key, 30, 3))


@pytest.mark.needs("entries")
def test_a_fifo_topic_asks_for_a_sharding_key(product: Product, door: Door) -> None:
    with pytest.raises(Refused) as caught:
        door.send(product.topic(type="FIFO"), Message())
    assert caught.value.code == "TOPIC_TYPE_MISMATCH" and "sharding_key" in caught.value.detail


@pytest.mark.needs("leases")
def test_an_ordered_group_has_one_message_of_a_queue_in_flight(
    product: Product, door: Door, other_door: Door, threads: ThreadPoolExecutor
) -> None:
    topic, group = product.topic(type="FIFO", queues=1), product.group(order="FIFO")
    for n in range(12):
        door.send(topic, Message(body=b"%d" % n, sharding_key="k"))
    done: list[int] = []
    in_flight: list[int] = []

    def work(mine: Door) -> None:
        while len(done) < 12:
            for delivered in mine.receive(group, [topic], wait=1):
                in_flight.append(int(delivered.body))
                assert len(in_flight) == 1, in_flight
                done.append(int(delivered.body))
                in_flight.remove(int(delivered.body))
                assert mine.ack(group, [delivered.receipt]) == [None]

    for outcome in [threads.submit(work, mine) for mine in (door, other_door, door, other_door)]:
        outcome.result(120)
    assert done == list(range(12))


@pytest.mark.needs("leases", "reasons")
def test_a_failing_head_blocks_its_queue_and_order_is_kept(product: Product, door: Door) -> None:
    topic = product.topic(type="FIFO", queues=1)
    group = product.group(order="FIFO", max_attempts=3, backoff_seconds=[3])
    ids = [door.send(topic, Message(body=b"%d" % n, sharding_key="k")).message_id for n in range(3)]
    first = only(door.receive(group, [topic]))
    assert door.receive(group, [topic]) == []
    assert door.nack(group, [first.receipt], error="no") == [None]
    refused_at = time.monotonic()
    assert door.receive(group, [topic], wait=0.5) == []
    second = only(door.receive(group, [topic], wait=20, invisible=1))
    assert time.monotonic() - refused_at >= 2.9
    assert (second.message_id, second.attempt, second.offset) == (ids[0], 2, first.offset)
    (stale,) = door.ack(group, [first.receipt])
    assert isinstance(stale, Refused) and stale.is_a("STALE_RECEIPT")
    third = only(door.receive(group, [topic], wait=20))
    assert (third.message_id, third.attempt) == (ids[0], 3)
    assert door.nack(group, [third.receipt], error="dead") == [None]
    for message_id in ids[1:]:
        got = only(door.receive(group, [topic], wait=20))
        assert (got.message_id, got.attempt) == (message_id, 1)
        assert door.ack(group, [got.receipt]) == [None]
    letters = product.rows(
        "SELECT d.message_id, d.attempts FROM dead_letter d"
        " JOIN brokers_group g ON g.id = d.group_id WHERE g.name = %s",
        group,
    )
    assert letters == [(ids[0], 3)]


@pytest.mark.needs("leases")
def test_filters_in_an_ordered_group_keep_the_queue_going(product: Product, door: Door) -> None:
    topic, group = product.topic(type="FIFO", queues=1), product.group(order="FIFO")
    tags = ["no", "yes", "no", "no", "yes"]
    ids = [door.send(topic, Message(tag=tag, sharding_key="k")).message_id for tag in tags]
    seen: list[str] = []

    def take() -> bool:
        for delivered in door.receive(group, [(topic, "yes")], wait=1):
            seen.append(delivered.message_id)
            assert door.ack(group, [delivered.receipt]) == [None]
        return len(seen) == 2

    wait_until(take, what="both wanted messages")
    assert seen == [ids[1], ids[4]]
