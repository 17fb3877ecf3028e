"""RocketMQ's remoting protocol as a client speaks it, written from its description alone.

A mistake in the product's codecs shows here: nothing of them is imported. Source: apache/rocketmq remoting/…/
RemotingCommand.java, RocketMQSerializable.java, common/…/MessageDecoder.java, acl/…/AclUtils.java.
"""

import base64
import hashlib
import hmac
import itertools
import json
import select
import socket
import struct
import zlib
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

JSON, BINARY = 0, 1
RESPONSE_FLAG, ONE_WAY_FLAG = 1, 2
PYTHON_LANGUAGE = 4
COMPRESSED = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, or a request of the server."""

    code: int
    opaque: int
    remark: str
    fields: Mapping[str, str]
    body: bytes
    is_response: bool


@dataclass(frozen=True, slots=True)
class Record:
    """A message as it is pulled."""

    topic: str
    queue: int
    offset: int
    physical: int
    sys_flag: int
    stored_at_ms: int
    reconsume_times: int
    body: bytes
    properties: Mapping[str, str]


class Hangup(Exception):
    """The connection is gone: nobody knows whether the request was done."""


@dataclass(slots=True)
class Wire:
    """One connection. Not for two threads at once. `requests`: what the server asked, the last thousand of it."""

    address: tuple[str, int]
    key: tuple[str, str]
    encoding: int = JSON
    seconds: float = 40.0
    requests: "deque[Answer]" = field(default_factory=lambda: deque(maxlen=1000))
    _socket: socket.socket = field(init=False)
    _buffer: bytes = b""
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        try:
            self._socket = socket.create_connection(self.address, timeout=self.seconds)
        except OSError as error:
            raise Hangup(repr(error)) from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        self._socket.close()

    def ask(self, code: int, fields: Mapping[str, object], body: bytes = b"") -> Answer:
        """Returns the answer to a request; answers to other ones are let go. Raises Hangup."""
        opaque = self.post(code, fields, body)
        while (answer := self.read()).opaque != opaque or not answer.is_response:
            if not answer.is_response:
                self.requests.append(answer)
        return answer

    def listen(self, seconds: float) -> bool:
        """Puts the server's next request among `requests`; returns False when none came in that time. Raises Hangup."""
        if not self._buffer and not select.select([self._socket], [], [], max(seconds, 0))[0]:
            return False
        answer = self.read()
        if not answer.is_response:
            self.requests.append(answer)
        return True

    def post(self, code: int, fields: Mapping[str, object], body: bytes = b"") -> int:
        """Sends a request and returns the number its answer will have. Raises Hangup."""
        opaque = next(self._numbers)
        texts = self._sign({name: str(value) for name, value in fields.items()}, body)
        header = _binary(code, opaque, texts) if self.encoding == BINARY else _json(code, opaque, texts)
        mark = self.encoding << 24 | len(header)
        try:
            self._socket.sendall(struct.pack(">ii", 4 + len(header) + len(body), mark) + header + body)
        except OSError as error:
            raise Hangup(repr(error)) from error
        return opaque

    def read(self) -> Answer:
        """Returns what comes next. Raises Hangup, also when nothing comes in time."""
        (length,) = struct.unpack(">i", self._take(4))
        frame = self._take(length)
        mark = int.from_bytes(frame[:4])
        header, body = frame[4 : 4 + (mark & 0xFFFFFF)], frame[4 + (mark & 0xFFFFFF) :]
        return _read_binary(header, body) if mark >> 24 == BINARY else _read_json(header, body)

    def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            try:
                data = self._socket.recv(1 << 20)
            except OSError as error:
                raise Hangup(repr(error)) from error
            if not data:
                raise Hangup("the server hung up")
            self._buffer += data
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def _sign(self, fields: dict[str, str], body: bytes) -> dict[str, str]:
        signed = {**fields, "AccessKey": self.key[0]}
        text = "".join(signed[name] for name in sorted(signed)).encode() + body
        digest = hmac.new(self.key[1].encode(), text, hashlib.sha1).digest()
        return {**signed, "Signature": base64.b64encode(digest).decode()}


