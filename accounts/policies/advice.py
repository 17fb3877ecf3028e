"""What is probably not meant: statements that are wider than they look, or of no use.

Owns: the warnings. They stop nobody: a document that parses may be saved. Called by: `permissions`, pages, the API.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from . import spellings
from .document import Document, Statement
from .patterns import Pattern


@dataclass(frozen=True, slots=True)
class Warning:
    """One finding. `code` is stable; `text` names the values."""

    statement: int
    code: str
    text: str


def warnings(document: Document, *, account_id: int | None = None) -> list[Warning]:
    """Returns what somebody should look at, in the order of the statements."""
    found: list[Warning] = []
    for statement in document.statements:
        for code, text in _of_one(statement, account_id):
            found.append(Warning(statement.number, code, text))
        if statement.allows and any(_hides(other, statement) for other in document.statements):
            found.append(Warning(statement.number, "unreachable", "A deny of this policy covers all that this allows."))
    return found


def _of_one(statement: Statement, account_id: int | None) -> Iterator[tuple[str, str]]:
    if statement.is_negated:
        verb = "allows" if statement.allows else "denies"
        yield "not_action", f"NotAction {verb} everything but these actions, also actions that come later."
    if statement.allows and not statement.is_negated:
        wide_actions = any(pattern.text in ("*", "mq:*") for pattern in statement.actions)
        if wide_actions and any(pattern.text == "*" for pattern in statement.resources):
            yield "everything", "This allows everything on everything."
    for pattern in statement.resources:
        yield from _of_resource(pattern, account_id)
    known = tuple(spellings.ACTIONS)
    for pattern in statement.actions:
        if not any(pattern.matches(action) for action in known):
            yield "unknown_action", f"Nothing here asks for the action {pattern.text!r}; it has no effect."


def _of_resource(pattern: Pattern, account_id: int | None) -> Iterator[tuple[str, str]]:
    parts = pattern.text.split(":", 4)
    if len(parts) < 5:
        return
    account, rest = parts[3], parts[4]
    if account_id is not None and not Pattern(account).matches(str(account_id)):
        yield "foreign_account", f"{pattern.text!r} belongs to another account; it has no effect in yours."
    stem = rest[:-1]
    if parts[1] == "mq" and rest.endswith("*") and stem and "*" not in stem and not stem.endswith("%"):
        example = f"{stem}0" if stem[-1].isalnum() else f"{stem}x"
        what = "topics and groups" if "%" in stem else "instances"
        yield "prefix_star", f"{rest!r} also covers longer names, such as {example!r}, and other {what} made later."


def _hides(deny: Statement, allow: Statement) -> bool:
    if deny.allows or deny.is_negated or deny.conditions or allow.is_negated:
        return False
    return all(any(mine.covers(theirs) for mine in deny.actions) for theirs in allow.actions) and all(
        any(mine.covers(theirs) for mine in deny.resources) for theirs in allow.resources
    )
