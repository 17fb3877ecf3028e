"""Requests as real clients wrote them, read whole and byte by byte.

Origin: recorded between the programs of `tests/interop` (Send and Consume on `TopicTest`) and this product, with the
clients rocketmq-client 4.9.8 (JSON headers), rocketmq-client 5.3.3 with -Drocketmq.serialize.type=ROCKETMQ (binary
headers) and rocketmq-client-go v2.1.2. A file is named after the client and the request's code, and holds one frame.
"""

from pathlib import Path

import pytest

from brokers.protocols.remoting import bodies, frames, records
from brokers.protocols.remoting.frames import BINARY, JSON, Command, Decoder

FILES = sorted(Path(__file__).parent.glob("captured/*.hex"))
LANGUAGES = {"java-4.9.8": ("JAVA", 409, JSON), "java-5.3.3": ("JAVA", 479, BINARY), "go-2.1.2": ("GO", 317, JSON)}
SUBSCRIBED = {("TopicTest", "sync || long", "TAG")}


def captured(client: str, code: int) -> bytes:
    return bytes.fromhex((Path(__file__).parent / f"captured/{client}-{code}.hex").read_text())


def read(data: bytes, *, step: int) -> Command:
    decoder = Decoder()
    found: list[Command] = []
    for start in range(0, len(data), step):
        assert not found
        decoder.feed(data[start : start + step])
        while isinstance(command := decoder.next(), Command):
            found.append(command)
    assert not decoder.has_part
    (only,) = found
    return only


def test_every_client_is_there_with_several_requests() -> None:
    assert {file.stem.rpartition("-")[0] for file in FILES} == set(LANGUAGES)
    assert len(FILES) >= 15


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_request_is_read_whole_and_byte_by_byte_and_again_after_encoding(file: Path) -> None:
    client, _, code = file.stem.rpartition("-")
    data = captured(client, int(code))
    command = read(data, step=len(data))
    assert (command.language, command.version, command.encoding) == LANGUAGES[client]
    assert command.code == int(code) and not command.is_response
    assert read(data, step=1) == command
    assert read(frames.encode(command), step=7) == command


@pytest.mark.parametrize(("client", "code"), [("java-4.9.8", 310), ("java-5.3.3", 310), ("go-2.1.2", 10)])
def test_a_send_carries_its_parts(client: str, code: int) -> None:
    command = read(captured(client, code), step=1)
    topic, text = ("topic", "properties") if code == 10 else ("b", "i")
    properties = records.read_properties(command.fields[text])
    assert (command.fields[topic], command.body) == ("TopicTest", b"sync-0")
    assert {name: properties[name] for name in ("TAGS", "KEYS", "colour")} == {
        "TAGS": "sync",
        "KEYS": "key-sync",
        "colour": "red",
    }
    assert len(properties["UNIQ_KEY"]) in (32, 56)


@pytest.mark.parametrize("client", LANGUAGES)
def test_a_batch_holds_its_messages(client: str) -> None:
    command = read(captured(client, 320), step=1)
    entries = records.decode_batch(command.body, most=10)
    assert [entry.body for entry in entries] == [b"batch-%d" % number for number in range(10)]
    assert {entry.properties["TAGS"] for entry in entries} == {"batch"}
    assert records.decode_batch(records.encode_batch(entries), most=10) == entries


@pytest.mark.parametrize(("client", "group"), [("java-4.9.8", "cap-group-4"), ("go-2.1.2", "cap-group-go")])
def test_a_heartbeat_names_what_a_member_reads(client: str, group: str) -> None:
    (member,) = bodies.read_heartbeat(read(captured(client, 34), step=1).body).consumers
    assert (member.group, member.is_broadcast, member.is_push) == (group, False, True)
    read_topics = {(one.topic, one.expression, one.expression_type) for one in member.subscriptions}
    assert read_topics == {*SUBSCRIBED, (f"%RETRY%{group}", "*", "TAG")}


@pytest.mark.parametrize("client", LANGUAGES)
def test_a_pull_says_where_it_is(client: str) -> None:
    fields = read(captured(client, 11), step=1).fields
    assert fields["topic"] in ("TopicTest", f"%RETRY%{fields['consumerGroup']}")
    assert bodies.whole(fields, "queueOffset") == 0 and bodies.whole(fields, "maxMsgNums") == 32
