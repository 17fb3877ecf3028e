"""How an error is spelled in HTTP: its status, its title, its problem document and its headers.

Owns: the one table ErrorCode → (status, title). Must not know: frameworks, sockets, who raised.
Called by: the hot door and the management API, so that both say the same.
Source: RFC 9457 (problem details), RFC 9110 §15 (statuses).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from brokers.domain.errors import ErrorCode

from . import wording

CONTENT_TYPE = "application/problem+json"
# Both schemes are offered on every 401; a browser's own password box is unwanted, so scripts that call
# from a page sign in by session and never see this.
CHALLENGE = 'Basic realm="mqconsole", charset="UTF-8", MQ1-HMAC-SHA256'
_RETRY_AFTER_SECONDS = 1


class Problem(Protocol):
    """What an error must offer to be told: every `BrokerError`, and the errors of accounts."""

    @property
    def code(self) -> str: ...

    @property
    def detail(self) -> str: ...

    @property
    def extra(self) -> dict[str, Any]: ...  # Any: JSON values


class Row(NamedTuple):
    """One line of the table."""

    status: int
    title: str


_C = ErrorCode
TABLE: Mapping[ErrorCode, Row] = {
    _C.INVALID_REQUEST: Row(400, "The request is not valid"),
    _C.INVALID_JSON: Row(400, "The body is not valid JSON"),
    _C.INVALID_NAME: Row(400, "The name is not allowed"),
    _C.INVALID_RECEIPT: Row(400, "The receipt is not one of this server"),
    _C.MESSAGE_TOO_LARGE: Row(413, "The message is too large"),
    _C.PROPERTIES_TOO_LARGE: Row(413, "The properties are too large"),
    _C.REQUEST_TOO_LARGE: Row(413, "The request is too large"),
    _C.RESERVED_PROPERTY: Row(400, "The property is set by the server"),
    _C.TOPIC_TYPE_MISMATCH: Row(409, "The topic is of another type"),
    _C.ALREADY_EXISTS: Row(409, "The name is taken"),
    _C.CONFLICT: Row(409, "The present state does not allow this"),
    _C.SUBSCRIPTION_CONFLICT: Row(409, "Members of the group disagree on the subscription"),
    _C.METHOD_NOT_ALLOWED: Row(405, "The method is not allowed here"),
    _C.UNSUPPORTED_MEDIA_TYPE: Row(415, "The content type is not supported"),
    _C.TRANSACTION_DECIDED: Row(409, "The transaction is decided already"),
    _C.IDEMPOTENCY_KEY_REUSED: Row(422, "The Idempotency-Key belongs to another request"),
    _C.LENGTH_REQUIRED: Row(411, "The length of the body is required"),
    _C.LIMIT_REACHED: Row(409, "A limit is reached"),
    _C.UNAUTHENTICATED: Row(401, "Credentials are missing or wrong"),
    _C.ACCESS_KEY_DISABLED: Row(401, "The access key is disabled"),
    _C.SIGNATURE_MISMATCH: Row(401, "The signature does not fit"),
    _C.SIGNATURE_EXPIRED: Row(401, "The signature's time is too far from the server's"),
    _C.SIGNATURE_REPLAYED: Row(401, "The signature was used before"),
    _C.ACCESS_DENIED: Row(403, "Not allowed"),
    _C.NOT_FOUND: Row(404, "Not found"),
    _C.INSTANCE_NOT_FOUND: Row(404, "No such instance"),
    _C.TOPIC_NOT_FOUND: Row(404, "No such topic"),
    _C.GROUP_NOT_FOUND: Row(404, "No such group"),
    _C.MESSAGE_NOT_FOUND: Row(404, "No such message"),
    _C.OPERATION_NOT_FOUND: Row(404, "No such operation"),
    _C.REQUEST_NOT_FOUND: Row(404, "No such request"),
    _C.TRANSACTION_NOT_FOUND: Row(404, "No such transaction"),
    _C.STALE_RECEIPT: Row(409, "The receipt is no longer valid"),
    _C.OFFSET_OUT_OF_RANGE: Row(409, "The offset is out of range"),
    _C.CHANGED_MEANWHILE: Row(412, "It was changed meanwhile"),
    _C.REQUEST_OVER: Row(410, "The request is over"),
    _C.REQUEST_ANSWERED: Row(409, "The request has this reply already"),
    _C.REQUESTER_GONE: Row(410, "Nobody waits for the reply any more"),
    # 409 and not 503: the server is well, and proxies would take it out of service for a 503.
    _C.NO_RESPONDER: Row(409, "Nobody is there to answer"),
    _C.REQUEST_TIMEOUT: Row(504, "Nobody answered in time"),
    _C.QUOTA_EXCEEDED: Row(429, "Too many requests"),
    _C.BACKLOG_FULL: Row(429, "The backlog is full"),
    _C.GROUP_PAUSED: Row(409, "The group is paused"),
    _C.OVERLOADED: Row(503, "The server is busy"),
    _C.STORE_UNAVAILABLE: Row(503, "The message store is not reachable"),
    _C.LEASES_UNAVAILABLE: Row(503, "The lease store is not reachable"),
    # 504 and not 500: clients and proxies take it as "may have happened", which is the truth.
    _C.UNKNOWN_OUTCOME: Row(504, "It is not known whether this was done"),
    _C.INTERNAL: Row(500, "The server failed"),
}
_BY_CODE: dict[str, Row] = {str(code): row for code, row in TABLE.items()}
_UNKNOWN = _BY_CODE["INTERNAL"]


def status(code: str) -> int:
    """Returns the HTTP status of an error code; 500 for one that is not in the table."""
    return _BY_CODE.get(code, _UNKNOWN).status


def title(code: str) -> str:
    """Returns the short text of an error code, the same for every occurrence."""
    return _BY_CODE.get(code, _UNKNOWN).title


def document(error: Problem, request_id: str, language: str | None = None) -> dict[str, Any]:  # Any: JSON values
    """Returns the problem document of `error`; its `extra` members never replace the standard ones.

    In another `language` than English title, detail and reason are translated; codes never are.
    """
    code = str(error.code)
    row = _BY_CODE.get(code, _UNKNOWN)
    reason = error.extra.get("reason")
    return {
        **error.extra,
        **({"reason": wording.translate(reason, language)} if isinstance(reason, str) else {}),
        "type": f"urn:mqconsole:error:{code}",
        "title": wording.translate(row.title, language),
        "status": row.status,
        "detail": wording.translate(error.detail, language),
        "code": code,
        "request_id": request_id,
    }


def entry(error: Problem, language: str) -> dict[str, Any]:  # Any: JSON values
    """Returns the result of one failed entry of a batch, as it stands in `results`, told in `language`."""
    code = str(error.code)
    return {
        "ok": False,
        "code": code,
        "title": wording.translate(title(code), language),
        "detail": wording.translate(error.detail, language),
    }


def headers(error: Problem) -> dict[str, str]:
    """Returns the headers that must go with `error`: WWW-Authenticate with 401, Retry-After with 429 and 503."""
    answer = status(error.code)
    if answer == 401:
        return {"WWW-Authenticate": CHALLENGE}
    if answer in {429, 503}:
        told = {"Retry-After": str(error.extra.get("retry_after_seconds", _RETRY_AFTER_SECONDS))}
        if "limit_value" in error.extra:
            told["X-RateLimit-Limit"] = str(error.extra["limit_value"])
            told["X-RateLimit-Remaining"] = "0"
            told["X-RateLimit-Reset"] = told["Retry-After"]
        return told
    return {}
