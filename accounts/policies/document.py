"""A policy document: RAM's JSON, read once into statements that can be judged.

Owns: what a document may say, and a clear complaint about what it may not. Must not know: who has the policy.
Called by: `permissions` before a policy is saved, `policy_cache` when it is loaded.

What cannot be understood is refused here; nothing is left out later in silence.
Source: RAM "Policy structure and syntax" (Version "1"); `Principal` belongs to resource policies and is refused.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..errors import Rejected
from . import conditions, limits, spellings
from .conditions import Condition
from .patterns import Pattern

_MEMBERS = {"Effect", "Action", "NotAction", "Resource", "Condition"}


@dataclass(frozen=True, slots=True)
class Statement:
    """One rule. `number` counts from 1 in its document; with `is_negated` it is about all actions but `actions`."""

    number: int
    allows: bool
    actions: tuple[Pattern, ...]
    is_negated: bool
    resources: tuple[Pattern, ...]
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """The statements of a policy, in order."""

    statements: tuple[Statement, ...]


def parse(text: str) -> Document:
    """Returns the document. Raises Rejected with the place and what is wrong there."""
    if len(text) > limits.DOCUMENT_CHARS:
        raise Rejected(f"A policy has at most {limits.DOCUMENT_CHARS} characters; this one has {len(text)}.")
    try:
        raw = json.loads(text, object_pairs_hook=_once)
    except RecursionError:
        raise Rejected("This is not a policy: it is nested too deeply.") from None
    except json.JSONDecodeError as error:
        raise Rejected(f"This is not JSON: {error.msg} in line {error.lineno}, column {error.colno}.") from None
    except ValueError as error:
        raise Rejected(f"This is not a policy: {error}.") from None
    try:
        return _document(raw)
    except ValueError as error:
        raise Rejected(f"{error}.") from None


def _document(raw: Any) -> Document:  # Any: parsed JSON
    if not isinstance(raw, dict) or set(raw) != {"Version", "Statement"}:
        raise ValueError('A policy is an object with "Version" and "Statement", and nothing else')
    if raw["Version"] != "1":
        raise ValueError('"Version" must be "1"')
    found = raw["Statement"] if isinstance(raw["Statement"], list) else [raw["Statement"]]
    if not 1 <= len(found) <= limits.STATEMENT_COUNT:
        raise ValueError(f"A policy has 1 to {limits.STATEMENT_COUNT} statements")
    return Document(tuple(_numbered(number, one) for number, one in enumerate(found, start=1)))


def _numbered(number: int, raw: Any) -> Statement:  # Any: parsed JSON
    try:
        return _statement(number, raw)
    except ValueError as error:
        raise ValueError(f"Statement {number}: {error}") from None


def _statement(number: int, raw: Any) -> Statement:  # Any: parsed JSON
    if not isinstance(raw, dict):
        raise ValueError("a statement is an object")
    unknown = sorted(set(raw) - _MEMBERS)
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not known here; known are {', '.join(sorted(_MEMBERS))}")
    if raw.get("Effect") not in ("Allow", "Deny"):
        raise ValueError('"Effect" must be "Allow" or "Deny"')
    if ("Action" in raw) == ("NotAction" in raw):
        raise ValueError('give either "Action" or "NotAction"')
    is_negated = "NotAction" in raw
    actions = _patterns("NotAction" if is_negated else "Action", raw, spelled=spellings.actions)
    resources = _patterns("Resource", raw, spelled=lambda text: [spellings.resource(text)])
    return Statement(
        number=number,
        allows=raw["Effect"] == "Allow",
        actions=tuple(Pattern(text, ignores_case=True) for text in actions),
        is_negated=is_negated,
        resources=tuple(Pattern(text) for text in resources),
        conditions=conditions.read(raw["Condition"]) if "Condition" in raw else (),
    )


def _patterns(member: str, raw: dict[str, Any], *, spelled: Callable[[str], list[str]]) -> list[str]:  # Any: JSON
    given = raw.get(member)
    texts = given if isinstance(given, list) else [given]
    if not 1 <= len(texts) <= limits.VALUE_COUNT:
        raise ValueError(f'"{member}" needs 1 to {limits.VALUE_COUNT} texts')
    found: list[str] = []
    for text in texts:
        if not isinstance(text, str) or not text or len(text) > limits.PATTERN_CHARS:
            raise ValueError(
                f'"{member}" must be a text, or a list of texts, of 1 to {limits.PATTERN_CHARS} characters'
            )
        if not text.isprintable():
            raise ValueError(f'"{member}" has a character that cannot be printed')
        found.extend(spelled(text))
    return list(dict.fromkeys(found))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:  # Any: parsed JSON
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} is given twice; readers differ in which one counts")
    return dict(pairs)
