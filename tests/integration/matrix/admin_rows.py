"""What each request code of administration needs: what `mqadmin` and dashboards send, as in `remoting_rows`.

Each needs what the console needs for the same thing.
"""

from tests.integration.matrix.remoting_rows import RemotingRow
from tests.integration.matrix.rows import BASE, GIVEN, GROUP, MAKERS, SHOP, TOPIC, USER, Need

_T, _G, QUIET = "{instance}%{topic}", "{instance}%{group}", "mq:{instance}%{quiet}"
_FRESH = "mq:{instance}%fresh"
_NEW_TOPIC: tuple[Need, ...] = (("mq:UpdateTopic", _FRESH), BASE, ("mq:CreateTopic", _FRESH))
_NEW_GROUP: tuple[Need, ...] = (("mq:UpdateGroup", _FRESH), BASE, ("mq:CreateGroup", _FRESH))
_QUEUES = {"readQueueNums": "2", "writeQueueNums": "2", "perm": "6"}
_TOPICS = '{{"topicConfigList":[{{"topicName":"{instance}%NAME","readQueueNums":2,"writeQueueNums":2,"perm":6}}]}}'
_GROUP = '{{"groupName":"{instance}%NAME","retryMaxTimes":5}}'
_GROUPS = '{{"groupConfigList":[' + _GROUP + "]}}"
_VALUE = {"namespace": "shop", "key": "colour"}
_NAMED = {"username": "{user}"}
_SUBJECT = {"subject": "User:{user}"}
_LIST = (
    '{{"policies":[{{"entries":[{{"resource":"Topic:{instance}%{topic}","actions":["Pub"],"decision":"Allow"}}]}}]}}'
)
_ACL = "ram:policy/acl-user-{user}"
_NEW_LIST: tuple[Need, ...] = (
    ("ram:GetUser", USER), ("ram:GetPolicy", _ACL), ("ram:CreatePolicy", _ACL), ("ram:AttachPolicy", _ACL), GIVEN,
)  # fmt: skip


def _at(action: str, resource: str, **fields: str) -> RemotingRow:
    return RemotingRow(((action, resource),), fields)


def _saved(needs: tuple[Need, ...], body: str, name: str, **fields: str) -> RemotingRow:
    """What is made when it is missing, by who may."""
    return RemotingRow(needs, fields, body.replace("NAME", name), is_lax=True)


_TOPIC: tuple[Need, ...] = (("mq:UpdateTopic", TOPIC),)
_CHANGED: tuple[Need, ...] = (("mq:UpdateGroup", GROUP),)
_RESET: tuple[Need, ...] = (("mq:ResetConsumerOffset", GROUP), ("mq:ResetConsumerOffset", TOPIC))
_SEEN: tuple[Need, ...] = (("mq:QueryConsumerOffset", GROUP), ("mq:QueryTopic", TOPIC))
_CLONED: tuple[Need, ...] = (*_SEEN, *_RESET)

