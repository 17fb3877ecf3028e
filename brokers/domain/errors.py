"""Errors with a stable code and a text that may be shown to a client.

Owns: the list of codes, the families, and each code's default advice.
Must not know: how a door spells a status (each door has its own table).
Called by: every room that refuses something.
"""

from enum import StrEnum
from typing import Any


class ErrorCode(StrEnum):
    """Stable names: clients may branch on them; texts may change."""

    # rejected: the caller must change something
    INVALID_REQUEST = "INVALID_REQUEST"
    INVALID_JSON = "INVALID_JSON"
    INVALID_NAME = "INVALID_NAME"
    INVALID_RECEIPT = "INVALID_RECEIPT"
    MESSAGE_TOO_LARGE = "MESSAGE_TOO_LARGE"
    PROPERTIES_TOO_LARGE = "PROPERTIES_TOO_LARGE"
    REQUEST_TOO_LARGE = "REQUEST_TOO_LARGE"
    RESERVED_PROPERTY = "RESERVED_PROPERTY"
    TOPIC_TYPE_MISMATCH = "TOPIC_TYPE_MISMATCH"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    CONFLICT = "CONFLICT"
    SUBSCRIPTION_CONFLICT = "SUBSCRIPTION_CONFLICT"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    TRANSACTION_DECIDED = "TRANSACTION_DECIDED"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    LIMIT_REACHED = "LIMIT_REACHED"
    LENGTH_REQUIRED = "LENGTH_REQUIRED"
    # who are you, and may you
    UNAUTHENTICATED = "UNAUTHENTICATED"
    ACCESS_KEY_DISABLED = "ACCESS_KEY_DISABLED"
    SIGNATURE_MISMATCH = "SIGNATURE_MISMATCH"
    SIGNATURE_EXPIRED = "SIGNATURE_EXPIRED"
    SIGNATURE_REPLAYED = "SIGNATURE_REPLAYED"
    ACCESS_DENIED = "ACCESS_DENIED"
    # not found
    NOT_FOUND = "NOT_FOUND"
    INSTANCE_NOT_FOUND = "INSTANCE_NOT_FOUND"
    TOPIC_NOT_FOUND = "TOPIC_NOT_FOUND"
    GROUP_NOT_FOUND = "GROUP_NOT_FOUND"
    MESSAGE_NOT_FOUND = "MESSAGE_NOT_FOUND"
    OPERATION_NOT_FOUND = "OPERATION_NOT_FOUND"
    REQUEST_NOT_FOUND = "REQUEST_NOT_FOUND"
    TRANSACTION_NOT_FOUND = "TRANSACTION_NOT_FOUND"
    # stale
    STALE_RECEIPT = "STALE_RECEIPT"
    OFFSET_OUT_OF_RANGE = "OFFSET_OUT_OF_RANGE"
    CHANGED_MEANWHILE = "CHANGED_MEANWHILE"
    REQUEST_OVER = "REQUEST_OVER"
    REQUEST_ANSWERED = "REQUEST_ANSWERED"
    REQUESTER_GONE = "REQUESTER_GONE"
    # try later
    NO_RESPONDER = "NO_RESPONDER"
    REQUEST_TIMEOUT = "REQUEST_TIMEOUT"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    BACKLOG_FULL = "BACKLOG_FULL"
    GROUP_PAUSED = "GROUP_PAUSED"
    OVERLOADED = "OVERLOADED"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    LEASES_UNAVAILABLE = "LEASES_UNAVAILABLE"
    # unknown outcome: the connection died while the commit was under way
    UNKNOWN_OUTCOME = "UNKNOWN_OUTCOME"
    INTERNAL = "INTERNAL"


class BrokerError(Exception):
    """An error with a code and a text safe to show. `extra` holds further safe members for the client."""

    code = ErrorCode.INTERNAL

    def __init__(self, detail: str, code: ErrorCode | None = None, **extra: Any) -> None:  # Any: JSON values
        super().__init__(detail)
        self.detail = detail
        self.extra = extra
        if code is not None:
            self.code = code


class Rejected(BrokerError):
    """The request can never work as it is."""

    code = ErrorCode.INVALID_REQUEST


class Unauthenticated(BrokerError):
    """Nobody, or not who they say."""

    code = ErrorCode.UNAUTHENTICATED


class Denied(BrokerError):
    """Known, but not allowed. `extra` has action, resource and reason."""

    code = ErrorCode.ACCESS_DENIED


class NotFound(BrokerError):
    """No such thing, or nothing the caller may know of: the two look the same."""

    code = ErrorCode.NOT_FOUND


class Stale(BrokerError):
    """A receipt, offset or epoch that was valid once."""

    code = ErrorCode.STALE_RECEIPT


class TryLater(BrokerError):
    """Nothing was done; the same request may work later. `retry_after_seconds` in `extra`."""

    code = ErrorCode.OVERLOADED


class UnknownOutcome(BrokerError):
    """The work may or may not have been done. Repeat it with the same `dedup_id` or receipt."""

    code = ErrorCode.UNKNOWN_OUTCOME


class ProtocolViolation(Exception):
    """Bytes that are not what the protocol allows. The only error a parser raises."""
