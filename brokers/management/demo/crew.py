"""The threads of the demo: one producer, and a consumer for each group. Every one goes on whatever happens."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from . import catalog, work
from .client import Client, Unwilling
from .traffic import Traffic

_log = logging.getLogger(__name__)

# How long a consumer's call waits on the server, so also how long a stop may take.
_POLL_SECONDS = 1
_PAUSE_AFTER_REFUSAL_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Consumer:
    """A member of a group: pauses after each call, and rests when it has caught up."""

    group: str
    topics: tuple[str | dict[str, str], ...]
    do: Callable[[work.Delivery], None]
    max_count: int = 16
    pause_seconds: float = 0.0
    rest_seconds: float = 0.0


CONSUMERS = (
    Consumer(catalog.PAYMENT, (catalog.ORDERS,), work.pay),
    Consumer(catalog.WAREHOUSE, ({"topic": catalog.ORDERS, "filter": "express||pickup"},), work.note),
    Consumer(catalog.MAILER, (catalog.MAILS, catalog.REMINDERS), work.send_mail),
    # Catches up at some fifteen a second, so that its work does not dwarf everything else in the console's line.
    Consumer(catalog.REPORTING, (catalog.ORDERS,), work.note, max_count=3, pause_seconds=0.2, rest_seconds=240.0),
)


def run(url: str, credentials: Mapping[str, Any], stop: threading.Event) -> None:
    """Makes the topics and groups, then sends and receives until `stop` is set."""
    setup = Client(url, credentials)
    _until_done(lambda: catalog.make(setup), stop)
    steps = [_producer(setup), *(_consumer(Client(url, credentials), consumer) for consumer in CONSUMERS)]
    threads = [threading.Thread(target=_go_on, args=(step, stop)) for step in steps]
    for thread in threads:
        thread.start()
    _log.info("demo_started", extra={"url": url})
    for thread in threads:
        thread.join()


def _producer(client: Client) -> Callable[[], float]:
    traffic = Traffic(client)
    is_seeded = False

    def step() -> float:
        nonlocal is_seeded
        if not is_seeded:
            traffic.seed()
            is_seeded = True
        return traffic.step()

    return step


def _consumer(client: Client, consumer: Consumer) -> Callable[[], float]:
    has_worked = False

    def step() -> float:
        nonlocal has_worked
        if _work_once(client, consumer):
            has_worked = True
            return consumer.pause_seconds
        rest = consumer.rest_seconds if has_worked else consumer.pause_seconds
        has_worked = False
        return rest

    return step


def _work_once(client: Client, consumer: Consumer) -> int:
    """Receives once, works, settles; returns how many messages there were."""
    asked = {
        "topics": list(consumer.topics),
        "max": consumer.max_count,
        # One that rests must not be kept waiting: with a long poll it would never find that it has caught up.
        "wait_seconds": 0.1 if consumer.rest_seconds else _POLL_SECONDS,
        "client_id": f"{consumer.group}-1",
    }
    deliveries = client.post(f"/groups/{consumer.group}/messages:receive", asked)["messages"]
    done, failed = [], []
    for delivery in deliveries:
        try:
            consumer.do(delivery)
            done.append(delivery["receipt"])
        except work.Failure as failure:
            failed.append((delivery["receipt"], str(failure)))
    if done:
        client.post(f"/groups/{consumer.group}/messages:ack", {"receipts": done})
    for receipt, error in failed:
        client.post(f"/groups/{consumer.group}/messages:nack", {"receipts": [receipt], "error": error})
    return len(deliveries)


def _go_on(step: Callable[[], float], stop: threading.Event) -> None:
    """Repeats `step`, waiting as long as it says; longer when the server cannot or will not."""
    while not stop.is_set():
        try:
            pause = step()
        except Unwilling as problem:
            _log.info("demo_interrupted", extra={"code": problem.code, "reason": str(problem)})
            pause = _PAUSE_AFTER_REFUSAL_SECONDS
        stop.wait(pause)


def _until_done(work_once: Callable[[], None], stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            return work_once()
        except Unwilling as problem:
            _log.info("demo_interrupted", extra={"code": problem.code, "reason": str(problem)})
            stop.wait(_PAUSE_AFTER_REFUSAL_SECONDS)
