"""Bodies and headers of the requests that administer.

Owns: their shapes. Must not know: what a topic or a group is here. Called by: doors.remoting.admin.
Whatever the bytes, only ProtocolViolation is raised.
Source: apache/rocketmq common/.../TopicConfig.java, remoting/.../subscription/SubscriptionGroupConfig.java,
GroupRetryPolicy.java, remoting/.../body/UserInfo.java.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from ...domain import clock, limits
from ...domain.errors import ProtocolViolation
from . import bodies

_LIST_COUNT = 1000


@dataclass(frozen=True, slots=True)
class TopicForm:
    """A topic as somebody wants it."""

    name: str
    queue_count: int
    permission: int
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class GroupForm:
    """A group as somebody wants it. `backoff_seconds` None: the usual waits."""

    name: str
    is_enabled: bool
    is_ordered: bool
    max_retries: int
    backoff_seconds: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class UserForm:
    """A user as somebody wants it; what is empty stays as it is."""

    name: str
    password: str
    kind: str
    status: str


def read_topic(fields: Mapping[str, str]) -> TopicForm:
    """Returns the topic of request 17."""
    return TopicForm(
        name=bodies.text(fields, "topic"),
        queue_count=max(bodies.whole(fields, "readQueueNums"), bodies.whole(fields, "writeQueueNums")),
        permission=bodies.whole(fields, "perm"),
        attributes=_attributes(fields.get("attributes", "")),
    )


def read_topics(body: bytes) -> list[TopicForm]:
    """Returns the topics of request 18."""
    found = []
    for item in _items(_object(body), "topicConfigList"):
        found.append(
            TopicForm(
                name=_text(item, "topicName"),
                queue_count=max(_whole(item, "readQueueNums", 16), _whole(item, "writeQueueNums", 16)),
                permission=_whole(item, "perm", 6),
                attributes={k.removeprefix("+"): str(v) for k, v in _mapping(item.get("attributes") or {}).items()},
            )
        )
    return found


def read_group(body: bytes) -> GroupForm:
    """Returns the group of request 200."""
    return _group(_object(body))


def read_groups(body: bytes) -> list[GroupForm]:
    """Returns the groups of request 225."""
    return [_group(item) for item in _items(_object(body), "groupConfigList")]


def read_user(body: bytes) -> UserForm:
    """Returns the user of requests 3001 and 3002."""
    read = _object(body)
    return UserForm(*(_text(read, name, "") for name in ("username", "password", "userType", "userStatus")))


def describe_topic(name: str, queue_count: int, type: str) -> dict[str, Any]:  # Any: JSON values
    """Returns a topic as a TopicConfig."""
    return {
        "topicName": name,
        "readQueueNums": queue_count,
        "writeQueueNums": queue_count,
        "perm": 6,
        "topicFilterType": "SINGLE_TAG",
        "topicSysFlag": 0,
        "order": type == "FIFO",
        "attributes": {"message.type": type},
    }


def describe_group(
    name: str, *, is_enabled: bool, is_ordered: bool, max_retries: int, backoff_seconds: Sequence[int]
) -> dict[str, Any]:  # Any: JSON values
    """Returns a group as a SubscriptionGroupConfig."""
    policy: dict[str, Any] = {"type": "CUSTOMIZED"}
    if backoff_seconds:
        # The two steps in front are for levels nobody gets by failing.
        policy["customizedRetryPolicy"] = {"next": [1000, 5000, *(1000 * seconds for seconds in backoff_seconds)]}
    return {
        "groupName": name,
        "consumeEnable": is_enabled,
        "consumeFromMinEnable": True,
        "consumeBroadcastEnable": True,
        "consumeMessageOrderly": is_ordered,
        "retryQueueNums": 1,
        "retryMaxTimes": max_retries,
        "groupRetryPolicy": policy,
        "brokerId": 0,
        "whichBrokerWhenConsumeSlowly": 0,
        "notifyConsumerIdsChangedEnable": True,
        "groupSysFlag": 0,
        "consumeTimeoutMinute": 15,
    }


def data_version() -> dict[str, int]:
    """Returns a version of tables that is never that of an earlier answer."""
    now = clock.now_ms()
    return {"stateVersion": 0, "timestamp": now, "counter": now}


def _group(read: dict[str, Any]) -> GroupForm:  # Any: JSON values
    return GroupForm(
        name=_text(read, "groupName"),
        is_enabled=_truth(read, "consumeEnable", default=True),
        is_ordered=_truth(read, "consumeMessageOrderly", default=False),
        max_retries=_whole(read, "retryMaxTimes", 16),
        backoff_seconds=_backoff(_mapping(read.get("groupRetryPolicy") or {})),
    )


def _backoff(policy: dict[str, Any]) -> tuple[int, ...] | None:  # Any: JSON values
    if policy.get("type") == "EXPONENTIAL":
        given = _mapping(policy.get("exponentialRetryPolicy") or {})
        wait, most = _whole(given, "initial", 5000), _whole(given, "max", 7_200_000)
        factor = max(_whole(given, "multiplier", 2), 1)
        steps = []
        for _ in range(limits.BACKOFF_STEP_COUNT):
            steps.append(min(wait, most) // 1000)
            if wait >= most:
                break
            wait *= factor
        return tuple(steps)
    steps_ms = _mapping(policy.get("customizedRetryPolicy") or {}).get("next")
    if not isinstance(steps_ms, list) or not all(isinstance(step, int) for step in steps_ms):
        return None
    # A broker begins at the third step.
    return tuple(step // 1000 for step in steps_ms[2:]) or None


def _attributes(text: str) -> dict[str, str]:
    found = {}
    for part in text.split(","):
        name, mark, value = part.strip().partition("=")
        if name.startswith("+") and mark:
            found[name[1:]] = value
        elif part.strip() and not name.startswith("-"):
            raise ProtocolViolation("attributes are written +name=value or -name")
    return found


def _object(body: bytes) -> dict[str, Any]:  # Any: JSON values
    try:
        return _mapping(orjson.loads(body))
    except orjson.JSONDecodeError as error:
        raise ProtocolViolation("a body is not JSON") from error


def _mapping(value: object) -> dict[str, Any]:  # Any: JSON values
    if not isinstance(value, dict):
        raise ProtocolViolation("something in a body is not a JSON object")
    return value


def _items(read: dict[str, Any], name: str) -> list[dict[str, Any]]:  # Any: JSON values
    value = read.get(name)
    if not isinstance(value, list) or len(value) > _LIST_COUNT:
        raise ProtocolViolation(f"{name} is not a list of at most {_LIST_COUNT}")
    return [_mapping(item) for item in value]


def _text(read: dict[str, Any], name: str, default: str | None = None) -> str:  # Any: JSON values
    value = read.get(name, default)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or len(value) > limits.DERIVED_TOPIC_NAME_CHARS:
        raise ProtocolViolation(f"{name} is missing, not text or too long")
    return value


def _whole(read: dict[str, Any], name: str, default: int) -> int:  # Any: JSON values
    value = read.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise ProtocolViolation(f"{name} is not a whole number")
    return value


def _truth(read: dict[str, Any], name: str, *, default: bool) -> bool:  # Any: JSON values
    value = read.get(name, default)
    if not isinstance(value, bool):
        raise ProtocolViolation(f"{name} is not true or false")
    return value
