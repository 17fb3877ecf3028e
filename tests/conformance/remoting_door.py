"""The remoting door, spoken to as a member of groups: it pulls queues by offset and says how far it is.

There are no leases here: what was pulled stays with this member until it is settled, and a receipt is a place in a
queue. So a door object is one member, however many threads use it.
"""

import itertools
import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.conformance import remoting_wire
from tests.conformance.door import (
    TRANSACTIONS,
    Checked,
    Decided,
    Delivered,
    Message,
    NobodyAnswered,
    NobodyThere,
    Refused,
    Sent,
    Unanswered,
)
from tests.conformance.remoting_producers import PREPARED, Half, Producers
from tests.conformance.remoting_wire import Answer, Hangup, Record, Wire

SEND, SEND_BATCH, PULL, QUERY_OFFSET, UPDATE_OFFSET, HEARTBEAT, SEND_BACK, ROUTE = 310, 320, 11, 14, 15, 34, 36, 105
SEND_REPLY, PUSH_REPLY, REPLY_TOPIC = 325, 326, "DefaultCluster_REPLY_TOPIC"
OK, SYSTEM_ERROR, BUSY, UNAVAILABLE, NOTHING, NOTHING_MATCHED, MOVED, UNKNOWN_OFFSET = 0, 1, 2, 14, 19, 20, 21, 22
MAY_WAIT, SUBSCRIBES = 2, 4
# What a refusal looks like to those who know our codes.
MEANINGS = {
    13: {"INVALID_REQUEST", "MESSAGE_TOO_LARGE", "RESERVED_PROPERTY", "PROPERTIES_TOO_LARGE", "TOPIC_TYPE_MISMATCH"},
    16: {"GROUP_PAUSED", "ACCESS_DENIED"},
    17: {"TOPIC_NOT_FOUND"},
    29: {"INVALID_REQUEST", "INVALID_NAME", "INVALID_RECEIPT", "STALE_RECEIPT", "SUBSCRIPTION_CONFLICT"},
}
LEVELS = {1: 1, 5: 2, 10: 3, 30: 4, 60: 5}
WIRE_NAMES = {"KEYS", "TAGS", "UNIQ_KEY", "CLUSTER", "WAIT", "MSG_REGION", "__SHARDINGKEY"}
FAR = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Position:
    """How far the member is in a queue: the next offset to pull, what it has not settled, what it committed."""

    next: int
    open: set[int] = field(default_factory=set)
    committed: int = -1


@dataclass(frozen=True, slots=True)
class Wish:
    """What a receive is about: tags by topic, and all the queues they are in."""

    group: str
    wanted: Mapping[str, str]
    queues: Sequence[tuple[str, int]]