ADMIN: dict[str, RemotingRow] = {
    "UPDATE_AND_CREATE_TOPIC": _saved(_TOPIC, "", "", **_QUEUES, topic=_T),
    "UPDATE_AND_CREATE_TOPIC#fresh": _saved(_NEW_TOPIC, "", "", **_QUEUES, topic="{instance}%fresh"),
    "UPDATE_AND_CREATE_TOPIC_LIST": _saved(_TOPIC, _TOPICS, "{topic}"),
    "UPDATE_AND_CREATE_TOPIC_LIST#fresh": _saved(_NEW_TOPIC, _TOPICS, "fresh"),
    "DELETE_TOPIC_IN_BROKER": _at("mq:DeleteTopic", TOPIC, topic=_T),
    # A route is gone with its topic: it need not be there.
    "DELETE_TOPIC_IN_NAMESRV": RemotingRow((("mq:DeleteTopic", TOPIC),), {"topic": _T}, is_lax=True),
    "GET_TOPIC_STATS_INFO": _at("mq:QueryTopic", TOPIC, topic=_T),
    "QUERY_TOPIC_CONSUME_BY_WHO": _at("mq:QueryTopic", TOPIC, topic=_T),
    "GET_TOPIC_CONFIG": _at("mq:QueryTopic", TOPIC, topic=_T),
    "GET_ALL_TOPIC_CONFIG": RemotingRow(),
    "GET_SYSTEM_TOPIC_LIST_FROM_NS": RemotingRow(),
    "GET_SYSTEM_TOPIC_LIST_FROM_BROKER": RemotingRow(),
    "UPDATE_AND_CREATE_SUBSCRIPTIONGROUP": _saved(_CHANGED, _GROUP, "{group}"),
    "UPDATE_AND_CREATE_SUBSCRIPTIONGROUP#fresh": _saved(_NEW_GROUP, _GROUP, "fresh"),
    "UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST": _saved(_CHANGED, _GROUPS, "{group}"),
    "UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST#fresh": _saved(_NEW_GROUP, _GROUPS, "fresh"),
    "DELETE_SUBSCRIPTIONGROUP": _at("mq:DeleteGroup", GROUP, groupName=_G),
    "GET_SUBSCRIPTIONGROUP_CONFIG": _at("mq:QueryGroup", GROUP, group=_G),
    "GET_ALL_SUBSCRIPTIONGROUP_CONFIG": RemotingRow(),
    "QUERY_TOPICS_BY_CONSUMER": _at("mq:QueryGroup", GROUP, group=_G),
    "QUERY_SUBSCRIPTION_BY_CONSUMER": _at("mq:QueryGroup", GROUP, group=_G, topic="any"),
    "GET_CONSUME_STATS": _at("mq:QueryConsumerOffset", GROUP, consumerGroup=_G),
    # Of a topic that may not be seen, nothing is told; of the others, as of every one.
    "GET_CONSUME_STATS#topic": RemotingRow(
        (("mq:QueryConsumerOffset", GROUP), ("mq:QueryTopic", TOPIC)), {"consumerGroup": _G, "topic": _T}, is_lax=True
    ),
    "GET_BROKER_CONSUME_STATS": RemotingRow(),
    "INVOKE_BROKER_TO_RESET_OFFSET": RemotingRow(_RESET, {"group": _G, "topic": _T, "timestamp": "0"}),
    "GET_CONSUMER_CONNECTION_LIST": _at("mq:QueryGroup", GROUP, consumerGroup=_G),
    "GET_CONSUMER_RUNNING_INFO": _at("mq:QueryGroup", GROUP, consumerGroup=_G, clientId="c"),
    "CONSUME_MESSAGE_DIRECTLY": RemotingRow(
        (("mq:Resend", GROUP), ("mq:QueryMessage", TOPIC)), {"consumerGroup": _G, "clientId": "c", "msgId": "{placed}"}
    ),
    "INVOKE_BROKER_TO_GET_CONSUMER_STATUS": RemotingRow(
        (("mq:QueryConsumerOffset", GROUP), ("mq:QueryTopic", TOPIC)), {"group": _G, "topic": _T}
    ),
    # Producers are connected or not; a group of them need not be written down anywhere.
    "GET_PRODUCER_CONNECTION_LIST": RemotingRow(
        (("mq:QueryProducerGroup", MAKERS),), {"producerGroup": "{instance}%{makers}"}, is_lax=True
    ),
    "GET_ALL_PRODUCER_INFO": RemotingRow(),
    "GET_BROKER_RUNTIME_INFO": RemotingRow((BASE,)),
    "GET_BROKER_CONFIG": RemotingRow((BASE,)),
    "GET_NAMESRV_CONFIG": RemotingRow((BASE,)),
    "VIEW_BROKER_STATS_DATA": _at("mq:QueryTopic", TOPIC, statsName="TOPIC_PUT_NUMS", statsKey=_T),
    "QUERY_CONSUME_TIME_SPAN": RemotingRow(_SEEN, {"group": _G, "topic": _T}),
    # Groups that may not be seen are passed over.
    "QUERY_CORRECTION_OFFSET": _at("mq:QueryTopic", TOPIC, topic=_T, compareGroup="any"),
    "CLONE_GROUP_OFFSET": RemotingRow(_CLONED, {"srcGroup": _G, "destGroup": _G, "topic": _T}),
    # A group that never received has no place to give; the rights are asked all the same.
    "CLONE_GROUP_OFFSET#quiet": RemotingRow(
        (("mq:QueryConsumerOffset", QUIET), ("mq:QueryTopic", TOPIC), *_RESET),
        {"srcGroup": "{instance}%{quiet}", "destGroup": _G, "topic": _T},
    ),
    # There is nothing of the kind; everybody hears that.
    "POP_ROLLBACK": RemotingRow(),
    # Nobody changes these from here; everybody hears where they are changed.
    "UPDATE_BROKER_CONFIG": RemotingRow(),
    "UPDATE_NAMESRV_CONFIG": RemotingRow(),
    "WIPE_WRITE_PERM_OF_BROKER": RemotingRow((), {"brokerName": "broker-a"}),
    "ADD_WRITE_PERM_OF_BROKER": RemotingRow((), {"brokerName": "broker-a"}),
    "PUT_KV_CONFIG": _at("mq:UpdateInstance", SHOP, **_VALUE, value="red"),
    "GET_KV_CONFIG": RemotingRow((BASE,), _VALUE),
    "DELETE_KV_CONFIG": _at("mq:UpdateInstance", SHOP, **_VALUE),
    "GET_KVLIST_BY_NAMESPACE": RemotingRow((BASE,), {"namespace": "shop"}),
    "AUTH_CREATE_USER": RemotingRow(
        (("ram:CreateUser", "ram:user/fresh"),), {"username": "fresh"},
        '{{"username":"fresh","password":"correct horse battery staple 9"}}',
    ),
    "AUTH_UPDATE_USER": RemotingRow((("ram:UpdateUser", USER),), _NAMED, '{{"userStatus":"disable"}}'),
    "AUTH_UPDATE_USER#password": RemotingRow(
        (("ram:UpdateLoginProfile", USER), GIVEN), _NAMED, '{{"password":"correct horse battery staple 9"}}'
    ),
    "AUTH_UPDATE_USER#nothing": RemotingRow((("ram:GetUser", USER),), _NAMED, "{{}}"),
    "AUTH_DELETE_USER": RemotingRow((("ram:DeleteUser", USER),), _NAMED),
    "AUTH_GET_USER": RemotingRow((("ram:GetUser", USER),), _NAMED),
    "AUTH_LIST_USER": _at("ram:ListUsers", "ram:*"),
    # A policy may speak of a topic that is not there (any more).
    "AUTH_CREATE_ACL": RemotingRow(_NEW_LIST, _SUBJECT, _LIST, is_lax=True, succeeds=True),
    "AUTH_UPDATE_ACL": RemotingRow(_NEW_LIST, _SUBJECT, _LIST, is_lax=True, succeeds=True),
    # Nobody here has a list: who may know that is told so.
    "AUTH_DELETE_ACL": RemotingRow((("ram:GetUser", USER), ("ram:GetPolicy", _ACL)), _SUBJECT, is_lax=True),
    "AUTH_GET_ACL": RemotingRow((("ram:GetUser", USER), ("ram:GetPolicy", _ACL)), _SUBJECT),
    "AUTH_LIST_ACL": _at("ram:ListPolicies", "ram:*"),
}  # fmt: skip
