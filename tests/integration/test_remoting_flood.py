"""Clients that send much at once: everything is answered once, and who does not take answers is not read further."""

import contextlib
import socket
import threading

import httpx
import pytest

from brokers.domain import limits
from brokers.protocols.remoting import frames
from brokers.protocols.remoting.codes import Ask, Reply
from brokers.protocols.remoting.frames import Command, Decoder
from tests.stack import Running, wait_until

COUNT = 5 * limits.CONNECTION_REQUEST_COUNT
NO_QUEUE = "99"


@pytest.fixture
def topic(server: Running) -> str:
    auth = (server.credentials["access_key_id"], server.credentials["access_key_secret"])
    with httpx.Client(base_url=server.url, auth=auth, timeout=120) as client:
        answer = client.post("/api/v1/instances/default/topics", json={"name": "flood", "queues": 2})
    assert answer.status_code in (201, 409), answer.text
    return "flood"


def a_send(topic: str, opaque: int, *, queue: str = "1", flag: int = 0) -> bytes:
    fields = {
        "a": "p",
        "b": topic,
        "c": "TBW102",
        "d": "4",
        "e": queue,
        "f": "0",
        "g": "0",
        "h": "0",
        "i": "",
        "j": "0",
    }
    command = Command(code=Ask.SEND_MESSAGE_V2, opaque=opaque, flag=flag, fields=fields, body=b"x", encoding=opaque % 2)
    return frames.encode(command)


def answers(connection: socket.socket, count: int) -> list[Command]:
    decoder = Decoder(limits.FRAME_BYTES)
    found: list[Command] = []
    while len(found) < count:
        while (command := decoder.next()) is not None:
            assert isinstance(command, Command)
            found.append(command)
        if len(found) < count:
            data = connection.recv(65536)
            assert data, f"hung up after {len(found)} answers"
            decoder.feed(data)
    return found


def connect(server: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.ports["MQ_BROKER_PORT"]), timeout=120)


def stored(server: Running, topic: str) -> int:
    """Returns how many messages the queue holds that these tests send to."""
    with connect(server) as connection:
        connection.sendall(frames.encode(Command(code=Ask.GET_MAX_OFFSET, fields={"topic": topic, "queueId": "1"})))
        (answer,) = answers(connection, 1)
        return int(answer.fields["offset"])


def test_a_flood_on_one_connection_is_answered_one_by_one(server: Running, topic: str) -> None:
    before = stored(server, topic)
    refused = set(range(0, COUNT, 3))
    with connect(server) as connection:
        flood = b"".join(a_send(topic, n, queue=NO_QUEUE if n in refused else "1") for n in range(COUNT))
        sending = threading.Thread(target=connection.sendall, args=(flood,))
        sending.start()
        found = answers(connection, COUNT)
        sending.join()
    assert sorted(answer.opaque for answer in found) == list(range(COUNT))
    assert {answer.opaque for answer in found if answer.code != Reply.SUCCESS} == refused
    assert stored(server, topic) == before + COUNT - len(refused)


def test_one_way_sends_are_stored_and_get_no_answer(server: Running, topic: str) -> None:
    before = stored(server, topic)
    with connect(server) as connection:
        connection.sendall(b"".join(a_send(topic, n, flag=2) for n in range(100)))
        connection.sendall(a_send(topic, 7))
        (answer,) = answers(connection, 1)
    assert (answer.opaque, answer.code) == (7, Reply.SUCCESS)
    wait_until(lambda: stored(server, topic) == before + 101, what="the messages to be stored")


def test_a_client_that_takes_no_answers_is_not_read_until_it_does(server: Running, topic: str) -> None:
    sent, most = 0, 64 * 2**20
    ask = frames.encode(Command(code=Ask.GET_ROUTEINFO_BY_TOPIC, opaque=1, fields={"topic": topic}))
    flood = ask * 101
    with connect(server) as connection:
        connection.settimeout(2)
        with contextlib.suppress(TimeoutError):
            while sent < most:
                # What was taken last may have ended within a request.
                sent += connection.send(flood[sent % len(ask) :])
        assert sent < most, "the server read on and kept the answers in memory"
        connection.settimeout(120)
        found = answers(connection, sent // len(ask))
        assert {answer.code for answer in found} == {Reply.SUCCESS}