@dataclass(slots=True)
class RemotingDoor:
    """Remoting with an access key. Every second connection speaks the binary header encoding."""

    address: tuple[str, int]
    key: tuple[str, str]
    abilities: frozenset[str] = frozenset({TRANSACTIONS})
    _producers: Producers = field(init=False)
    _idle: list[Wire] = field(default_factory=list)
    _encodings: "itertools.cycle[int]" = field(default_factory=lambda: itertools.cycle((0, 1)))
    _counts: dict[str, int] = field(default_factory=dict)
    _turns: "itertools.count[int]" = field(default_factory=itertools.count)
    _positions: dict[tuple[str, str, int], Position] = field(default_factory=dict)
    _members: dict[str, tuple[threading.RLock, list[Wire]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._producers = Producers(self.address, self.key)

    def close(self) -> None:
        self._producers.close()
        for wire in [*self._idle, *(wire for _, wires in self._members.values() for wire in wires)]:
            wire.close()

    # --- sending ---------------------------------------------------------------------------------------------------

    def send(self, topic: str, message: Message) -> Sent:
        message_id = secrets.token_hex(16).upper()
        with self._wire() as wire:
            fields = self._send_fields(wire, topic, message, properties=_properties(message, message_id))
            answer = checked(wire.ask(SEND, fields, message.body))
        place = None if message.delay or message.deliver_at else int(answer.fields["queueOffset"])
        return Sent(message_id, int(answer.fields["queueId"]), place)

    def send_batch(self, topic: str, messages: Sequence[Message]) -> list[Sent | Refused]:
        ids = [secrets.token_hex(16).upper() for _ in messages]
        entries = [(m.body, _properties(m, i)) for m, i in zip(messages, ids, strict=True)]
        with self._wire() as wire:
            fields = self._send_fields(wire, topic, messages[0], properties={})
            answer = checked(wire.ask(SEND_BATCH, {**fields, "m": "true"}, remoting_wire.batch(entries)))
        places = [int(one[16:], 16) & (1 << 40) - 1 for one in answer.fields["msgId"].split(",")]
        return [Sent(i, int(answer.fields["queueId"]), place) for i, place in zip(ids, places, strict=True)]

    def prepare(self, topic: str, message: Message, *, group: str) -> str:
        half = Half(topic, group, secrets.token_hex(16).upper())
        properties = {**_properties(message, half.message_id), "TRAN_MSG": "true", "PGROUP": group}
        with self._producers.of(group) as wire:
            fields = self._send_fields(wire, topic, message, properties=properties)
            answer = checked(wire.ask(SEND, {**fields, "a": group, "f": PREPARED}, message.body))
        return self._producers.note(answer, half)

    def decide(self, transaction: str, *, is_commit: bool) -> Decided:
        with self._wire() as wire:
            return self._producers.decide(wire, transaction, is_commit=is_commit)

    def checks(self, topic: str, group: str, *, wait: float = 0) -> list[Checked]:
        return self._producers.check(topic, group, wait=wait)

    def _send_fields(
        self, wire: Wire, topic: str, first: Message, *, properties: Mapping[str, str]
    ) -> dict[str, object]:
        key = first.sharding_key
        queue = (next(self._turns) if key is None else sum(key.encode())) % self._queue_count(wire, topic)
        return {
            "a": "conformance",
            "b": topic,
            "c": "TBW102",
            "d": 4,
            "e": queue,
            "f": 0,
            "g": int(time.time() * 1000),
            "h": 0,
            "i": remoting_wire.write_properties(properties),
            "j": 0,
            "k": "false",
            "m": "false",
        }

    def _queue_count(self, wire: Wire, topic: str) -> int:
        if topic not in self._counts:
            route = json.loads(checked(wire.ask(ROUTE, {"topic": topic})).body)
            self._counts[topic] = int(route["queueDatas"][0]["writeQueueNums"] or 1)
        return self._counts[topic]

    # --- receiving -------------------------------------------------------------------------------------------------

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
        wanted = dict((t, "*") if isinstance(t, str) else t for t in topics)
        deadline = time.monotonic() + wait
        with self._member(group, wanted) as wire:
            queues = [(topic, queue) for topic in wanted for queue in range(self._queue_count(wire, topic))]
            queues.append((f"%RETRY%{group}", 0))
            wish = Wish(group, wanted, queues)
            while True:
                got = self._look(wire, wish, count=count)
                if got or time.monotonic() >= deadline:
                    return got
                self._wait(wire, wish, deadline=deadline)

    def _look(self, wire: Wire, wish: Wish, *, count: int) -> list[Delivered]:
        """Pulls from one queue after another; what came before a failure is kept."""
        got: list[Delivered] = []
        for place in wish.queues:
            try:
                answer = wire.ask(PULL, self._pull(wire, wish, place, count=count - len(got)))
                got += self._take(wish.group, place, answer)
            except (Hangup, Refused, Unanswered):
                if got:
                    return got
                raise
            if len(got) >= count:
                break
        return got

    def _wait(self, wire: Wire, wish: Wish, *, deadline: float) -> None:
        """Parks a pull on every queue and returns when one of them is answered; what it brought is pulled again."""
        left_ms = max(1, int(1000 * (deadline - time.monotonic())))
        parked = {wire.post(PULL, self._pull(wire, wish, place, count=1, wait_ms=left_ms)) for place in wish.queues}
        while (answer := wire.read()).opaque not in parked:
            pass
        if answer.code not in (NOTHING, NOTHING_MATCHED):
            checked(answer, OK, MOVED)

    def _pull(
        self, wire: Wire, wish: Wish, place: tuple[str, int], *, count: int, wait_ms: int = 0
    ) -> dict[str, object]:
        group, (topic, queue) = wish.group, place
        key = (group, topic, queue)
        if key not in self._positions:
            asked = {"consumerGroup": group, "topic": topic, "queueId": queue}
            answer = checked(wire.ask(QUERY_OFFSET, asked), OK, UNKNOWN_OFFSET)
            self._positions[key] = Position(int(answer.fields.get("offset", 0)))
        return {
            "consumerGroup": group,
            "topic": topic,
            "queueId": queue,
            "queueOffset": self._positions[key].next,
            "maxMsgNums": count,
            "sysFlag": SUBSCRIBES | (MAY_WAIT if wait_ms else 0),
            "commitOffset": 0,
            "suspendTimeoutMillis": wait_ms,
            "subscription": wish.wanted.get(topic, "*"),
            "subVersion": 0,
            "expressionType": "TAG",
        }

    def _take(self, group: str, place: tuple[str, int], answer: Answer) -> list[Delivered]:
        if answer.code not in (OK, NOTHING, NOTHING_MATCHED, MOVED):
            raise _refusal(answer)
        position = self._positions[group, *place]
        position.next = int(answer.fields["nextBeginOffset"])
        found = remoting_wire.read_records(answer.body)
        position.open |= {record.offset for record in found}
        if answer.code == NOTHING_MATCHED:
            self._commit(group, place)
        return [delivered(record, place[0]) for record in found]

    # --- asking and answering ---------------------------------------------------------------------------------------

    def request(self, topic: str, message: Message, *, seconds: float) -> bytes:
        """Asks by a connection of its own, on which the reply is pushed."""
        correlation_id, client_id = secrets.token_hex(16), f"127.0.0.1@{secrets.token_hex(4)}"
        properties = {
            **_properties(message, secrets.token_hex(16).upper()),
            "CORRELATION_ID": correlation_id,
            "REPLY_TO_CLIENT": client_id,
            "TTL": str(int(seconds * 1000)),
        }
        wire = Wire(self.address, self.key, next(self._encodings), seconds=seconds)
        try:
            fields = {"a": "askers", "b": topic, "c": "TBW102", "d": 4, "e": 0, "f": 0, "g": int(time.time() * 1000)}
            properties_text = remoting_wire.write_properties(properties)
            sent = wire.post(SEND, {**fields, "h": 0, "i": properties_text, "j": 0}, message.body)
            while (answer := wire.read()).code != PUSH_REPLY:
                if answer.opaque == sent and "nobody can answer" in answer.remark:
                    raise NobodyThere(answer.remark)
                if answer.opaque == sent:
                    checked(answer)
            pushed = remoting_wire.read_properties(answer.fields["properties"])
            assert (pushed["CORRELATION_ID"], pushed["REPLY_TO_CLIENT"]) == (correlation_id, client_id)
            assert (pushed["MSG_TYPE"], answer.fields["topic"]) == ("reply", REPLY_TOPIC)
            return answer.body
        except Hangup as error:
            raise NobodyAnswered(repr(error)) from error
        finally:
            wire.close()

    def reply(self, request: Delivered, body: bytes) -> None:
        assert request.question is not None, "this is no request"
        correlation_id, address = request.question
        properties = {"CORRELATION_ID": correlation_id, "REPLY_TO_CLIENT": address, "MSG_TYPE": "reply"}
        fields = {"a": "answers", "b": REPLY_TOPIC, "c": "TBW102", "d": 4, "e": 0, "f": 0, "g": int(time.time() * 1000)}
        with self._wire() as wire:
            text = remoting_wire.write_properties(properties)
            checked(wire.ask(SEND_REPLY, {**fields, "h": 0, "i": text, "j": 0}, body))

    # --- settling --------------------------------------------------------------------------------------------------

    def ack(self, group: str, receipts: Sequence[str]) -> list[Refused | None]:
        with self._wire() as wire:
            for receipt in receipts:
                topic, queue, offset, _ = receipt.split("|")
                self._positions[group, topic, int(queue)].open.discard(int(offset))
            for place in {(receipt.split("|")[0], int(receipt.split("|")[1])) for receipt in receipts}:
                self._commit(group, place, wire)
        return [None] * len(receipts)

    def nack(
        self, group: str, receipts: Sequence[str], *, error: str = "", delay: float | None = None
    ) -> list[Refused | None]:
        with self._wire() as wire:
            for receipt in receipts:
                fields = {
                    "offset": receipt.split("|")[3],
                    "group": group,
                    "delayLevel": LEVELS[int(delay)] if delay else 0,
                }
                checked(wire.ask(SEND_BACK, fields))
        return self.ack(group, receipts)

    def extend(self, group: str, receipts: Sequence[str], *, invisible: float) -> list[datetime | Refused]:
        raise NotImplementedError("what was pulled stays with the member that pulled it")

    def _commit(self, group: str, place: tuple[str, int], wire: Wire | None = None) -> None:
        """Says how far the member is: to the first message that it has not settled."""
        if wire is None:
            with self._wire() as other:
                self._commit(group, place, other)
            return
        position = self._positions[group, *place]
        done = min(position.open, default=position.next)
        if done > position.committed:
            fields = {"consumerGroup": group, "topic": place[0], "queueId": place[1], "commitOffset": done}
            checked(wire.ask(UPDATE_OFFSET, fields))
            position.committed = done

    # --- connections -----------------------------------------------------------------------------------------------

    @contextmanager
    def _wire(self, wanted: int | None = None) -> Iterator[Wire]:
        """A connection for one request after another, of a wanted encoding or of any. Raises Unanswered."""
        with self._lock:
            idle = [wire for wire in self._idle if wanted in {None, wire.encoding}]
            wire = idle[-1] if idle else None
            if wire is not None:
                self._idle.remove(wire)
            encoding = next(self._encodings) if wanted is None else wanted
        try:
            wire = wire or Wire(self.address, self.key, encoding)
            yield wire
        except Hangup as error:
            if wire is not None:
                wire.close()
            raise Unanswered(repr(error)) from error
        except BaseException:
            self._idle.append(wire)  # type: ignore[arg-type] # it was opened: only Hangup comes before that
            raise
        self._idle.append(wire)

    @contextmanager
    def _member(self, group: str, wanted: Mapping[str, str]) -> Iterator[Wire]:
        """The group's own connection, with its heartbeat said anew: pulls of one group come one after another."""
        with self._lock:
            lock, wires = self._members.setdefault(group, (threading.RLock(), []))
        with lock:
            try:
                if not wires:
                    wires.append(Wire(self.address, self.key, next(self._encodings)))
                checked(wires[0].ask(HEARTBEAT, {}, _heartbeat(group, wanted, id(self))))
                yield wires[0]
            except Hangup as error:
                for wire in wires:
                    wire.close()
                wires.clear()
                raise Unanswered(repr(error)) from error


@dataclass
class RemotingRefused(Refused):
    """A refusal by number; `is_a` says whether one of our codes may be behind it."""

    number: int
    text: str

    def __post_init__(self) -> None:
        unavailable = self.number in (BUSY, UNAVAILABLE)
        Refused.__init__(self, str(self.number), self.text, status=503 if unavailable else 400)

    def is_a(self, code: str) -> bool:
        return code in MEANINGS.get(self.number, set())


def checked(answer: Answer, *expected: int) -> Answer:
    if answer.code in (expected or (OK,)):
        return answer
    raise _refusal(answer)


def _refusal(answer: Answer) -> Exception:
    if answer.code == SYSTEM_ERROR:
        return Unanswered(answer.remark)
    return RemotingRefused(answer.code, answer.remark)


def _properties(message: Message, message_id: str) -> dict[str, str]:
    found = {**message.properties, "UNIQ_KEY": message_id, "WAIT": "true"}
    if message.tag is not None:
        found["TAGS"] = message.tag
    if message.keys:
        found["KEYS"] = " ".join(message.keys)
    if message.sharding_key is not None:
        found["__SHARDINGKEY"] = message.sharding_key
    if message.delay is not None:
        found["TIMER_DELAY_MS"] = str(int(message.delay / timedelta(milliseconds=1)))
    if message.deliver_at is not None:
        found["TIMER_DELIVER_MS"] = str(int(message.deliver_at.timestamp() * 1000))
    return found


def _heartbeat(group: str, wanted: Mapping[str, str], number: int) -> bytes:
    subscriptions = [
        {"topic": topic, "subString": tags, "expressionType": "TAG", "subVersion": 1, "tagsSet": [], "codeSet": []}
        for topic, tags in {**wanted, f"%RETRY%{group}": "*"}.items()
    ]
    consumer = {
        "groupName": group,
        "consumeType": "CONSUME_PASSIVELY",
        "messageModel": "CLUSTERING",
        "consumeFromWhere": "CONSUME_FROM_FIRST_OFFSET",
        "subscriptionDataSet": subscriptions,
        "unitMode": False,
    }
    return json.dumps(
        {"clientID": f"127.0.0.1@{number}", "producerDataSet": [], "consumerDataSet": [consumer]}
    ).encode()


def delivered(record: Record, topic: str) -> Delivered:
    properties = dict(record.properties)
    shown = properties.pop("RETRY_TOPIC", record.topic) if topic.startswith("%RETRY%") else record.topic
    if topic.startswith("%RETRY%"):
        properties.pop("ORIGIN_MESSAGE_ID", None)
    return Delivered(
        message_id=properties["UNIQ_KEY"],
        topic=shown,
        queue=record.queue,
        offset=record.offset,
        body=record.body,
        tag=properties.get("TAGS"),
        keys=tuple(properties.get("KEYS", "").split()),
        properties={name: value for name, value in properties.items() if name not in WIRE_NAMES},
        attempt=record.reconsume_times + 1,
        receipt=f"{topic}|{record.queue}|{record.offset}|{record.physical}",
        invisible_until=FAR,
        stored_at=datetime.fromtimestamp(record.stored_at_ms / 1000, UTC),
        question=(properties["CORRELATION_ID"], properties["REPLY_TO_CLIENT"])
        if "REPLY_TO_CLIENT" in properties
        else None,
    )
