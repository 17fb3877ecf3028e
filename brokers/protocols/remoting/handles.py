"""Handles clients keep and show again: to recall a scheduled message, and to settle one they popped.

Owns: their layouts. Must not know: what they lead to. Called by: doors.remoting.
Whatever the text, only ProtocolViolation is raised.
Source: apache/rocketmq common/.../producer/RecallMessageHandle.java, remoting/.../header/ExtraInfoUtil.java.
"""

import base64
import binascii
from dataclasses import dataclass

from ...domain.errors import ProtocolViolation

_RECALL_VERSION = "v1"
_RECALL_CHARS = 1024
_POPPED_CHARS = 2048


@dataclass(frozen=True, slots=True)
class Recall:
    """What recalls a scheduled message: its topic as the client writes it, its id, and when it is due."""

    topic: str
    broker: str
    due_ms: int
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Popped:
    """A delivery as clients name it: what was claimed from `start` on at an instant, and the message at `offset`.

    `revive` is a number the client hands back; `receipt` is our own, which a handle that a client made up lacks.
    """

    start: int
    popped_at_ms: int
    invisible_ms: int
    revive: int
    is_retry: bool
    broker: str
    queue: int
    offset: int
    receipt: str = ""


def write_popped(handle: Popped) -> str:
    """Returns the text of a handle (the property POP_CK, extraInfo)."""
    numbers = (handle.start, handle.popped_at_ms, handle.invisible_ms, handle.revive, int(handle.is_retry))
    text = f"{' '.join(map(str, numbers))} {handle.broker} {handle.queue} {handle.offset}"
    return f"{text} {handle.receipt}" if handle.receipt else text


def read_popped(text: str) -> Popped:
    """Returns what `write_popped` was given, or what a client made up of the answer to a change."""
    parts = text.split(" ") if len(text) <= _POPPED_CHARS else []
    if not 8 <= len(parts) <= 9 or not all(map(_is_number, (*parts[:5], *parts[6:8]))):
        raise ProtocolViolation("extraInfo is not what was handed out")
    start, popped_at, invisible, revive, retry = map(int, parts[:5])
    return Popped(
        start=start,
        popped_at_ms=popped_at,
        invisible_ms=invisible,
        revive=revive,
        is_retry=retry > 0,
        broker=parts[5],
        queue=int(parts[6]),
        offset=int(parts[7]),
        receipt=parts[8] if len(parts) > 8 else "",
    )


def write_recall(handle: Recall) -> str:
    """Returns the text of a handle."""
    parts = (_RECALL_VERSION, handle.topic, handle.broker, str(handle.due_ms), handle.message_id)
    return base64.urlsafe_b64encode(" ".join(parts).encode()).decode()


def read_recall(text: str) -> Recall:
    """Returns what `write_recall` was given."""
    if len(text) > _RECALL_CHARS:
        raise ProtocolViolation("the recall handle is too long")
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise ProtocolViolation("the recall handle is not one of ours") from None
    parts = plain.split(" ")
    if len(parts) != 5 or parts[0] != _RECALL_VERSION or not _is_number(parts[3]):
        raise ProtocolViolation("the recall handle is not one of ours")
    return Recall(parts[1], parts[2], int(parts[3]), parts[4])


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18
