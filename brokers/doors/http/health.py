"""`/livez` and `/readyz`: is this process alive, and should it get requests.

Owns: their answers. Must not know: what is looked at. Called by: doors.http.app.
A liveness probe touches nothing, so that a database outage does not restart every process; Redis being away means
degraded, not unready: sending still works.
"""

from dataclasses import asdict

from ...dispatch import bridge
from ...engine import health
from .exchange import Exchange

PATHS = frozenset({b"/livez", b"/readyz"})


async def serve(exchange: Exchange) -> None:
    """Answers a probe."""
    if exchange.scope["raw_path"] == b"/livez":
        await exchange.answer(200, {"status": "ok"})
        return
    found = await bridge.run(health.checks)
    ready = health.is_ready(found)
    status = "unready" if not ready else "ok" if all(check.is_ok for check in found) else "degraded"
    await exchange.answer(
        200 if ready else 503, {"status": status, "checks": [asdict(check) for check in found if not check.is_ok]}
    )
