"""Who sends a hot request.

Owns: turning a proven AccessKey into an actor. Must not know: routes. Called by: doors.http.app.
"""

from accounts import credentials

from ...dispatch import bridge
from ...domain.actor import Actor
from .exchange import Exchange


def is_signed(exchange: Exchange) -> bool:
    """Returns True if the request is signed, so that its body must be read before its sender is known."""
    return exchange.headers.get(b"authorization", b"")[:3].upper() == b"MQ1"


async def prove(exchange: Exchange) -> Actor:
    """Returns the proven sender. Raises what `accounts.credentials` raises."""
    scope = exchange.scope
    outcome = credentials.check(
        exchange.headers,
        method=scope["method"],
        raw_path=scope["raw_path"],
        query=scope["query_string"],
        body_sha256=exchange.body_sha256,
        source_ip=exchange.peer,
    )
    if isinstance(outcome, credentials.Pending):
        outcome = await bridge.run(outcome.finish)
    return Actor(
        account_id=outcome.account_id,
        user_id=outcome.user_id,
        name=outcome.login,
        is_root=outcome.is_root,
        source_ip=exchange.peer,
        access_key_id=outcome.key_id,
        is_secure=scope.get("scheme") == "https",
    )
