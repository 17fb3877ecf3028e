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


@dataclass(frozen=True, slots=True)
class Recall:
    """What recalls a scheduled message: its topic as the client writes it, its id, and when it is due."""

    topic: str
    broker: str
    due_ms: int
    message_id: str


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
