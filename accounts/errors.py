"""Errors of people and credentials, with a stable code and a text that may be shown.

Owns: the families raised in this package. Must not know: brokers, or how a door spells a status.
`code`, `detail` and `extra` mean what they mean on the broker's errors and the codes are the same words, so a door
tells both in the same way.
"""

from typing import Any


class AccountError(Exception):
    """An error with a code and a text safe to show. `extra` holds further safe members for the client."""

    code = "INTERNAL"

    def __init__(self, detail: str, code: str = "", **extra: Any) -> None:  # Any: JSON values
        super().__init__(detail)
        self.detail = detail
        self.extra: dict[str, Any] = extra
        if code:
            self.code = code


class Rejected(AccountError):
    """The request can never work as it is."""

    code = "INVALID_REQUEST"


class Unauthenticated(AccountError):
    """Nobody, or not who they say."""

    code = "UNAUTHENTICATED"


class Denied(AccountError):
    """Known, but not allowed. `extra` has action, resource and reason, and the statement that decided."""

    code = "ACCESS_DENIED"


class NotFound(AccountError):
    """No such thing, or nothing the caller may know of."""

    code = "NOT_FOUND"


class TryLater(AccountError):
    """Nothing was done; the same request may work later. `retry_after_seconds` in `extra`."""

    code = "STORE_UNAVAILABLE"
