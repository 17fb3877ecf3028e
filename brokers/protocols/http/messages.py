"""Requests and answers of the hot HTTP routes: JSON in, values out, and back.

Owns: member names, their types and bounds. Must not know: sockets, stores, credentials.
Called by: doors.http. Anything a client can get wrong raises Rejected with a text that says what to do.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from ...domain import clock, limits, previews
from ...domain.errors import ErrorCode, Rejected
from ...domain.filters import EVERYTHING, Filter, parse_sql, parse_tags
from ...domain.messages import SHARDING_KEY, Outgoing, Stored, new_message_id
from ...domain.requests import CORRELATION_ID, REPLY_TO, TIME_TO_LIVE_MS, is_request

_SEND_MEMBERS = frozenset(
    "body body_base64 tag keys properties sharding_key deliver_at delay_seconds dedup_id message_id".split()
)
_RECEIVE_MEMBERS = frozenset("topics max wait_seconds invisible_seconds client_id".split())


@dataclass(frozen=True, slots=True)
class ReceiveForm:
    """What a receive request asks for. `invisible` is None when the group's own time holds."""

    topics: tuple[tuple[str, Filter], ...]
    max_count: int
    wait: timedelta
    invisible: timedelta | None
    client_id: str


@dataclass(frozen=True, slots=True)
class RefusalForm:
    """What a nack says about its receipts."""

    receipts: list[str]
    error: str
    delay: timedelta | None


def parse_json(raw: bytes) -> dict[str, Any]:  # Any: unchecked JSON
    """Returns the JSON object in `raw`. Raises Rejected INVALID_JSON."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Rejected(f"The body is not JSON: {error.msg} at character {error.pos}.", ErrorCode.INVALID_JSON) from None
    if not isinstance(value, dict):
        raise Rejected("The body must be a JSON object.", ErrorCode.INVALID_JSON)
    return value


def parse_send(value: Any, *, born_host: str) -> Outgoing:  # Any: unchecked JSON
    """Returns the message in one entry of a send. Limits on sizes are the engine's (`domain.messages.check`)."""
    if not isinstance(value, dict):
        raise Rejected("A message is a JSON object.")
    _only(value, _SEND_MEMBERS)
    # Most messages have a body and little else, and pay for no more than they have.
    members = {name: read(value, name) for name, read in _OPTIONAL_MEMBERS.items() if name in value}
    return Outgoing(
        body=_body(value),
        message_id=_message_id(value) if "message_id" in value else new_message_id(),
        born_at_ms=clock.now_ms(),
        born_host=born_host,
        **{_FIELDS.get(name, name): given for name, given in members.items() if given is not None},
    )


def parse_batch(value: Mapping[str, Any]) -> list[Any]:  # Any: unchecked JSON
    """Returns the entries of a batch. Raises Rejected when there are none or too many."""
    _only(value, frozenset({"messages"}))
    entries = value.get("messages")
    if not isinstance(entries, list) or not 0 < len(entries) <= limits.BATCH_MESSAGE_COUNT:
        raise Rejected(f"messages is a list of 1 to {limits.BATCH_MESSAGE_COUNT} messages.")
    return entries


def parse_receive(value: Mapping[str, Any]) -> ReceiveForm:  # Any: unchecked JSON
    """Returns what a receive asks for."""
    _only(value, _RECEIVE_MEMBERS)
    topics = value.get("topics")
    if not isinstance(topics, list) or not 0 < len(topics) <= limits.RECEIVE_TOPIC_COUNT:
        raise Rejected(f'topics is a list of 1 to {limits.RECEIVE_TOPIC_COUNT} names or {{"topic", "filter"}} objects.')
    count = _number(value, "max", low=1, high=limits.RECEIVE_MESSAGE_COUNT)
    if count is not None and count != int(count):
        raise Rejected("max is a whole number.")
    wait = _number(value, "wait_seconds", low=0, high=limits.WAIT_SECONDS)
    invisible = _number(value, "invisible_seconds", low=limits.INVISIBLE_MIN_SECONDS, high=limits.INVISIBLE_MAX_SECONDS)
    client_id = _text(value, "client_id") or ""
    if len(client_id) > limits.CLIENT_ID_CHARS or not client_id.isprintable():
        raise Rejected(f"client_id has at most {limits.CLIENT_ID_CHARS} printable characters.")
    return ReceiveForm(
        topics=tuple(_subscription(entry) for entry in topics),
        max_count=16 if count is None else int(count),
        wait=timedelta(seconds=wait or 0),
        invisible=None if invisible is None else timedelta(seconds=invisible),
        client_id=client_id,
    )


