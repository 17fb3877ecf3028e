"""A second judge of policies, written from the description alone: slow, short, and sharing nothing with the product."""

import ipaddress
import json
from datetime import datetime
from typing import Any


def fits(pattern: str, text: str) -> bool:
    """`*` is any text, `?` one character; by recursion over both."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return fits(pattern[1:], text) or (bool(text) and fits(pattern, text[1:]))
    return bool(text) and pattern[0] in ("?", text[0]) and fits(pattern[1:], text[1:])


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def older(resource: str) -> str:
    parts = resource.split(":", 4)
    if resource == "*" or parts[1] != "rocketmq":
        return resource
    path = parts[4].split("/")
    rest = path[1] if len(path) == 2 else f"{path[1]}%{path[-1]}"
    return f"acs:mq:*:{parts[3]}:{rest}"


def holds(operator: str, key: str, values: list[str], *, request: dict[str, Any]) -> bool:
    fact = request[key]
    if key == "acs:SourceIp":
        address = ipaddress.ip_address(fact)
        address = getattr(address, "ipv4_mapped", None) or address
        found = any(address in ipaddress.ip_network(value, strict=False) for value in values)
    elif key == "acs:CurrentTime":
        instant = datetime.fromisoformat(fact)
        found = any(_before(operator, instant, datetime.fromisoformat(value)) for value in values)
    else:
        found = any((value.lower() == "true") == fact for value in values)
    return found != ("Not" in operator)


def _before(operator: str, left: datetime, right: datetime) -> bool:
    if "LessThan" in operator:
        return left < right or (operator.endswith("Equals") and left == right)
    if "GreaterThan" in operator:
        return left > right or (operator.endswith("Equals") and left == right)
    return left == right


def judge(documents: list[str], action: str, resource: str, *, request: dict[str, Any]) -> str:
    """Returns "allowed", "explicit_deny" or "implicit_deny"."""
    effects = set()
    for document in documents:
        for statement in listed(json.loads(document)["Statement"]):
            named = listed(statement.get("Action", statement.get("NotAction")))
            is_named = any(fits(one.lower().replace("rocketmq:", "mq:"), action.lower()) for one in named)
            if is_named == ("NotAction" in statement):
                continue
            if not any(fits(older(one), resource) for one in listed(statement["Resource"])):
                continue
            conditions = statement.get("Condition", {})
            if all(
                holds(op, key, listed(v), request=request) for op, keys in conditions.items() for key, v in keys.items()
            ):
                effects.add(statement["Effect"])
    if "Deny" in effects:
        return "explicit_deny"
    return "allowed" if "Allow" in effects else "implicit_deny"


def verdict(who: Any, needs: Any, *, exists: bool) -> str:
    """Returns what a door has to answer to somebody who needs all of this: "nobody", "refused", "missing" or "in"."""
    if who.is_nobody:
        return "nobody"
    facts = {"acs:SourceIp": "127.0.0.1", "acs:SecureTransport": False}
    if not who.is_root and any(judge(list(who.held), *need, request=facts) != "allowed" for need in needs):
        return "refused"
    return "in" if exists else "missing"
