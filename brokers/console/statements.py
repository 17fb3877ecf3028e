"""The form beside the JSON of a policy: the same statements, as fields.

Owns: statements as lines people fill in, both ways between them and JSON, and which side was edited last.
Must not know: what a statement means; `accounts.policies` reads the JSON. Called by: console.policies.

Without JavaScript every step is a button of one form; with it the same form is sent when a field changes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from django.utils.translation import gettext as _

from accounts.errors import Rejected
from accounts.policies import advice, document

from . import problems

STATEMENT_COUNT = 100
EFFECTS, KINDS = ("Allow", "Deny"), ("Action", "NotAction")


@dataclass(frozen=True, slots=True)
class Line:
    """One statement as fields. `actions` and `resources` have one a line; `conditions`: operator, key, values."""

    effect: str = "Allow"
    kind: str = "Action"
    actions: str = ""
    resources: str = ""
    conditions: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Editor:
    """Both sides as they are shown. `shown` is the JSON both sides agreed on; `problem` why the JSON has no fields."""

    lines: tuple[Line, ...]
    text: str
    shown: str
    problem: str = ""
    failure: str = ""  # of the fields

    examples: ClassVar[Mapping[str, str]] = {
        "actions": "mq:PUB",
        "resources": "acs:mq:*:*:instance%topic",
        "conditions": "IpAddress acs:SourceIp 10.0.0.0/8",
    }

    @property
    def can_add(self) -> bool:
        """Returns whether another statement may be added."""
        return len(self.lines) < STATEMENT_COUNT


def opened(text: str, account_id: int) -> Editor:
    """Returns the editor for a policy's JSON."""
    try:
        read = document.parse(text)
        lines = tuple(_line(one) for one in _statements(json.loads(text)))
    except Rejected as error:
        return Editor((), text, text, problem=problems.detail(error))
    found: dict[int, list[str]] = {}
    for warning in advice.warnings(read, account_id=account_id):
        found.setdefault(warning.statement, []).append(problems.told(warning.text))
    marked = tuple(replace(line, warnings=tuple(found.get(n, ()))) for n, line in enumerate(lines, 1))
    return Editor(marked, text, text)


def stepped(posted: Mapping[str, str], account_id: int) -> Editor:
    """Returns the editor after a step: `add`, `remove-3`, `read` (from the JSON) or `write` (from the fields)."""
    step, text = posted.get("step", ""), _lines_of(posted.get("document", ""))
    if step == "read":
        return opened(text, account_id)
    lines = list(_posted(posted))
    if step == "add" and len(lines) < STATEMENT_COUNT:
        lines.append(Line())
    verb, _dash, number = step.partition("-")
    if verb == "remove" and number.isascii() and number.isdigit() and 0 < int(number) <= len(lines):
        del lines[int(number) - 1]
    try:
        written = _written(lines)
    except Rejected as error:
        return Editor(tuple(lines), text, posted.get("shown", ""), failure=problems.detail(error))
    judged = opened(written, account_id)
    if judged.problem:  # a statement that is not filled in yet: the fields stay, and say so
        return Editor(tuple(lines), written, written, failure=judged.problem)
    return judged


def saved(posted: Mapping[str, str]) -> str:
    """Returns the JSON to save: as typed, unless only the fields were edited. Raises Rejected for bad fields."""
    text = _lines_of(posted.get("document", ""))
    if "shown" not in posted or text != _lines_of(posted["shown"]):
        return text
    lines = list(_posted(posted))
    if not lines or lines == _fields_of(text):
        return text
    return _written(lines)


def _fields_of(text: str) -> list[Line]:
    try:
        document.parse(text)
    except Rejected:
        return []
    return [_line(one) for one in _statements(json.loads(text))]


def _statements(read: dict[str, Any]) -> list[dict[str, Any]]:  # Any: JSON values
    found = read["Statement"]
    return found if isinstance(found, list) else [found]


def _line(statement: Mapping[str, Any]) -> Line:  # Any: JSON values
    kind = "NotAction" if "NotAction" in statement else "Action"
    conditions = [
        f"{operator} {key} {', '.join(str(value) for value in _listed(values))}"
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    ]
    return Line(
        effect=statement["Effect"],
        kind=kind,
        actions="\n".join(_listed(statement[kind])),
        resources="\n".join(_listed(statement["Resource"])),
        conditions="\n".join(conditions),
    )


def _posted(posted: Mapping[str, str]) -> list[Line]:
    lines = []
    for n in range(STATEMENT_COUNT):
        if f"s{n}-effect" not in posted:
            break
        effect, kind = posted.get(f"s{n}-effect", ""), posted.get(f"s{n}-kind", "")
        lines.append(
            Line(
                effect=effect if effect in EFFECTS else "Allow",
                kind=kind if kind in KINDS else "Action",
                actions="\n".join(_words(posted.get(f"s{n}-actions", ""))),
                resources="\n".join(_words(posted.get(f"s{n}-resources", ""))),
                conditions="\n".join(_words(posted.get(f"s{n}-conditions", ""))),
            )
        )
    return lines


def _written(lines: list[Line]) -> str:
    """Returns the JSON of the fields. Raises Rejected for a condition that is not operator, key and values."""
    statements = []
    for number, line in enumerate(lines, 1):
        made: dict[str, Any] = {"Effect": line.effect, line.kind: _short(line.actions)}  # Any: JSON values
        made["Resource"] = _short(line.resources)
        conditions: dict[str, dict[str, object]] = {}
        for text in _words(line.conditions):
            parts = text.split(maxsplit=2)
            if len(parts) < 3:
                raise Rejected(
                    _("Statement %(n)d: write a condition as operator, key and values, such as %(example)s")
                    % {"n": number, "example": "IpAddress acs:SourceIp 10.0.0.0/8, 127.0.0.1"}
                )
            values = [value.strip() for value in parts[2].split(",") if value.strip()]
            conditions.setdefault(parts[0], {})[parts[1]] = values[0] if len(values) == 1 else values
        if conditions:
            made["Condition"] = conditions
        statements.append(made)
    return json.dumps({"Version": "1", "Statement": statements}, indent=2, ensure_ascii=False)


def _short(text: str) -> object:
    words = _words(text)
    return words[0] if len(words) == 1 else words


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.splitlines() if word.strip()]


def _listed(value: Any) -> list[Any]:  # Any: JSON values
    return value if isinstance(value, list) else [value]


def _lines_of(text: str) -> str:
    return text.replace("\r\n", "\n").strip()
