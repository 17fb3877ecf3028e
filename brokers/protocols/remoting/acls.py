"""Bodies of the requests about RocketMQ's access lists.

Owns: their shapes. Must not know: policies. Called by: doors.remoting.admin.
Whatever the bytes, only ProtocolViolation is raised.
Source: apache/rocketmq remoting/.../body/AclInfo.java, auth/.../model/Resource.java, common/.../action/Action.java.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from ...domain.errors import ProtocolViolation

_USER = "User:"
_COUNT = 100
_CHARS = 256


@dataclass(frozen=True, slots=True)
class Entry:
    """One rule: `Topic:<name>`, `Group:<name>` (each may end in `*`), `*`; and what may or may not be done with it."""

    resource: str
    actions: tuple[str, ...]
    source_ips: tuple[str, ...]
    decision: str


def read_subject(text: str) -> str:
    """Returns the user's name in `User:<name>`."""
    if not text.startswith(_USER) or len(text) == len(_USER) or len(text) > _CHARS or not text.isprintable():
        raise ProtocolViolation("a subject is written User:<name>")
    return text.removeprefix(_USER)


def read_acl(body: bytes) -> list[Entry]:
    """Returns the entries of requests 3006 and 3007."""
    try:
        read = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ProtocolViolation("a body is not JSON") from error
    found = []
    for policy in _objects(_member(read, "policies"), "policies"):
        if policy.get("policyType") not in (None, "Custom"):
            raise ProtocolViolation("a policyType is Custom; there are no default policies here")
        found += [_entry(item) for item in _objects(policy.get("entries"), "entries")]
    if not 0 < len(found) <= _COUNT:
        raise ProtocolViolation(f"an access list has 1 to {_COUNT} entries")
    return found


def describe(user: str, entries: Sequence[Entry]) -> dict[str, Any]:  # Any: JSON values
    """Returns a user's list as an AclInfo."""
    written = [
        {
            "resource": entry.resource,
            "actions": list(entry.actions),
            "sourceIps": list(entry.source_ips),
            "decision": entry.decision,
        }
        for entry in entries
    ]
    return {"subject": f"{_USER}{user}", "policies": [{"policyType": "Custom", "entries": written}]}


def _entry(item: dict[str, Any]) -> Entry:  # Any: JSON values
    return Entry(
        resource=_text(item.get("resource"), "resource"),
        actions=tuple(_text(one, "actions") for one in _list(item.get("actions"), "actions")),
        source_ips=tuple(_text(one, "sourceIps") for one in _list(item.get("sourceIps") or [], "sourceIps")),
        decision=_text(item.get("decision"), "decision"),
    )


def _objects(value: object, name: str) -> list[dict[str, Any]]:  # Any: JSON values
    return [item if isinstance(item, dict) else _member(item, name) for item in _list(value, name)]


def _member(read: object, name: str) -> Any:  # Any: JSON values
    if not isinstance(read, dict):
        raise ProtocolViolation(f"{name} is not where it should be")
    return read.get(name)


def _list(value: object, name: str) -> list[Any]:  # Any: JSON values
    if not isinstance(value, list) or len(value) > _COUNT:
        raise ProtocolViolation(f"{name} is not a list of at most {_COUNT}")
    return value


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _CHARS or not value.isprintable():
        raise ProtocolViolation(f"{name} is missing, not text or too long")
    return value
