"""JSON bodies and typed header fields.

Owns: the shapes of the bodies and what a field may be. Must not know: what a topic is. Called by: doors.remoting.
Whatever the bytes, only ProtocolViolation is raised.
Source: apache/rocketmq remoting/.../protocol/body, heartbeat, route; numeric map keys are always quoted here.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from ...domain import limits
from ...domain.errors import ProtocolViolation
from . import strict_json


@dataclass(frozen=True, slots=True)
class Subscription:
    """A topic a group's member reads, and how it filters."""

    topic: str
    expression: str
    expression_type: str
    version: int


@dataclass(frozen=True, slots=True)
class Membership:
    """A consumer's part in a group, as its heartbeat says."""

    group: str
    is_broadcast: bool
    is_push: bool
    from_where: str
    subscriptions: tuple[Subscription, ...]


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What a client says of itself every half minute."""

    client_id: str
    producers: tuple[str, ...]
    consumers: tuple[Membership, ...]


@dataclass(frozen=True, slots=True)
class QueueName:
    """A queue as clients name it."""

    topic: str
    broker: str
    queue: int


@dataclass(frozen=True, slots=True)
class LockRequest:
    """Queues a member of a group wants for itself, or gives up."""

    group: str
    client_id: str
    queues: tuple[QueueName, ...]


@dataclass(frozen=True, slots=True)
class AssignmentQuery:
    """A member asks which queues of a topic are its own."""

    group: str
    topic: str
    client_id: str
    strategy: str
    is_broadcast: bool


@dataclass(frozen=True, slots=True)
class ModeRequest:
    """Somebody wants a group's members to pull or to pop."""

    group: str
    topic: str
    mode: str


@dataclass(frozen=True, slots=True)
class BatchAck:
    """Deliveries of one queue that were claimed together; `offsets` are those that are done."""

    group: str
    topic: str
    is_retry: bool
    queue: int
    popped_at_ms: int
    offsets: tuple[int, ...]


def text(fields: Mapping[str, str], name: str) -> str:
    """Returns a field that must be there."""
    try:
        return fields[name]
    except KeyError:
        raise ProtocolViolation(f"the field {name!r} is missing") from None


def whole(fields: Mapping[str, str], name: str, default: int | None = None) -> int:
    """Returns a 64-bit number; `default` when the field is absent."""
    value = fields.get(name)
    if value is None:
        if default is not None:
            return default
        value = text(fields, name)
    try:
        number = int(value)
    except ValueError:
        raise ProtocolViolation(f"the field {name!r} is not a whole number") from None
    if not -(2**63) <= number < 2**63:
        raise ProtocolViolation(f"the field {name!r} does not fit into 64 bits")
    return number


def truth(fields: Mapping[str, str], name: str, *, default: bool = False) -> bool:
    """Returns a field that is `true` or anything else."""
    return fields[name].lower() == "true" if name in fields else default


def write(value: Mapping[str, Any]) -> bytes:  # Any: JSON values
    """Returns a JSON body; absent is better than null to the readers of these, so None is left out."""
    return orjson.dumps({name: item for name, item in value.items() if item is not None})


def write_list(items: Sequence[Mapping[str, Any]]) -> bytes:  # Any: JSON values
    """Returns a JSON list as a body."""
    return orjson.dumps(items)


def write_text(text: str) -> bytes:
    """Returns a JSON string, for objects put together by hand."""
    return orjson.dumps(text)


def write_by_queue(entries: Iterable[tuple[QueueName, Mapping[str, int] | int]]) -> bytes:
    """Returns a JSON object whose keys are queues, which clients want as objects although JSON has no such keys."""
    pairs = (
        orjson.dumps({"brokerName": q.broker, "queueId": q.queue, "topic": q.topic}) + b":" + orjson.dumps(value)
        for q, value in entries
    )
    return b"{" + b",".join(pairs) + b"}"


def read_heartbeat(body: bytes) -> Heartbeat:
    """Returns a heartbeat."""
    read = _object(body)
    producers = [_string(_mapping(item), "groupName") for item in _items(read, "producerDataSet")]
    consumers = [_membership(_mapping(item)) for item in _items(read, "consumerDataSet")]
    if len(producers) + len(consumers) > limits.MEMBER_GROUP_COUNT:
        raise ProtocolViolation("a heartbeat names too many groups")
    return Heartbeat(_string(read, "clientID"), tuple(producers), tuple(consumers))


def read_lock_request(body: bytes) -> LockRequest:
    """Returns a request to lock or unlock queues."""
    read = _object(body)
    queues = [_mapping(item) for item in _items(read, "mqSet")]
    if len(queues) > limits.QUEUE_LOCK_COUNT:
        raise ProtocolViolation("a lock request names too many queues")
    return LockRequest(_string(read, "consumerGroup"), _string(read, "clientId"), tuple(map(_queue_name, queues)))


def read_subscription_check(body: bytes) -> Subscription:
    """Returns the subscription a client wants looked at."""
    return _subscription(_mapping(_object(body).get("subscriptionData")))


