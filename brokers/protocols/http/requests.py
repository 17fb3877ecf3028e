"""Requests, replies and what became of them, in the JSON of the HTTP door.

Owns: member names, their types and bounds. Must not know: sockets, stores, credentials. Called by: doors.http.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

from ...domain import clock, limits, previews
from ...domain.errors import Rejected
from ...domain.messages import Outgoing
from ...domain.requests import Reply
from .messages import parse_send

_OWN_MEMBERS = frozenset({"timeout_seconds", "max_replies", "async"})
_CONTENT_MEMBERS = frozenset("body body_base64 tag keys properties".split())
_REQUEST_MEMBERS = _OWN_MEMBERS | _CONTENT_MEMBERS | {"sharding_key", "message_id"}
_REPLY_MEMBERS = _CONTENT_MEMBERS | {"reply_to"}


@dataclass(frozen=True, slots=True)
class RequestForm:
    """What a request asks for. `is_async`: whoever asks comes back for the replies."""

    message: Outgoing
    timeout: timedelta
    max_replies: int
    is_async: bool


@dataclass(frozen=True, slots=True)
class ReplyForm:
    """A reply and the address it goes to, as the request was received with it."""

    reply_to: str
    message: Outgoing


def parse_request(value: Mapping[str, Any], *, born_host: str) -> RequestForm:  # Any: unchecked JSON
    """Returns what a request asks for."""
    _only(value, _REQUEST_MEMBERS)
    timeout = _number(value, "timeout_seconds", low=0.001, high=limits.REQUEST_SECONDS)
    most = _number(value, "max_replies", low=1, high=limits.REPLY_COUNT)
    if most is not None and most != int(most):
        raise Rejected("max_replies is a whole number.")
    is_async = value.get("async")
    if is_async is not None and not isinstance(is_async, bool):
        raise Rejected("async is true or false.")
    message = {name: member for name, member in value.items() if name not in _OWN_MEMBERS}
    return RequestForm(
        message=parse_send(message, born_host=born_host),
        timeout=timedelta(seconds=limits.REQUEST_DEFAULT_SECONDS if timeout is None else timeout),
        max_replies=1 if most is None else int(most),
        is_async=bool(is_async),
    )


def parse_reply(value: Mapping[str, Any], *, born_host: str) -> ReplyForm:  # Any: unchecked JSON
    """Returns a reply."""
    _only(value, _REPLY_MEMBERS)
    reply_to = value.get("reply_to")
    if not isinstance(reply_to, str):
        raise Rejected("reply_to is the address the request was received with.")
    message = {name: member for name, member in value.items() if name != "reply_to"}
    return ReplyForm(reply_to, parse_send(message, born_host=born_host))


def parse_wait(query: bytes) -> tuple[float, int]:
    """Returns the `wait_seconds` and `after` of a query string."""
    try:
        given = parse_qs(query.decode("ascii"), keep_blank_values=True, strict_parsing=bool(query), max_num_fields=10)
        _only(given, frozenset({"wait_seconds", "after"}))
        wait = float(given.get("wait_seconds", ["0"])[-1])
        after = int(given.get("after", ["0"])[-1])
    except ValueError:
        raise Rejected("wait_seconds is a number and after a whole number.") from None
    if not 0 <= wait <= limits.WAIT_SECONDS:
        raise Rejected(f"wait_seconds is a number from 0 to {limits.WAIT_SECONDS}.")
    if not 0 <= after <= limits.REPLY_COUNT:
        raise Rejected(f"after is a whole number from 0 to {limits.REPLY_COUNT}.")
    return wait, after


def describe_reply(reply: Reply) -> dict[str, Any]:  # Any: JSON values
    """Returns the members of a reply. A body that is UTF-8 comes as text; one a client compressed is opened."""
    described: dict[str, Any] = {
        "group": reply.group,
        "client_id": reply.client_id,
        "tag": reply.tag,
        "keys": reply.keys,
        "properties": reply.properties,
        "replied_at": clock.from_ms(reply.replied_at_ms),
    }
    opened = previews.open_body(reply.body, reply.sys_flag)
    if opened.problem or opened.is_cut:
        return {**described, "body_base64": base64.b64encode(reply.body).decode(), "is_compressed": True}
    try:
        described["body"] = opened.content.decode()
    except UnicodeDecodeError:
        described["body_base64"] = base64.b64encode(opened.content).decode()
    return described


def _only(value: Mapping[str, Any], known: frozenset[str]) -> None:
    unknown = sorted(set(value) - known)
    if unknown:
        raise Rejected(f"Unknown member {unknown[0]!r}. Known here: {', '.join(sorted(known))}.")


def _number(value: Mapping[str, Any], name: str, *, low: float, high: float) -> float | None:
    number = value.get(name)
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int | float) or not low <= number <= high:
        raise Rejected(f"{name} is a number from {low} to {high}.")
    return number
