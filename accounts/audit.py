"""The trail of who did what.

Owns: writing one row, and what its digest covers. Must not know: what the action means. Called by: catalog and people,
inside the transaction of the change, so that neither exists without the other.

When the transaction ends the database gives each entry the next number of its account and a hash over that number, its
time, its digest and the hash before it (migration 0006). So entries of an account wait for one another only at the very
end, and none can be changed, taken out or moved without breaking the chain (`audit_proof`).
"""

import hashlib
import json
from typing import Any

from .models import AuditEntry

OK = "ok"
REFUSED = "refused"
GENESIS = "0" * 64


def record(
    account_id: int,
    actor: str,
    action: str,
    *,
    resource: str,
    outcome: str = OK,
    source_ip: str = "",
    detail: dict[str, Any] | None = None,  # Any: JSON values
    count: int = 1,
) -> None:
    """Writes one row. `detail` holds what changed, never a secret; long texts are cut to the columns' widths."""
    entry = AuditEntry(
        account_id=account_id,
        actor=actor[:200],
        action=action[:64],
        resource=resource[:400],
        outcome=outcome,
        source_ip=source_ip[:45],
        detail=_plain(detail or {}),
        count=count,
    )
    entry.digest = digest(entry)
    entry.save(force_insert=True)


def digest(entry: AuditEntry) -> str:
    """Returns the SHA-256, in hex, of what an entry says, as canonical JSON: keys in order, no blanks, ASCII."""
    said = {
        "account": entry.account_id,
        "action": entry.action,
        "actor": entry.actor,
        "count": entry.count,
        "detail": _plain(entry.detail),
        "outcome": entry.outcome,
        "resource": entry.resource,
        "source_ip": entry.source_ip,
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def link(entry: AuditEntry, previous: str) -> str:
    """Returns the hash of an entry behind the one with the hash `previous`, as the database computes it."""
    at_us = (int(entry.at.timestamp()) * 1_000_000) + entry.at.microsecond
    text = (
        f'{{"account":{entry.account_id},"at":{at_us},"content":"{entry.digest}","previous":"{previous}",'
        f'"sequence":{entry.sequence}}}'
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:  # Any: JSON values
    """Returns the value as PostgreSQL gives it back: texts without NUL, and no fraction where it is nothing."""
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value.replace("\0", "�") if isinstance(value, str) else value