def read_assignment_query(body: bytes) -> AssignmentQuery:
    """Returns a question for queues."""
    read = _object(body)
    return AssignmentQuery(
        group=_string(read, "consumerGroup"),
        topic=_string(read, "topic"),
        client_id=_string(read, "clientId"),
        strategy=str(read.get("strategyName") or ""),
        is_broadcast=read.get("messageModel") == "BROADCASTING",
    )


def read_mode_request(body: bytes) -> ModeRequest:
    """Returns a wish for pulling or popping."""
    read = _object(body)
    return ModeRequest(_string(read, "consumerGroup"), _string(read, "topic"), str(read.get("mode") or "PULL"))


def read_batch_acks(body: bytes) -> list[BatchAck]:
    """Returns the parts of a batch of acknowledgements, `limits.RECEIPT_COUNT` messages in all at most."""
    acks = [_batch_ack(_mapping(item)) for item in _items(_object(body), "acks")]
    if sum(len(ack.offsets) for ack in acks) > limits.RECEIPT_COUNT:
        raise ProtocolViolation("a batch acknowledges too many messages")
    return acks


def _batch_ack(read: dict[str, Any]) -> BatchAck:  # Any: JSON values
    start = _number(read, "so", "startOffset")
    return BatchAck(
        group=_string(read, "c" if "c" in read else "consumerGroup"),
        topic=_string(read, "t" if "t" in read else "topic"),
        is_retry=str(read.get("r", read.get("retry", "0"))) != "0",
        queue=_number(read, "q", "queueId"),
        popped_at_ms=_number(read, "pt", "popTime"),
        offsets=tuple(start + bit for bit in _bits(read.get("b", read.get("bitSet", "")))),
    )


def _bits(value: object) -> list[int]:
    """Returns which bits are set in base64 of bytes, the least first."""
    try:
        raw = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except (binascii.Error, ValueError):
        raise ProtocolViolation("a set of bits is not base64") from None
    if len(raw) > limits.RECEIPT_COUNT:
        raise ProtocolViolation("a set of bits is too long")
    return [8 * at + bit for at, byte in enumerate(raw) for bit in range(8) if byte >> bit & 1]


def _number(read: dict[str, Any], *names: str) -> int:  # Any: JSON values
    value = next((read[name] for name in names if name in read), None)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise ProtocolViolation(f"{names[-1]} is not a whole number in range")
    return value


def describe_queue(queue: QueueName) -> dict[str, Any]:  # Any: JSON values
    """Returns a queue as a JSON object."""
    return {"topic": queue.topic, "brokerName": queue.broker, "queueId": queue.queue}


def _membership(read: dict[str, Any]) -> Membership:  # Any: JSON values
    subscriptions = [_subscription(_mapping(item)) for item in _items(read, "subscriptionDataSet")]
    if len(subscriptions) > limits.MEMBER_TOPIC_COUNT:
        raise ProtocolViolation("a heartbeat names too many topics")
    return Membership(
        group=_string(read, "groupName"),
        is_broadcast=read.get("messageModel") == "BROADCASTING",
        is_push=read.get("consumeType") == "CONSUME_PASSIVELY",
        from_where=str(read.get("consumeFromWhere", "")),
        subscriptions=tuple(subscriptions),
    )


def _subscription(read: dict[str, Any]) -> Subscription:  # Any: JSON values
    version = read.get("subVersion", 0)
    if isinstance(version, bool) or not isinstance(version, int):
        raise ProtocolViolation("a subscription's version is not a number")
    expression, kind = read.get("subString") or "*", read.get("expressionType") or "TAG"
    if not isinstance(expression, str) or not isinstance(kind, str):
        raise ProtocolViolation("a subscription's expression is not text")
    return Subscription(_string(read, "topic"), expression, kind, version)


def _queue_name(read: dict[str, Any]) -> QueueName:  # Any: JSON values
    queue = read.get("queueId")
    if isinstance(queue, bool) or not isinstance(queue, int):
        raise ProtocolViolation("a queue's number is not a number")
    return QueueName(_string(read, "topic"), _string(read, "brokerName"), queue)


def _object(body: bytes) -> dict[str, Any]:  # Any: JSON values
    if len(body) > limits.SMALL_REQUEST_BYTES:
        raise ProtocolViolation(f"a body of JSON is longer than {limits.SMALL_REQUEST_BYTES} bytes")
    return strict_json.load(body, what="a body")


def _mapping(value: object) -> dict[str, Any]:  # Any: JSON values
    if not isinstance(value, dict):
        raise ProtocolViolation("something in a body is not a JSON object")
    return value


def _items(read: dict[str, Any], name: str) -> list[object]:  # Any: JSON values
    value = read.get(name) or []
    if not isinstance(value, list):
        raise ProtocolViolation(f"{name} is not a list")
    return value


def _string(read: dict[str, Any], name: str) -> str:  # Any: JSON values
    value = read.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= limits.DERIVED_TOPIC_NAME_CHARS or not value.isprintable():
        raise ProtocolViolation(f"{name} is missing, not text, too long or holds control characters")
    return value
