"""What each operation needs: one line an operation, by hand, from docs/access.md.

**To add an operation**, add its line to the table of its door: `API` by operation id, `PAGES` by (URL name, method),
`REMOTING` (those of administration: `ADMIN`) by request code. `Row(needs…)` lists every (action, resource) without
which it must be refused, the one it is about first; names in braces are filled in for each owner. `body` is what makes
it work when it is allowed; `hides` are rights without which the thing looks as if it were not there. An operation of
the product that has no line fails; a line without an operation does too.
"""

from dataclasses import dataclass
from typing import Any

Need = tuple[str, str]

SHOP, TOPIC, GROUP = "mq:{instance}", "mq:{instance}%{topic}", "mq:{instance}%{group}"
ROLE = "ram:role/{role}"
EVERYONE, USER, TEAM, POLICY = "ram:*", "ram:user/{user}", "ram:group/{user_group}", "ram:policy/{policy}"
BASE = ("mq:QueryInstanceBaseInfo", SHOP)
# What the user, the user group and the policy of the table give: who hands it on must hold it.
GIVEN = ("mq:PUB", TOPIC)
GRANT_POLICY = "ram:policy/grants-user-{user}"
GRANTING: tuple[Need, ...] = (
    ("ram:CreatePolicy", GRANT_POLICY), ("ram:AttachPolicy", GRANT_POLICY),
    GIVEN, ("mq:QueryTopic", TOPIC), ("mq:ListTopic", SHOP), ("mq:ListGroup", SHOP), BASE,
)  # fmt: skip
DOCUMENT = (
    '{{"Version":"1","Statement":{{"Effect":"Allow","Action":"mq:PUB","Resource":"acs:mq:*:*:{instance}%{topic}"}}}}'
)


_STATEMENT = {"Effect": "Allow", "Action": "mq:PUB", "Resource": "acs:mq:*:*:{instance}%{topic}"}
AS_JSON = {"Version": "1", "Statement": _STATEMENT}


@dataclass(frozen=True, slots=True)
class Row:
    """What an operation needs. `is_public`: without signing in. `sees_all`: shows the whole account to who may ask."""

    needs: tuple[Need, ...] = ()
    body: Any = None
    query: str = ""
    hides: tuple[Need, ...] = ()
    is_public: bool = False
    sees_all: bool = False
    sees_instance: bool = False  # the right on an instance is one on all in it, but for what is denied
    is_own: bool = False  # about the asker's own things: what the path names must be theirs
    root_only: bool = False
    always: int = 0  # what everybody hears who signed in: the request wants something only the server can make
    is_never: bool = False  # nobody in the world of the matrix has such a thing
    is_lax: bool = False  # the last name need not exist: it is made, or a notice on the next page tells
    roots_confirm: bool = False  # whoever is root proves it first, whatever is named
    by_id: bool = False  # the rights on the topic are asked once the thing is found, in the asker's own account
    named: tuple[str, ...] = ()  # what is named beside the path: asked for each owner as well
    about: dict[str, str] | None = None  # path parameters that are called otherwise here


def row(action: str, resource: str, *more: Need, **how: Any) -> Row:  # Any: the members of Row
    return Row(((action, resource), *more), **how)


FREE, OWN, PUBLIC = Row(), Row(is_own=True), Row(is_public=True)
MAKERS, NOBODYS = "mq:{instance}%{makers}", Row(is_own=True, is_never=True)
PUB = ("mq:PUB", TOPIC)
PUB_ONLY = ("mq:PUB", "mq:QueryInstanceBaseInfo", "mq:ListTopic", "mq:QueryTopic")  # what the system policy gives

