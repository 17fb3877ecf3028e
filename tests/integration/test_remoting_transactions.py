"""Half messages and their ends as bytes on the remoting door, and checks that find a producer wherever it is."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from accounts import remoting_signature
from brokers.protocols.remoting import records
from brokers.protocols.remoting.codes import Ask, Reply
from brokers.protocols.remoting.frames import Command
from tests.integration.test_remoting_door import Client, connected
from tests.stack import PROJECT, Running, free_port, wait_until

ROOT = "/api/v1/instances/default"
COMMIT, ROLL_BACK, UNKNOWN = "8", "12", "0"


@pytest.fixture
def owner(server: Running) -> Iterator[httpx.Client]:
    auth = (server.credentials["access_key_id"], server.credentials["access_key_secret"])
    with httpx.Client(base_url=server.url, auth=auth, timeout=120) as client:
        yield client


def topic_of(owner: httpx.Client, name: str) -> str:
    assert owner.post(f"{ROOT}/topics", json={"name": name, "queues": 1, "type": "TRANSACTION"}).status_code == 201
    return name


def hurry(owner: httpx.Client, group: str, **fields: Any) -> None:
    asked = {"immunity_seconds": 1, "interval_seconds": 1, **fields}
    owner.patch(f"{ROOT}/producer-groups/{group}", json=asked).raise_for_status()


def half_header(topic: str, group: str, message_id: str) -> dict[str, str]:
    properties = {"TRAN_MSG": "true", "PGROUP": group, "UNIQ_KEY": message_id, "TAGS": "t"}
    fields = {"b": topic, "e": "0", "d": "1", "a": group, "c": "TBW102", "f": "4", "g": "0", "h": "0"}
    return {**fields, "i": records.write_properties(properties)}


def end_of(sent: Command, group: str, decision: str, **fields: str) -> dict[str, str]:
    """Returns the header of an end, as the clients build it from the answer to the half message."""
    physical = int(sent.fields["msgId"][16:], 16)
    return {
        "producerGroup": group,
        "tranStateTableOffset": sent.fields["queueOffset"],
        "commitLogOffset": str(physical),
        "commitOrRollback": decision,
        "fromTransactionCheck": "false",
        "msgId": sent.fields["transactionId"],
        "transactionId": sent.fields["transactionId"],
        **fields,
    }


def heartbeat(client: Client, group: str) -> None:
    body = {"clientID": f"client-{group}", "producerDataSet": [{"groupName": group}], "consumerDataSet": []}
    assert client.ask(Ask.HEART_BEAT, json.dumps(body).encode()).code == Reply.SUCCESS


def read_check(client: Client) -> Command:
    """Returns the check the server sends; answers and other notices are passed over."""
    while True:
        command = client.read()
        assert command is not None, "the server closed the connection"
        if command.code == Ask.CHECK_TRANSACTION_STATE and not command.is_response:
            return command


def length(client: Client, topic: str) -> str:
    return client.ask(Ask.GET_MAX_OFFSET, topic=topic, queueId="0").fields["offset"]


def test_a_half_message_is_visible_once_it_is_committed_and_only_its_own_end_counts(
    server: Running, owner: httpx.Client
) -> None:
    topic = topic_of(owner, "wire-ends")
    with connected(server) as client:
        sent = client.ask(Ask.SEND_MESSAGE_V2, b"half", **half_header(topic, "wire-p", "A1"))
        assert (sent.code, sent.fields["transactionId"]) == (Reply.SUCCESS, "A1")
        assert length(client, topic) == "0"

        def end(decision: str, group: str = "wire-p", **fields: str) -> int:
            return client.ask(Ask.END_TRANSACTION, b"", **end_of(sent, group, decision, **fields)).code

        for wrong in (
            {"transactionId": "A2"},
            {"tranStateTableOffset": "0"},
            {"tranStateTableOffset": "999999999"},
            {"commitLogOffset": str(int(sent.fields["msgId"][16:], 16) + 1)},
        ):
            assert end(COMMIT, **wrong) == Reply.SYSTEM_ERROR
        assert end(COMMIT, group="another") == Reply.INVALID_PARAMETER
        for broken in ({"commitLogOffset": "-1"}, {"commitOrRollback": "4"}, {"commitLogOffset": str(2**41)}):
            assert end(COMMIT, **broken) == Reply.INVALID_PARAMETER
        assert end(UNKNOWN) == Reply.SUCCESS
        assert length(client, topic) == "0"
        assert end(COMMIT) == end(COMMIT) == Reply.SUCCESS
        assert end(ROLL_BACK) == Reply.SYSTEM_ERROR
        assert length(client, topic) == "1"
        pulled = client.ask(
            Ask.PULL_MESSAGE,
            consumerGroup="wire-readers",
            topic=topic,
            queueId="0",
            queueOffset="0",
            maxMsgNums="8",
            sysFlag="4",
            commitOffset="0",
            suspendTimeoutMillis="0",
            subscription="*",
            subVersion="0",
        )
        assert pulled.code == Reply.SUCCESS, pulled.remark
        (record,) = records.decode(pulled.body)
        assert record.sys_flag & records.TRANSACTION_BITS == records.COMMITTED
        kept = {name: record.properties[name] for name in ("TRAN_MSG", "PGROUP", "UNIQ_KEY", "__transactionId__")}
        assert kept == {"TRAN_MSG": "true", "PGROUP": "wire-p", "UNIQ_KEY": "A1", "__transactionId__": "A1"}


def test_a_batch_of_half_messages_is_refused(server: Running) -> None:
    header = {**half_header("wire-batch", "wire-p", "B1"), "m": "true"}
    entry = records.BatchEntry(0, b"half", {"TRAN_MSG": "true", "PGROUP": "wire-p"})
    with connected(server) as client:
        answer = client.ask(Ask.SEND_BATCH_MESSAGE, records.encode_batch([entry]), **header)
        assert answer.code == Reply.INVALID_PARAMETER


def test_a_check_holds_what_its_answer_must_name(server: Running, owner: httpx.Client) -> None:
    topic, group = topic_of(owner, "wire-checks"), "wire-checked"
    hurry(owner, group)
    with connected(server) as client:
        sent = client.ask(Ask.SEND_MESSAGE_V2, b"half", **half_header(topic, group, "C1"))
        check = read_check(client)
        (record,) = records.decode(check.body)
        assert check.is_one_way
        assert (record.topic, record.body, record.properties["PGROUP"]) == (topic, b"half", group)
        assert record.sys_flag & records.TRANSACTION_BITS == records.PREPARED
        assert check.fields["transactionId"] == check.fields["msgId"] == "C1"
        assert check.fields["offsetMsgId"] == sent.fields["msgId"]
        answer = end_of(
            sent,
            group,
            COMMIT,
            fromTransactionCheck="true",
            commitLogOffset=check.fields["commitLogOffset"],
            tranStateTableOffset=check.fields["tranStateTableOffset"],
        )
        client.send(Command(code=Ask.END_TRANSACTION, opaque=9, flag=2, fields=answer))
        wait_until(lambda: length(client, topic) == "1", what="the one-way answer to count")


def test_a_producer_is_found_at_whichever_worker_it_is_connected_to(server: Running, owner: httpx.Client) -> None:
    topic, group = topic_of(owner, "wire-far"), "wire-far-group"
    hurry(owner, group, immunity_seconds=2)
    with second_worker(server) as ports:
        assert server.ports["MQ_BROKER_PORT"] != ports["MQ_BROKER_PORT"]
        with connected(server) as sender:
            sender.ask(Ask.SEND_MESSAGE_V2, b"half", **half_header(topic, group, "D1"))
            # Only a producer of the other worker stays; whichever worker takes the check up must find it.
            far = Client(ports["MQ_BROKER_PORT"])
            with far.socket:
                heartbeat(far, group)
                sender.socket.close()
                for number in range(1, 4):
                    (record,) = records.decode(read_check(far).body)
                    assert record.properties["TRANSACTION_CHECK_TIMES"] == str(number)
                there = owner.get(f"{ROOT}/producer-groups/{group}").json()["producers"]
                assert [one["client_id"] for one in there] == [f"client-{group}"]
    wait_until(lambda: owner.get(f"{ROOT}/producer-groups/{group}").json()["producers"] == [], what="nobody there")


def test_a_producer_without_the_right_to_send_is_not_asked(server: Running, owner: httpx.Client) -> None:
    topic, group = topic_of(owner, "wire-spied"), "wire-spied-group"
    hurry(owner, group, interval_seconds=2)
    assert owner.post("/api/v1/users", json={"name": "wire"}).status_code == 201
    key = owner.post("/api/v1/users/wire/access-keys", json={}).json()
    grant = {"name": "another-topic", "right": "PUB", "user": "wire"}
    assert owner.post(f"{ROOT}/grants", json=grant).status_code == 200
    body = {"clientID": "spy", "producerDataSet": [{"groupName": group}], "consumerDataSet": []}
    fields = {"AccessKey": key["id"]}
    raw = json.dumps(body).encode()
    with connected(server) as client:
        signed = {**fields, "Signature": remoting_signature.sign(key["secret"].encode(), fields, raw)}
        assert client.ask(Ask.HEART_BEAT, raw, **signed).code == Reply.SUCCESS
        made = owner.post(f"{ROOT}/topics/{topic}/messages:half", json={"body": "secret", "producer_group": group})
        address = f"{ROOT}/transactions/{made.json()['transaction_id']}"
        checks = wait_until(lambda: owner.get(address).json()["checks"], what="the first check")
        assert [check["outcome"] for check in checks] == ["OFFERED"]
        client.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            client.read()
        # What nobody may be asked about is left for those who poll.
        polled = owner.post(f"{ROOT}/producer-groups/{group}:checks", json={"topics": [topic]}).json()["checks"]
        assert [check["body"] for check in polled] == ["secret"]


@contextmanager
def second_worker(server: Running) -> Iterator[dict[str, int]]:
    """Runs another broker worker of the same product, on ports of its own."""
    ports = {"MQ_NAMESRV_PORT": free_port(), "MQ_BROKER_PORT": free_port()}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MQ_", "DJANGO_"))}
    given = {"MQ_DATA_DIR": str(server.data_dir), **{name: str(port) for name, port in ports.items()}}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "runbroker"],
        cwd=PROJECT,
        env={**inherited, **server.environment, **given},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: _listens(ports["MQ_BROKER_PORT"]), what="the second worker")
        yield ports
    finally:
        process.terminate()
        process.wait(120)


def _listens(port: int) -> bool:
    try:
        Client(port).socket.close()
    except OSError:
        return False
    return True
