"""The remoting door as bytes: who is let in, what is refused, and that a bad client harms nobody else."""

import json
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import pytest

from accounts import remoting_signature
from brokers.domain import limits
from brokers.protocols.remoting import frames
from brokers.protocols.remoting.codes import Ask, Reply
from brokers.protocols.remoting.frames import Command, Decoder
from tests import stack
from tests.stack import Running, wait_until


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


def answered(client: Client, command: Command) -> Command:
    """Returns the answer to a command; requests of the server that come before it are passed over."""
    client.send(command)
    while (answer := client.read()) is not None and not answer.is_response:
        pass
    assert answer is not None
    return answer


def test_a_member_goes_on_before_it_says_anew_who_it_is_until_others_do(server: Running) -> None:
    credentials = server.credentials["access_key_id"], server.credentials["access_key_secret"]
    root = "/api/v1/instances/default"
    with httpx.Client(base_url=server.url, auth=credentials, timeout=60) as rest:
        for topic in ("awaited", "awaited-more"):
            assert rest.post(f"{root}/topics", json={"name": topic, "queues": 1}).status_code == 201
        assert rest.post(f"{root}/groups", json={"name": "awaited"}).status_code == 201
        sent = {"messages": [{"body": "x", "tag": tag} for tag in ("a", "b")]}
        assert rest.post(f"{root}/topics/awaited/messages:batch", json=sent).status_code == 200

    def pull(client: Client, *, topic: str = "awaited", kind: str = "TAG", language: str = "JAVA") -> Command:
        fields = {
            "consumerGroup": "awaited", "topic": topic, "queueId": "0", "queueOffset": "0", "maxMsgNums": "32",
            "sysFlag": "0", "commitOffset": "0", "suspendTimeoutMillis": "0", "subVersion": "1", "expressionType": kind,
        }  # fmt: skip
        return answered(client, Command(code=Ask.PULL_MESSAGE, opaque=9, fields=fields, language=language))

    def beat(client: Client) -> None:
        subscription = {"topic": "awaited", "subString": "a", "expressionType": "TAG", "subVersion": 1}
        consumer = {
            "groupName": "awaited", "consumeType": "CONSUME_PASSIVELY", "messageModel": "CLUSTERING",
            "consumeFromWhere": "CONSUME_FROM_FIRST_OFFSET", "subscriptionDataSet": [subscription],
        }  # fmt: skip
        heart = {"clientID": "me@1", "producerDataSet": [], "consumerDataSet": [consumer]}
        heartbeat = Command(code=Ask.HEART_BEAT, opaque=9, body=json.dumps(heart).encode())
        assert answered(client, heartbeat).code == Reply.SUCCESS

    with connected(server) as client:
        # Nobody of the group was ever seen to read the topic.
        assert pull(client).code == Reply.SUBSCRIPTION_NOT_EXIST
        beat(client)
        known = pull(client)
        assert (known.code, known.fields["nextBeginOffset"]) == (Reply.SUCCESS, "2")
        one = len(known.body)
    # The connection breaks, and the member pulls by a new one before its next heartbeat.
    with connected(server) as client:
        wait_until(lambda: pull(client).code == Reply.SUCCESS, what="the old connection to be forgotten")
        assert len(pull(client).body) > one, "its tags are the client's own business now"
        assert pull(client, language="GO").code == Reply.SUBSCRIPTION_NOT_EXIST
        assert pull(client, kind="SQL92").code == Reply.SUBSCRIPTION_NOT_EXIST
        assert pull(client, topic="awaited-more").code == Reply.SUBSCRIPTION_NOT_EXIST
        with connected(server) as other:
            beat(other)
            assert pull(client).code == Reply.SUBSCRIPTION_NOT_EXIST


