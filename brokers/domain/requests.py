"""A request and its replies as values, and the sealed address that lets somebody answer.

Owns: the names of the properties that make a message a request, and the form of a reply address.
Must not know: stores, wires, who waits. Called by: doors seal and open addresses, engine judges them.

A reply address is made when a request is delivered, for the group that got it. Nobody can make one up, so nobody can
answer what he could not receive (docs/adr/0013-reply-addresses.md).
"""

import secrets
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from . import limits
from .errors import ErrorCode, Rejected
from .seals import Seal

# As RocketMQ's clients name them (apache/rocketmq common/.../message/MessageConst.java).
CORRELATION_ID = "CORRELATION_ID"
REPLY_TO = "REPLY_TO_CLIENT"
TIME_TO_LIVE_MS = "TTL"
MESSAGE_TYPE = "MSG_TYPE"
REPLY = "reply"

_SHARED, _EACH = 1, 2  # the first byte: the version, and who answers
_FIXED = struct.Struct(">BQ")  # that, group
_SEAL = Seal(mac_bytes=16, purpose=b"reply-address")
_PARTS = 4
_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class ReplyAddress:
    """Where one delivery of a request is answered. `is_each`: each member of the group answers for itself.

    `client_id` is the member that got it. `reply_to` is what the request itself named.
    """

    group_id: int
    topic: str
    correlation_id: str
    reply_to: str
    client_id: str = ""
    is_each: bool = False

    @property
    def responder(self) -> str:
        """Returns who answers: a group answers once, or each of its members does."""
        return f"{self.group_id}|{self.client_id}" if self.is_each else str(self.group_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer. `group` and `client_id` say who gave it; the times are milliseconds since 1970."""

    body: bytes
    properties: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    tag: str | None = None
    keys: tuple[str, ...] = ()
    message_id: str = ""
    sys_flag: int = 0
    flag: int = 0
    group: str = ""
    client_id: str = ""
    born_at_ms: int = 0
    born_host: str = ""
    replied_at_ms: int = 0


def new_correlation_id() -> str:
    """Returns an id nobody can guess."""
    return secrets.token_hex(16)


def is_request(properties: Mapping[str, str]) -> bool:
    """Returns True if a message with these stored properties waits for a reply."""
    return CORRELATION_ID in properties and REPLY_TO in properties and properties.get(MESSAGE_TYPE) != REPLY


def check_correlation_id(text: str) -> str:
    """Returns `text` if it can be a correlation id. Raises Rejected."""
    if not 0 < len(text) <= limits.CORRELATION_ID_CHARS or not text.isprintable():
        raise Rejected(f"A correlation id has 1 to {limits.CORRELATION_ID_CHARS} printable characters.")
    return text


def seal(address: ReplyAddress, key: bytes) -> str:
    """Returns the URL-safe text of an address, signed with `key` (any length)."""
    parts = (address.topic, address.correlation_id, address.reply_to, address.client_id)
    payload = _FIXED.pack(_EACH if address.is_each else _SHARED, address.group_id) + "\0".join(parts).encode()
    return _SEAL.close(payload, key)


def unseal(text: str, key: bytes) -> ReplyAddress:
    """Returns what `seal` was given. Raises Rejected INVALID_RECEIPT for anything else."""
    if len(text) > limits.REPLY_ADDRESS_CHARS:
        raise _invalid()
    try:
        payload = _SEAL.open(text, key)
    except ValueError:
        raise _invalid() from None
    if len(payload) < _FIXED.size:
        raise _invalid()
    kind, group_id = _FIXED.unpack_from(payload)
    parts = payload[_FIXED.size :].decode("utf-8", "replace").split("\0")
    if kind not in (_SHARED, _EACH) or len(parts) != _PARTS:
        raise _invalid()
    topic, correlation_id, reply_to, client_id = parts
    return ReplyAddress(group_id, topic, correlation_id, reply_to, client_id, kind == _EACH)


def _invalid() -> Rejected:
    return Rejected(
        "This is not a reply address of this server. Answer with reply_to exactly as the request was received with it.",
        ErrorCode.INVALID_RECEIPT,
    )
