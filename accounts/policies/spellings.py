"""The two spellings of RocketMQ in RAM, brought to one.

Owns: `rocketmq:GetTopic` is `mq:QueryTopic`, `acs:rocketmq:*:*:instance/i/topic/t` is `acs:mq:*:*:i%t`, and the list of
actions somebody here asks for. Must not know: statements, effects. Called by: document, advice.

A topic and a group of one instance share their names in the first spelling, and so they do here: a right on the topic
`a` is a right on the group `a`, whichever spelling was used.
Source: the RAM pages of ApsaraMQ for RocketMQ 4.x (code `mq`) and 5.x (code `rocketmq`).
"""

from .patterns import Pattern

SERVICES = ("mq", "rocketmq", "ram")

# Every action some door, page or operation asks for, and what it is asked of.
ACTIONS = {
    "mq:PUB": "topic",
    "mq:SUB": "topic and group",
    "mq:QueryInstanceBaseInfo": "instance",
    "mq:CreateInstance": "instance",
    "mq:UpdateInstance": "instance",
    "mq:DeleteInstance": "instance",
    "mq:ListTopic": "instance",
    "mq:QueryTopic": "topic",
    "mq:CreateTopic": "topic",
    "mq:UpdateTopic": "topic",
    "mq:DeleteTopic": "topic",
    "mq:ListGroup": "instance",
    "mq:QueryGroup": "group",
    "mq:CreateGroup": "group",
    "mq:UpdateGroup": "group",
    "mq:DeleteGroup": "group",
    "mq:QueryMessage": "topic",
    "mq:QueryConsumerOffset": "group",
    "mq:ResetConsumerOffset": "topic and group",
    "mq:QueryDLQMessage": "group",
    "mq:Resend": "group",
    "mq:QueryOperation": "group",
    "mq:QueryProducerGroup": "producer group",
    "mq:UpdateProducerGroup": "producer group",
    "mq:DeleteProducerGroup": "producer group",
    "mq:QueryAudit": "account",
    "mq:QueryLimits": "account",
    "mq:UpdateLimits": "account, instance",
    "ram:ListUsers": "account",
    "ram:GetUser": "user",
    "ram:CreateUser": "user",
    "ram:UpdateUser": "user",
    "ram:DeleteUser": "user",
    "ram:UpdateLoginProfile": "user",
    "ram:ListSessions": "user",
    "ram:EndSessions": "user",
    "ram:UnbindMFADevice": "user",
    "ram:SetSecurityPreference": "account",
    "ram:CreateAccessKey": "user",
    "ram:UpdateAccessKey": "user",
    "ram:DeleteAccessKey": "user",
    "ram:ListGroups": "account",
    "ram:GetGroup": "user group",
    "ram:CreateGroup": "user group",
    "ram:DeleteGroup": "user group",
    "ram:AddUserToGroup": "user group",
    "ram:RemoveUserFromGroup": "user group",
    "ram:ListPolicies": "account",
    "ram:GetPolicy": "policy",
    "ram:CreatePolicy": "policy",
    "ram:CreatePolicyVersion": "policy",
    "ram:DeletePolicy": "policy",
    "ram:AttachPolicy": "policy",
    "ram:DetachPolicy": "policy",
    "ram:SimulatePolicy": "account",
    "ram:ListUnusedRights": "account",
    "ram:ListRoles": "account",
    "ram:GetRole": "role",
    "ram:CreateRole": "role",
    "ram:UpdateRole": "role",
    "ram:DeleteRole": "role",
}

_NEWER = {
    "Pub": "PUB",
    "Sub": "SUB",
    "CreateInstance": "CreateInstance",
    "GetInstance": "QueryInstanceBaseInfo",
    "ListInstances": "QueryInstanceBaseInfo",
    "UpdateInstance": "UpdateInstance",
    "DeleteInstance": "DeleteInstance",
    "CreateTopic": "CreateTopic",
    "GetTopic": "QueryTopic",
    "ListTopics": "ListTopic",
    "UpdateTopic": "UpdateTopic",
    "DeleteTopic": "DeleteTopic",
    "CreateConsumerGroup": "CreateGroup",
    "GetConsumerGroup": "QueryGroup",
    "ListConsumerGroups": "ListGroup",
    "UpdateConsumerGroup": "UpdateGroup",
    "DeleteConsumerGroup": "DeleteGroup",
    "GetConsumerGroupLag": "QueryConsumerOffset",
    "ListConsumerConnections": "QueryGroup",
    "ResetConsumeOffset": "ResetConsumerOffset",
    "ListMessages": "QueryMessage",
    "GetMessageDetail": "QueryMessage",
    "ListTraces": "QueryMessage",
    "GetTrace": "QueryMessage",
    "VerifySendMessage": "PUB",
    "VerifyConsumeMessage": "Resend",
}


def actions(text: str) -> list[str]:
    """Returns the pattern in our spelling; several when one newer pattern means several older actions.

    Raises: ValueError with what is wrong.
    """
    if text == "*":
        return ["*"]
    service, colon, name = text.partition(":")
    service = service.lower()
    if not colon or service not in SERVICES:
        raise ValueError(f"{text!r} is not an action; it begins with 'mq:', 'rocketmq:' or 'ram:', or is '*'")
    if not name or not all(char.isascii() and (char.isalnum() or char in "*?_") for char in name):
        raise ValueError(f"{text!r} is not an action; after the colon come letters, digits, '*' and '?'")
    if service != "rocketmq":
        return [f"{service}:{name}"]
    if name == "*":
        return ["mq:*"]
    pattern = Pattern(name, ignores_case=True)
    found = sorted({f"mq:{older}" for newer, older in _NEWER.items() if pattern.matches(newer)})
    if not found:
        raise ValueError(f"{text!r} fits no action of RocketMQ 5; known are {', '.join(sorted(_NEWER))}")
    return found


def resource(text: str) -> str:
    """Returns the pattern as `acs:<service>:*:<account>:<rest>` in our spelling, or `*`.

    Raises: ValueError with what is wrong.
    """
    if text == "*":
        return text
    parts = text.split(":", 4)
    if len(parts) != 5 or parts[0] != "acs":
        raise ValueError(f"{text!r} is not a resource; write 'acs:mq:*:*:instance%topic', or '*'")
    _, service, region, account, rest = parts
    if service not in SERVICES:
        raise ValueError(f"{text!r} is not a resource of this server; the second part is mq, rocketmq or ram")
    if region not in ("*", ""):
        raise ValueError(f"{text!r} names a region; this server has none, so write '*' in its place")
    if not rest or any(not (char.isdigit() or char in "*?") for char in account):
        raise ValueError(f"{text!r} needs an account number or '*' in the fourth part and something after it")
    if service == "rocketmq":
        return f"acs:mq:*:{account or '*'}:{_newer_rest(text, rest)}"
    return f"acs:{service}:*:{account or '*'}:{rest}"


def _newer_rest(text: str, rest: str) -> str:
    if rest == "*":
        return "*"
    kind, _, path = rest.partition("/")
    instance, slash, inner = path.partition("/")
    if kind != "instance" or not instance:
        raise ValueError(f"{text!r} is not a resource of RocketMQ 5; write 'instance/<id>/topic/<name>'")
    if not slash:
        return instance
    if inner == "*":
        return f"{instance}%*"
    kind, _, name = inner.partition("/")
    if kind not in ("topic", "consumergroup", "group") or not name:
        raise ValueError(
            f"{text!r} is not a resource of RocketMQ 5; after the instance come topic/… or consumergroup/…"
        )
    return f"{instance}%{name}"
