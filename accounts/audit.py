"""The trail of who did what.

Owns: writing one row. Must not know: what the action means. Called by: catalog and people, inside the transaction of
the change, so that neither exists without the other.
"""

from typing import Any

from .models import AuditEntry

OK = "ok"
REFUSED = "refused"


def record(
    account_id: int,
    actor: str,
    action: str,
    *,
    resource: str,
    outcome: str = OK,
    source_ip: str = "",
    detail: dict[str, Any] | None = None,  # Any: JSON values
) -> None:
    """Writes one row. `detail` holds what changed, never a secret; long texts are cut to the columns' widths."""
    AuditEntry.objects.create(
        account_id=account_id,
        actor=actor[:200],
        action=action[:64],
        resource=resource[:400],
        outcome=outcome,
        source_ip=source_ip[:45],
        detail=detail or {},
    )
