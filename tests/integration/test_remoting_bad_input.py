"""What a bad client does at the remoting door is its own loss: refused or cut off, and nobody else notices."""

import contextlib
import resource
import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import httpx
import psutil
import pytest

from brokers.domain import limits, previews
from brokers.protocols.remoting import frames
from brokers.protocols.remoting.codes import Ask, Reply
from brokers.protocols.remoting.frames import Command, Decoder
from tests import stack, tempo
from tests.conformance import remoting_wire
from tests.stack import Running

ROUTE = frames.encode(Command(code=Ask.GET_ROUTEINFO_BY_TOPIC, opaque=7, fields={"topic": "TBW102"}))
BOMB = zlib.compress(bytes(2**30), 9)  # a megabyte that holds a gigabyte


@contextmanager
def connected(server: Running) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.ports["MQ_BROKER_PORT"]), timeout=120) as connection:
        yield connection


def read(connection: socket.socket) -> Command | None:
    """Returns the next command, None when the server hung up."""
    decoder = Decoder(limits.FRAME_BYTES)
    while (command := decoder.next()) is None:
        data = b""
        with suppress(ConnectionError):
            data = connection.recv(65536)
        if not data:
            return None
        decoder.feed(data)
    assert isinstance(command, Command)
    return command


def framed(header: bytes, body: bytes = b"", *, encoding: int = frames.JSON) -> bytes:
    return struct.pack(">iI", 4 + len(header) + len(body), encoding << 24 | len(header)) + header + body


def asked(code: int, body: bytes = b"", **fields: str) -> bytes:
    return frames.encode(Command(code=code, opaque=7, fields=fields, body=body))


def memory(server: Running, name: str) -> int:
    """Returns the resident bytes of one of the product's processes and its children."""
    process = psutil.Process(server.pids()[name])
    return sum(one.memory_info().rss for one in [process, *process.children(recursive=True)])


class Witness:
    """Another client that works all the while; leaving the block fails the test if it was ever made to wait."""

    def __init__(self, server: Running) -> None:
        self._server = server
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self.slowest = 0.0
        self.count = 0
        self.failure = ""

    def __enter__(self) -> "Witness":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        stack.wait_until(lambda: self.count or self.failure, what="another client to be answered")
        slowness = tempo.slowness()
        self._over.set()
        self._thread.join()
        assert not self.failure, self.failure
        assert self.slowest / slowness < 5, f"another client waited {self.slowest:.1f} s"

    def _work(self) -> None:
        with connected(self._server) as connection:
            while not self._over.wait(0.02):
                began = time.monotonic()
                connection.sendall(ROUTE)
                answer = read(connection)
                if answer is None or answer.code != Reply.SUCCESS:
                    self.failure = f"another client was answered {answer}"
                    return
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.count += 1


@pytest.fixture
def witness(server: Running) -> Iterator[Witness]:
    with Witness(server) as working:
        yield working


# --- bytes that are not the protocol -------------------------------------------------------------------------------


BAD_FRAMES = {
    "more than 16 MiB": struct.pack(">iI", limits.FRAME_BYTES + 1, 10) + b"x" * 10,
    "a negative length": struct.pack(">ii", -1, 10) + b"x" * 10,
    "the least length": struct.pack(">ii", -(2**31), 10) + b"x" * 10,
    "no room for a header": struct.pack(">ii", 3, 0),
    "a header longer than its frame": struct.pack(">ii", 50, 47) + b"x" * 50,
    "a header longer than headers may be": struct.pack(">iI", 100_000, limits.FRAME_HEADER_BYTES + 1),
    "an unknown encoding": framed(b"{}", encoding=2),
    "the last encoding": framed(b"{}", encoding=255),
    "a deep header": framed(b'{"x":' + b"[" * 60_000),
    "a deep header that ends": framed(b'{"x":' + b"[" * 900 + b"]" * 900 + b"}"),
    "a name twice": framed(b'{"code":105,"code":34}'),
    "a field twice": framed(b'{"code":105,"extFields":{"topic":"a","topic":"b"}}'),
    "a binary header cut short": framed(b"\0\x69\0", encoding=frames.BINARY),
    "a binary header with a negative length": framed(
        struct.pack(">hBhiii", 105, 0, 0, 1, 0, -5) + struct.pack(">i", 0), encoding=frames.BINARY
    ),
    "a binary header with a field longer than all": framed(
        struct.pack(">hBhiii", 105, 0, 0, 1, 0, 0) + struct.pack(">ihi", 2**31 - 1, 1, 2**31 - 1),
        encoding=frames.BINARY,
    ),
    "another protocol": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD_FRAMES)
def test_a_bad_frame_ends_its_connection_and_no_other(server: Running, witness: Witness, name: str) -> None:
    with connected(server) as bad:
        with suppress(ConnectionError):
            bad.sendall(BAD_FRAMES[name])
        assert read(bad) is None
    with connected(server) as good:
        good.sendall(ROUTE)
        assert read(good) is not None


