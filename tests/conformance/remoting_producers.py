"""Producers of transactions as RocketMQ's clients are: a connection for each group, by which half messages go out and
checks come in.
"""

import json
import re
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.conformance import remoting_wire
from tests.conformance.door import Checked, Decided, Refused, Unanswered
from tests.conformance.remoting_wire import Answer, Hangup, Record, Wire

HEARTBEAT, END_TRANSACTION, CHECK, QUERY, UNREGISTER = 34, 37, 39, 12, 35
COMMIT, ROLL_BACK, PREPARED = 8, 12, 4
OK, SYSTEM_ERROR, INVALID = 0, 1, 29
_NAME = re.compile(r"([0-9a-f]+)-([0-9a-f]+)-([0-9a-f]{8})\Z")
_LAST_MS = (1 << 63) - 1
# A refused end has one number for both; clients do not listen, people read the words.
_MEANINGS = {"There is no transaction": "TRANSACTION_NOT_FOUND", "The transaction was": "TRANSACTION_DECIDED"}


@dataclass(frozen=True, slots=True)
class Half:
    """What an end of a transaction must name, beside the numbers."""

    topic: str
    group: str
    message_id: str


@dataclass(slots=True)
class Producers:
    """The producers of all groups of one door. Methods may be called from several threads at once."""

    address: tuple[str, int]
    key: tuple[str, str]
    _wires: dict[str, tuple[threading.RLock, list[Wire]]] = field(default_factory=dict)
    _halves: dict[str, Half] = field(default_factory=dict)
    _asked: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def close(self) -> None:
        for wire in [wire for _, wires in self._wires.values() for wire in wires]:
            wire.close()

    @contextmanager
    def of(self, group: str) -> Iterator[Wire]:
        """The group's own connection, which has said who it is. Raises Unanswered when it breaks."""
        with self._lock:
            lock, wires = self._wires.setdefault(group, (threading.RLock(), []))
        with lock:
            try:
                if not wires:
                    wires.append(Wire(self.address, self.key))
                    _tell_group(wires[0], group)
                yield wires[0]
            except Hangup as error:
                for wire in wires:
                    wire.close()
                wires.clear()
                raise Unanswered(repr(error)) from error

    def note(self, answer: Answer, half: Half) -> str:
        """Returns the transaction's id, made of what the answer to a half message holds."""
        assert answer.fields["transactionId"] == half.message_id
        half_id = int(answer.fields["msgId"][16:], 16)
        return self._name(half_id, int(answer.fields["queueOffset"]), half)

    def decide(self, wire: Wire, transaction: str, *, is_commit: bool) -> Decided:
        """Ends a transaction, waiting for the answer, which clients do not; then looks for what was committed."""
        half = self._halves.get(transaction[-8:], Half("", "strangers", "0" * 32))
        numbers = _NAME.match(transaction)
        fields = {
            "topic": half.topic,
            "producerGroup": half.group,
            "tranStateTableOffset": int(numbers[2], 16) if numbers else "none",
            "commitLogOffset": int(numbers[1], 16) if numbers else "none",
            "commitOrRollback": COMMIT if is_commit else ROLL_BACK,
            "fromTransactionCheck": str(transaction in self._asked).lower(),
            "msgId": half.message_id,
            "transactionId": half.message_id,
        }
        answer = wire.ask(END_TRANSACTION, fields)
        if answer.code != OK:
            raise _refusal(answer)
        if not is_commit:
            return Decided("ROLLED_BACK", None, None)
        record = _look_up(wire, half)
        return Decided("COMMITTED", record.queue, record.offset)

    def check(self, topic: str, group: str, *, wait: float) -> list[Checked]:
        """Returns the first check about a message of the topic that came, and waits for one."""
        deadline = time.monotonic() + wait
        with self.of(group) as wire:
            while True:
                for asked in [one for one in wire.requests if one.code == CHECK and one.fields["topic"] == topic]:
                    wire.requests.remove(asked)
                    return [self._read(asked, group)]
                if not wire.listen(deadline - time.monotonic()):
                    return []

    def _read(self, asked: Answer, group: str) -> Checked:
        (record,) = remoting_wire.read_records(asked.body)
        assert (record.topic, record.properties["PGROUP"]) == (asked.fields["topic"], group)
        assert record.properties["UNIQ_KEY"] == asked.fields["msgId"] == asked.fields["transactionId"]
        assert int(asked.fields["offsetMsgId"][16:], 16) == int(asked.fields["commitLogOffset"])
        half = Half(record.topic, group, asked.fields["transactionId"])
        name = self._name(int(asked.fields["commitLogOffset"]), int(asked.fields["tranStateTableOffset"]), half)
        self._asked.add(name)
        return Checked(name, int(record.properties["TRANSACTION_CHECK_TIMES"]), record.body)

    def _name(self, half_id: int, topic_id: int, half: Half) -> str:
        checksum = f"{zlib.crc32(half.message_id.encode()):08x}"
        self._halves[checksum] = half
        return f"{half_id:x}-{topic_id:x}-{checksum}"


def _tell_group(wire: Wire, group: str) -> None:
    said = {"clientID": f"127.0.0.1@{group}", "producerDataSet": [{"groupName": group}], "consumerDataSet": []}
    answer = wire.ask(HEARTBEAT, {}, json.dumps(said).encode())
    assert answer.code == OK, answer


def _look_up(wire: Wire, half: Half) -> Record:
    """Returns the one message with the half message's id that readers of the topic can see."""
    fields: Mapping[str, object] = {
        "topic": half.topic,
        "key": half.message_id,
        "maxNum": 32,
        "beginTimestamp": 0,
        "endTimestamp": _LAST_MS,
        "_UNIQUE_KEY_QUERY": "true",
    }
    (record,) = remoting_wire.read_records(wire.ask(QUERY, fields).body)
    return record


def _refusal(answer: Answer) -> Exception:
    if answer.code == INVALID:
        return Refused("TRANSACTION_NOT_FOUND", answer.remark)
    codes = [code for words, code in _MEANINGS.items() if answer.remark.startswith(words)]
    return Refused(codes[0], answer.remark) if codes else Unanswered(answer.remark)
