"""Conditions of a statement: when, from where and how somebody asks.

Owns: the operators, the keys, and what an unknown fact means. Must not know: actions, resources.
Called by: document (`read`), evaluation (`Condition.holds`).

Values of one key are alternatives (of a negated operator: none of them may hold); keys and operators must all hold.
A fact that is not known (no address, for a job) makes an allow not apply and a deny apply: doubt never opens a door.
"""

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from . import limits
from .patterns import Pattern


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a request. `source_ip` is empty when it came from nowhere."""

    source_ip: str
    now: datetime
    is_secure: bool = False
    has_mfa: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator on one key."""

    operator: str
    key: str
    values: tuple[str, ...]
    _is_negated: bool
    _tests: tuple[Callable[[Any], bool], ...]  # Any: the fact of this key, of the operator's type

    def holds(self, facts: Facts) -> bool | None:
        """Returns whether it holds, None when the fact is not known."""
        fact = _KEYS[self.key][1](facts)
        if fact is None:
            return None
        return any(test(fact) for test in self._tests) is not self._is_negated


def read(raw: Any) -> tuple[Condition, ...]:  # Any: parsed JSON
    """Returns the conditions of `{operator: {key: value or values}}`. Raises ValueError with what is wrong."""
    if not isinstance(raw, dict) or not raw:
        raise ValueError('Condition must be an object such as {"IpAddress": {"acs:SourceIp": "10.0.0.0/8"}}')
    found: list[Condition] = []
    for operator, keys in raw.items():
        if operator not in _OPERATORS:
            raise ValueError(f"{operator!r} is not a condition operator; known are {', '.join(sorted(_OPERATORS))}")
        if not isinstance(keys, dict) or not keys:
            raise ValueError(f"Condition {operator} must be an object of keys")
        found.extend(_read_one(operator, key, values) for key, values in keys.items())
    return tuple(found)


def _read_one(operator: str, key: str, raw: Any) -> Condition:  # Any: parsed JSON
    if key not in _KEYS:
        raise ValueError(f"{key!r} is not a condition key; known are {', '.join(sorted(_KEYS))}")
    kind, make, is_negated = _OPERATORS[operator]
    if kind not in _KEYS[key][0]:
        raise ValueError(f"{operator} cannot be used with {key}")
    given = raw if isinstance(raw, list) else [raw]
    if not 1 <= len(given) <= limits.VALUE_COUNT:
        raise ValueError(f"{key} needs 1 to {limits.VALUE_COUNT} values")
    values = tuple(_text(key, value) for value in given)
    try:
        # A number of milliseconds and a text are facts of their own type; everything else is tested as it is.
        tests = tuple(make(value) for value in values)
    except ValueError as error:
        raise ValueError(f"{operator} {key}: {error}") from None
    adapt = _ADAPT.get(kind)
    if adapt is not None:
        tests = tuple(_adapted(test, adapt) for test in tests)
    return Condition(operator, key, values, is_negated, tests)


def _text(key: str, value: Any) -> str:  # Any: parsed JSON
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        value = str(value)
    if not isinstance(value, str) or len(value) > limits.PATTERN_CHARS:
        raise ValueError(f"{key}: each value must be a text of at most {limits.PATTERN_CHARS} characters")
    return value


def _adapted(test: Callable[[Any], bool], adapt: Callable[[Any], Any]) -> Callable[[Any], bool]:  # Any: facts
    return lambda fact: test(adapt(fact))


def _equal(value: str) -> Callable[[str], bool]:
    return lambda fact: fact == value


def _equal_folded(value: str) -> Callable[[str], bool]:
    folded = value.casefold()
    return lambda fact: fact.casefold() == folded


def _like(value: str) -> Callable[[str], bool]:
    return Pattern(value).matches


def _boolean(value: str) -> Callable[[bool], bool]:
    if value.lower() not in ("true", "false"):
        raise ValueError(f"{value!r} is not true or false")
    wanted = value.lower() == "true"
    return lambda fact: fact is wanted


def _network(value: str) -> Callable[[ipaddress.IPv4Address | ipaddress.IPv6Address], bool]:
    network = ipaddress.ip_network(value, strict=False)
    return lambda fact: fact.version == network.version and fact in network


def _instant(value: str) -> datetime:
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a time such as 2026-01-31T23:59:59Z") from None
    if instant.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone; write it as 2026-01-31T23:59:59Z")
    return instant


def _number(value: str) -> float:
    number = float(value) if len(value) <= 32 else float("nan")
    if number != number or number in (float("inf"), float("-inf")):
        raise ValueError(f"{value!r} is not a number")
    return number


def _compared(read_value: Callable[[str], Any], compare: str) -> Callable[[str], Callable[[Any], bool]]:  # Any: ordered
    def make(value: str) -> Callable[[Any], bool]:
        bound = read_value(value)
        return {
            "Equals": lambda fact: bool(fact == bound),
            "LessThan": lambda fact: bool(fact < bound),
            "LessThanEquals": lambda fact: bool(fact <= bound),
            "GreaterThan": lambda fact: bool(fact > bound),
            "GreaterThanEquals": lambda fact: bool(fact >= bound),
        }[compare]

    return make


def _address(facts: Facts) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(facts.source_ip)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


# What each key can be compared as, and the fact itself; None when it is not known.
_KEYS: Mapping[str, tuple[frozenset[str], Callable[[Facts], Any]]] = {  # Any: one type a key
    "acs:SourceIp": (frozenset({"ip", "string"}), _address),
    "acs:CurrentTime": (frozenset({"date", "string", "numeric"}), lambda facts: facts.now),
    "acs:SecureTransport": (frozenset({"bool", "string"}), lambda facts: facts.is_secure),
    "acs:MFAPresent": (frozenset({"bool", "string"}), lambda facts: facts.has_mfa),
}


def _as_text(fact: Any) -> str:  # Any: one of the facts above
    if isinstance(fact, bool):
        return "true" if fact else "false"
    if isinstance(fact, datetime):
        return fact.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(fact)


# A time as a number is seconds since 1970, as RAM's NumericLessThan on acs:CurrentTime has it.
_ADAPT: Mapping[str, Callable[[Any], Any]] = {"string": _as_text, "numeric": lambda fact: fact.timestamp()}

_OPERATORS: dict[str, tuple[str, Callable[[str], Callable[[Any], bool]], bool]] = {
    "StringEquals": ("string", _equal, False),
    "StringNotEquals": ("string", _equal, True),
    "StringEqualsIgnoreCase": ("string", _equal_folded, False),
    "StringNotEqualsIgnoreCase": ("string", _equal_folded, True),
    "StringLike": ("string", _like, False),
    "StringNotLike": ("string", _like, True),
    "Bool": ("bool", _boolean, False),
    "IpAddress": ("ip", _network, False),
    "NotIpAddress": ("ip", _network, True),
}
for _kind, _reader in (("Numeric", _number), ("Date", _instant)):
    for _compare in ("Equals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"):
        _OPERATORS[_kind + _compare] = (_kind.lower(), _compared(_reader, _compare), False)
    _OPERATORS[_kind + "NotEquals"] = (_kind.lower(), _compared(_reader, "Equals"), True)
# What a document may name.
OPERATORS, KEYS = frozenset(_OPERATORS), frozenset(_KEYS)