def _json(code: int, opaque: int, fields: Mapping[str, str]) -> bytes:
    header = {"code": code, "language": "PYTHON", "version": 399, "opaque": opaque, "flag": 0, "extFields": fields}
    return json.dumps(header).encode()


def _binary(code: int, opaque: int, fields: Mapping[str, str]) -> bytes:
    pairs = b""
    for name, value in fields.items():
        key, text = name.encode(), value.encode()
        pairs += struct.pack(">h", len(key)) + key + struct.pack(">i", len(text)) + text
    return struct.pack(">hbhiiii", code, PYTHON_LANGUAGE, 399, opaque, 0, 0, len(pairs)) + pairs


def _read_json(header: bytes, body: bytes) -> Answer:
    read = json.loads(header)
    is_response = bool(read["flag"] & RESPONSE_FLAG)
    return Answer(read["code"], read["opaque"], read.get("remark") or "", read["extFields"] or {}, body, is_response)


def _read_binary(header: bytes, body: bytes) -> Answer:
    code, _, _, opaque, flag, remark_length = struct.unpack_from(">hbhiii", header)
    at = 17
    remark = header[at : at + remark_length].decode()
    at += remark_length + 4
    fields = {}
    while at < len(header):
        (length,) = struct.unpack_from(">h", header, at)
        name = header[at + 2 : at + 2 + length].decode()
        at += 2 + length
        (length,) = struct.unpack_from(">i", header, at)
        fields[name] = header[at + 4 : at + 4 + length].decode()
        at += 4 + length
    return Answer(code, opaque, remark, fields, body, bool(flag & RESPONSE_FLAG))


def read_properties(text: str) -> dict[str, str]:
    """Returns the properties in a string."""
    pairs = (pair.partition("\x01") for pair in text.split("\x02") if pair)
    return {name: value for name, _, value in pairs}


def write_properties(properties: Mapping[str, str]) -> str:
    return "".join(f"{name}\x01{value}\x02" for name, value in properties.items())


def batch(messages: Iterable[tuple[bytes, Mapping[str, str]]]) -> bytes:
    """Returns the body of a batch."""
    written = b""
    for body, properties in messages:
        text = write_properties(properties).encode()
        head = struct.pack(">iiiii", 22 + len(body) + len(text), 0, 0, 0, len(body))
        written += head + body + struct.pack(">h", len(text)) + text
    return written


def read_records(data: bytes) -> list[Record]:
    """Returns the messages of a pull's answer. Fails the test when a checksum is wrong or a length does not add up."""
    found = []
    while data:
        (size,) = struct.unpack_from(">i", data)
        found.append(_read_record(data[:size]))
        data = data[size:]
    return found


def _read_record(data: bytes) -> Record:
    _, magic, crc, queue, _, offset, physical, sys_flag, _ = struct.unpack_from(">iIiiiqqiq", data)
    at = 48 + (16 if sys_flag & 0x10 else 4) + 4
    (stored_at,) = struct.unpack_from(">q", data, at)
    at += 8 + (16 if sys_flag & 0x20 else 4) + 4
    reconsume_times, _, length = struct.unpack_from(">iqi", data, at)
    body = data[at + 16 : at + 16 + length]
    at += 16 + length
    assert crc == zlib.crc32(body) & 0x7FFFFFFF
    width = 2 if magic == 0xDAA320AB else 1
    length = int.from_bytes(data[at : at + width])
    topic = data[at + width : at + width + length].decode()
    at += width + length
    (length,) = struct.unpack_from(">h", data, at)
    text = data[at + 2 :].decode()
    assert len(data) == at + 2 + length
    pairs = (pair.partition("\x01") for pair in text.split("\x02") if pair)
    return Record(
        topic,
        queue,
        offset,
        physical,
        sys_flag,
        stored_at,
        reconsume_times,
        zlib.decompress(body) if sys_flag & COMPRESSED else body,
        {name: value for name, _, value in pairs},
    )
