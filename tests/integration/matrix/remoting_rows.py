"""What each request code of the remoting door needs: one line a code, as `rows` has it for pages and the API.

`fields` and `body` are what a client sends; names in braces are filled in, `{place}` is the offset id of the message.
`by_number` marks requests that name a message by number: what is not there looks like nothing, whoever asks.
`is_lax` marks those for which a thing need not be there: it is made, or nothing is left to do.
"""

from dataclasses import dataclass, field

from brokers.protocols.remoting.codes import Ask
from tests.integration.matrix.rows import BASE, Need

TOPIC, GROUP = "mq:{instance}%{topic}", "mq:{instance}%{group}"
SUB_TOPIC, SUB_GROUP, LOOK = ("mq:SUB", TOPIC), ("mq:SUB", GROUP), ("mq:QueryTopic", TOPIC)
_T, _G, _RETRY, _FRESH = "{instance}%{topic}", "{instance}%{group}", "%RETRY%{instance}%{group}", "mq:{instance}%fresh"
_SENT = {"queueId": "0", "sysFlag": "0", "bornTimestamp": "1700000000000", "flag": "0", "producerGroup": "p"}
_SHORT = {"a": "p", "b": _T, "e": "0", "f": "0", "g": "1700000000000", "h": "0"}
_PULL = {
    "consumerGroup": _G, "topic": _T, "queueId": "0", "queueOffset": "0", "maxMsgNums": "1", "sysFlag": "4",
    "commitOffset": "0", "suspendTimeoutMillis": "0", "subscription": "*", "subVersion": "0",
}  # fmt: skip
_QUEUE = {"topic": _T, "queueId": "0"}
_PLACE = {**_QUEUE, "consumerGroup": _G}
_HEART = (
    '{{"clientID":"c","producerDataSet":[],"consumerDataSet":[{{"groupName":"{instance}%{group}","consumeType":'
    '"CONSUME_PASSIVELY","messageModel":"CLUSTERING","consumeFromWhere":"CONSUME_FROM_FIRST_OFFSET",'
    '"subscriptionDataSet":[],"unitMode":false}}]}}'
)
_LOCK = (
    '{{"consumerGroup":"{instance}%{group}","clientId":"c","mqSet":[{{"topic":"{instance}%{topic}",'
    '"brokerName":"broker-a","queueId":0}}]}}'
)
_CHECK = '{{"subscriptionData":{{"topic":"any","subString":"*","expressionType":"TAG","subVersion":1}}}}'
# `{place}` is the offset id of a message there; a transaction is named by what its id is made of.
_END = {
    "producerGroup": "{instance}%{makers}", "tranStateTableOffset": "{topic_id}", "commitLogOffset": "{half}",
    "commitOrRollback": "8", "fromTransactionCheck": "false", "msgId": "{half_message}",
    "transactionId": "{half_message}",
}  # fmt: skip
_POP = {
    "consumerGroup": _G, "topic": _T, "queueId": "-1", "maxMsgNums": "1", "invisibleTime": "60000", "pollTime": "0",
    "bornTime": "0", "initMode": "0", "expType": "TAG", "exp": "*",
}  # fmt: skip
# A handle as a client makes it up of an answer, of nothing that was ever handed out.
_POPPED = {"consumerGroup": _G, "topic": _T, "queueId": "0", "offset": "0", "extraInfo": "0 0 0 0 0 broker-a 0 0"}
_ACKS = (
    '{{"brokerName":"broker-a","acks":[{{"c":"{instance}%{group}","t":"{instance}%{topic}","r":"0","so":0,"rq":0,'
    '"q":0,"pt":0,"it":60000,"b":"AQ=="}}]}}'
)
_SHARE = (
    '{{"consumerGroup":"{instance}%{group}","topic":"{instance}%{topic}","clientId":"c","strategyName":"AVG",'
    '"messageModel":"CLUSTERING"}}'
)
_MODE = '{{"consumerGroup":"{instance}%{group}","topic":"{instance}%{topic}","mode":"POP"}}'


@dataclass(frozen=True, slots=True)
class RemotingRow:
    needs: tuple[Need, ...] = ()
    fields: dict[str, str] = field(default_factory=dict)
    body: str = ""
    by_number: bool = False
    is_lax: bool = False
    creates: bool = False  # asked where naming a topic or a group makes it
    succeeds: bool = False  # for who may, of what is there, nothing stands in the way