BAD_REQUESTS = {
    "a heartbeat that is no JSON": asked(Ask.HEART_BEAT, b"{"),
    "a deep heartbeat": asked(Ask.HEART_BEAT, b'{"clientID":' + b"[" * 900 + b"]" * 900 + b"}"),
    "a heartbeat with a name twice": asked(Ask.HEART_BEAT, b'{"clientID":"a","clientID":"b"}'),
    "a heartbeat of megabytes": asked(Ask.HEART_BEAT, b'{"clientID":"' + b"a" * 2_000_000 + b'"}'),
    "a number that is none": asked(Ask.GET_MAX_OFFSET, topic="TBW102", queueId="0x1"),
    "a number of 100 digits": asked(Ask.VIEW_MESSAGE_BY_ID, offset="9" * 100),
    "a number of 5,000 digits": asked(Ask.VIEW_MESSAGE_BY_ID, offset="9" * 5000),
    "a negative place": asked(Ask.VIEW_MESSAGE_BY_ID, offset="-1"),
    "a batch whose lengths lie": asked(
        Ask.SEND_BATCH_MESSAGE, struct.pack(">iiiii", 30, 0, 0, 0, 2**31 - 1), b="bad-batch", e="0", m="true"
    ),
    "a batch with a negative length": asked(
        Ask.SEND_BATCH_MESSAGE, struct.pack(">iiiii", 22, 0, 0, 0, -1) + b"\0\0", b="bad-batch", e="0", m="true"
    ),
    "a batch that says nothing": asked(Ask.SEND_BATCH_MESSAGE, b"", b="bad-batch", e="0", m="true"),
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_a_bad_request_is_refused_and_the_connection_stays(server: Running, name: str) -> None:
    with connected(server) as connection:
        connection.sendall(BAD_REQUESTS[name])
        answer = read(connection)
        assert answer is not None and answer.opaque == 7
        assert answer.code not in (Reply.SUCCESS, Reply.SYSTEM_ERROR), answer
        assert answer.remark
        connection.sendall(ROUTE)
        assert read(connection) is not None


# --- slow and silent ones ------------------------------------------------------------------------------------------


def test_a_request_that_comes_byte_by_byte_is_answered(server: Running, witness: Witness) -> None:
    with connected(server) as slow:
        for byte in ROUTE:
            slow.sendall(bytes([byte]))
        answer = read(slow)
        assert answer is not None and answer.code == Reply.SUCCESS


def test_half_a_request_and_a_hang_up_leave_nothing_behind(server: Running, witness: Witness) -> None:
    before = psutil.Process(server.pids()["broker"]).num_fds()
    with ExitStack() as halves:
        for _ in range(200):
            halves.enter_context(connected(server)).sendall(ROUTE[: len(ROUTE) // 2])
    stack.wait_until(
        lambda: psutil.Process(server.pids()["broker"]).num_fds() <= before + 5, what="the connections to be forgotten"
    )


def test_three_thousand_silent_connections_cost_little_and_no_more_with_time(server: Running, witness: Witness) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 8192), hard), hard))
    before = memory(server, "broker")
    peaks = []
    for _ in range(2):
        with ExitStack() as silent:
            connections = [silent.enter_context(connected(server)) for _ in range(3000)]
            for connection in connections[::2]:
                connection.sendall(ROUTE[:10])
            asked_before = witness.count
            stack.wait_until(lambda since=asked_before: witness.count > since + 50, what="others to go on")  # type: ignore[misc] # bound now
            peaks.append(memory(server, "broker"))
    assert peaks[0] - before < 3000 * 32 * 1024, peaks
    assert peaks[1] - peaks[0] < 10 * 1024 * 1024, peaks


# --- what messages may carry ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rest(server: Running) -> Iterator[httpx.Client]:
    key = server.credentials["access_key_id"], server.credentials["access_key_secret"]
    url = f"{server.url}/api/v1/instances/{server.credentials['instance']}/"
    with httpx.Client(base_url=url, auth=key, timeout=60, trust_env=False) as client:
        yield client


def made(rest: httpx.Client, topic: str, group: str) -> None:
    for kind, name in (("topics", topic), ("groups", group)):
        assert rest.post(kind, json={"name": name, "queues": 1} if kind == "topics" else {"name": name}).is_success


def sent(server: Running, topic: str, body: bytes, *, properties: dict[str, str], sys_flag: int = 0) -> Command:
    text = remoting_wire.write_properties(properties)
    header = {
        "a": "p",
        "b": topic,
        "c": "TBW102",
        "d": "1",
        "e": "0",
        "f": str(sys_flag),
        "g": "0",
        "h": "0",
        "i": text,
    }
    with connected(server) as connection:
        connection.sendall(asked(Ask.SEND_MESSAGE_V2, body, **header))
        answer = read(connection)
    assert answer is not None
    return answer


