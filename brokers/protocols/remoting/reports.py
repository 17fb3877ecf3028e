"""What clients say of themselves when they are asked, as plain values.

Owns: the members of those reports that people look at. Must not know: who asks. Called by: doors.remoting.
Whatever the bytes, only ProtocolViolation is raised; what is missing is left out.
Source: apache/rocketmq remoting/.../protocol/body/ConsumerRunningInfo.java, ConsumeMessageDirectlyResult.java.
"""

from collections.abc import Callable
from typing import Any

from ...domain import limits
from ...domain.errors import ProtocolViolation
from . import loose
from .loose import Pairs

_QUEUE_FIELDS = {
    "commitOffset": "committed",
    "cachedMsgCount": "cached_count",
    "cachedMsgMinOffset": "cached_from",
    "cachedMsgMaxOffset": "cached_to",
    "cachedMsgSizeInMiB": "cached_mib",
    "locked": "is_locked",
    "droped": "is_dropped",
    "lastPullTimestamp": "last_pull_ms",
    "lastConsumeTimestamp": "last_consume_ms",
}
_STATUS_FIELDS = {
    "consumeRT": "consume_ms",
    "consumeOKTPS": "ok_per_second",
    "consumeFailedTPS": "failed_per_second",
    "consumeFailedMsgs": "failed_last_hour",
    "pullRT": "pull_ms",
    "pullTPS": "pulled_per_second",
}
_SHOWN_COUNT = 1000


def running(body: bytes) -> dict[str, Any]:  # Any: JSON values
    """Returns the answer to 307: properties, subscriptions, queues and rates by topic, stacks if asked for."""
    read = _object(body)
    table = read.get("mqTable")
    queues = [
        {**_queue(key), **_taken(value, _QUEUE_FIELDS)}
        for key, value in (table.items[:_SHOWN_COUNT] if isinstance(table, Pairs) else ())
    ]
    statuses = read.get("statusTable")
    return {
        "properties": {str(k): str(v) for k, v in _mapping(read.get("properties")).items()},
        "subscriptions": [_taken(s, {"topic": "topic", "subString": "filter"}) for s in _list(read, "subscriptionSet")],
        "queues": queues,
        "rates": [{"topic": topic, **_taken(value, _STATUS_FIELDS)} for topic, value in _mapping(statuses).items()],
        "stacks": read["jstack"] if isinstance(read.get("jstack"), str) else "",
    }


def consumed(body: bytes) -> dict[str, Any]:  # Any: JSON values
    """Returns the answer to 309: the listener's result, what it said, and how long it took."""
    read = _object(body)
    return _taken(read, {"consumeResult": "result", "remark": "remark", "spentTimeMills": "took_ms"})


def status(body: bytes) -> dict[str, Any]:  # Any: JSON values
    """Returns the answer to 221: the offset of each queue the client reads."""
    table = _object(body).get("messageQueueTable")
    pairs = table.items if isinstance(table, Pairs) else ()
    return {"queues": [{**_queue(key), "offset": value} for key, value in pairs if isinstance(value, int)]}


VIEWS: dict[str, Callable[[bytes], dict[str, Any]]] = {"running": running, "consume": consumed, "status": status}


def _object(body: bytes) -> dict[str, Any]:  # Any: JSON values
    read = loose.read(body)
    if not isinstance(read, dict):
        raise ProtocolViolation("a report is not a JSON object")
    return read


def _mapping(value: object) -> dict[str, Any]:  # Any: JSON values
    return value if isinstance(value, dict) else {}


def _list(read: dict[str, Any], name: str) -> list[Any]:  # Any: JSON values
    value = read.get(name)
    return value[: limits.MEMBER_TOPIC_COUNT] if isinstance(value, list) else []


def _queue(key: object) -> dict[str, Any]:  # Any: JSON values
    return _taken(key, {"topic": "topic", "brokerName": "broker", "queueId": "queue"})


def _taken(value: object, fields: dict[str, str]) -> dict[str, Any]:  # Any: JSON values
    read = _mapping(value)
    return {ours: read[theirs] for theirs, ours in fields.items() if isinstance(read.get(theirs), str | int | float)}
