"""Frames: round trips, real bytes whole and one by one, lengths that lie, and garbage."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.domain import limits
from brokers.domain.errors import ProtocolViolation
from brokers.protocols.remoting import frames
from brokers.protocols.remoting.frames import BINARY, JSON, Command, Decoder, TooLong

# A route request as RocketMQ's Java client 4.9.8 writes it (RemotingCommand.encode: fastjson, keys in this order).
JAVA_HEADER = (
    b'{"code":105,"extFields":{"topic":"TopicTest"},"flag":0,"language":"JAVA","opaque":0,'
    b'"serializeTypeCurrentRPC":"JSON","version":407}'
)
JAVA_FRAME = struct.pack(">ii", 4 + len(JAVA_HEADER), len(JAVA_HEADER)) + JAVA_HEADER

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
commands = st.builds(
    Command,
    code=st.integers(-(2**15), 2**15 - 1),
    opaque=st.integers(-(2**31), 2**31 - 1),
    flag=st.integers(0, 3),
    remark=st.none() | texts.filter(bool),
    fields=st.dictionaries(texts, texts, max_size=5),
    body=st.binary(max_size=100),
    language=st.sampled_from(["JAVA", "GO", "PYTHON"]),
    version=st.integers(0, 2**15 - 1),
    encoding=st.sampled_from([JSON, BINARY]),
)


def read(data: bytes, *, step: int) -> list[Command | TooLong]:
    decoder = Decoder()
    found: list[Command | TooLong] = []
    for start in range(0, len(data), step):
        decoder.feed(data[start : start + step])
        while (command := decoder.next()) is not None:
            found.append(command)
    return found


@given(st.lists(commands, max_size=4), st.integers(1, 50))
def test_commands_survive_both_encodings_in_pieces_of_any_size(sent: list[Command], step: int) -> None:
    assert read(b"".join(map(frames.encode, sent)), step=step) == sent


@pytest.mark.parametrize("step", [1, len(JAVA_FRAME)])
def test_a_java_clients_request_is_read_whole_and_byte_by_byte(step: int) -> None:
    (command,) = read(JAVA_FRAME * 2, step=step)[:1]
    assert isinstance(command, Command)
    assert (command.code, command.language, command.version) == (105, "JAVA", 407)
    assert command.fields == {"topic": "TopicTest"}
    assert not command.is_one_way and not command.is_response


@pytest.mark.parametrize(
    "bad",
    [
        struct.pack(">ii", 3, 0),
        struct.pack(">ii", -1, 0),
        struct.pack(">ii", 8, 5),
        struct.pack(">iI", 8, 9 << 24) + b"....",
        struct.pack(">ii", limits.FRAME_BYTES + 1, 10),
        struct.pack(">ii", 4 + limits.FRAME_HEADER_BYTES + 1, limits.FRAME_HEADER_BYTES + 1),
    ],
)
def test_lengths_that_lie_are_refused_before_anything_is_waited_for(bad: bytes) -> None:
    decoder = Decoder()
    decoder.feed(bad)
    with pytest.raises(ProtocolViolation):
        decoder.next()


@pytest.mark.parametrize(
    "header",
    [
        b"[]",
        b"{" * 70,
        b'{"code":"1"}',
        b'{"code":1e3}',
        b'{"code":4294967296}',
        b'{"extFields":[]}',
        b'{"extFields":{"a":{}}}',
        b'{"remark":1}',
        b"\xff",
        b'{"code":1,"code":2}',
        b'{"code":1,"code" :2}',
        b'{"extFields":{"a":"1","a":"2"}}',
        b'{"extFields":{"a":"1","a"\n:"2"}}',
        b'{"extFields":{"a":"1","\\u0061":"2"}}',
        b'{"extFields":{"a":"1"},"extFields":{}}',
        b'{"x":' + b"[" * 40 + b"]" * 40 + b"}",
        b'{"x":' + b'{"y":' * 40 + b"1" + b"}" * 40 + b"}",
    ],
)
def test_headers_of_other_shapes_are_refused(header: bytes) -> None:
    decoder = Decoder()
    decoder.feed(struct.pack(">ii", 4 + len(header), len(header)) + header)
    with pytest.raises(ProtocolViolation):
        decoder.next()


@pytest.mark.parametrize("value", ['"', '":', ' "a" : ', "[[[[", "{{", "\\"])
def test_texts_that_look_like_names_are_read(value: str) -> None:
    sent = Command(code=1, fields={"a": value, "b": value})
    assert read(frames.encode(sent), step=1000) == [sent]


def test_a_binary_header_with_a_name_twice_is_refused() -> None:
    pair = struct.pack(">h", 1) + b"a" + struct.pack(">i", 1) + b"1"
    header = struct.pack(">hBhiii", 1, 0, 0, 1, 0, 0) + struct.pack(">i", 2 * len(pair)) + 2 * pair
    decoder = Decoder()
    decoder.feed(struct.pack(">iI", 4 + len(header), BINARY << 24 | len(header)) + header)
    with pytest.raises(ProtocolViolation):
        decoder.next()


def test_a_strangers_long_frame_shows_its_header_and_is_taken_once_the_limit_is_raised() -> None:
    body = bytes(limits.FRAME_BYTES_UNKNOWN)
    data = frames.encode(Command(code=310, fields={"AccessKey": "MQ1"}, body=body))
    decoder = Decoder()
    decoder.feed(data[:1000])
    seen = decoder.next()
    assert isinstance(seen, TooLong) and seen.header.fields == {"AccessKey": "MQ1"} and not seen.header.body
    decoder.limit = limits.FRAME_BYTES
    assert decoder.next() is None
    decoder.feed(data[1000:])
    whole = decoder.next()
    assert isinstance(whole, Command) and whole.body == body


@given(st.binary(max_size=200), st.sampled_from([0, 1]))
def test_garbage_raises_nothing_but_a_protocol_violation(header: bytes, encoding: int) -> None:
    decoder = Decoder()
    decoder.feed(struct.pack(">iI", 4 + len(header), encoding << 24 | len(header)) + header)
    try:
        decoder.next()
    except ProtocolViolation:
        return


@given(st.binary(max_size=300))
def test_any_bytes_raise_nothing_but_a_protocol_violation(data: bytes) -> None:
    try:
        read(data, step=7)
    except ProtocolViolation:
        return