def received(rest: httpx.Client, topic: str, group: str) -> dict[str, Any]:
    answer = rest.post(f"groups/{group}/messages:receive", json={"topics": [topic], "wait_seconds": 10})
    (message,) = answer.raise_for_status().json()["messages"]
    assert isinstance(message, dict)
    return message


def pulled(server: Running, topic: str) -> remoting_wire.Record:
    fields = {"consumerGroup": "bad-input-reader", "topic": topic, "queueId": "0", "queueOffset": "0"}
    with connected(server) as connection:
        connection.sendall(asked(Ask.PULL_MESSAGE, b"", **fields, maxMsgNums="1", sysFlag="4", subscription="*"))
        answer = read(connection)
    assert answer is not None and answer.code == Reply.SUCCESS
    (record,) = remoting_wire.read_records(answer.body)
    return record


def test_properties_only_the_server_sets_do_not_come_through(server: Running, rest: httpx.Client) -> None:
    made(rest, "reserved", "reserved-group")
    forged = dict.fromkeys(
        "RETRY_TOPIC REAL_TOPIC REAL_QID ORIGIN_MESSAGE_ID MIN_OFFSET MAX_OFFSET MSG_REGION TRACE_ON POP_CK"
        " 1ST_POP_TIME TRANSACTION_CHECK_TIMES TRAN_PREPARED_QUEUE_OFFSET DLQ_ORIGIN_TOPIC DLQ_ORIGIN_MESSAGE_ID"
        " __BORNHOST CONSUME_START_TIME TIMER_OUT_MS INNER_MULTI_QUEUE_OFFSET".split(),
        "forged",
    )
    assert sent(server, "reserved", b"x", properties={**forged, "mine": "1"}).code == Reply.SUCCESS
    assert received(rest, "reserved", "reserved-group")["properties"] == {"mine": "1"}
    seen = pulled(server, "reserved").properties
    assert {name: value for name, value in seen.items() if value == "forged"} == {}
    assert seen["mine"] == "1"


@pytest.mark.parametrize(
    "properties",
    [
        {"UNIQ_KEY": "x" * 65},
        {"UNIQ_KEY": "a\nb"},
        {"DELAY": "soon"},
        {"TIMER_DELIVER_MS": "9" * 30},
        {"TIMER_DELAY_SEC": "9" * 30},
        {"big": "x" * 20_000},
        {"KEYS": "k" * 200},
        {f"p{n}": "x" for n in range(129)},
    ],
    ids=lambda properties: next(iter(properties)),
)
def test_properties_that_cannot_be_are_refused(server: Running, properties: dict[str, str]) -> None:
    answer = sent(server, "refused-properties", b"x", properties=properties)
    assert answer.code in (Reply.MESSAGE_ILLEGAL, Reply.INVALID_PARAMETER) and answer.remark, answer


def test_a_body_over_four_mebibytes_is_refused_and_one_of_four_is_taken(server: Running) -> None:
    most = limits.BODY_BYTES
    assert sent(server, "long-bodies", b"x" * (most + 1), properties={}).code == Reply.MESSAGE_ILLEGAL
    assert sent(server, "long-bodies", b"x" * most, properties={}).code == Reply.SUCCESS


def test_a_bomb_of_compressed_zeros_goes_off_nowhere(server: Running, rest: httpx.Client) -> None:
    made(rest, "bombs", "bombs-group")
    before = {name: memory(server, name) for name in ("broker", "web")}
    answer = sent(server, "bombs", BOMB, properties={"TAGS": "bomb"}, sys_flag=1)
    assert answer.code == Reply.SUCCESS
    with contextlib.closing(remoting_wire.Wire(("127.0.0.1", server.ports["MQ_BROKER_PORT"]), key_of(server))) as wire:
        fields = {"consumerGroup": "bombs-reader", "topic": "bombs", "queueId": 0, "queueOffset": 0, "maxMsgNums": 1}
        body = wire.ask(Ask.PULL_MESSAGE, {**fields, "sysFlag": 4, "subscription": "*"}).body
    assert BOMB in body
    delivered = received(rest, "bombs", "bombs-group")
    assert delivered["compression"] == "zlib" and len(delivered["body_base64"]) < 2 * len(BOMB)
    page = rest.get(f"messages/{delivered['message_id']}", params={"topic": "bombs"})
    assert page.is_success and len(page.content) < 16 * 1024 * 1024
    found = rest.get("messages", params={"topic": "bombs", "body": "needle"})
    assert found.is_success, found.text
    grown = {name: memory(server, name) - was for name, was in before.items()}
    assert max(grown.values()) < 100 * 1024 * 1024, grown


def key_of(server: Running) -> tuple[str, str]:
    return server.credentials["access_key_id"], server.credentials["access_key_secret"]


def test_a_preview_of_a_bomb_is_cut_short() -> None:
    shown = previews.preview(BOMB, 1)
    assert shown.is_compressed and shown.is_cut
    assert len(shown.hex) < 64 * 1024
    assert len(previews.open_body(BOMB, 1).content) <= previews.OPENED_BYTES
