"""The remoting door, spoken to by one who pops: single messages under a lease, which RocketMQ's clients do from 5.0 on.

Only receiving and settling differ. A receipt is what an acknowledgement names: topic, queue, offset and the handle
(POP_CK). There is no refusal with a reason here: who cannot deal with a message gives its lease another end.
"""

import secrets
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tests.conformance import remoting_wire
from tests.conformance.door import LEASES, Delivered, Refused
from tests.conformance.remoting_door import OK, RemotingDoor, RemotingRefused, checked, delivered
from tests.conformance.remoting_wire import Answer, Wire

POP, ACK, CHANGE_INVISIBLE = 200050, 200051, 200053
POLLING_TIMEOUT, POP_MAX, DEFAULT_INVISIBLE_SECONDS = 210, 32, 30


@dataclass(slots=True)
class PopDoor(RemotingDoor):
    """Remoting with an access key, popping. Numbers like these fit into JSON headers alone."""

    abilities: frozenset[str] = frozenset({LEASES})

    def receive(
        self,
        group: str,
        topics: Sequence[str | tuple[str, str]],
        *,
        count: int = 100,
        wait: float = 0,
        invisible: float | None = None,
        client_id: str = "",
    ) -> list[Delivered]:
        wanted = [(topic, "*") if isinstance(topic, str) else topic for topic in topics]
        seconds = DEFAULT_INVISIBLE_SECONDS if invisible is None else invisible
        deadline = time.monotonic() + wait
        got: list[Delivered] = []
        with self._json_wire() as wire:
            for number, (topic, tags) in enumerate(wanted):
                is_last = number == len(wanted) - 1
                while (most := min(count - len(got), POP_MAX)) > 0:
                    # Only the last topic is waited for, and only while nothing has come.
                    wait_ms = int(1000 * (deadline - time.monotonic())) if is_last and not got else 0
                    fields = {
                        "consumerGroup": group,
                        "topic": topic,
                        "queueId": -1,
                        "maxMsgNums": most,
                        "invisibleTime": int(seconds * 1000),
                        "pollTime": max(wait_ms, 0),
                        "bornTime": int(time.time() * 1000),
                        "initMode": 0,
                        "expType": "TAG",
                        "exp": tags,
                        "order": "false",
                    }
                    found = _deliveries(checked(wire.ask(POP, fields), OK, POLLING_TIMEOUT), topic)
                    got += found
                    if len(found) < most:
                        break
        return got

    def ack(self, group: str, receipts: Sequence[str]) -> list[Refused | None]:
        with self._json_wire() as wire:
            return [_refused(wire.ask(ACK, _named(group, receipt))) for receipt in receipts]

    def nack(
        self, group: str, receipts: Sequence[str], *, error: str = "", delay: float | None = None
    ) -> list[Refused | None]:
        done = self.extend(group, receipts, invisible=delay or 0)
        return [result if isinstance(result, Refused) else None for result in done]

    def extend(self, group: str, receipts: Sequence[str], *, invisible: float) -> list[datetime | Refused]:
        done: list[datetime | Refused] = []
        with self._json_wire() as wire:
            for receipt in receipts:
                fields = {**_named(group, receipt), "invisibleTime": int(invisible * 1000)}
                answer = wire.ask(CHANGE_INVISIBLE, fields)
                done.append(_refused(answer) or _instant(answer.fields["popTime"], answer.fields["invisibleTime"]))
        return done

    def _json_wire(self) -> AbstractContextManager[Wire]:
        return self._wire(remoting_wire.JSON)


def _deliveries(answer: Answer, asked: str) -> list[Delivered]:
    found = []
    for record in remoting_wire.read_records(answer.body):
        handle = record.properties["POP_CK"]
        _, popped_at, invisible, _, is_retry, _, queue, offset, _ = handle.split(" ")
        assert (int(queue), int(offset)) == (record.queue, record.offset)
        given = replace(record, properties={k: v for k, v in record.properties.items() if k != "POP_CK"})
        one = delivered(given, f"%RETRY%{secrets.token_hex(4)}" if is_retry == "1" else asked)
        found.append(
            replace(
                one,
                receipt=f"{record.topic}|{record.queue}|{record.offset}|{handle}",
                invisible_until=_instant(popped_at, invisible),
            )
        )
    return found


def _named(group: str, receipt: str) -> dict[str, object]:
    """Returns what names a delivery. A text that never was a receipt goes out as the handle."""
    parts = receipt.split("|", 3)
    topic, queue, offset, handle = parts if len(parts) == 4 else ("orders", "0", "0", receipt)
    return {"consumerGroup": group, "topic": topic, "queueId": queue, "offset": offset, "extraInfo": handle}


def _refused(answer: Answer) -> Refused | None:
    return None if answer.code == OK else RemotingRefused(answer.code, answer.remark)


def _instant(milliseconds: str, more: str) -> datetime:
    return datetime.fromtimestamp((int(milliseconds) + int(more)) / 1000, UTC)
