"""What a producer of transactions may rely on: seen if and only if committed, once and for all (promise P3)."""

import itertools
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from tests.conformance.conftest import Product
from tests.conformance.door import Checked, Decided, Door, Message, Refused, TransactionalDoor
from tests.stack import wait_until

pytestmark = pytest.mark.needs("transactions")
_numbers = itertools.count(1)


@pytest.fixture
def shop(door: Door) -> TransactionalDoor:
    assert isinstance(door, TransactionalDoor)
    return door


@pytest.fixture
def topic(product: Product) -> str:
    return product.topic(type="TRANSACTION")


@pytest.fixture
def group(product: Product) -> str:
    """Producers that are asked after a second, and then every three seconds, twice."""
    name = f"till-{next(_numbers)}"
    change_group(product, name, immunity_seconds=1, interval_seconds=3, max_checks=2)
    return name


@pytest.fixture
def patient(product: Product) -> str:
    """Producers that nobody asks while a test runs."""
    name = f"patient-{next(_numbers)}"
    change_group(product, name, immunity_seconds=600)
    return name


def change_group(product: Product, name: str, **fields: Any) -> None:
    product.client.patch(f"{product.base}/producer-groups/{name}", json=fields).raise_for_status()


def bodies(product: Product, topic: str) -> list[str]:
    """Returns what is in a topic's log."""
    found = product.rows(
        "SELECT convert_from(m.body, 'UTF8') FROM message m JOIN brokers_queue q ON q.id = m.queue_id"
        " JOIN brokers_topic t ON t.id = q.topic_id WHERE t.name = %s",
        topic,
    )
    return sorted(body for (body,) in found)


def state(product: Product, transaction: str) -> str:
    return str(product.client.get(f"{product.base}/transactions/{transaction}").json()["state"])


def refuses(work: Callable[[], object], code: str) -> None:
    with pytest.raises(Refused) as caught:
        work()
    assert caught.value.is_a(code), caught.value


def next_check(shop: TransactionalDoor, topic: str, group: str) -> Checked:
    """Returns a check, within a minute."""
    found: list[Checked] = wait_until(lambda: shop.checks(topic, group, wait=5), what="a check")
    (one,) = found
    return one


def test_a_half_message_is_seen_by_nobody_until_it_is_committed(
    product: Product, door: Door, shop: TransactionalDoor, topic: str, patient: str
) -> None:
    readers = product.group()
    door.receive(readers, [topic])
    sent = Message(body=b"paid", tag="till", keys=("order-1",), properties={"by": "card"}, sharding_key="order-1")
    transaction = shop.prepare(topic, sent, group=patient)
    assert door.receive(readers, [topic]) == []
    assert product.client.get(f"{product.base}/groups/{readers}/offsets").json()["lag"] == 0
    assert product.client.get(f"{product.base}/messages", params={"topic": topic}).json()["items"] == []
    decided = shop.decide(transaction, is_commit=True)
    (got,) = door.receive(readers, [topic], wait=20)
    assert (got.body, got.tag, got.keys, got.properties["by"]) == (b"paid", "till", ("order-1",), "card")
    assert decided == Decided("COMMITTED", got.queue, got.offset)
    assert (got.properties["TRAN_MSG"], got.properties["PGROUP"]) == ("true", patient)


def test_what_is_rolled_back_is_never_seen(
    product: Product, door: Door, shop: TransactionalDoor, topic: str, patient: str
) -> None:
    readers = product.group()
    transaction = shop.prepare(topic, Message(body=b"no"), group=patient)
    assert shop.decide(transaction, is_commit=False).state == "ROLLED_BACK"
    shop.decide(shop.prepare(topic, Message(body=b"yes"), group=patient), is_commit=True)
    assert [got.body for got in door.receive(readers, [topic], wait=20)] == [b"yes"]


@pytest.mark.parametrize("is_commit", [True, False])
def test_a_decision_is_final_and_repeating_it_is_safe(
    product: Product, shop: TransactionalDoor, topic: str, patient: str, is_commit: bool
) -> None:
    transaction = shop.prepare(topic, Message(body=b"once"), group=patient)
    first = shop.decide(transaction, is_commit=is_commit)
    assert shop.decide(transaction, is_commit=is_commit) == first
    refuses(lambda: shop.decide(transaction, is_commit=not is_commit), "TRANSACTION_DECIDED")
    assert bodies(product, topic) == (["once"] if is_commit else [])


def test_of_contrary_decisions_at_once_exactly_one_holds(
    product: Product, shop: TransactionalDoor, topic: str, patient: str, threads: ThreadPoolExecutor
) -> None:
    def decide(transaction: str, is_commit: bool) -> str:
        try:
            return shop.decide(transaction, is_commit=is_commit).state
        except Refused as error:
            assert error.is_a("TRANSACTION_DECIDED")
            return ""

    named = {f"m{n}": shop.prepare(topic, Message(body=f"m{n}".encode()), group=patient) for n in range(10)}
    expected = []
    for body, transaction in named.items():
        work = [threads.submit(decide, transaction, n % 2 == 0) for n in range(8)]
        (held,) = {done.result() for done in work} - {""}
        assert held == state(product, transaction)
        expected += [body] if held == "COMMITTED" else []
    assert bodies(product, topic) == sorted(expected)