API: dict[str, Row] = {
    "whoami": FREE,
    "listInstances": FREE,
    "listAccessKeys": FREE,
    "createAccessKey": Row(body={}),
    "getAccessKey": OWN,
    "updateAccessKey": Row(is_own=True, body={"remark": "x"}),
    "deleteAccessKey": OWN,
    "createInstance": row("mq:CreateInstance", "mq:fresh", body={"name": "fresh"}),
    "getInstance": Row((BASE,)),
    "updateInstance": row("mq:UpdateInstance", SHOP, body={"remark": "x"}),
    "deleteInstance": row("mq:DeleteInstance", SHOP),
    "listTopics": row("mq:ListTopic", SHOP),
    "createTopic": row("mq:CreateTopic", "mq:{instance}%fresh", BASE, body={"name": "fresh"}),
    "getTopic": row("mq:QueryTopic", TOPIC),
    "updateTopic": row("mq:UpdateTopic", TOPIC, body={"remark": "x"}),
    "deleteTopic": row("mq:DeleteTopic", TOPIC, query="?force=true"),
    "listGroups": row("mq:ListGroup", SHOP),
    "createGroup": row("mq:CreateGroup", "mq:{instance}%fresh", BASE, body={"name": "fresh"}),
    "getGroup": row("mq:QueryGroup", GROUP),
    "updateGroup": row("mq:UpdateGroup", GROUP, body={"remark": "x"}),
    "deleteGroup": row("mq:DeleteGroup", GROUP, query="?force=true"),
    "getOffsets": row("mq:QueryConsumerOffset", GROUP),
    "resetOffsets": row(
        "mq:ResetConsumerOffset", GROUP, ("mq:ResetConsumerOffset", TOPIC), body={"topic": "{topic}", "to": "earliest"}
    ),
    "listDeadLetters": row("mq:QueryDLQMessage", GROUP),
    "countDeadLetters": row("mq:QueryDLQMessage", GROUP),
    "getDeadLetter": row("mq:QueryDLQMessage", GROUP, about={"number": "dead_letter"}),
    "redriveDeadLetters": row("mq:Resend", GROUP, body={"filter": {}, "dry_run": True}),
    "searchMessages": row("mq:QueryMessage", TOPIC, BASE, query="?topic={topic}"),
    "searchMessages#all": row("mq:QueryMessage", SHOP, BASE, query="?key=k-1", sees_instance=True),
    "getMessage": Row((BASE,), hides=(("mq:QueryMessage", TOPIC),)),
    "listOperations": Row((BASE,)),
    "listOperations#group": row("mq:QueryOperation", GROUP, BASE, query="?group={group}", named=("group",)),
    "getOperation": row("mq:QueryOperation", SHOP),
    "listOperationEntries": row("mq:QueryOperation", SHOP),
    "pauseOperation": row("mq:Resend", SHOP),
    "resumeOperation": row("mq:Resend", SHOP),
    "cancelOperation": row("mq:Resend", SHOP),
    "sendMessage": row("mq:PUB", TOPIC, body={"body": "x"}),
    "sendMessages": row("mq:PUB", TOPIC, body={"messages": [{"body": "x"}]}),
    "receiveMessages": row("mq:SUB", GROUP, ("mq:SUB", TOPIC), body={"topics": ["{topic}"], "max": 1}),
    "ackMessages": row("mq:SUB", GROUP, body={"receipts": ["x"]}),
    "nackMessages": row("mq:SUB", GROUP, body={"receipts": ["x"]}),
    "extendMessages": row("mq:SUB", GROUP, body={"receipts": ["x"]}),
    "listUsers": row("ram:ListUsers", EVERYONE),
    "createUser": row("ram:CreateUser", "ram:user/fresh", body={"name": "fresh"}),
    "getUser": row("ram:GetUser", USER),
    "updateUser": row("ram:UpdateUser", USER, ("ram:GetUser", USER), body={"active": False}),
    "deleteUser": row("ram:DeleteUser", USER),
    "listUserAccessKeys": row("ram:GetUser", USER),
    "createUserAccessKey": row("ram:CreateAccessKey", USER, GIVEN, body={}),
    "updateUserAccessKey": row("ram:UpdateAccessKey", USER, body={"enabled": False}),
    "deleteUserAccessKey": row("ram:DeleteAccessKey", USER),
    "rotateUserAccessKey": row("ram:CreateAccessKey", USER, ("ram:UpdateAccessKey", USER), GIVEN, body={}),
    "listUserGroups": row("ram:ListGroups", EVERYONE),
    "createUserGroup": row("ram:CreateGroup", "ram:group/fresh", body={"name": "fresh"}),
    "getUserGroup": row("ram:GetGroup", TEAM),
    "deleteUserGroup": row("ram:DeleteGroup", TEAM),
    "addUserToGroup": row("ram:AddUserToGroup", TEAM, GIVEN, body={"user": "{user}"}),
    "removeUserFromGroup": row("ram:RemoveUserFromGroup", TEAM),
    "listPolicies": row("ram:ListPolicies", EVERYONE),
    "createPolicy": row("ram:CreatePolicy", "ram:policy/fresh", body={"name": "fresh", "document": AS_JSON}),
    "getPolicy": row("ram:GetPolicy", POLICY),
    "deletePolicy": row("ram:DeletePolicy", POLICY),
    "deletePolicy#spare": row("ram:DeletePolicy", "ram:policy/{spare}", about={"policy": "spare"}),
    "createPolicyVersion": row("ram:CreatePolicyVersion", POLICY, GIVEN, body={"document": AS_JSON}),
    "setDefaultPolicyVersion": row("ram:CreatePolicyVersion", POLICY, GIVEN, about={"number": "version"}),
    "attachPolicy": row("ram:AttachPolicy", POLICY, GIVEN, body={"user": "{user}"}),
    "detachPolicy": row("ram:DetachPolicy", POLICY, body={"user": "{user}"}),
    "simulatePolicy": row(
        "ram:SimulatePolicy", EVERYONE, ("ram:GetUser", USER),
        body={"user": "{user}", "action": "mq:PUB", "resource": "acs:mq:*:*:{instance}%{topic}"},
    ),
    "grant": Row(GRANTING, {"name": "{topic}", "right": "PUB", "user": "{user}"}),
    "recallMessage": row("mq:PUB", TOPIC, about={"message": "scheduled"}),
    "listLimits": row("mq:QueryLimits", "mq:*", sees_all=True),
    "updateLimits": row(
        "mq:UpdateLimits", SHOP, ("mq:QueryLimits", "mq:*"), sees_all=True, named=("instance",),
        body={"scope": "instance", "target": "{instance}", "limits": {"topics": 50}},
    ),
    "updateLimits#account": row(
        "mq:UpdateLimits", "mq:*", ("mq:QueryLimits", "mq:*"), sees_all=True,
        body={"scope": "account", "limits": {"send_bytes_per_second": 900}},
    ),
    "updateLimits#key": row(
        "mq:UpdateLimits", "mq:*", ("mq:QueryLimits", "mq:*"), sees_all=True, named=("key",),
        body={"scope": "key", "target": "{key}", "limits": {"connections": 50}},
    ),
    "sendHalfMessage": row("mq:PUB", TOPIC, body={"body": "x", "producer_group": "{makers}"}),
    "commitTransaction": row("mq:PUB", TOPIC, by_id=True),
    "rollbackTransaction": row("mq:PUB", TOPIC, by_id=True),
    "checkTransaction": row("mq:PUB", TOPIC, by_id=True),
    "getTransaction": Row((BASE, ("mq:QueryMessage", SHOP))),
    "listTransactions": row("mq:QueryMessage", TOPIC, BASE, query="?topic={topic}", named=("topic",)),
    "listTransactions#all": row("mq:QueryMessage", SHOP, BASE, sees_instance=True),
    "redriveDeadLetters#topic": row(
        "mq:Resend", GROUP, PUB, body={"filter": {}, "destination": "topic:{topic}", "dry_run": True}
    ),
    "pollChecks": row("mq:PUB", TOPIC, body={"topics": ["{topic}"]}, about={"group": "makers"}, is_lax=True),
    "pollChecks#new": row("mq:PUB", TOPIC, body={"topics": ["{topic}"]}, about={"group": "new_makers"}),
    "listProducerGroups": Row((BASE,)),
    "getProducerGroup": row("mq:QueryProducerGroup", MAKERS, about={"group": "makers"}),
    "updateProducerGroup": row(
        "mq:UpdateProducerGroup", MAKERS, BASE, body={"max_checks": 3}, about={"group": "makers"}, is_lax=True
    ),
    "deleteProducerGroup": row("mq:DeleteProducerGroup", MAKERS, about={"group": "makers"}),
    "listAudit": row("mq:QueryAudit", "mq:*", sees_all=True),
    "exportAudit": row("mq:QueryAudit", "mq:*", sees_all=True),
    "listUnusedRights": row("ram:ListUnusedRights", EVERYONE),
    "listRoles": row("ram:ListRoles", EVERYONE),
    "createRole": row("ram:CreateRole", "ram:role/fresh", body={"name": "fresh"}),
    "getRole": row("ram:GetRole", ROLE),
    "deleteRole": row("ram:DeleteRole", ROLE),
    "trustWithRole": row("ram:UpdateRole", ROLE, GIVEN, body={"login": "{user}"}),
    "distrustWithRole": row("ram:UpdateRole", ROLE, body={"login": "{user}@{account}"}),
    "listRoleSessions": row("ram:GetRole", ROLE),
    "revokeRoleSession": row("ram:UpdateRole", ROLE, is_never=True),
    "listRoleOffers": FREE,
    "assumeRole": Row(is_own=True, is_never=True, body={}),
    "rotateAccessKey": Row(is_own=True, body={}),
    "getAccount": FREE,
    "updateAccount": row("ram:SetSecurityPreference", EVERYONE, body={"requires_second_factor": False}),
    "updateAccount#on": row("ram:SetSecurityPreference", EVERYONE, body={"requires_second_factor": True}),
    "listSessions": FREE,
    "endSessions": FREE,
    "endSession": NOBODYS,
    "listUserSessions": row("ram:ListSessions", USER),
    "endUserSessions": row("ram:EndSessions", USER),
    "endUserSession": row("ram:EndSessions", USER, is_never=True),
    "deleteUserSecondFactors": row("ram:UnbindMFADevice", USER, GIVEN),
    "getUserInvitation": row("ram:GetUser", USER, is_never=True),
    "createUserInvitation": row("ram:UpdateLoginProfile", USER, GIVEN),
    "deleteUserInvitation": row("ram:UpdateLoginProfile", USER, is_never=True),
    "detachPolicy#system": row(
        "ram:DetachPolicy", "ram:policy/{system}", body={"group": "{readers}"}, about={"policy": "system"}
    ),
    "updateUser#on": row("ram:UpdateUser", USER, ("ram:GetUser", USER), GIVEN, body={"active": True}),
    "updateUserAccessKey#on": row("ram:UpdateAccessKey", USER, GIVEN, body={"enabled": True}),
    "attachPolicy#system": row(
        "ram:AttachPolicy", "ram:policy/{system}", *((action, "mq:*") for action in PUB_ONLY),
        body={"user": "{user}"}, about={"policy": "system"},
    ),
    "request": row("mq:PUB", TOPIC, body={"body": "x", "async": True}),
    "getRequests": Row((BASE,)),
    "getTopicRequests": row("mq:QueryTopic", TOPIC),
    "getRequest": NOBODYS,
    "reply": Row(always=400, body={"body": "x", "reply_to": "x"}),
    # Only root lifts a deny.
    "detachPolicy#deny": row(
        "ram:DetachPolicy", "ram:policy/{deny}", root_only=True, body={"group": "{strict}"}, about={"policy": "deny"}
    ),
    "deleteUserGroup#deny": row("ram:DeleteGroup", "ram:group/{strict}", root_only=True, about={"group": "strict"}),
    "removeUserFromGroup#deny": row(
        "ram:RemoveUserFromGroup", "ram:group/{strict}", root_only=True, about={"group": "strict"}
    ),
    "createPolicyVersion#deny": row(
        "ram:CreatePolicyVersion", "ram:policy/{deny}", root_only=True, body={"document": AS_JSON},
        about={"policy": "deny"},
    ),
}  # fmt: skip


