"""Any bytes at a decoder: commands or a protocol violation, the same whole and in pieces, and again after encoding."""

import struct

from brokers.domain import limits
from brokers.domain.errors import ProtocolViolation
from brokers.protocols.remoting import frames
from brokers.protocols.remoting.frames import BINARY, JSON, Command, Decoder
from tests.fuzz import runner

_COMMANDS = [
    Command(code=105, opaque=1, fields={"topic": "TBW102"}, encoding=JSON),
    Command(code=310, opaque=2, fields={"b": "orders", "e": "0", "i": "TAGS\1a\2"}, body=b"hello", encoding=BINARY),
    Command(code=0, opaque=3, flag=1, remark="no", fields={}, encoding=JSON),
]
SEEDS = [
    *map(frames.encode, _COMMANDS),
    b"".join(map(frames.encode, _COMMANDS)),
    struct.pack(">iI", 16, 12) + b'{"code":"1"}',
    struct.pack(">iI", limits.FRAME_BYTES_UNKNOWN + 1, 2) + b"{}",
]
FOUND: list[bytes] = []

Outcome = tuple[list[Command], bool]


def check(data: bytes) -> None:
    whole, was_refused = _read(data, step=max(len(data), 1))
    assert _read(data, step=1 + len(data) // 7) == (whole, was_refused)
    for command in whole:
        again, _ = _read(frames.encode(command), step=1 << 20)
        assert again == [command]


def _read(data: bytes, *, step: int) -> Outcome:
    decoder = Decoder()
    found: list[Command] = []
    for start in range(0, len(data), step):
        decoder.feed(data[start : start + step])
        try:
            while isinstance(command := decoder.next(), Command):
                found.append(command)
        except ProtocolViolation:
            return found, True
    return found, False


if __name__ == "__main__":
    runner.fuzz(__file__)
