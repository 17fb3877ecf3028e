"""The remoting door as bytes: who is let in, what is refused, and that a bad client harms nobody else."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from accounts import remoting_signature
from brokers.domain import limits
from brokers.protocols.remoting import frames
from brokers.protocols.remoting.codes import Ask, Reply
from brokers.protocols.remoting.frames import Command, Decoder
from tests import stack
from tests.stack import Running


class Client:
    """A connection that sends commands and reads what comes."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self.decoder = Decoder(limits.FRAME_BYTES)

    def send(self, command: Command) -> None:
        self.socket.sendall(frames.encode(command))

    def read(self) -> Command | None:
        """Returns the next command, or None when the server closed the connection."""
        while True:
            command = self.decoder.next()
            if isinstance(command, Command):
                return command
            try:
                data = self.socket.recv(65536)
            except ConnectionError:
                return None
            if not data:
                return None
            self.decoder.feed(data)

    def ask(self, code: int, body: bytes = b"", **fields: str) -> Command:
        self.send(Command(code=code, opaque=7, fields=fields, body=body))
        answer = self.read()
        assert answer is not None and answer.is_response and answer.opaque == 7
        return answer


@contextmanager
def connected(server: Running, port: str = "MQ_BROKER_PORT") -> Iterator[Client]:
    client = Client(server.ports[port])
    with client.socket:
        yield client


def sign(server: Running, fields: dict[str, str], body: bytes = b"") -> dict[str, str]:
    fields = {**fields, "AccessKey": server.credentials["access_key_id"]}
    secret = server.credentials["access_key_secret"].encode()
    return {**fields, "Signature": remoting_signature.sign(secret, fields, body)}


@pytest.fixture(scope="module")
def strict() -> Iterator[Running]:
    """A product that lets no remoting client in without a key."""
    with stack.running(MQ_REMOTING_ANONYMOUS="") as running:
        yield running


@pytest.mark.parametrize("encoding", [frames.JSON, frames.BINARY])
def test_an_unknown_code_is_answered_in_the_requests_encoding_and_the_connection_stays(
    server: Running, encoding: int
) -> None:
    with connected(server) as client:
        for _ in range(2):
            client.send(Command(code=9999, opaque=3, encoding=encoding))
            answer = client.read()
            assert answer is not None
            assert (answer.code, answer.opaque, answer.encoding) == (Reply.REQUEST_CODE_NOT_SUPPORTED, 3, encoding)


def test_a_one_way_request_gets_no_answer(server: Running) -> None:
    with connected(server) as client:
        client.send(Command(code=9999, opaque=1, flag=2))
        assert client.ask(9999).opaque == 7


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack(">ii", 3, 0),
        struct.pack(">ii", 100, 99) + b"x" * 99,
        b"\x16\x03\x01\x02\0\x01\0\x01",
    ],
)
def test_what_is_not_the_protocol_ends_its_connection_and_no_other(server: Running, data: bytes) -> None:
    with connected(server) as good, connected(server) as bad:
        bad.socket.sendall(data)
        assert bad.read() is None
        assert good.ask(9999).code == Reply.REQUEST_CODE_NOT_SUPPORTED


def test_a_request_without_a_key_is_refused(strict: Running) -> None:
    with connected(strict, "MQ_NAMESRV_PORT") as client:
        assert client.ask(Ask.GET_ROUTEINFO_BY_TOPIC, topic="TBW102").code == Reply.NO_PERMISSION


def test_a_signed_request_is_answered_and_a_changed_one_is_not(strict: Running) -> None:
    fields = sign(strict, {"topic": "TBW102"})
    with connected(strict) as client:
        assert client.ask(Ask.GET_ROUTEINFO_BY_TOPIC, b"", **fields).code == Reply.SUCCESS
        assert client.ask(Ask.GET_ROUTEINFO_BY_TOPIC, b"", **{**fields, "topic": "x"}).code == Reply.NO_PERMISSION
        assert client.ask(Ask.GET_ROUTEINFO_BY_TOPIC, b"body", **fields).code == Reply.NO_PERMISSION


def test_a_strangers_long_frame_ends_the_connection_and_a_known_keys_is_taken(strict: Running) -> None:
    body = b"x" * 200_000
    header = {"b": "long-frames", "e": "0", "d": "1", "a": "p", "c": "TBW102", "f": "0", "g": "0", "h": "0"}
    with connected(strict) as client:
        with suppress(ConnectionError):
            client.send(Command(code=Ask.SEND_MESSAGE_V2, fields=header, body=body))
        assert client.read() is None
    with connected(strict) as client:
        assert client.ask(Ask.SEND_MESSAGE_V2, body, **sign(strict, header, body)).code == Reply.SUCCESS


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 300])
def test_names_that_cannot_be_are_refused(server: Running, name: str) -> None:
    with connected(server) as client:
        assert client.ask(Ask.GET_MAX_OFFSET, topic=name, queueId="0").code == Reply.INVALID_PARAMETER
