"""How a transaction is named: by its number, its topic's, and its message's id, so that no other can be meant.

Owns: the spelling of transaction ids. Must not know: stores, wires. Called by: engine, doors, api, console.
A decision names exactly one half message. The topic's number lets a door judge the right to decide without a query; the
checksum of the message id fences off a number that a restored database might give out a second time.
"""

import re
from dataclasses import dataclass
from zlib import crc32

from .errors import ErrorCode, NotFound

_TEXT = re.compile(r"([0-9a-f]{1,15})-([0-9a-f]{1,15})-([0-9a-f]{8})\Z")


@dataclass(frozen=True, slots=True)
class TransactionId:
    """A transaction's name. `checksum` is `checksum_of` its message id."""

    half_id: int
    topic_id: int
    checksum: int

    def __str__(self) -> str:
        return f"{self.half_id:x}-{self.topic_id:x}-{self.checksum:08x}"


def name(half_id: int, topic_id: int, message_id: str) -> TransactionId:
    """Returns the id of a stored half message."""
    return TransactionId(half_id, topic_id, checksum_of(message_id))


def parse(text: str) -> TransactionId:
    """Returns the id that `text` spells. Raises NotFound TRANSACTION_NOT_FOUND for anything else."""
    match = _TEXT.match(text)
    if match is None:
        raise missing(text)
    half_id, topic_id, checksum = (int(part, 16) for part in match.groups())
    return TransactionId(half_id, topic_id, checksum)


def checksum_of(message_id: str) -> int:
    """Returns what an id keeps of its message id."""
    return crc32(message_id.encode())


def missing(text: object) -> NotFound:
    """Returns the error for a transaction that does not exist, or no longer."""
    return NotFound(
        f"There is no transaction {str(text)[:80]!r}: it never was, or it was decided too long ago.",
        ErrorCode.TRANSACTION_NOT_FOUND,
    )