def parse_receipts(value: Mapping[str, Any], *, also: frozenset[str] = frozenset()) -> list[str]:  # Any: unchecked JSON
    """Returns the receipts of an ack, nack or extend."""
    _only(value, also | {"receipts"})
    receipts = value.get("receipts")
    if (
        not isinstance(receipts, list)
        or not 0 < len(receipts) <= limits.RECEIPT_COUNT
        or not all(isinstance(receipt, str) for receipt in receipts)
    ):
        raise Rejected(f"receipts is a list of 1 to {limits.RECEIPT_COUNT} receipts as the receive call returned them.")
    return receipts


def parse_refusal(value: Mapping[str, Any]) -> RefusalForm:  # Any: unchecked JSON
    """Returns what a nack says."""
    receipts = parse_receipts(value, also=frozenset({"error", "delay_seconds"}))
    delay = _number(value, "delay_seconds", low=0, high=limits.BACKOFF_MAX_SECONDS)
    return RefusalForm(
        receipts, (_text(value, "error") or "").replace("\0", ""), None if delay is None else timedelta(seconds=delay)
    )


def parse_extension(value: Mapping[str, Any]) -> tuple[list[str], timedelta | None]:  # Any: unchecked JSON
    """Returns the receipts of an extend and the time asked for, None for the group's own."""
    receipts = parse_receipts(value, also=frozenset({"invisible_seconds"}))
    seconds = _number(value, "invisible_seconds", low=limits.INVISIBLE_MIN_SECONDS, high=limits.INVISIBLE_MAX_SECONDS)
    return receipts, None if seconds is None else timedelta(seconds=seconds)


def describe_message(message: Stored) -> dict[str, Any]:  # Any: JSON values
    """Returns the members of a message that do not depend on who receives it. A body that is UTF-8 comes as text.

    A body its sender compressed stays as it is and says so.
    """
    described: dict[str, Any] = {
        "message_id": message.message_id,
        "offset": message.offset,
        "tag": message.tag,
        "keys": message.keys,
        "properties": message.properties,
        "born_at": clock.from_ms(message.born_at_ms),
        "stored_at": clock.from_ms(message.stored_at_ms),
    }
    if SHARDING_KEY in message.properties:
        described["properties"] = {k: v for k, v in message.properties.items() if k != SHARDING_KEY}
        described["sharding_key"] = message.properties[SHARDING_KEY]
    if (compressed_with := previews.compression(message.sys_flag)) is not None:
        # Opened by its reader: a body that grows to gigabytes must not do so here.
        described["compression"] = compressed_with
    if is_request(message.properties):
        own = (CORRELATION_ID, REPLY_TO, TIME_TO_LIVE_MS)
        described["properties"] = {k: v for k, v in described["properties"].items() if k not in own}
        described["correlation_id"] = message.properties[CORRELATION_ID]
    try:
        described["body"] = message.body.decode()
    except UnicodeDecodeError:
        described["body_base64"] = base64.b64encode(message.body).decode()
    return described


def dump(value: Any) -> bytes:  # Any: JSON values and datetimes
    """Returns `value` as JSON; instants as RFC 3339 in UTC."""
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)


def _only(value: Mapping[str, Any], known: frozenset[str]) -> None:
    if not known.issuperset(value):
        unknown = sorted(set(value) - known)
        raise Rejected(f"Unknown member {unknown[0]!r}. Known here: {', '.join(sorted(known))}.")


