"""Any bytes as a header, in both encodings, with lengths that are right."""

import struct

from brokers.domain.errors import ProtocolViolation
from brokers.protocols.remoting import frames
from brokers.protocols.remoting.frames import BINARY, Command, Decoder
from tests.fuzz import runner

_FIELDS = {"topic": "orders", "queueId": "3"}
SEEDS = [
    bytes([encoding]) + frames.encode(Command(code=105, opaque=1, remark="r", fields=_FIELDS, encoding=encoding))[8:]
    for encoding in (0, 1)
]
SEEDS += [b'\0{"code":1,"extFields":{"a":1,"b":true,"c":null,"d":1.5}}', b'\0{"code":1,"code" :2}']
FOUND: list[bytes] = []


def check(data: bytes) -> None:
    if not data:
        return
    encoding, header = data[0] & 1, data[1:]
    decoder = Decoder()
    decoder.feed(struct.pack(">iI", 4 + len(header), encoding << 24 | len(header)) + header)
    try:
        command = decoder.next()
    except ProtocolViolation:
        return
    assert isinstance(command, Command) and not decoder.has_part
    assert all(type(part) is str for pair in command.fields.items() for part in pair)
    decoder.feed(frames.encode(command))
    again = decoder.next()
    if encoding == BINARY:
        assert again == command
    else:
        assert isinstance(again, Command) and again.fields == command.fields


if __name__ == "__main__":
    runner.fuzz(__file__)
