"""The judgement: default deny, any deny wins, otherwise any allow.

Owns: the rule and its reason. Must not know: users, rows, the root user (who is not judged).
Called by: `permissions` for every door, the simulator, and the page that explains a refusal.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from .conditions import Facts
from .document import Document, Statement


class Outcome(StrEnum):
    """How a judgement ended."""

    ALLOWED = "allowed"
    EXPLICIT_DENY = "explicit_deny"
    IMPLICIT_DENY = "implicit_deny"


@dataclass(frozen=True, slots=True)
class Held:
    """A policy somebody has. `via` names the user group it comes through, empty when attached to the user."""

    policy: str
    version: int
    via: str
    document: Document


@dataclass(frozen=True, slots=True)
class Decision:
    """The judgement with the statement that decided; `held` and `statement` are None for an implicit deny."""

    outcome: Outcome
    held: Held | None = None
    statement: Statement | None = None

    @property
    def is_allowed(self) -> bool:
        """Returns True if the door opens."""
        return self.outcome == Outcome.ALLOWED

    @property
    def is_denied(self) -> bool:
        """Returns True if a statement denies, which no allow elsewhere can outweigh."""
        return self.outcome == Outcome.EXPLICIT_DENY


_IMPLICIT = Decision(Outcome.IMPLICIT_DENY)


def decide(policies: Iterable[Held], action: str, resource: str, *, facts: Facts) -> Decision:
    """Returns the judgement of one action on one resource, both in the spelling `mq:…` and `acs:mq:*:account:…`.

    The first deny found decides, else the first allow; the order changes which statement is named, never the outcome.
    """
    allowed: Decision | None = None
    for held in policies:
        for statement in held.document.statements:
            if statement.allows and allowed is not None:
                continue
            if not _applies(statement, action, resource, facts=facts):
                continue
            if not statement.allows:
                return Decision(Outcome.EXPLICIT_DENY, held, statement)
            allowed = Decision(Outcome.ALLOWED, held, statement)
    return allowed or _IMPLICIT


def _applies(statement: Statement, action: str, resource: str, *, facts: Facts) -> bool:
    if any(pattern.matches(action) for pattern in statement.actions) is statement.is_negated:
        return False
    if not any(pattern.matches(resource) for pattern in statement.resources):
        return False
    for condition in statement.conditions:
        holds = condition.holds(facts)
        if holds is None:
            holds = not statement.allows
        if not holds:
            return False
    return True