REMOTING: dict[str, RemotingRow] = {
    "SEND_MESSAGE": RemotingRow((("mq:PUB", TOPIC),), {**_SENT, "topic": _T}, "x"),
    "SEND_MESSAGE_V2": RemotingRow((("mq:PUB", TOPIC),), _SHORT, "x"),
    "SEND_BATCH_MESSAGE": RemotingRow((("mq:PUB", TOPIC),), _SHORT, "x"),
    "SEND_MESSAGE#fresh": RemotingRow(
        (("mq:PUB", _FRESH), BASE, ("mq:CreateTopic", _FRESH)),
        {**_SENT, "topic": "{instance}%fresh", "defaultTopicQueueNums": "1"},
        "x",
        is_lax=True,
        creates=True,
    ),
    "SEND_MESSAGE#traces": RemotingRow(
        (("mq:PUB", "mq:{instance}%RMQ_SYS_TRACE_TOPIC"), BASE),
        {**_SENT, "topic": "{instance}%RMQ_SYS_TRACE_TOPIC"},
        "x",
        is_lax=True,
    ),
    "SEND_MESSAGE#return": RemotingRow(
        (SUB_GROUP,),
        {**_SENT, "topic": _RETRY, "properties": "RETRY_TOPIC\x01" + _T + "\x02", "reconsumeTimes": "1"},
        "x",
    ),
    "GET_MAX_OFFSET#retry": RemotingRow((SUB_GROUP,), {"topic": _RETRY, "queueId": "0"}),
    "PULL_MESSAGE": RemotingRow((SUB_GROUP, SUB_TOPIC), _PULL),
    "PULL_MESSAGE#fresh": RemotingRow(
        (("mq:SUB", _FRESH), SUB_TOPIC, BASE, ("mq:CreateGroup", _FRESH)),
        {**_PULL, "consumerGroup": "{instance}%fresh"},
        creates=True,
    ),
    "LITE_PULL_MESSAGE": RemotingRow((SUB_GROUP, SUB_TOPIC), _PULL),
    "QUERY_CONSUMER_OFFSET": RemotingRow((SUB_GROUP, SUB_TOPIC), _PLACE),
    "UPDATE_CONSUMER_OFFSET": RemotingRow((SUB_GROUP, SUB_TOPIC), {**_PLACE, "commitOffset": "1"}),
    "SEARCH_OFFSET_BY_TIMESTAMP": RemotingRow((SUB_TOPIC,), {**_QUEUE, "timestamp": "0"}),
    "GET_MAX_OFFSET": RemotingRow((SUB_TOPIC,), _QUEUE),
    "GET_MIN_OFFSET": RemotingRow((SUB_TOPIC,), _QUEUE),
    "GET_EARLIEST_MSG_STORETIME": RemotingRow((SUB_TOPIC,), _QUEUE),
    "QUERY_MESSAGE": RemotingRow((SUB_TOPIC,), {"topic": _T, "key": "k-1", "maxNum": "9"}),
    "VIEW_MESSAGE_BY_ID": RemotingRow((SUB_TOPIC,), {"offset": "{place}"}, by_number=True),
    "CONSUMER_SEND_MSG_BACK": RemotingRow(
        (SUB_GROUP, SUB_TOPIC), {"group": _G, "offset": "{place}", "delayLevel": "0", "maxReconsumeTimes": "3"}
    ),
    "HEART_BEAT": RemotingRow((SUB_GROUP,), {}, _HEART),
    "UNREGISTER_CLIENT": RemotingRow((SUB_GROUP,), {"consumerGroup": _G, "clientID": "c"}),
    "GET_CONSUMER_LIST_BY_GROUP": RemotingRow((SUB_GROUP,), {"consumerGroup": _G}),
    "CHECK_CLIENT_CONFIG": RemotingRow((), {}, _CHECK),
    "LOCK_BATCH_MQ": RemotingRow((SUB_GROUP, SUB_TOPIC), {}, _LOCK),
    "UNLOCK_BATCH_MQ": RemotingRow((SUB_GROUP, SUB_TOPIC), {}, _LOCK),
    "GET_ROUTEINFO_BY_TOPIC": RemotingRow((LOOK,), {"topic": _T}),
    "END_TRANSACTION": RemotingRow((("mq:PUB", TOPIC),), _END, by_number=True),
    "RECALL_MESSAGE": RemotingRow((("mq:PUB", TOPIC),), {"topic": _T, "producerGroup": "p", "recallHandle": "x"}),
    # Only the broker can make the address a reply goes to; without one it is refused whoever asks.
    "SEND_REPLY_MESSAGE": RemotingRow((), {**_SENT, "topic": "any"}, "x"),
    "SEND_REPLY_MESSAGE_V2": RemotingRow((), {**_SHORT, "b": "any"}, "x"),
    "POP_MESSAGE": RemotingRow((SUB_GROUP, SUB_TOPIC), _POP),
    "PEEK_MESSAGE": RemotingRow((SUB_GROUP, SUB_TOPIC), _POP),
    "NOTIFICATION": RemotingRow((SUB_GROUP, SUB_TOPIC), _POP),
    "POLLING_INFO": RemotingRow((SUB_GROUP, SUB_TOPIC), _PLACE),
    "ACK_MESSAGE": RemotingRow((SUB_GROUP, SUB_TOPIC), _POPPED),
    "BATCH_ACK_MESSAGE": RemotingRow((SUB_GROUP, SUB_TOPIC), {}, _ACKS),
    "CHANGE_MESSAGE_INVISIBLETIME": RemotingRow((SUB_GROUP, SUB_TOPIC), {**_POPPED, "invisibleTime": "60000"}),
    "QUERY_ASSIGNMENT": RemotingRow((SUB_GROUP, SUB_TOPIC), {}, _SHARE),
    "SET_MESSAGE_REQUEST_MODE": RemotingRow((LOOK, ("mq:UpdateGroup", GROUP)), {}, _MODE),
    "GET_BROKER_CLUSTER_INFO": RemotingRow(),
    "GET_ALL_TOPIC_LIST_FROM_NAMESERVER": RemotingRow(),
    "GET_TOPICS_BY_CLUSTER": RemotingRow((), {"cluster": "DefaultCluster"}),
}
assert {name.partition("#")[0] for name in REMOTING} <= set(Ask.__members__), "a line names no request code"
