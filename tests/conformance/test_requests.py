"""What those who ask and those who answer may rely on, whatever door either of them uses."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conformance.conftest import DOORS, Product, open_door
from tests.conformance.door import Delivered, Door, Message, NobodyAnswered, NobodyThere, Refused, RequestDoor
from tests.stack import wait_until

ASKER_COUNT = 8


@pytest.fixture
def asker(door: Door) -> RequestDoor:
    assert isinstance(door, RequestDoor)
    return door


@pytest.fixture(params=DOORS)
def answerer(request: pytest.FixtureRequest, product: Product) -> Iterator[RequestDoor]:
    """Another client, of the same door or of another one: then of another process, too."""
    opened = open_door(request.param, product)
    yield opened
    opened.close()


@pytest.fixture
def topic(product: Product) -> str:
    return product.topic()


@pytest.fixture
def group(product: Product, topic: str, answerer: RequestDoor) -> str:
    """A group that reads the topic through the answering door."""
    name = product.group()
    start_reading(product, answerer, group=name, topic=topic)
    return name


def start_reading(product: Product, door: Door, *, group: str, topic: str) -> None:
    """Makes a group read a topic, and waits until that is known."""

    def is_known() -> bool:
        door.receive(group, [topic])
        return readers(product, topic) == [group]

    wait_until(is_known, what="the group to read the topic")


def readers(product: Product, topic: str) -> list[str] | None:
    told = product.client.get(f"{product.base}/topics/{topic}/requests").json()
    found: list[str] | None = told["topics"][0]["readers"]
    return found


def next_request(door: Door, group: str, topic: str) -> Delivered:
    found: list[Delivered] = wait_until(lambda: door.receive(group, [topic], count=1), what="a request")
    return found[0]


def test_each_asker_gets_the_reply_to_its_own_question(
    asker: RequestDoor, answerer: RequestDoor, topic: str, group: str, threads: ThreadPoolExecutor
) -> None:
    questions = [f"question {n}".encode() for n in range(ASKER_COUNT)]
    asking = [threads.submit(asker.request, topic, Message(body=body, tag="ask"), seconds=120) for body in questions]
    for _ in questions:
        request = next_request(answerer, group, topic)
        assert request.tag == "ask"
        answerer.reply(request, b"answer to " + request.body)
        answerer.ack(group, [request.receipt])
    assert [one.result() for one in asking] == [b"answer to " + body for body in questions]


def test_a_second_reply_is_refused_and_the_first_one_counts(
    asker: RequestDoor, answerer: RequestDoor, topic: str, group: str, threads: ThreadPoolExecutor
) -> None:
    asking = threads.submit(asker.request, topic, Message(), seconds=120)
    request = next_request(answerer, group, topic)
    answerer.reply(request, b"first")
    with pytest.raises(Refused):
        answerer.reply(request, b"second")
    assert asking.result() == b"first"


def test_a_question_nobody_answers_times_out_and_a_late_reply_is_refused(
    asker: RequestDoor, answerer: RequestDoor, topic: str, group: str
) -> None:
    with pytest.raises(NobodyAnswered):
        asker.request(topic, Message(), seconds=0.5)
    with pytest.raises(Refused):
        answerer.reply(next_request(answerer, group, topic), b"late")


def test_a_question_nobody_can_answer_is_refused_at_once_and_not_sent(
    product: Product, asker: RequestDoor, topic: str
) -> None:
    # Nobody is only known to be nobody when Redis has kept count for ten seconds.
    wait_until(lambda: readers(product, topic) == [], what="nobody to be known")
    with pytest.raises(NobodyThere):
        asker.request(topic, Message(), seconds=120)
    assert product.rows(
        "SELECT sum(q.next_offset)::int FROM brokers_queue q JOIN brokers_topic t ON t.id = q.topic_id"
        " WHERE t.name = %s",
        topic,
    ) == [(0,)]


def test_a_reply_by_another_process_reaches_whoever_asked(
    product: Product, asker: RequestDoor, other_door: Door, topic: str, threads: ThreadPoolExecutor
) -> None:
    assert isinstance(other_door, RequestDoor)
    group = product.group()
    start_reading(product, other_door, group=group, topic=topic)
    asking = threads.submit(asker.request, topic, Message(), seconds=120)
    other_door.reply(next_request(other_door, group, topic), b"from afar")
    assert asking.result() == b"from afar"