def both(name: str, made: Row) -> dict[tuple[str, str], Row]:
    """A form that is shown and sent under the same rights."""
    return {(name, "GET"): made, (name, "POST"): made}


_SEES_TOPICS, _SEES_GROUPS = ("mq:QueryTopic", "mq:{instance}%*"), ("mq:QueryGroup", "mq:{instance}%*")
_LISTING = (("ram:ListUsers", EVERYONE), ("ram:ListGroups", EVERYONE))
_RESET = ("mq:ResetConsumerOffset", GROUP)
_NEW_GROUP = {
    "name": "fresh", "order": "CONCURRENT", "max_attempts": "3", "invisible_seconds": "20", "start_from": "LATEST",
}  # fmt: skip
_U, _G, _P, _O = {"name": "user"}, {"name": "user_group"}, {"name": "policy"}, {"number": "operation"}
_R = {"name": "role"}
_ATTACH = {"policy": "{policy}"}
_GRANT = {"holder": "user:{user}", "right": "PUB"}

PAGES: dict[tuple[str, str], Row] = {
    ("overview", "GET"): FREE,
    **both("signin", PUBLIC),
    **both("signin_account", PUBLIC),
    ("signout", "POST"): PUBLIC,
    ("preferences", "POST"): PUBLIC,
    **both("keys", FREE),
    ("key_enable", "POST"): Row(
        is_own=True, body={"enabled": "0"}, about={"key_id": "key"}, roots_confirm=True
    ),
    ("key_delete", "POST"): Row(is_own=True, about={"key_id": "key"}, roots_confirm=True),
    ("users", "GET"): row("ram:ListUsers", EVERYONE),
    ("users", "POST"): row("ram:CreateUser", "ram:user/fresh", body={"name": "fresh"}),
    ("user", "GET"): row("ram:GetUser", USER, about=_U),
    ("user_active", "POST"): row("ram:UpdateUser", USER, about=_U, body={"active": "0"}),
    ("user_password", "POST"): row(
        "ram:UpdateLoginProfile", USER, GIVEN, about=_U, body={"password": "correct horse battery staple 2"}
    ),
    ("user_delete", "POST"): row("ram:DeleteUser", USER, about=_U, body={"confirm": "{user}"}),
    ("user_attach", "POST"): row("ram:AttachPolicy", POLICY, GIVEN, about=_U, body=_ATTACH),
    ("user_detach", "POST"): row("ram:DetachPolicy", POLICY, about=_U, body=_ATTACH),
    ("user_key_new", "POST"): row("ram:CreateAccessKey", USER, GIVEN, ("ram:GetUser", USER), about=_U),
    ("user_key_enable", "POST"): row("ram:UpdateAccessKey", USER, about={**_U, "key_id": "key"}, body={"enabled": "0"}),
    ("user_key_rotate", "POST"): row(
        "ram:CreateAccessKey",
        USER,
        ("ram:UpdateAccessKey", USER),
        GIVEN,
        ("ram:GetUser", USER),
        about={**_U, "key_id": "key"},
    ),
    ("user_key_delete", "POST"): row("ram:DeleteAccessKey", USER, about={**_U, "key_id": "key"}),
    ("user_groups", "GET"): row("ram:ListGroups", EVERYONE),
    ("user_groups", "POST"): row("ram:CreateGroup", "ram:group/fresh", body={"name": "fresh"}),
    ("user_group", "GET"): row("ram:GetGroup", TEAM, about=_G),
    ("user_group_delete", "POST"): row("ram:DeleteGroup", TEAM, about=_G, body={"confirm": "{user_group}"}),
    ("user_group_add", "POST"): row("ram:AddUserToGroup", TEAM, GIVEN, about=_G, body={"user": "{user}"}),
    ("user_group_remove", "POST"): row("ram:RemoveUserFromGroup", TEAM, about=_G, body={"user": "{user}"}),
    ("user_group_attach", "POST"): row("ram:AttachPolicy", POLICY, GIVEN, about=_G, body=_ATTACH),
    ("user_group_detach", "POST"): row("ram:DetachPolicy", POLICY, about=_G, body=_ATTACH),
    ("policies", "GET"): row("ram:ListPolicies", EVERYONE),
    ("policy_new", "GET"): FREE,
    ("policy_new", "POST"): row("ram:CreatePolicy", "ram:policy/fresh", body={"name": "fresh", "document": DOCUMENT}),
    ("policy", "GET"): row("ram:GetPolicy", POLICY, about=_P),
    ("policy", "POST"): row(
        "ram:CreatePolicyVersion", POLICY, ("ram:GetPolicy", POLICY), GIVEN, about=_P, body={"document": DOCUMENT}
    ),
    ("policy_default", "POST"): row("ram:CreatePolicyVersion", POLICY, GIVEN, about={**_P, "number": "version"}),
    ("policy_delete", "POST"): row("ram:DeletePolicy", POLICY, about=_P, body={"confirm": "{policy}"}),
    ("simulator", "GET"): row(
        "ram:ListUsers", EVERYONE, ("ram:SimulatePolicy", EVERYONE), ("ram:GetUser", USER),
        query="?user={user}&action=mq:PUB&source_ip=127.0.0.1&resource=acs:mq:*:*:x%25y",
    ),
    ("audit", "GET"): row("mq:QueryAudit", "mq:*", sees_all=True),
    ("instance_new", "GET"): FREE,
    ("instance_new", "POST"): row("mq:CreateInstance", "mq:fresh", body={"name": "fresh"}),
    ("instance", "GET"): Row((BASE,)),
    ("pulse", "GET"): Row((BASE, _SEES_TOPICS, _SEES_GROUPS)),
    ("find", "GET"): Row((BASE,), query="?q=e"),
    ("send", "GET"): Row((BASE,)),
    ("send", "POST"): row("mq:PUB", TOPIC, BASE, body={"topic": "{topic}", "body": "x"}),
    ("topics", "GET"): Row((BASE,)),
    ("topic_new", "GET"): Row((BASE,)),
    ("topic_new", "POST"): row(
        "mq:CreateTopic", "mq:{instance}%fresh", BASE, body={"name": "fresh", "type": "NORMAL", "queues": "1"}
    ),
    ("topic", "GET"): row("mq:QueryTopic", TOPIC),
    ("topic_groups", "GET"): row("mq:QueryTopic", TOPIC),
    ("topic_code", "GET"): row("mq:QueryTopic", TOPIC),
    ("topic_access", "GET"): row("mq:QueryTopic", TOPIC, *_LISTING),
    ("topic_access", "POST"): Row((("mq:QueryTopic", TOPIC), *_LISTING, *GRANTING), _GRANT),
    **both("topic_edit", row("mq:UpdateTopic", TOPIC, body={"queues": "1", "remark": "x"})),
    ("topic_delete", "POST"): row("mq:DeleteTopic", TOPIC, body={"confirm": "{topic}", "force": "1"}),
    ("groups", "GET"): Row((BASE,)),
    ("group_new", "GET"): Row((BASE,)),
    ("group_new", "POST"): row("mq:CreateGroup", "mq:{instance}%fresh", BASE, body=_NEW_GROUP),
    ("group", "GET"): row("mq:QueryGroup", GROUP),
    ("group_settings", "GET"): row("mq:QueryGroup", GROUP),
    ("group_code", "GET"): row("mq:QueryGroup", GROUP),
    ("client", "GET"): row("mq:QueryGroup", GROUP, query="?id=nobody"),
    ("group_access", "GET"): row("mq:QueryGroup", GROUP, *_LISTING),
    ("group_access", "POST"): Row(
        (("mq:QueryGroup", GROUP), *_LISTING, *((a, GROUP if r == TOPIC else r) for a, r in GRANTING)), _GRANT
    ),
    **both("group_edit", row("mq:UpdateGroup", GROUP, body={"max_attempts": "3", "invisible_seconds": "20"})),
    ("group_pause", "POST"): row("mq:UpdateGroup", GROUP, body={"paused": "1"}),
    ("group_delete", "POST"): row("mq:DeleteGroup", GROUP, body={"confirm": "{group}", "force": "1"}),
    ("group_reset", "GET"): Row((_RESET,)),
    ("group_reset", "POST"): Row(
        (_RESET, ("mq:ResetConsumerOffset", TOPIC)), {"topic": "{topic}", "to": "earliest", "step": "apply"}
    ),
    ("dead_letters", "GET"): row("mq:QueryDLQMessage", GROUP),
    ("dead_letter", "GET"): row("mq:QueryDLQMessage", GROUP, about={"number": "dead_letter"}),
    ("redrive", "POST"): row("mq:Resend", GROUP, body={"scope": "all"}),
    ("dead_letters_all", "GET"): Row((BASE,)),
    ("messages", "GET"): Row((BASE, ("mq:QueryMessage", TOPIC)), query="?topic={topic}"),
    ("message", "GET"): Row((BASE,), hides=(("mq:QueryMessage", TOPIC),), about={"message_id": "message"}),
    ("message_deliver", "POST"): row(
        "mq:Resend", GROUP, hides=(("mq:QueryMessage", TOPIC),), about={"message_id": "message"},
        body={"group": "{group}", "topic": "{topic}", "client": "nobody"},
    ),
    ("operations", "GET"): Row((BASE,)),
    ("operation", "GET"): row("mq:QueryOperation", SHOP, about=_O),
    ("operation_pause", "POST"): row("mq:Resend", SHOP, about=_O),
    ("operation_resume", "POST"): row("mq:Resend", SHOP, about=_O),
    ("operation_cancel", "POST"): row("mq:Resend", SHOP, about=_O),
    ("signin_passkey", "POST"): PUBLIC,
    ("signin_passkey", "GET"): PUBLIC,
    **both("signin_second", PUBLIC),
    **both("signin_enrol", PUBLIC),
    ("roles", "GET"): row("ram:ListRoles", EVERYONE),
    ("roles", "POST"): row("ram:CreateRole", "ram:role/fresh", body={"name": "fresh", "minutes": "60"}),
    ("role", "GET"): row("ram:GetRole", ROLE, about=_R),
    ("role_delete", "POST"): row("ram:DeleteRole", ROLE, about=_R, body={"confirm": "{role}"}),
    ("role_trust", "POST"): row("ram:UpdateRole", ROLE, GIVEN, about=_R, body={"login": "{user}"}),
    ("role_distrust", "POST"): row("ram:UpdateRole", ROLE, about=_R, body={"login": "{user}@{account}"}),
    ("role_attach", "POST"): row("ram:AttachPolicy", POLICY, GIVEN, about=_R, body=_ATTACH),
    ("role_detach", "POST"): row("ram:DetachPolicy", POLICY, about=_R, body=_ATTACH),
    ("role_revoke", "POST"): row("ram:UpdateRole", ROLE, about=_R, is_never=True),
    **both("assume", FREE),
    ("role_leave", "POST"): FREE,
    ("unused", "GET"): row("ram:ListUnusedRights", EVERYONE),
    ("key_rotate", "POST"): Row(is_own=True, about={"key_id": "key"}, roots_confirm=True),
    ("requests", "GET"): Row((BASE,)),
    ("topic_requests", "GET"): row("mq:QueryTopic", TOPIC),
    ("request_ask", "GET"): Row((BASE,)),
    ("request_ask", "POST"): row(
        "mq:PUB", TOPIC, BASE,
        body={"topic": "{topic}", "body": "x", "timeout_seconds": "1", "max_replies": "1"},
    ),
    ("request", "GET"): Row((BASE,), is_never=True, about={"correlation_id": "request"}),
    **both("invitation", PUBLIC),
    ("invitation_link", "GET"): PUBLIC,
    ("openid", "GET"): PUBLIC,
    ("openid_back", "GET"): PUBLIC,
    ("user_invite", "POST"): row("ram:UpdateLoginProfile", USER, GIVEN, ("ram:GetUser", USER), about=_U),
    ("user_invite_revoke", "POST"): row("ram:UpdateLoginProfile", USER, about=_U, is_never=True),
    **both("confirm", FREE),
    ("security", "GET"): FREE,
    ("security_password", "POST"): FREE,
    **both("security_app", FREE),
    **both("security_passkey", FREE),
    ("security_remove", "POST"): Row(is_own=True, is_never=True, always=302),  # a fresh proof comes first
    ("security_recovery_codes", "POST"): FREE,
    ("security_required", "POST"): FREE,  # it asks for the password first; `test_rooms` has the right
    ("sessions", "GET"): FREE,
    ("sessions_end_others", "POST"): FREE,
    ("session_end", "POST"): Row(always=302),  # what is not one's own is not there, and a notice says so
    ("user_sessions_end", "POST"): row("ram:EndSessions", USER, about=_U),
    ("user_factors_remove", "POST"): row("ram:UnbindMFADevice", USER, GIVEN, about=_U),
    ("limits", "GET"): row("mq:QueryLimits", "mq:*", sees_all=True),
    **both("limits_edit", row("mq:UpdateLimits", "mq:*", query="")),
    **both("limits_edit_named", row("mq:UpdateLimits", SHOP, about={"scope": "of_instance", "name": "instance"})),
    ("limits_edit_named#key", "GET"): row("mq:UpdateLimits", "mq:*", about={"scope": "of_key", "name": "key"}),
    ("message_recall", "POST"): row("mq:PUB", TOPIC, about={"message_id": "scheduled"}, is_lax=True),
    ("transactions", "GET"): row("mq:QueryMessage", TOPIC, BASE, query="?topic={topic}", named=("topic",)),
    ("transactions_discarded", "GET"): row("mq:QueryMessage", TOPIC, BASE, query="?topic={topic}", named=("topic",)),
    ("transactions_decided", "GET"): row("mq:QueryMessage", TOPIC, BASE, query="?topic={topic}", named=("topic",)),
    ("transaction", "GET"): Row((BASE, ("mq:QueryMessage", SHOP))),
    ("transaction_commit", "POST"): Row((BASE, PUB), by_id=True),
    ("transaction_rollback", "POST"): Row((BASE, PUB), by_id=True),
    ("transaction_check", "POST"): Row((BASE, PUB), by_id=True),
    ("producer_groups", "GET"): Row((BASE,)),
    ("producer_group", "GET"): row("mq:QueryProducerGroup", MAKERS, BASE, about={"group": "makers"}),
    ("producer_group", "POST"): row(
        "mq:UpdateProducerGroup", MAKERS, ("mq:QueryProducerGroup", MAKERS), BASE, about={"group": "makers"},
        body={"max_checks": "3"},
    ),
    ("producer_group_delete", "POST"): row(
        "mq:DeleteProducerGroup", MAKERS, about={"group": "makers"}, body={"confirm": "{makers}"}
    ),
}  # fmt: skip
