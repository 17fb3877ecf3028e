"""A little traffic: writers, and members of two groups, that go on whatever happens and write down what they see."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.conformance.door import DEDUP, Delivered, Door, Message, Refused, Unanswered
from tests.conformance.history import Delivery, History

PACE_SECONDS = 0.02
# Every tenth message is one that the failing group never manages.
POISON = b"poison"


@dataclass(slots=True)
class Workload:
    """Runs inside a `with` block. `steady` acknowledges all; `failing` refuses poison until it is dead.

    Without a failing group there is none.
    """

    door: Door
    topic: str
    steady: str
    failing: str = ""
    history: History = field(default_factory=History)
    surprises: list[BaseException] = field(default_factory=list)
    _writing: threading.Event = field(default_factory=threading.Event)
    _reading: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> "Workload":
        jobs: list[Callable[[], None]] = [lambda n=n: self._write(n) for n in range(4)]  # type: ignore[misc] # bound now
        jobs += [lambda: self._consume(self.steady)] * 2
        jobs += [lambda: self._consume(self.failing)] * 2 if self.failing else []
        self._threads = [threading.Thread(target=self._guarded, args=(job,)) for job in jobs]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._writing.set()
        self._reading.set()
        for thread in self._threads:
            thread.join(60)

    def stop_writing(self) -> None:
        self._writing.set()
        for thread in self._threads[:4]:
            thread.join(60)

    def _guarded(self, job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:
            self.surprises.append(error)

    def _write(self, number: int) -> None:
        """Even writers repeat with the same dedup id until they are told; odd ones do not repeat what is unknown."""
        count = 0
        while not self._writing.wait(PACE_SECONDS):
            count += 1
            key = f"{number}-{count}"
            body = key.encode() + (b" " + POISON if count % 10 == 0 else b"")
            message = Message(body=body, dedup_id=key if number % 2 == 0 else None)
            repeats = number % 2 == 0 and DEDUP in self.door.abilities
            while (outcome := self._send(message)) != "ok" and repeats and not self._writing.wait(0.1):
                pass
            self.history.sent(key, outcome)

    def _send(self, message: Message) -> str:
        try:
            self.door.send(self.topic, message)
        except Unanswered:
            return "unknown"
        except Refused as error:
            assert error.status == 503, error
            return "refused"
        return "ok"

    def _consume(self, group: str) -> None:
        while not self._reading.is_set():
            try:
                self._consume_some(group)
            except Unanswered:
                self._reading.wait(0.1)
            except Refused as error:
                assert error.status == 503, error
                self._reading.wait(0.1)

    def _consume_some(self, group: str) -> None:
        asked = self.history.clock()
        got = self.door.receive(group, [self.topic], wait=1, count=50, invisible=4)
        seen = self.history.clock()
        self.history.delivered(Delivery(group, key_of(d.body), d.attempt, d.queue, d.offset, asked, seen) for d in got)
        bad = [d for d in got if group == self.failing and POISON in d.body]
        good = [d for d in got if d not in bad]
        if good:
            self.history.acked(group, self._settle(good, lambda receipts: self.door.ack(group, receipts)))
        if bad:
            self._settle(bad, lambda receipts: self.door.nack(group, receipts, error="poison"))

    def _settle(self, deliveries: list[Delivered], settle: Callable[[list[str]], list[Refused | None]]) -> list[str]:
        """Asks until there is an answer: repeating a receipt is safe. Returns the keys that are settled by it."""
        while True:
            try:
                return self._agreed(deliveries, settle([d.receipt for d in deliveries]))
            except Unanswered:
                pass
            except Refused as error:
                assert error.status == 503, error
            if self._reading.wait(0.1):
                return []

    @staticmethod
    def _agreed(deliveries: list[Delivered], results: list[Refused | None]) -> list[str]:
        for result in results:
            assert result is None or result.code == "STALE_RECEIPT", result
        return [key_of(d.body) for d, result in zip(deliveries, results, strict=True) if result is None]


def key_of(body: bytes) -> str:
    return body.decode().split(" ")[0]
