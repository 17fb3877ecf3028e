"""May somebody do this? The one question every door asks.

Owns: root's exemption, the border of the account, the words of a refusal.
Must not know: topics, groups, doors. Called by: catalog.access, and this package's own changes of people and policies.
"""

from collections.abc import Iterable
from typing import Any, Protocol

from . import clock, denials, policy_cache, uses
from .errors import Denied
from .policies import evaluation
from .policies.conditions import Facts
from .policies.evaluation import Decision, Held, Outcome


class Asker(Protocol):
    """Who asks: a proven identity, as doors make it."""

    @property
    def account_id(self) -> int: ...
    @property
    def user_id(self) -> int | None: ...
    @property
    def is_root(self) -> bool: ...
    @property
    def name(self) -> str: ...
    @property
    def signature(self) -> str: ...
    @property
    def source_ip(self) -> str: ...
    @property
    def is_secure(self) -> bool: ...
    @property
    def has_second_factor(self) -> bool: ...


_ROOT = Decision(Outcome.ALLOWED)
_NOBODY = Decision(Outcome.IMPLICIT_DENY)


def peek(asker: Asker, action: str, resource: str) -> Decision | None:
    """Returns the judgement, or None when the database would have to be asked first. Never blocks."""
    known = _without_policies(asker, resource)
    if known is not None:
        return known
    held = policy_cache.peek(asker.user_id or 0)
    return None if held is None else _judge(held, asker, action=action, resource=resource)


def decide(asker: Asker, action: str, resource: str) -> Decision:
    """Returns the judgement with the statement that decided. Raises TryLater when policies cannot be read."""
    known = _without_policies(asker, resource)
    return known or _judge(policy_cache.of_user(asker.user_id or 0), asker, action=action, resource=resource)


def require(asker: Asker, action: str, resource: str) -> None:
    """Raises Denied with the reason if `asker` may not. Effects: as `denial`."""
    decision = decide(asker, action, resource)
    if not decision.is_allowed:
        raise denial(asker, decision, action=action, resource=resource)
    uses.note(asker.user_id, decision, action)


def denial(asker: Asker, decision: Decision, *, action: str, resource: str) -> Denied:
    """Returns the error that tells of a refusal. Effects: writes it down (`denials.note`)."""
    return refusal(asker, action=action, resource=resource, **explain(decision))


def refusal(
    asker: Asker, *, action: str, resource: str, reason: str, statement: dict[str, Any] | None = None
) -> Denied:  # Any: JSON values
    """Returns the error for what `asker` may not do for this reason. Effects: as `denial`."""
    denials.note(
        denials.Refusal(
            account_id=asker.account_id,
            login=asker.name,
            actor=asker.signature,
            source_ip=asker.source_ip,
            action=action,
            resource=resource,
            detail={"reason": reason, "statement": statement},
        )
    )
    return Denied(
        f"You are not allowed to do {action} on {resource}: {reason}.",
        action=action,
        resource=resource,
        reason=reason,
        statement=statement,
    )


def explain(decision: Decision) -> dict[str, Any]:  # Any: JSON values
    """Returns the reason of a judgement in words, and the statement that decided, None for a default deny."""
    held, statement = decision.held, decision.statement
    if held is None or statement is None:
        if decision.is_allowed:
            return {"reason": "the root user may do everything in its account", "statement": None}
        return {"reason": "no policy allows it", "statement": None}
    verb = "allows" if statement.allows else "denies"
    return {
        "reason": f"statement {statement.number} of the policy {held.policy} (version {held.version}) {verb} it",
        "statement": {
            "policy": held.policy,
            "version": held.version,
            "number": statement.number,
            "effect": "Allow" if statement.allows else "Deny",
            "via_group": held.via or None,
        },
    }


def has_deny(asker: Asker) -> bool:
    """Returns True if any deny applies to `asker` somewhere, so that no star of an allow can be trusted alone."""
    if asker.is_root:
        return False
    held = policy_cache.of_user(asker.user_id or 0)
    return any(not statement.allows for policy in held for statement in policy.document.statements)


def simulate(
    held: Iterable[Held], *, account_id: int, is_root: bool, action: str, resource: str, facts: Facts
) -> Decision:
    """Returns how somebody with these policies would be judged, from any address at any time."""
    if not _is_inside(account_id, resource):
        return _NOBODY
    return _ROOT if is_root else evaluation.decide(held, action, resource, facts=facts)


def _judge(held: tuple[Held, ...], asker: Asker, *, action: str, resource: str) -> Decision:
    facts = Facts(
        source_ip=asker.source_ip, now=clock.now(), is_secure=asker.is_secure, has_mfa=asker.has_second_factor
    )
    return evaluation.decide(held, action, resource, facts=facts)


def _without_policies(asker: Asker, resource: str) -> Decision | None:
    if not _is_inside(asker.account_id, resource):
        return _NOBODY
    if asker.is_root:
        return _ROOT
    return _NOBODY if asker.user_id is None else None


def _is_inside(account_id: int, resource: str) -> bool:
    return resource.startswith((f"acs:mq:*:{account_id}:", f"acs:ram:*:{account_id}:"))
