"""JSON bodies, header fields, and the table of errors."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.domain import limits
from brokers.domain.errors import ErrorCode, ProtocolViolation
from brokers.protocols.remoting import bodies
from brokers.protocols.remoting.bodies import QueueName
from brokers.protocols.remoting.codes import STATUS, Reply

READERS: list[Callable[[bytes], object]] = [
    bodies.read_heartbeat,
    bodies.read_lock_request,
    bodies.read_subscription_check,
    bodies.read_assignment_query,
    bodies.read_mode_request,
    bodies.read_batch_acks,
]
KEYS = (
    "acks c t r so q pt b strategyName mode clientID clientId consumerGroup producerDataSet consumerDataSet groupName"
    " subscriptionDataSet mqSet topic".split()
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=20,
)


def test_every_error_becomes_a_response_and_none_of_them_success() -> None:
    assert set(STATUS) == set(ErrorCode)
    assert Reply.SUCCESS not in STATUS.values()


def test_a_heartbeat_is_read_as_java_writes_it() -> None:
    body = {
        "clientID": "10.0.0.1@1#2",
        "producerDataSet": [{"groupName": "p"}],
        "consumerDataSet": [
            {
                "groupName": "g",
                "consumeType": "CONSUME_PASSIVELY",
                "messageModel": "CLUSTERING",
                "consumeFromWhere": "CONSUME_FROM_FIRST_OFFSET",
                "subscriptionDataSet": [
                    {"topic": "t", "subString": "a || b", "expressionType": "TAG", "subVersion": 5, "codeSet": [97]}
                ],
                "unitMode": False,
            }
        ],
    }
    heart = bodies.read_heartbeat(json.dumps(body).encode())
    (consumer,) = heart.consumers
    assert (heart.client_id, heart.producers) == ("10.0.0.1@1#2", ("p",))
    assert (consumer.group, consumer.is_broadcast, consumer.is_push) == ("g", False, True)
    assert consumer.subscriptions == (bodies.Subscription("t", "a || b", "TAG", 5),)


def test_queues_as_keys_are_written_as_objects() -> None:
    written = bodies.write_by_queue([(QueueName("t", "b", 1), 5), (QueueName("t", "b", 2), {"minOffset": 0})])
    assert written == (
        b'{{"brokerName":"b","queueId":1,"topic":"t"}:5,{"brokerName":"b","queueId":2,"topic":"t"}:{"minOffset":0}}'
    )


@pytest.mark.parametrize("value", ["", "x", "1.5", str(2**63)])
def test_a_field_that_is_no_64_bit_number_is_refused(value: str) -> None:
    with pytest.raises(ProtocolViolation):
        bodies.whole({"n": value}, "n")


def test_a_missing_field_is_refused_unless_it_has_a_default() -> None:
    assert bodies.whole({}, "n", 3) == 3
    with pytest.raises(ProtocolViolation):
        bodies.whole({}, "n")
    with pytest.raises(ProtocolViolation):
        bodies.text({}, "n")


@pytest.mark.parametrize(
    "body",
    [
        b'{"clientID":"a","clientID":"b"}',
        b'{"clientID":"a","producerDataSet":[{"groupName":"a","groupName":"b"}]}',
        b'{"clientID":"a","x":' + b"[" * 20 + b"]" * 20 + b"}",
        b'{"clientID":"a","x":' + b"[" * 2000 + b"]" * 2000 + b"}",
        b'{"clientID":"' + b"a" * limits.SMALL_REQUEST_BYTES + b'"}',
    ],
    ids=["twice", "twice inside", "deep", "very deep", "long"],
)
def test_bodies_that_readers_could_differ_about_are_refused(body: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        bodies.read_heartbeat(body)


@given(st.sampled_from(READERS), st.binary(max_size=50) | json_values.map(lambda value: json.dumps(value).encode()))
def test_garbage_raises_nothing_but_a_protocol_violation(read: Callable[[bytes], object], body: bytes) -> None:
    try:
        read(body)
    except ProtocolViolation:
        return


def test_a_batch_of_acknowledgements_is_read_as_java_writes_it() -> None:
    # BitSet.valueOf of bits 0, 2 and 9 is the bytes 05 02.
    body = {
        "brokerName": "broker-a",
        "acks": [
            {"c": "g", "t": "t", "r": "1", "so": 5, "q": 0, "rq": 0, "pt": 1764000000000, "it": 60000, "b": "BQI="}
        ],
    }
    assert bodies.read_batch_acks(json.dumps(body).encode()) == [
        bodies.BatchAck("g", "t", True, 0, 1764000000000, (5, 7, 14))
    ]


def test_a_batch_acknowledges_a_bounded_number() -> None:
    ack = {"c": "g", "t": "t", "r": "0", "so": 0, "q": 0, "pt": 1, "b": "/////////////////////w=="}
    with pytest.raises(ProtocolViolation):
        bodies.read_batch_acks(json.dumps({"acks": [ack] * 100}).encode())


def test_a_question_for_queues_is_read_as_java_writes_it() -> None:
    body = {"topic": "t", "consumerGroup": "g", "clientId": "10.0.0.1@1", "strategyName": "AVG"}
    body["messageModel"] = "CLUSTERING"
    assert bodies.read_assignment_query(json.dumps(body).encode()) == bodies.AssignmentQuery(
        "g", "t", "10.0.0.1@1", "AVG", False
    )