def _body(value: Mapping[str, Any]) -> bytes:
    text, encoded = value.get("body"), value.get("body_base64")
    if (text is None) == (encoded is None):
        raise Rejected("Give exactly one of body (text) and body_base64 (bytes).")
    if text is not None:
        if not isinstance(text, str):
            raise Rejected("body is a string; send JSON as text, or bytes as body_base64.")
        return text.encode()
    try:
        if not isinstance(encoded, str):
            raise ValueError
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise Rejected("body_base64 is not base64.") from None


def _message_id(value: Mapping[str, Any]) -> str:
    given = _text(value, "message_id")
    if given is None:
        return new_message_id()
    if not 0 < len(given) <= limits.MESSAGE_ID_CHARS or not given.isascii() or not given.isalnum():
        raise Rejected(f"message_id has 1 to {limits.MESSAGE_ID_CHARS} letters and digits; leave it out to get one.")
    return given


def _keys(value: Mapping[str, Any], name: str) -> tuple[str, ...]:
    keys = value[name]
    if keys is not None and not (isinstance(keys, list) and all(isinstance(key, str) for key in keys)):
        raise Rejected("keys is a list of strings.")
    return tuple(keys or ())


def _properties(value: Mapping[str, Any], name: str) -> dict[str, str]:
    properties = value[name]
    if properties is not None and not (
        isinstance(properties, dict) and all(isinstance(text, str) for text in properties.values())
    ):
        raise Rejected("properties is an object whose values are strings.")
    return properties or {}


def _delay(value: Mapping[str, Any], name: str) -> timedelta | None:
    seconds = _number(value, name, low=0, high=limits.DELAY_MAX_SECONDS)
    return None if seconds is None else timedelta(seconds=seconds)


def _text(value: Mapping[str, Any], name: str) -> str | None:
    text = value.get(name)
    if text is not None and not isinstance(text, str):
        raise Rejected(f"{name} is a string.")
    if text is not None and "\0" in text:
        raise Rejected(f"{name} must not hold a NUL character.")
    return text


def _number(value: Mapping[str, Any], name: str, *, low: float, high: float) -> float | None:
    number = value.get(name)
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int | float) or not low <= number <= high:
        raise Rejected(f"{name} is a number from {low} to {high}.")
    return number


def _instant(value: Mapping[str, Any], name: str) -> datetime | None:
    text = _text(value, name)
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise Rejected(f"{name} is an instant with its zone, like 2026-11-21T08:30:00Z.")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise Rejected(f"{name} is too far away.") from None


def _subscription(entry: Any) -> tuple[str, Filter]:  # Any: unchecked JSON
    if isinstance(entry, str):
        return entry, EVERYTHING
    if not isinstance(entry, dict) or not isinstance(entry.get("topic"), str):
        raise Rejected(
            'A topic is a name, or {"topic": name, "filter": "tagA||tagB"}, or with {"sql": "…"} as its filter.'
        )
    _only(entry, frozenset({"topic", "filter"}))
    expression = entry.get("filter", "*")
    if isinstance(expression, dict):
        _only(expression, frozenset({"sql"}))
        if not isinstance(expression.get("sql"), str):
            raise Rejected('An SQL filter is {"sql": "price > 10 AND colour = \'red\'"}.')
        return entry["topic"], parse_sql(expression["sql"])
    if not isinstance(expression, str):
        raise Rejected('filter is a string of tags like "tagA||tagB", or {"sql": "price > 10"}.')
    return entry["topic"], parse_tags(expression)


# Members a message may have and how each is read; a null is as if it were left out.
_OPTIONAL_MEMBERS: dict[str, Callable[[Mapping[str, Any], str], Any]] = {
    "tag": _text,
    "keys": _keys,
    "properties": _properties,
    "sharding_key": _text,
    "dedup_id": _text,
    "deliver_at": _instant,
    "delay_seconds": _delay,
}
_FIELDS = {"delay_seconds": "delay"}

# For the other files of this room.
only_members, read_number, read_text = _only, _number, _text
