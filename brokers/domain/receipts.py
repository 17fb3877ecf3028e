"""The receipt of a delivery: what a consumer shows to acknowledge, refuse or extend it.

Owns: its fields, its text form and the check that we wrote it. Must not know: whether it is still valid.
Called by: doors decode, engine makes and judges. A receipt names one delivery: a stale one cannot settle a later one.
"""

import struct
from dataclasses import dataclass

from . import limits
from .errors import ErrorCode, Rejected
from .seals import Seal

_UNORDERED, _ORDERED = 1, 2  # the first byte: the version, and the kind of group
_FIXED = struct.Struct(">BIQQIHQQQ")  # kind, group, queue, offset, epoch, attempt, lease start, lease end, claimed
_SEAL = Seal(mac_bytes=8)


@dataclass(frozen=True, slots=True)
class Receipt:
    """One delivery of one message to one group; it was claimed with offsets `lease_start` to `lease_end`, excluded."""

    group_id: int
    queue_id: int
    offset: int
    epoch: int
    attempt: int
    lease_start: int
    lease_end: int
    claimed_at_ms: int
    client_id: str
    is_ordered: bool = False


def encode(receipt: Receipt, key: bytes) -> str:
    """Returns the URL-safe text of a receipt, signed with `key` (any length)."""
    payload = (
        _FIXED.pack(
            _ORDERED if receipt.is_ordered else _UNORDERED,
            receipt.group_id,
            receipt.queue_id,
            receipt.offset,
            receipt.epoch,
            receipt.attempt,
            receipt.lease_start,
            receipt.lease_end,
            receipt.claimed_at_ms,
        )
        + receipt.client_id.encode()
    )
    return _SEAL.close(payload, key)


def decode(text: str, key: bytes) -> Receipt:
    """Returns what `encode` was given. Raises Rejected INVALID_RECEIPT for anything else."""
    if not isinstance(text, str) or len(text) > limits.RECEIPT_CHARS:
        raise _invalid()
    try:
        payload = _SEAL.open(text, key)
    except ValueError:
        raise _invalid() from None
    if len(payload) < _FIXED.size:
        raise _invalid()
    kind, group, queue, offset, epoch, attempt, start, end, claimed = _FIXED.unpack_from(payload)
    if kind not in (_UNORDERED, _ORDERED):
        raise _invalid()
    client_id = payload[_FIXED.size :].decode("utf-8", "replace")
    return Receipt(group, queue, offset, epoch, attempt, start, end, claimed, client_id, kind == _ORDERED)


def _invalid() -> Rejected:
    return Rejected(
        "This is not a receipt of this server. Use the receipt exactly as the receive call returned it.",
        ErrorCode.INVALID_RECEIPT,
    )
