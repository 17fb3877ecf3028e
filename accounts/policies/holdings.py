"""Whether one set of policies holds all that another one gives: nobody may grant more than they have.

Owns: that comparison; it may say no to an odd pair, never yes wrongly. Must not know: who grants to whom.
Called by: `permissions`.
"""

from collections.abc import Iterable, Sequence

from .document import Document, Statement
from .evaluation import Held
from .patterns import Pattern


def holds(mine: Sequence[Held], given: Iterable[Document], *, account_id: int) -> bool:
    """Returns True if whatever the documents allow in the account is allowed by `mine` without any condition.

    A holder of any deny must not grant what that deny could touch, and nobody but root grants by NotAction.
    """
    own = [statement for held in mine for statement in held.document.statements]
    wanted = [statement for document in given for statement in document.statements if statement.allows]
    return all(_is_held(statement, own, account_id=account_id) for statement in wanted)


def has_deny(documents: Iterable[Document]) -> bool:
    """Returns True if taking one of these away could allow more than before."""
    return any(not statement.allows for document in documents for statement in document.statements)


def _is_held(wanted: Statement, own: Sequence[Statement], *, account_id: int) -> bool:
    if wanted.is_negated or any(not statement.allows for statement in own):
        return False
    return all(
        any(
            not mine.is_negated
            and not mine.conditions
            and any(pattern.covers(action) for pattern in mine.actions)
            and any(pattern.covers(resource) for pattern in mine.resources)
            for mine in own
        )
        for action in wanted.actions
        for resource in (_inside(pattern, account_id) for pattern in wanted.resources)
    )


def _inside(pattern: Pattern, account_id: int) -> Pattern:
    """Returns the pattern as it counts in one account, where `*` in the account's place means that account."""
    parts = pattern.text.split(":", 4)
    if len(parts) < 5 or parts[3] != "*":
        return pattern
    return Pattern(":".join([*parts[:3], str(account_id), parts[4]]))
