"""Messages as remoting clients read and write them: records, batches, property strings, offset ids.

Owns: those layouts. Must not know: where messages come from. Called by: doors.remoting.
Whatever the bytes, only ProtocolViolation is raised.
Source: apache/rocketmq common/.../message/MessageDecoder.java, MessageSysFlag.java.
"""

import ipaddress
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from ...domain.errors import ProtocolViolation

_MAGIC = -626843481  # 0xDAA320A7: the topic's length in one byte
_MAGIC_LONG_TOPIC = -626843477  # 0xDAA320AB: in two
_LONGEST_SHORT_TOPIC = 127
BORN_HOST_IPV6, STORE_HOST_IPV6 = 0x10, 0x20
_HOST_BITS = BORN_HOST_IPV6 | STORE_HOST_IPV6
# Compressed, and with which algorithm: what a message's body keeps of its sender's flags.
BODY_FLAGS = 0x701
TRANSACTION_BITS = 0xC  # of a message's flags, one of these three
PREPARED, COMMITTED, ROLLED_BACK = 0x4, 0x8, 0xC
_NAME_END, _VALUE_END = "\x01", "\x02"
_HEAD = struct.Struct(">iiIiiqqiq")
_MIDDLE = struct.Struct(">iqi")
_BATCH_HEAD = struct.Struct(">iiiii")
_SHORT = struct.Struct(">H")
_LONG = struct.Struct(">q")
_IPV4_BYTES, _IPV6_BYTES = 8, 20  # with the port
_OFFSET_BITS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One stored message as it travels. Hosts are `address:port` with an IPv4 or IPv6 address."""

    topic: str
    queue: int
    queue_offset: int
    physical_offset: int
    body: bytes
    body_crc: int = 0
    flag: int = 0
    sys_flag: int = 0
    born_at_ms: int = 0
    born_host: tuple[str, int] = ("127.0.0.1", 0)
    stored_at_ms: int = 0
    store_host: tuple[str, int] = ("127.0.0.1", 0)
    reconsume_times: int = 0
    prepared_offset: int = 0
    properties: Mapping[str, str] = field(default_factory=dict)


class BatchEntry(NamedTuple):
    """One message of a batch body."""

    flag: int
    body: bytes
    properties: dict[str, str]


def place(queue_id: int, offset: int) -> int:
    """Returns the one number that names a message: what clients take for its commit log offset."""
    return queue_id << _OFFSET_BITS | offset


def unplace(physical_offset: int) -> tuple[int, int]:
    """Returns the queue id and the offset in the queue. Raises ProtocolViolation for a negative number."""
    if physical_offset < 0:
        raise ProtocolViolation("a negative commit log offset")
    return physical_offset >> _OFFSET_BITS, physical_offset & (1 << _OFFSET_BITS) - 1


def offset_id(host: tuple[str, int], physical_offset: int) -> str:
    """Returns the id that leads back to a message: 32 hex digits of host, port and physical offset (56 with IPv6)."""
    return (address(host) + struct.pack(">q", physical_offset)).hex().upper()


def read_offset_id(text: str) -> int:
    """Returns the physical offset an offset id leads to. Raises ProtocolViolation."""
    if len(text) not in {32, 56}:
        raise ProtocolViolation("an offset id has 32 or 56 hex digits")
    try:
        return int.from_bytes(bytes.fromhex(text)[-8:], signed=True)
    except ValueError:
        raise ProtocolViolation("an offset id has 32 or 56 hex digits") from None


def write_properties(properties: Mapping[str, str]) -> str:
    """Returns properties as one string."""
    return "".join(f"{name}{_NAME_END}{value}{_VALUE_END}" for name, value in properties.items() if name and value)


def read_properties(text: str) -> dict[str, str]:
    """Returns the properties in `text`; pairs without a name or a value are left out, as clients do."""
    found: dict[str, str] = {}
    for pair in text.split(_VALUE_END):
        name, mark, value = pair.partition(_NAME_END)
        if mark and name and value:
            found[name] = value
    return found


def encode(record: Record) -> bytes:
    """Returns the record's bytes."""
    return b"".join(
        Writer(record.topic, record.store_host).parts(
            queue=record.queue,
            queue_offset=record.queue_offset,
            physical_offset=record.physical_offset,
            body=record.body,
            body_crc=record.body_crc,
            flag=record.flag,
            sys_flag=record.sys_flag,
            born_at_ms=record.born_at_ms,
            born_host=address(record.born_host),
            stored_at_ms=record.stored_at_ms,
            reconsume_times=record.reconsume_times,
            prepared_offset=record.prepared_offset,
            properties=write_properties(record.properties).encode(),
        )
    )


