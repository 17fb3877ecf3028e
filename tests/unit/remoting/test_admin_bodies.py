"""Bodies of administration: what Java's tools write is read, and whatever the bytes, a parser says no in one way."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.domain import limits
from brokers.domain.errors import ProtocolViolation
from brokers.protocols.remoting import admin_bodies, bodies, loose, reports
from brokers.protocols.remoting.bodies import QueueName
from brokers.protocols.remoting.loose import Pairs

# As rocketmq-client 5.3.3 answers 307, shortened.
RUNNING = b"""{"jstack":"main\\nat x","mqTable":{{"brokerName":"broker-a","queueId":0,"topic":"t"}:{"cachedMsgCount":2,
"cachedMsgMaxOffset":9,"cachedMsgMinOffset":8,"commitOffset":8,"droped":false,"lastPullTimestamp":5,"locked":true},
{"brokerName":"broker-a","queueId":1,"topic":"t"}:{"commitOffset":0}},"mqPopTable":{},"properties":{"PROP_CONSUME_TYPE":
"CONSUME_PASSIVELY","instanceName":"1#2"},"statusTable":{"t":{"consumeFailedMsgs":1,"consumeFailedTPS":0.5,"consumeOKTPS":
2.25,"consumeRT":1E-3,"pullRT":1.0,"pullTPS":2.0}},"subscriptionSet":[{"classFilterMode":false,"codeSet":[],"expressionType":
"TAG","subString":"*","subVersion":1,"tagsSet":[],"topic":"t"}],"userConsumerInfo":{}}"""


def test_a_clients_report_is_read() -> None:
    read = reports.running(RUNNING)
    assert read["queues"][0] == {
        "topic": "t",
        "broker": "broker-a",
        "queue": 0,
        "committed": 8,
        "cached_count": 2,
        "cached_from": 8,
        "cached_to": 9,
        "is_locked": True,
        "is_dropped": False,
        "last_pull_ms": 5,
    }
    assert [q["queue"] for q in read["queues"]] == [0, 1]
    assert read["rates"][0]["ok_per_second"] == 2.25 and read["rates"][0]["consume_ms"] == 0.001
    assert read["subscriptions"] == [{"topic": "t", "filter": "*"}]
    assert read["properties"]["instanceName"] == "1#2"
    assert read["stacks"] == "main\nat x"


def test_what_came_of_a_message_is_read() -> None:
    said = b'{"autoCommit":true,"consumeResult":"CR_LATER","order":false,"spentTimeMills":3}'
    assert reports.consumed(said) == {"result": "CR_LATER", "took_ms": 3}


def test_offsets_by_queue_are_read_as_they_are_written() -> None:
    table = bodies.write_by_queue([(QueueName("t", "b", 1), 7), (QueueName("t", "b", 2), 8)])
    assert reports.status(b'{"messageQueueTable":' + table + b"}")["queues"] == [
        {"topic": "t", "broker": "b", "queue": 1, "offset": 7},
        {"topic": "t", "broker": "b", "queue": 2, "offset": 8},
    ]


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(_json, st.booleans())
def test_ordinary_json_is_read_as_json(value: Any, ascii: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii)
    try:
        body = text.encode()
    except UnicodeEncodeError:
        return  # half a character, which has no bytes
    assert loose.read(body) == json.loads(body) or "\\ud" in text


@given(st.one_of(st.binary(max_size=80), st.text('{}[]:,"\\u0aE-.1truefalsn', max_size=60).map(str.encode)))
def test_garbage_is_refused_in_one_way(body: bytes) -> None:
    for read in (
        loose.read,
        reports.running,
        admin_bodies.read_topics,
        admin_bodies.read_group,
        admin_bodies.read_user,
    ):
        try:
            read(body)
        except ProtocolViolation:
            continue


def test_depth_is_bounded_and_numbers_may_be_keys() -> None:
    with pytest.raises(ProtocolViolation):
        loose.read(b"[" * (limits.JSON_DEPTH + 2) + b"]" * (limits.JSON_DEPTH + 2))
    assert loose.read(b'{0:"a",1:"b"}') == Pairs(((0, "a"), (1, "b")))


def test_a_topic_is_read_from_its_header() -> None:
    fields = {
        "topic": "t",
        "readQueueNums": "4",
        "writeQueueNums": "8",
        "perm": "6",
        "attributes": "+message.type=FIFO,-x",
    }
    read = admin_bodies.read_topic(fields)
    assert (read.queue_count, read.permission, dict(read.attributes)) == (8, 6, {"message.type": "FIFO"})
    with pytest.raises(ProtocolViolation):
        admin_bodies.read_topic({**fields, "attributes": "message.type=FIFO"})


@pytest.mark.parametrize(
    ("policy", "steps"),
    [
        ({"type": "CUSTOMIZED"}, None),
        ({"type": "CUSTOMIZED", "customizedRetryPolicy": {"next": [1000, 5000, 10000, 30000]}}, (10, 30)),
        (
            {"type": "EXPONENTIAL", "exponentialRetryPolicy": {"initial": 5000, "max": 18000, "multiplier": 2}},
            (5, 10, 18),
        ),
    ],
)
def test_a_groups_waits_are_read_from_its_retry_policy(policy: dict[str, Any], steps: tuple[int, ...] | None) -> None:
    body = json.dumps({"groupName": "g", "retryMaxTimes": 3, "groupRetryPolicy": policy}).encode()
    read = admin_bodies.read_group(body)
    assert (read.backoff_seconds, read.max_retries, read.is_enabled) == (steps, 3, True)
