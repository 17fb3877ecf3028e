"""The words of a refusal by a limit, the same at every door.

Owns: the errors and what they tell. Must not know: who counts. Called by: engine.quotas, dispatch.
"""

import math

from prometheus_client import Counter

from ..domain.errors import ErrorCode, Rejected, TryLater
from ..domain.quotas import BYTES, Quota, Scope

REFUSED = Counter("mqconsole_limit_refused_total", "Requests of this process refused by a limit", ["limit", "scope"])

_WHOSE = {Scope.ACCOUNT: "account", Scope.INSTANCE: "instance", Scope.KEY: "access key"}
_LONGEST_WAIT_SECONDS = 60.0
_FULL_RETRY_SECONDS = 5
_CONNECTION_RETRY_SECONDS = 5


def over(owner: tuple[Scope, Quota, int], wait_seconds: float, *, is_send: bool) -> TryLater:
    """Returns the error for a rate: `owner` says on whom the limit is, which, and its value."""
    scope, quota, value = owner
    REFUSED.labels(quota.value, scope.value).inc()
    wait_ms = math.ceil(1000 * min(max(wait_seconds, 0.001), _LONGEST_WAIT_SECONDS))
    unit = "bytes" if quota in BYTES else "messages"
    verb = "sent" if is_send else "received"
    return TryLater(
        f"messages flow control, retry after {wait_ms} ms: {value} {unit} a second may be {verb} by this"
        f" {_WHOSE[scope]}.",
        ErrorCode.QUOTA_EXCEEDED,
        retry_after_seconds=math.ceil(wait_ms / 1000),
        retry_after_ms=wait_ms,
        limit=quota.value,
        limit_value=value,
        scope=scope.value,
    )


def full(instance: str) -> TryLater:
    """Returns the error for a send to an instance whose backlog is full."""
    REFUSED.labels(Quota.BACKLOG_BYTES.value, Scope.INSTANCE.value).inc()
    return TryLater(
        f"The backlog of instance {instance!r} is full: consume what waits, or raise the limit.",
        ErrorCode.BACKLOG_FULL,
        retry_after_seconds=_FULL_RETRY_SECONDS,
        retry_after_ms=_FULL_RETRY_SECONDS * 1000,
        limit=Quota.BACKLOG_BYTES.value,
    )


def too_large(scope: Scope, most_bytes: float) -> Rejected:
    """Returns the error for a message that is larger than a limit set here."""
    REFUSED.labels(Quota.MESSAGE_BYTES.value, scope.value).inc()
    return Rejected(
        f"A message of this {_WHOSE[scope]} has at most {int(most_bytes)} bytes.", ErrorCode.MESSAGE_TOO_LARGE
    )


def too_many_connections(scope: Scope, most: int) -> TryLater:
    """Returns the error for one connection too many."""
    REFUSED.labels(Quota.CONNECTIONS.value, scope.value).inc()
    return TryLater(
        f"This {_WHOSE[scope]} may have {most} connections and has them. Close one, or raise the limit.",
        ErrorCode.QUOTA_EXCEEDED,
        retry_after_seconds=_CONNECTION_RETRY_SECONDS,
        limit=Quota.CONNECTIONS.value,
    )
