"""TLS and plain connections on the same remoting ports."""

import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from brokers.protocols.remoting import frames
from brokers.protocols.remoting.codes import Ask, Reply
from brokers.protocols.remoting.frames import Command, Decoder
from tests import certificates, stack
from tests.stack import PROJECT, Running

ROUTE = frames.encode(Command(code=Ask.GET_ROUTEINFO_BY_TOPIC, opaque=5, fields={"topic": "TBW102"}))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def secured(folder: Path) -> Iterator[Running]:
    """A product with a certificate."""
    cert, key = certificates.write(folder)
    with stack.running(MQ_TLS_CERT=str(cert), MQ_TLS_KEY=str(key)) as running:
        yield running


def connect(server: Running, port: str = "MQ_BROKER_PORT") -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.ports[port]), timeout=120)


def trusting(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(folder / "cert.pem"))


def answer(connection: socket.socket) -> Command | None:
    decoder = Decoder(1 << 20)
    while (command := decoder.next()) is None:
        data = b""
        with suppress(ConnectionError):
            data = connection.recv(65536)
        if not data:
            return None
        decoder.feed(data)
    assert isinstance(command, Command)
    return command


@pytest.mark.parametrize("port", ["MQ_NAMESRV_PORT", "MQ_BROKER_PORT"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_ports_take_tls(secured: Running, folder: Path, port: str, version: ssl.TLSVersion) -> None:
    context = trusting(folder)
    context.minimum_version = context.maximum_version = version
    with connect(secured, port) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
        for _ in range(3):
            connection.sendall(ROUTE)
            found = answer(connection)
            assert found is not None and (found.code, found.opaque) == (Reply.SUCCESS, 5)


def test_a_plain_client_is_answered_beside_it(secured: Running) -> None:
    with connect(secured) as connection:
        connection.sendall(ROUTE)
        found = answer(connection)
        assert found is not None and found.code == Reply.SUCCESS


def test_a_body_of_many_records_arrives_whole_also_byte_by_byte(secured: Running, folder: Path) -> None:
    """The records are put together by hand, so that they can be cut anywhere."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = trusting(folder).wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with connect(secured) as connection:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                for byte in outgoing.read():
                    connection.sendall(bytes([byte]))
                incoming.write(connection.recv(65536))
        fields = {"b": "tls", "e": "0", "d": "1", "a": "p", "c": "TBW102", "f": "0", "g": "0", "h": "0"}
        tls.write(frames.encode(Command(code=Ask.SEND_MESSAGE_V2, fields=fields, body=b"x" * 100_000)))
        connection.sendall(outgoing.read())
        decoder = Decoder()
        while (command := decoder.next()) is None:
            incoming.write(connection.recv(65536))
            with suppress(ssl.SSLWantReadError):
                decoder.feed(tls.read(65536))
        assert isinstance(command, Command) and command.code == Reply.SUCCESS


@pytest.mark.parametrize(
    "data", [b"\x16\x03\x01\x00\x05hello", b"\x16" + b"\xff" * 100, b"\x16\x03\x01\x40\x00" + b"x" * 70_000]
)
def test_a_handshake_that_is_none_ends_its_connection_and_no_other(secured: Running, data: bytes) -> None:
    with connect(secured) as good, connect(secured) as bad:
        with suppress(ConnectionError):
            bad.sendall(data)
        assert answer(bad) is None
        good.sendall(ROUTE)
        assert answer(good) is not None


def test_a_new_certificate_is_shown_without_a_restart(secured: Running, folder: Path) -> None:
    before = trusting(folder)
    certificates.write(folder, name="renewed.test")

    def shows_the_new_one() -> bool:
        with connect(secured) as plain:
            try:
                with trusting(folder).wrap_socket(plain, server_hostname="127.0.0.1"):
                    return True
            except ssl.SSLError:
                return False

    stack.wait_until(shows_the_new_one, what="the new certificate")
    with connect(secured) as plain, pytest.raises(ssl.SSLCertVerificationError):
        before.wrap_socket(plain, server_hostname="127.0.0.1")


def test_where_tls_is_a_must_plain_clients_are_turned_away(tmp_path: Path) -> None:
    cert, key = certificates.write(tmp_path)
    with stack.running(MQ_TLS_CERT=str(cert), MQ_TLS_KEY=str(key), MQ_REMOTING_TLS_ONLY="1") as server:
        with connect(server) as connection:
            connection.sendall(ROUTE)
            assert answer(connection) is None
        with connect(server) as plain, trusting(tmp_path).wrap_socket(plain, server_hostname="127.0.0.1") as connection:
            connection.sendall(ROUTE)
            assert answer(connection) is not None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"MQ_TLS_CERT": "/no/such/file", "MQ_TLS_KEY": "/no/such/file"}, "cannot be used: No such file"),
        ({"MQ_TLS_CERT": "pyproject.toml"}, "go together"),
        ({"MQ_TLS_CERT": "pyproject.toml", "MQ_TLS_KEY": "pyproject.toml"}, "cannot be used"),
        ({"MQ_REMOTING_TLS_ONLY": "1"}, "set MQ_TLS_CERT"),
    ],
)
def test_a_certificate_that_cannot_be_used_is_named_at_the_start(settings: dict[str, str], words: str) -> None:
    command = [sys.executable, "-c", "import django; django.setup()\nfrom brokers.doors.remoting import tls\n"]
    command[-1] += "try: tls.Certificate().load()\nexcept tls.Unusable as error: print(error)"
    done = subprocess.run(
        command,
        cwd=PROJECT,
        env={**stack.inherited(), "DJANGO_SETTINGS_MODULE": "mqconsole.settings", **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert words in done.stdout + done.stderr
