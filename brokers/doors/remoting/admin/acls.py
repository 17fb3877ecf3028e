"""RocketMQ's access lists, as a policy of each user: `acl-user-<name>`.

Owns: what an entry of a list is as a statement of a policy, and back. Must not know: who may change policies.
Called by: doors.remoting.admin.
Source: apache/rocketmq auth/.../manager/AuthorizationMetadataManagerImpl.java, auth/.../model/Acl.java: what is made
anew is put in with what is there, and an entry takes the place of the one about the same resource.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from accounts import members, own_policies
from accounts.errors import NotFound
from accounts.own_policies import Statements

from ....dispatch import bridge
from ....domain.actor import Actor
from ....domain.errors import Rejected
from ....protocols.remoting import acls, bodies
from ....protocols.remoting.acls import Entry
from ....protocols.remoting.codes import Reply
from ....protocols.remoting.frames import Command
from .. import names
from ..call import Call

_PREFIX = "acl-user-"
_ANYTHING = "*"
_TOPIC, _GROUP = "Topic", "Group"
_KINDS = {_TOPIC: "topic", _GROUP: "consumergroup"}
# What each action is here. To list is to see what one may get.
_ACTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    _TOPIC: {
        "Pub": ("mq:PUB",),
        "Sub": ("mq:SUB",),
        "Create": ("mq:CreateTopic",),
        "Update": ("mq:UpdateTopic",),
        "Delete": ("mq:DeleteTopic",),
        "Get": ("mq:QueryTopic",),
    },
    _GROUP: {
        "Sub": ("mq:SUB",),
        "Create": ("mq:CreateGroup",),
        "Update": ("mq:UpdateGroup",),
        "Delete": ("mq:DeleteGroup",),
        "Get": ("mq:QueryGroup", "mq:QueryConsumerOffset"),
    },
}
_ACTIONS[_ANYTHING] = {
    name: tuple(dict.fromkeys((*_ACTIONS[_TOPIC][name], *_ACTIONS[_GROUP].get(name, ())))) for name in _ACTIONS[_TOPIC]
}
_KNOWN = (*_ACTIONS[_TOPIC], "List", "All")
_NAME = re.compile(r"[%|a-zA-Z0-9_-]*\Z")
_RESOURCE = re.compile(r"acs:rocketmq:\*:\d+:instance/([^/]+)/(topic|consumergroup)/(.*)\Z")


async def save(call: Call) -> Command:
    """3006 and 3007: adds entries to a user's list, in the place of those about the same resources."""
    user = acls.read_subject(bodies.text(call.fields, "subject"))
    entries = acls.read_acl(call.request.body)
    fresh = [await _statement(call.actor, entry) for entry in entries]

    def change(kept: Statements) -> Statements:
        _require_ours(kept, user)
        named = {statement["Resource"] for statement in fresh}
        return [one for one in kept if one["Resource"] not in named] + fresh

    return await _change(call, user, change)


async def delete(call: Call) -> Command:
    """3008: takes one resource out of a user's list, or does away with the list."""
    user = acls.read_subject(bodies.text(call.fields, "subject"))
    resource = call.fields.get("resource") or ""
    wanted = await _resource(call.actor, resource) if resource else ""

    def change(kept: Statements) -> Statements:
        left = [one for one in kept if wanted and one["Resource"] != wanted]
        if len(left) == len(kept):
            raise NotFound(f"The access list of {user!r} has nothing about {resource or 'anything'}.")
        return left

    return await _change(call, user, change)


async def get(call: Call) -> Command:
    """3009: a user's list; no body when there is none."""
    user = acls.read_subject(bodies.text(call.fields, "subject"))
    try:
        await bridge.run(members.user, call.actor, user)
    except NotFound as error:
        return call.reply(Reply.USER_NOT_EXIST, remark=error.detail)
    found = await bridge.run(lambda: own_policies.statements(call.actor, _PREFIX + user, user=user))
    if not found:
        return call.reply()
    return call.reply(body=bodies.write(acls.describe(user, await _entries(call.actor, found, user))))


async def every(call: Call) -> Command:
    """3010: the lists of users whose subject holds the one filter, of resources that hold the other."""
    subject, resource = call.fields.get("subjectFilter") or "", call.fields.get("resourceFilter") or ""
    found = []
    for user, statements in (await bridge.run(own_policies.every, call.actor, _PREFIX)).items():
        entries = [one for one in await _entries(call.actor, statements, user) if resource in one.resource]
        if entries and subject in f"User:{user}":
            found.append(acls.describe(user, entries))
    return call.reply(body=bodies.write_list(found))


