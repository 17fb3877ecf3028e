"""Whether this process can do its work, in words an operator and a load balancer understand.

Owns: what counts as ready and what as degraded. Must not know: how a door tells it. Called by: doors, console, doctor.
"""

from dataclasses import dataclass

from ..domain.errors import BrokerError
from ..leases import workers
from ..store import health


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `is_required`: without it no message can be sent."""

    name: str
    is_ok: bool
    is_required: bool
    detail: str


def checks() -> list[Check]:
    """Looks at everything and returns one check each. Never raises; takes a second or two at worst."""
    found = [_store()]
    if found[0].is_ok:
        found.append(_migrations())
    alive = workers.alive()
    found.append(
        Check("redis", alive is not None, False, "" if alive is not None else "Redis does not answer: no deliveries.")
    )
    if alive is not None:
        missing = (
            "" if alive else "No broker worker runs: delayed messages and retries wait. Start manage.py runbroker."
        )
        found.append(Check("broker_worker", bool(alive), False, missing))
    return found


def is_ready(found: list[Check]) -> bool:
    """Returns True if everything required is well."""
    return all(check.is_ok for check in found if check.is_required)


def _store() -> Check:
    try:
        health.probe()
    except BrokerError as error:
        return Check("postgresql", False, True, error.detail)
    return Check("postgresql", True, True, "")


def _migrations() -> Check:
    missing = health.missing_migrations()
    detail = f"Run manage.py migrate: {', '.join(missing[:3])}." if missing else ""
    return Check("migrations", not missing, True, detail)
