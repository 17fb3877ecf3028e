"""Frames and commands: what travels on a remoting connection, in both directions.

Owns: the frame's layout and both encodings of its header. Must not know: sockets, what a code means.
Called by: doors.remoting. Whatever the bytes, only ProtocolViolation is raised.
Source: apache/rocketmq remoting/.../protocol/RemotingCommand.java, RocketMQSerializable.java.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from ...domain import limits
from ...domain.errors import ProtocolViolation
from . import strict_json

JSON, BINARY = 0, 1
_RESPONSE, _ONE_WAY = 1, 2
_VERSION = 479  # MQVersion V5_3_3: the behaviour we follow
# LanguageCode by number, as the binary header spells it.
_LANGUAGES = "JAVA CPP DOTNET PYTHON DELPHI ERLANG RUBY OTHER HTTP GO PHP OMS RUST NODE_JS".split()
_OTHER = _LANGUAGES.index("OTHER")
_BINARY_HEAD = struct.Struct(">hBhiii")
_SHORT, _INT = struct.Struct(">H"), struct.Struct(">i")
_FRAME = struct.Struct(">iI")
_LETTER_HEAD = struct.Struct(">HBi")
_LETTERS = tuple(map(chr, range(128)))


_NO_FIELDS: Mapping[str, str] = {}


class Command(NamedTuple):  # made twice for each request: a frozen dataclass takes three times as long
    """A request or a response. `fields` are its extFields: text by name, in the order they came."""

    code: int
    opaque: int = 0
    flag: int = 0
    remark: str | None = None
    fields: Mapping[str, str] = _NO_FIELDS
    body: bytes = b""
    language: str = "PYTHON"
    version: int = _VERSION
    encoding: int = JSON

    @property
    def is_response(self) -> bool:
        """Returns True if this answers a request of ours."""
        return bool(self.flag & _RESPONSE)

    @property
    def is_one_way(self) -> bool:
        """Returns True if nobody waits for an answer."""
        return bool(self.flag & _ONE_WAY)


@dataclass(frozen=True, slots=True)
class TooLong:
    """A frame longer than the decoder may take now. `header` is its header's command, without a body."""

    length: int
    header: Command