def test_what_a_pull_says_of_its_members_progress_is_kept(server: Running) -> None:
    credentials = server.credentials["access_key_id"], server.credentials["access_key_secret"]
    root = "/api/v1/instances/default"
    with httpx.Client(base_url=server.url, auth=credentials, timeout=60) as rest:
        assert rest.post(f"{root}/topics", json={"name": "progress", "queues": 1}).status_code == 201
        assert rest.post(f"{root}/groups", json={"name": "progress"}).status_code == 201
        sent = {"messages": [{"body": "x"}] * 5}
        assert rest.post(f"{root}/topics/progress/messages:batch", json=sent).status_code == 200
        where = {"consumerGroup": "progress", "topic": "progress", "queueId": "0"}

        def pull(client: Client, offset: int, *, done: int) -> str:
            fields = {
                **where, "queueOffset": str(offset), "maxMsgNums": "1", "sysFlag": "5", "commitOffset": str(done),
                "suspendTimeoutMillis": "0", "subscription": "*", "subVersion": "1",
            }  # fmt: skip
            answer = answered(client, Command(code=Ask.PULL_MESSAGE, opaque=9, fields=fields))
            assert answer.code in (Reply.SUCCESS, Reply.PULL_OFFSET_MOVED)
            return answer.fields["nextBeginOffset"]

        def lag(progress: dict[str, Any]) -> int:
            (topic,) = [one for one in progress["topics"] if one["topic"] == "progress"]
            return int(topic["lag"])

        def committed(client: Client) -> str:
            answer = answered(client, Command(code=Ask.QUERY_CONSUMER_OFFSET, opaque=9, fields=where))
            return answer.fields["offset"]

        with connected(server) as client:
            heart = json.dumps({
                "clientID": "me@1", "producerDataSet": [],
                "consumerDataSet": [{
                    "groupName": "progress", "consumeType": "CONSUME_PASSIVELY", "messageModel": "CLUSTERING",
                    "consumeFromWhere": "CONSUME_FROM_FIRST_OFFSET",
                    "subscriptionDataSet": [{
                        "topic": "progress", "subString": "*", "expressionType": "TAG", "subVersion": 1,
                    }],
                }],
            })  # fmt: skip
            heartbeat = Command(code=Ask.HEART_BEAT, opaque=9, body=heart.encode())
            assert answered(client, heartbeat).code == Reply.SUCCESS
            for offset in range(4):
                assert pull(client, offset, done=offset) == str(offset + 1)
                assert committed(client) == str(offset), "whoever asks next hears of it"
            assert pull(client, 4, done=4) == "5"
            wait_until(
                lambda: lag(rest.get(f"{root}/groups/progress/offsets").json()) == 1,
                what="the progress to be written without anybody asking",
            )
            reset = {"topic": "progress", "to": "earliest"}
            assert rest.post(f"{root}/groups/progress/offsets:reset", json=reset).status_code == 200
            assert pull(client, 5, done=5) == "0", "what was done before a reset does not undo it"
            assert committed(client) == "0"


def test_a_connection_names_no_more_groups_and_clients_than_there_is_room_for(server: Running) -> None:
    def beat(client: Client, number: int) -> int:
        groups = [{"groupName": f"room-{number}-{n}"} for n in range(8)]
        heart = {"clientID": f"me@{number}", "producerDataSet": groups, "consumerDataSet": []}
        return answered(client, Command(code=Ask.HEART_BEAT, opaque=9, body=json.dumps(heart).encode())).code

    with connected(server) as client:
        # In one heartbeat or in many, a connection has so many groups and no more.
        assert [beat(client, n) for n in range(9)] == [Reply.SUCCESS] * 8 + [Reply.INVALID_PARAMETER]
        assert beat(client, 0) == Reply.SUCCESS
        for n in range(8):
            assert client.ask(Ask.UNREGISTER_CLIENT, clientID="me@0", producerGroup=f"room-0-{n}").code == Reply.SUCCESS
        assert beat(client, 9) == Reply.SUCCESS
        with connected(server) as other:
            assert beat(other, 10) == Reply.SUCCESS