class Writer:
    """Writes records of one topic from one host, without a `Record` for each: pulls are made of thousands."""

    def __init__(self, topic: str, store_host: tuple[str, int]) -> None:
        name = topic.encode()
        is_long = len(name) > _LONGEST_SHORT_TOPIC
        self._magic = _MAGIC_LONG_TOPIC if is_long else _MAGIC
        self._topic = struct.pack(">H" if is_long else ">B", len(name)) + name
        self._store = address(store_host)
        bits = STORE_HOST_IPV6 if len(self._store) > _IPV4_BYTES else 0
        # For either length of the sender's address: how all before the body is packed, and the bits that tell lengths.
        self._heads = {
            length: (struct.Struct(f"{_HEAD.format}{length}sq{len(self._store)}s{_MIDDLE.format[1:]}"), bits | born)
            for length, born in ((_IPV4_BYTES, 0), (_IPV6_BYTES, BORN_HOST_IPV6))
        }

    def parts(
        self,
        *,
        queue: int,
        queue_offset: int,
        physical_offset: int,
        body: bytes,
        body_crc: int,
        flag: int,
        sys_flag: int,
        born_at_ms: int,
        born_host: bytes,
        stored_at_ms: int,
        reconsume_times: int,
        properties: bytes,
        prepared_offset: int = 0,
    ) -> tuple[bytes, ...]:
        """Returns a record's bytes in parts. `born_host` is an `address`, `properties` are written already."""
        layout, bits = self._heads[len(born_host)]
        head = layout.pack(
            layout.size + len(body) + len(self._topic) + _SHORT.size + len(properties),
            self._magic,
            body_crc & 0x7FFFFFFF,
            queue,
            flag,
            queue_offset,
            physical_offset,
            sys_flag & ~_HOST_BITS | bits,
            born_at_ms,
            born_host,
            stored_at_ms,
            self._store,
            reconsume_times,
            prepared_offset,
            len(body),
        )
        return head, body, self._topic, _SHORT.pack(len(properties)), properties


@lru_cache(1024)
def address(host: tuple[str, int]) -> bytes:
    """Returns a host as records carry it: an IPv4 or IPv6 address (0.0.0.0 for a name), then the port."""
    try:
        packed = ipaddress.ip_address(host[0]).packed
    except ValueError:
        packed = bytes(4)
    return packed + struct.pack(">i", host[1])


def decode(data: bytes) -> list[Record]:
    """Returns the records in `data`, which must hold whole ones."""
    found: list[Record] = []
    start = 0
    while start < len(data):
        record, start = _decode_one(data, start)
        found.append(record)
    return found


def decode_batch(body: bytes, *, most: int) -> list[BatchEntry]:
    """Returns the messages of a batch body, at most `most` of them."""
    found: list[BatchEntry] = []
    start = 0
    while start < len(body):
        if len(found) >= most:
            raise ProtocolViolation(f"a batch holds more than {most} messages")
        total, _, _, flag, body_length = _unpack(_BATCH_HEAD, body, start)
        content, at = _slice(body, start + _BATCH_HEAD.size, body_length)
        (properties_length,) = _unpack(_SHORT, body, at)
        properties, at = _slice(body, at + 2, properties_length)
        if at - start != total:
            raise ProtocolViolation("a batch's lengths do not add up")
        found.append(BatchEntry(flag, content, read_properties(_text(properties))))
        start = at
    return found


def encode_batch(entries: Iterable[BatchEntry]) -> bytes:
    """Returns the body of a batch, as clients write it."""
    parts = []
    for entry in entries:
        properties = write_properties(entry.properties).encode()
        total = _BATCH_HEAD.size + len(entry.body) + 2 + len(properties)
        parts.append(_BATCH_HEAD.pack(total, 0, 0, entry.flag, len(entry.body)))
        parts += [entry.body, _SHORT.pack(len(properties)), properties]
    return b"".join(parts)


def _decode_one(data: bytes, start: int) -> tuple[Record, int]:
    total, magic, crc, queue, flag, offset, physical, sys_flag, born_at = _unpack(_HEAD, data, start)
    if magic not in {_MAGIC, _MAGIC_LONG_TOPIC}:
        raise ProtocolViolation("a record with an unknown mark")
    born, at = _read_address(data, start + _HEAD.size, is_ipv6=bool(sys_flag & BORN_HOST_IPV6))
    (stored_at,) = _unpack(_LONG, data, at)
    store, at = _read_address(data, at + 8, is_ipv6=bool(sys_flag & STORE_HOST_IPV6))
    reconsume_times, prepared, body_length = _unpack(_MIDDLE, data, at)
    body, at = _slice(data, at + _MIDDLE.size, body_length)
    width = 2 if magic == _MAGIC_LONG_TOPIC else 1
    topic_length, at = _slice(data, at, width)
    topic, at = _slice(data, at, int.from_bytes(topic_length))
    (properties_length,) = _unpack(_SHORT, data, at)
    properties, at = _slice(data, at + 2, properties_length)
    if at - start != total:
        raise ProtocolViolation("a record's lengths do not add up")
    record = Record(
        topic=_text(topic),
        queue=queue,
        queue_offset=offset,
        physical_offset=physical,
        body=body,
        body_crc=crc,
        flag=flag,
        sys_flag=sys_flag,
        born_at_ms=born_at,
        born_host=born,
        stored_at_ms=stored_at,
        store_host=store,
        reconsume_times=reconsume_times,
        prepared_offset=prepared,
        properties=read_properties(_text(properties)),
    )
    return record, at


def _read_address(data: bytes, start: int, *, is_ipv6: bool) -> tuple[tuple[str, int], int]:
    packed, at = _slice(data, start, 16 if is_ipv6 else 4)
    port, at = _slice(data, at, 4)
    return (str(ipaddress.ip_address(packed)), int.from_bytes(port, signed=True)), at


def _unpack(layout: struct.Struct, data: bytes, start: int) -> tuple[int, ...]:
    if start + layout.size > len(data):
        raise ProtocolViolation("a record is cut short")
    return layout.unpack_from(data, start)


def _slice(data: bytes, start: int, count: int) -> tuple[bytes, int]:
    end = start + count
    if count < 0 or end > len(data):
        raise ProtocolViolation("a record is cut short")
    return data[start:end], end


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ProtocolViolation("a record holds text that is not UTF-8") from error