async def _change(call: Call, user: str, change: Callable[[Statements], Statements]) -> Command:
    try:
        await bridge.run(members.user, call.actor, user)
    except NotFound as error:
        return call.reply(Reply.USER_NOT_EXIST, remark=error.detail)
    try:
        await bridge.run(lambda: own_policies.edit(call.actor, _PREFIX + user, change, user=user))
    except NotFound as error:
        return call.reply(Reply.POLICY_NOT_EXIST, remark=error.detail)
    return call.reply()


# --- an entry and a statement -----------------------------------------------------------------------------------------


async def _statement(actor: Actor, entry: Entry) -> dict[str, Any]:  # Any: JSON values
    if entry.decision not in {"Allow", "Deny"}:
        raise Rejected("A decision is Allow or Deny.")
    kind, _, name = entry.resource.partition(":")
    found: list[str] = []
    for action in _spelled(entry.actions):
        found += _ACTIONS.get(kind, {}).get(action, ())
    resource = await _resource(actor, entry.resource)
    if not found:
        raise Rejected(f"None of these actions can be done with {entry.resource!r}.")
    if "mq:SUB" in found and entry.decision == "Allow" and name.endswith("*"):
        raise Rejected(
            f"Here a topic and a group of one name share the right Sub, so {entry.resource!r} would give both."
            " Name topics and groups one by one, or write '*' for all of them."
        )
    statement: dict[str, Any] = {"Effect": entry.decision, "Action": list(dict.fromkeys(found)), "Resource": resource}
    if entry.source_ips:
        statement["Condition"] = {"IpAddress": {"acs:SourceIp": list(entry.source_ips)}}
    return statement


def _spelled(given: Sequence[str]) -> list[str]:
    """Returns the actions in one spelling. Raises Rejected."""
    known = {name.lower(): name for name in _KNOWN}
    found: list[str] = []
    for text in given:
        name = known.get(text.lower())
        if name is None:
            raise Rejected(f"There is no action {text!r}; there are {', '.join(_KNOWN)}.")
        found += _ACTIONS[_TOPIC] if name == "All" else ["Get" if name == "List" else name]
    return [name for name in _ACTIONS[_TOPIC] if name in found]


async def _resource(actor: Actor, text: str) -> str:
    """Returns what a policy calls a resource. Raises Rejected."""
    if text == _ANYTHING:
        return f"acs:rocketmq:*:{actor.account_id}:*"
    kind, _, name = text.partition(":")
    stem = name.removesuffix("*")
    if kind not in _KINDS or not name or not _NAME.match(stem):
        raise Rejected(
            f"{text!r} is no resource here; write Topic:<name>, Group:<name>, with '*' at its end for all that begin"
            " so, or '*' alone. Rights to the server itself are policies, in the console."
        )
    if not stem:
        home = await names.parse(actor, names.TEMPLATE_TOPIC)
        return f"acs:rocketmq:*:{actor.account_id}:instance/{home.instance}/{_KINDS[kind]}/*"
    parsed = await names.parse(actor, stem)
    end = "*" if name.endswith("*") else ""
    return f"acs:rocketmq:*:{actor.account_id}:instance/{parsed.instance}/{_KINDS[kind]}/{parsed.bare}{end}"


async def _entries(actor: Actor, statements: Statements, user: str) -> list[Entry]:
    _require_ours(statements, user)
    home = await names.parse(actor, names.TEMPLATE_TOPIC)
    return [_entry(one, home.instance) for one in statements]


def _entry(statement: dict[str, Any], home: str) -> Entry:  # Any: JSON values
    match = _RESOURCE.match(statement["Resource"])
    kind = _ANYTHING
    resource = _ANYTHING
    if match:
        kind = next(name for name, word in _KINDS.items() if word == match[2])
        resource = f"{kind}:{'' if match[1] == home else f'{match[1]}%'}{match[3]}"
    actions = set(statement["Action"])
    return Entry(
        resource,
        tuple(name for name, needed in _ACTIONS[kind].items() if actions.issuperset(needed)),
        tuple(statement.get("Condition", {}).get("IpAddress", {}).get("acs:SourceIp", ())),
        statement["Effect"],
    )


def _require_ours(statements: Statements, user: str) -> None:
    """Refuses what a person made of the policy since: it might say what no list can."""
    for one in statements:
        plain = set(one) <= {"Effect", "Action", "Resource", "Condition"} and isinstance(one.get("Resource"), str)
        condition = one.get("Condition", {"IpAddress": {"acs:SourceIp": []}})
        addresses = condition.get("IpAddress", {}).get("acs:SourceIp") if len(condition) == 1 else None
        named = plain and (one["Resource"].endswith(":*") or _RESOURCE.match(one["Resource"]))
        if not named or not isinstance(one.get("Action"), list) or not isinstance(addresses, list):
            raise Rejected(f"The policy {_PREFIX}{user} was changed in the console and is no access list any more.")
