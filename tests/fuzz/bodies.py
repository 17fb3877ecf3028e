"""Any bytes as the JSON body of a heartbeat, a lock request or a check of a filter."""

import orjson

from brokers.domain.errors import ProtocolViolation
from brokers.protocols.remoting import bodies
from tests.fuzz import runner

_SUBSCRIPTION = {"topic": "t", "subString": "a||b", "expressionType": "TAG", "subVersion": 5}
_CONSUMER = {"groupName": "g", "messageModel": "CLUSTERING", "subscriptionDataSet": [_SUBSCRIPTION]}
SEEDS = [
    orjson.dumps({"clientID": "c", "producerDataSet": [{"groupName": "p"}], "consumerDataSet": [_CONSUMER]}),
    orjson.dumps({"consumerGroup": "g", "clientId": "c", "mqSet": [{"topic": "t", "brokerName": "b", "queueId": 1}]}),
    orjson.dumps({"subscriptionData": _SUBSCRIPTION}),
    b'{"clientID":"a","clientID":"b"}',
    b'{"clientID":"a","x":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}',
]
FOUND: list[bytes] = []


def check(data: bytes) -> None:
    for read in (bodies.read_heartbeat, bodies.read_lock_request, bodies.read_subscription_check):
        try:
            read(data)
        except ProtocolViolation:
            continue


if __name__ == "__main__":
    runner.fuzz(__file__)
