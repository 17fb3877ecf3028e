"""The engine's operations with arguments that can be written down, so that another process can be told to do them."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from brokers.catalog import producers, snapshot
from brokers.dispatch import appends, bridge
from brokers.domain import filters, receipts
from brokers.domain import transactions as names
from brokers.domain.actor import Actor
from brokers.domain.errors import BrokerError
from brokers.domain.messages import Outgoing
from brokers.engine import back_checks, delivery, publish, pulls, returns, schedule, settlement, transactions
from brokers.engine.delivery import Delivery, ReceiveRequest, Subscription
from brokers.engine.publish import Send
from brokers.engine.returns import Return
from brokers.engine.settlement import Refusal
from brokers.engine.transactions import Decision, Half

KEY = b"the tests' own key"
Arguments = dict[str, Any]


def perform(name: str, arguments: Arguments) -> Any:
    """Does an operation and returns what it returns."""
    return OPERATIONS[name](**arguments)


def text_of(delivered: Delivery) -> str:
    return receipts.encode(delivered.receipt, KEY)


def send(
    *, topic: int, ids: list[str], dedup: bool = False, delay: float | None = None, in_loop: bool = False
) -> Sequence[publish.Result]:
    entry = snapshot.topic_by_id(topic)
    assert entry is not None
    wait = None if delay is None else timedelta(seconds=delay)
    sends = [
        Send(entry, Outgoing(body=b"hello", message_id=i, dedup_id=i if dedup else None, delay=wait, queue=0))
        for i in ids
    ]
    return asyncio.run(_publish_in_loop(sends)) if in_loop else publish.publish(sends)


async def _publish_in_loop(sends: list[Send]) -> Sequence[publish.Result]:
    lane = appends.Lane("test")
    try:
        return await lane.run(publish.publish, sends)
    finally:
        lane.close()
        bridge.close()


def receive(*, group: int, topic: int, invisible: float = 60.0, tags: str = "*") -> list[Delivery]:
    group_entry, topic_entry = snapshot.group_by_id(group), snapshot.topic_by_id(topic)
    assert group_entry is not None and topic_entry is not None
    request = ReceiveRequest(
        group=group_entry,
        subscriptions=(Subscription(topic_entry, filters.parse_tags(tags)),),
        max_count=100,
        invisible=timedelta(seconds=invisible),
        client_id="tester",
    )
    (result,) = delivery.receive([request])
    assert isinstance(result, list), result
    return result


def acknowledge(*, receipts: list[str]) -> list[BrokerError | None]:
    return settlement.acknowledge([_receipt(text) for text in receipts])


def refuse(*, receipts: list[str]) -> list[BrokerError | None]:
    return settlement.refuse([Refusal(_receipt(text), "boom", timedelta()) for text in receipts])


def expire() -> int:
    return settlement.expire_leases(100)


def send_back(*, group: int, topic: int, message_id: str, is_final: bool) -> bool:
    group_entry, topic_entry = snapshot.group_by_id(group), snapshot.topic_by_id(topic)
    assert group_entry is not None and topic_entry is not None
    (message,) = pulls.find(topic_entry, message_id=message_id, limit=1)
    back = Return(group=group_entry, message=message, client_id="tester", delay=timedelta(), is_final=is_final)
    return returns.send_back(back)


def move_due() -> int:
    return schedule.move_due(100)


def recall(*, topic: int, message_id: str) -> str:
    """Returns the code of the refusal, or nothing when the message was recalled."""
    entry = snapshot.topic_by_id(topic)
    assert entry is not None
    try:
        schedule.recall(Actor(entry.account_id, None, "root@shop", is_root=True), entry, message_id)
    except BrokerError as error:
        return str(error.code)
    return ""


def producer_group(topic: int) -> snapshot.ProducerGroupEntry:
    entry = snapshot.topic_by_id(topic)
    assert entry is not None
    return producers.ensure(entry.account_id, entry.instance, "shop-service")


def prepare(*, topic: int, ids: list[str], dedup: bool = False) -> list[transactions.PrepareResult]:
    entry = snapshot.topic_by_id(topic)
    assert entry is not None
    group = producer_group(topic)
    return transactions.prepare(
        [Half(entry, Outgoing(body=b"hello", message_id=i, dedup_id=i if dedup else None, queue=0), group) for i in ids]
    )


def decide(*, transactions_: list[str], commit: bool, recover: bool = False) -> list[transactions.DecideResult]:
    return transactions.decide(
        [Decision(id=names.parse(text), is_commit=commit, by="tester", is_recovery=recover) for text in transactions_]
    )


def check() -> list[back_checks.Check]:
    return back_checks.claim_due(100)


def _receipt(text: str) -> receipts.Receipt:
    return receipts.decode(text, KEY)


_FUNCTIONS = (send, receive, acknowledge, refuse, expire, send_back, move_due, recall, prepare, decide, check)
OPERATIONS = {function.__name__: function for function in _FUNCTIONS}