def test_random_decisions_leave_in_the_log_what_was_committed_and_nothing_else(
    product: Product, shop: TransactionalDoor, topic: str, patient: str, threads: ThreadPoolExecutor
) -> None:
    chosen = random.Random(7)

    def play(number: int, choice: str) -> str | None:
        transaction = shop.prepare(topic, Message(body=f"{number:03}".encode()), group=patient)
        if choice == "commit":
            shop.decide(transaction, is_commit=True)
            return f"{number:03}"
        if choice == "roll back":
            shop.decide(transaction, is_commit=False)
        return None

    choices = [chosen.choice(["commit", "roll back", "leave"]) for _ in range(150)]
    committed = sorted(body for body in threads.map(play, range(150), choices) if body is not None)
    assert bodies(product, topic) == committed


def test_a_decision_names_one_half_message_and_no_other(
    product: Product, shop: TransactionalDoor, topic: str, patient: str
) -> None:
    transaction = shop.prepare(topic, Message(), group=patient)
    number, topic_id, checksum = transaction.split("-")
    other = f"{(int(checksum, 16) ^ 1):08x}"
    wrong = [
        f"{number}-{topic_id}-{other}",
        f"{int(number, 16) + 1:x}-{topic_id}-{checksum}",
        "nonsense",
        f"{number}-0-0",
    ]
    for name in [*wrong, f"{number}-{int(topic_id, 16) - 1:x}-{checksum}"]:
        refuses(partial(shop.decide, name, is_commit=True), "TRANSACTION_NOT_FOUND")
    assert state(product, transaction) == "WAITING"


@pytest.mark.needs("entries")
def test_only_topics_of_type_transaction_take_half_messages(
    product: Product, shop: TransactionalDoor, patient: str
) -> None:
    refuses(lambda: shop.prepare(product.topic(), Message(), group=patient), "TOPIC_TYPE_MISMATCH")


@pytest.mark.needs("dedup")
def test_a_half_message_with_a_known_dedup_id_is_the_first_one(
    product: Product, shop: TransactionalDoor, topic: str, patient: str
) -> None:
    first = shop.prepare(topic, Message(body=b"one", dedup_id="d"), group=patient)
    assert shop.prepare(topic, Message(body=b"two", dedup_id="d"), group=patient) == first
    shop.decide(first, is_commit=True)
    assert shop.prepare(topic, Message(body=b"three", dedup_id="d"), group=patient) == first
    assert bodies(product, topic) == ["one"]


def test_an_undecided_half_message_is_checked_and_its_producer_decides(
    product: Product, shop: TransactionalDoor, topic: str, group: str
) -> None:
    # One check and then none for long: a second one that is on its way already would be no mistake.
    change_group(product, group, interval_seconds=600)
    transaction = shop.prepare(topic, Message(body=b"forgotten"), group=group)
    asked = next_check(shop, topic, group)
    assert (asked.transaction, asked.number, asked.body) == (transaction, 1, b"forgotten")
    assert shop.decide(transaction, is_commit=True).state == "COMMITTED"
    assert bodies(product, topic) == ["forgotten"]
    assert shop.checks(topic, group) == []


def test_after_the_last_check_it_is_kept_for_a_person_and_a_late_decision_is_refused(
    product: Product, shop: TransactionalDoor, topic: str, group: str
) -> None:
    transaction = shop.prepare(topic, Message(body=b"late"), group=group)
    assert [next_check(shop, topic, group).number for _ in range(2)] == [1, 2]
    wait_until(lambda: state(product, transaction) == "DISCARDED", what="the discard")
    for is_commit in (True, False):
        refuses(partial(shop.decide, transaction, is_commit=is_commit), "TRANSACTION_DECIDED")
    assert bodies(product, topic) == []
    listed = product.client.get(f"{product.base}/transactions", params={"state": "DISCARDED", "topic": topic}).json()
    assert [one["transaction_id"] for one in listed["items"]] == [transaction]
    asked = product.client.post(f"{product.base}/transactions/{transaction}:commit", json={"discarded": True})
    assert asked.json()["state"] == "COMMITTED"
    assert bodies(product, topic) == ["late"]


def test_a_check_may_be_asked_for_and_others_producers_do_not_get_it(
    product: Product, shop: TransactionalDoor, topic: str, patient: str, group: str
) -> None:
    transaction = shop.prepare(topic, Message(body=b"mine"), group=patient)
    asked = product.client.post(f"{product.base}/transactions/{transaction}:check", json={})
    assert asked.status_code == 202
    assert next_check(shop, topic, patient).transaction == transaction
    assert shop.checks(topic, group) == []
    assert shop.checks(product.topic(type="TRANSACTION"), patient) == []
