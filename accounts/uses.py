"""The rights used in this process since somebody looked last.

Owns: one set. Must not know: the database. Called by: catalog.access and permissions (`note`), grant_use (`take`).
"""

from .policies.evaluation import Decision

Use = tuple[int, str, int, int, str]  # user or, negative, role session; policy, version, statement; action

_MOST = 50_000
_seen: set[Use] = set()


def note(user_id: int | None, decision: Decision, action: str) -> None:
    """Notes that a statement let somebody in. A fraction of a microsecond; nothing for root, whom no statement does."""
    held, statement = decision.held, decision.statement
    if held is not None and statement is not None and user_id is not None and len(_seen) < _MOST:
        _seen.add((user_id, held.policy, held.version, statement.number, action))


def take() -> set[Use]:
    """Returns what was noted, and forgets it."""
    global _seen
    seen, _seen = _seen, set()
    return seen