def answer(
    request: Command,
    code: int,
    *,
    remark: str | None = None,
    fields: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> Command:
    """Returns the response to `request`, in the encoding the request had."""
    return Command(
        code=code,
        opaque=request.opaque,
        flag=_RESPONSE,
        remark=remark,
        fields=fields or {},
        body=body,
        encoding=request.encoding,
    )


def notice(code: int, opaque: int, *, fields: Mapping[str, str], body: bytes = b"") -> Command:
    """Returns a one-way request of the server to a client."""
    return Command(code=code, opaque=opaque, flag=_ONE_WAY, fields=fields, body=body)


def question(code: int, opaque: int, *, fields: Mapping[str, str], body: bytes = b"") -> Command:
    """Returns a request of the server that the client answers, with the same `opaque`."""
    return Command(code=code, opaque=opaque, fields=fields, body=body)


def encode(command: Command) -> bytes:
    """Returns the whole frame."""
    header = _write_json(command) if command.encoding == JSON else _write_binary(command)
    length = 4 + len(header) + len(command.body)
    return b"".join((_FRAME.pack(length, command.encoding << 24 | len(header)), header, command.body))


class Decoder:
    """Takes bytes as they come and gives commands. `limit` is the longest frame it takes; it may be raised."""

    def __init__(self, limit: int = limits.FRAME_BYTES_UNKNOWN) -> None:
        self.limit = limit
        # Frames that come whole are read where they are; only a frame in parts is put together.
        self._buffer: bytes | bytearray = b""
        self._at = 0

    @property
    def has_part(self) -> bool:
        """Returns True while a frame has begun to come and is not whole."""
        return self._at < len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Adds bytes that came."""
        if self._at == len(self._buffer):
            self._buffer = data
        else:
            if isinstance(self._buffer, bytes):
                self._buffer = bytearray(self._buffer)
            del self._buffer[: self._at]
            self._buffer += data
        self._at = 0

    def next(self) -> Command | TooLong | None:
        """Returns the next command, None while bytes are missing, or TooLong as long as a frame passes `limit`.

        Raises: ProtocolViolation; nothing more can be read from this connection then.
        """
        buffer, at = self._buffer, self._at
        there = len(buffer) - at
        if there < 8:
            return None
        length, mark = _FRAME.unpack_from(buffer, at)
        encoding, header_length = mark >> 24, mark & 0xFFFFFF
        if length < 4 or header_length > length - 4:
            raise ProtocolViolation(f"a frame of {length} bytes with a header of {header_length}")
        if length > limits.FRAME_BYTES or header_length > limits.FRAME_HEADER_BYTES:
            raise ProtocolViolation(f"a frame of {length} bytes with a header of {header_length} is too long")
        if encoding not in (JSON, BINARY):
            raise ProtocolViolation(f"unknown header encoding {encoding}")
        is_too_long = length > self.limit
        if there < (8 + header_length if is_too_long else 4 + length):
            return None
        end = at + 8 + header_length
        header = bytes(buffer[at + 8 : end])
        body = b"" if is_too_long else bytes(buffer[end : at + 4 + length])
        command = _read_json(header, body) if encoding == JSON else _read_binary(header, body)
        if is_too_long:
            return TooLong(length, command)
        self._at = at + 4 + length
        return command


def _write_json(command: Command) -> bytes:
    header: dict[str, Any] = {  # Any: JSON values
        "code": command.code,
        "language": command.language,
        "version": command.version,
        "opaque": command.opaque,
        "flag": command.flag,
        "extFields": dict(command.fields),
        "serializeTypeCurrentRPC": "JSON",
    }
    if command.remark is not None:
        header["remark"] = command.remark
    return orjson.dumps(header)


def _read_json(header: bytes, body: bytes) -> Command:
    if header.count(b"{") > 64 or header.count(b"[") > 64:
        raise ProtocolViolation("a header nests too deeply")
    read = strict_json.load(header, what="a header")
    remark, fields = read.get("remark"), read.get("extFields")
    fields = {} if fields is None else fields
    if not isinstance(fields, dict) or not (remark is None or isinstance(remark, str)):
        raise ProtocolViolation("a header's extFields or remark has the wrong type")
    language = read.get("language", "OTHER")
    return Command(
        code=_whole(read, "code"),
        opaque=_whole(read, "opaque"),
        flag=_whole(read, "flag"),
        version=_whole(read, "version"),
        remark=remark,
        fields={name: _text(value) for name, value in fields.items() if value is not None},
        body=body,
        language=language if isinstance(language, str) else "OTHER",
    )


def _whole(read: dict[str, Any], name: str) -> int:  # Any: JSON values
    value = read.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**31) <= value < 2**31:
        raise ProtocolViolation(f"a header's {name} is not a 32-bit number")
    return value


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise ProtocolViolation("a header's extFields hold something else than text")


def _write_binary(command: Command) -> bytes:
    remark = (command.remark or "").encode()
    parts: list[bytes] = []
    for name, value in command.fields.items():
        text = value.encode()
        parts += (_name(name), _INT.pack(len(text)), text)
    fields = b"".join(parts)
    language = _LANGUAGES.index(command.language) if command.language in _LANGUAGES else _OTHER
    # The code has 16 bits here; larger ones lose their upper part, as the clients' own encoder does.
    code = (command.code + 0x8000) % 0x10000 - 0x8000
    head = _BINARY_HEAD.pack(code, language, command.version, command.opaque, command.flag, len(remark))
    return b"".join((head, remark, _INT.pack(len(fields)), fields))


@lru_cache(1024)
def _name(name: str) -> bytes:
    """Returns a field's name as it stands before its value."""
    key = name.encode()
    return _SHORT.pack(len(key)) + key


def _read_binary(header: bytes, body: bytes) -> Command:
    try:
        code, language, version, opaque, flag, remark_length = _BINARY_HEAD.unpack_from(header)
        at = _BINARY_HEAD.size
        remark = _slice(header, at, remark_length).decode()
        at += remark_length + 4
        end = at + _INT.unpack_from(header, at - 4)[0]
        if end != len(header):
            raise ProtocolViolation("a binary header's lengths do not add up")
        fields = _read_fields(header, at)
    except struct.error as error:
        raise ProtocolViolation("a binary header is cut short") from error
    except (UnicodeDecodeError, IndexError) as error:
        raise ProtocolViolation("a binary header holds bytes that are not UTF-8") from error
    return Command(
        code=code,
        opaque=opaque,
        flag=flag,
        version=version,
        remark=remark or None,
        fields=fields,
        body=body,
        language=_LANGUAGES[language] if language < len(_LANGUAGES) else "OTHER",
        encoding=BINARY,
    )


def _read_fields(header: bytes, at: int) -> dict[str, str]:
    """Returns the fields that fill a header from `at` on. Raises struct.error, IndexError or UnicodeDecodeError too."""
    end = len(header)
    fields: dict[str, str] = {}
    count = 0
    while at < end:
        # Sends name their fields with single letters: such a name and its value's length are read at once.
        if end - at > 6:
            name_length, letter, length = _LETTER_HEAD.unpack_from(header, at)
        else:
            name_length, letter, length = _SHORT.unpack_from(header, at)[0], 0, -1
        if name_length == 1:
            name = _LETTERS[letter]
            at += 7
        else:
            name_end = at + 2 + name_length
            name = header[at + 2 : name_end].decode()
            length = _INT.unpack_from(header, name_end)[0]
            at = name_end + 4
        past = at + length
        if not at <= past <= end:
            raise ProtocolViolation("a binary header is cut short")
        fields[name] = header[at:past].decode()
        at = past
        count += 1
    if len(fields) != count:
        raise ProtocolViolation("a header names a member twice")
    return fields


def _slice(data: bytes, at: int, count: int) -> bytes:
    if not 0 <= count <= len(data) - at:
        raise ProtocolViolation("a binary header is cut short")
    return data[at : at + count]
