"""Popping through the remoting door, byte for byte as clients ask, and what its handles may and may not do."""

import base64
import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from brokers.protocols.remoting import handles, records
from brokers.protocols.remoting.codes import Ask, Reply
from brokers.protocols.remoting.frames import Command
from tests.integration.test_remoting_door import Client, connected
from tests.stack import Running, wait_until


@pytest.fixture
def client(server: Running) -> Iterator[Client]:
    with connected(server) as connection:
        yield connection


def rest(server: Running, method: str, path: str, *, body: Any = None) -> Any:  # Any: JSON values
    user = f"{server.credentials['access_key_id']}:{server.credentials['access_key_secret']}"
    request = urllib.request.Request(
        f"{server.url}/api/v1/instances/default{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Authorization": f"Basic {base64.b64encode(user.encode()).decode()}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=120) as response:
        return json.loads(response.read() or b"null")


def given(server: Running, name: str, count: int, **group: Any) -> tuple[str, str]:
    """Makes a topic of one queue with messages, and a group."""
    topic, group_name = f"{name}-topic", f"{name}-group"
    rest(server, "POST", "/topics", body={"name": topic, "queues": 1})
    rest(server, "POST", "/groups", body={"name": group_name, **group})
    if count:
        messages = [{"body": f"m-{number}"} for number in range(count)]
        rest(server, "POST", f"/topics/{topic}/messages:batch", body={"messages": messages})
    return topic, group_name


def pop(client: Client, topic: str, group: str, *, invisible_ms: int = 60_000, **fields: str) -> Command:
    asked = {
        "consumerGroup": group,
        "topic": topic,
        "queueId": "-1",
        "maxMsgNums": "32",
        "invisibleTime": str(invisible_ms),
        "pollTime": "0",
        "bornTime": "0",
        "initMode": "0",
        "order": "false",
        **fields,
    }
    return client.ask(Ask.POP_MESSAGE, b"", **asked)


def found(answer: Command) -> list[records.Record]:
    assert answer.code == Reply.SUCCESS, answer.remark
    return records.decode(answer.body)


def ack(client: Client, topic: str, group: str, *, extra: str) -> Command:
    handle = handles.read_popped(extra)
    return client.ask(
        Ask.ACK_MESSAGE,
        consumerGroup=group,
        topic=topic,
        queueId=str(handle.queue),
        offset=str(handle.offset),
        extraInfo=extra,
    )


def lag(server: Running, group: str) -> int:
    return int(rest(server, "GET", f"/groups/{group}/offsets")["lag"])


def test_a_pop_hands_messages_out_once_and_an_ack_settles_them(client: Client, server: Running) -> None:
    topic, group = given(server, "pop-once", 3)
    answer = pop(client, topic, group)
    messages = found(answer)
    assert [(m.topic, m.queue_offset, m.body) for m in messages] == [(topic, n, b"m-%d" % n) for n in range(3)]
    assert (answer.fields["startOffsetInfo"], answer.fields["msgOffsetInfo"]) == ("0 0 0", "0 0 0,1,2")
    nothing = pop(client, topic, group)
    assert nothing.code == Reply.POLLING_TIMEOUT
    # Clients read these even when nothing was found.
    assert {"popTime", "invisibleTime", "reviveQid", "restNum"} <= nothing.fields.keys()
    for message in messages:
        assert ack(client, topic, group, extra=message.properties["POP_CK"]).code == Reply.SUCCESS
    assert lag(server, group) == 0


def test_a_handle_is_good_for_its_own_group_only_and_cannot_be_forged(client: Client, server: Running) -> None:
    topic, group = given(server, "pop-own", 1)
    rest(server, "POST", "/groups", body={"name": "pop-other-group"})
    (message,) = found(pop(client, topic, group))
    extra = message.properties["POP_CK"]
    assert ack(client, topic, "pop-other-group", extra=extra).code == Reply.INVALID_PARAMETER
    assert ack(client, topic, group, extra=extra[:-4] + "AAAA").code == Reply.INVALID_PARAMETER
    # Without our receipt a handle leads to what the group named has out, and to nothing else.
    bare = extra.rpartition(" ")[0]
    assert ack(client, topic, "pop-other-group", extra=bare).code == Reply.INVALID_PARAMETER
    assert lag(server, group) == 1
    assert ack(client, topic, group, extra=bare).code == Reply.SUCCESS
    assert lag(server, group) == 0


def test_a_batch_of_acks_names_offsets_by_bits(client: Client, server: Running) -> None:
    topic, group = given(server, "pop-batch", 10)
    handle = handles.read_popped(found(pop(client, topic, group))[0].properties["POP_CK"])
    one: dict[str, Any] = {  # Any: JSON values
        "c": group, "t": topic, "r": "0", "so": handle.start, "q": 0, "rq": 0, "pt": handle.popped_at_ms,
        "it": handle.invisible_ms, "b": base64.b64encode(bytes([0b11111101, 0b11])).decode(),
    }  # fmt: skip
    body = json.dumps({"brokerName": "broker-a", "acks": [one]}).encode()
    assert client.ask(Ask.BATCH_ACK_MESSAGE, body).code == Reply.SUCCESS
    assert lag(server, group) == 1
    one["pt"] -= 1
    body = json.dumps({"brokerName": "broker-a", "acks": [one]}).encode()
    assert client.ask(Ask.BATCH_ACK_MESSAGE, body).code == Reply.INVALID_PARAMETER


def test_another_invisible_time_brings_a_message_back_then_and_counts_an_attempt(
    client: Client, server: Running
) -> None:
    topic, group = given(server, "pop-later", 1)
    (message,) = found(pop(client, topic, group))
    handle = handles.read_popped(message.properties["POP_CK"])
    answer = client.ask(
        Ask.CHANGE_MESSAGE_INVISIBLETIME,
        consumerGroup=group,
        topic=topic,
        queueId="0",
        offset="0",
        invisibleTime="300",
        extraInfo=message.properties["POP_CK"],
    )
    assert answer.code == Reply.SUCCESS
    again = wait_until(
        lambda: answer if (answer := pop(client, topic, group)).code == Reply.SUCCESS else None, what="it to come back"
    )
    (second,) = found(again)
    assert (second.reconsume_times, second.topic, second.properties["UNIQ_KEY"]) == (
        1, topic, message.properties["UNIQ_KEY"],
    )  # fmt: skip
    assert handles.read_popped(second.properties["POP_CK"]).is_retry
    # The first delivery is over, however it is named.
    assert ack(client, topic, group, extra=message.properties["POP_CK"]).code == Reply.INVALID_PARAMETER
    made_up = handles.write_popped(handle).rpartition(" ")[0]
    assert ack(client, topic, group, extra=made_up).code == Reply.INVALID_PARAMETER
    assert ack(client, topic, group, extra=second.properties["POP_CK"]).code == Reply.SUCCESS
    assert lag(server, group) == 0


def test_an_ordered_group_pops_the_head_alone_and_counts_in_place(client: Client, server: Running) -> None:
    topic, group = given(server, "pop-order", 3, order="FIFO")
    (head,) = found(pop(client, topic, group, order="true", invisible_ms=1000))
    assert (head.queue_offset, handles.read_popped(head.properties["POP_CK"]).revive) == (0, 999)
    assert pop(client, topic, group, order="true").code == Reply.POLLING_TIMEOUT
    again = wait_until(
        lambda: answer if (answer := pop(client, topic, group, order="true")).code == Reply.SUCCESS else None,
        what="the head to come again",
    )
    (head,) = found(again)
    assert (head.queue_offset, head.reconsume_times) == (0, 1)
    assert ack(client, topic, group, extra=head.properties["POP_CK"]).code == Reply.SUCCESS
    assert [m.queue_offset for m in found(pop(client, topic, group, order="true"))] == [1]


def test_looking_takes_nothing(client: Client, server: Running) -> None:
    topic, group = given(server, "pop-look", 2)
    asked = {"consumerGroup": group, "topic": topic, "queueId": "0", "maxMsgNums": "8"}
    notice = {**asked, "pollTime": "0", "bornTime": "0"}
    assert client.ask(Ask.NOTIFICATION, b"", **notice).fields["hasMsg"] == "true"
    assert [m.body for m in found(client.ask(Ask.PEEK_MESSAGE, b"", **asked))] == [b"m-0", b"m-1"]
    assert client.ask(Ask.POLLING_INFO, b"", **asked).fields == {"pollingNum": "0"}
    assert len(found(pop(client, topic, group))) == 2
    assert client.ask(Ask.NOTIFICATION, b"", **notice).fields["hasMsg"] == "false"
    assert client.ask(Ask.PEEK_MESSAGE, b"", **asked).code == Reply.PULL_NOT_FOUND


def heart(client: Client, client_id: str, group: str, *, topic: str) -> None:
    subscription = {"topic": topic, "subString": "*", "subVersion": 1, "expressionType": "TAG"}
    consumer = {
        "groupName": group, "consumeType": "CONSUME_PASSIVELY", "messageModel": "CLUSTERING",
        "consumeFromWhere": "CONSUME_FROM_FIRST_OFFSET", "subscriptionDataSet": [subscription],
    }  # fmt: skip
    body = {"clientID": client_id, "producerDataSet": [], "consumerDataSet": [consumer]}
    client.send(Command(code=Ask.HEART_BEAT, opaque=7, body=json.dumps(body).encode()))
    while (answer := client.read()) is not None and not answer.is_response:
        pass


def ask_for_queues(client: Client, client_id: str, group: str, *, topic: str, strategy: str = "AVG") -> list[Any]:
    body = {"topic": topic, "consumerGroup": group, "clientId": client_id, "strategyName": strategy,
            "messageModel": "CLUSTERING"}  # fmt: skip
    client.send(Command(code=Ask.QUERY_ASSIGNMENT, opaque=7, body=json.dumps(body).encode()))
    while (answer := client.read()) is not None and not answer.is_response:
        pass
    assert answer is not None and answer.code == Reply.SUCCESS, answer
    return [
        (one["mode"], one["messageQueue"]["queueId"])
        for one in json.loads(answer.body).get("messageQueueAssignments", ["none"])
        if one != "none"
    ]


def test_the_server_shares_queues_out_until_the_group_is_told_to_pop(client: Client, server: Running) -> None:
    topic, group = given(server, "pop-mode", 0)
    rest(server, "PATCH", f"/topics/{topic}", body={"queues": 5})
    with connected(server) as other:
        heart(client, "a", group, topic=topic)
        heart(other, "b", group, topic=topic)
        assert ask_for_queues(client, "a", group, topic=topic) == [("PULL", n) for n in (0, 1, 2)]
        assert ask_for_queues(other, "b", group, topic=topic) == [("PULL", n) for n in (3, 4)]
        assert ask_for_queues(other, "b", group, topic=topic, strategy="AVG_BY_CIRCLE") == [("PULL", 1), ("PULL", 3)]
        wanted = {"topic": topic, "consumerGroup": group, "mode": "POP", "popShareQueueNum": 0}
        client.send(Command(code=Ask.SET_MESSAGE_REQUEST_MODE, opaque=9, body=json.dumps(wanted).encode()))
        told, answer = client.read(), client.read()
        assert told is not None and answer is not None
        assert {told.code, answer.code} == {Ask.NOTIFY_CONSUMER_IDS_CHANGED, Reply.SUCCESS}
        wait_until(
            lambda: ask_for_queues(other, "b", group, topic=topic) == [("POP", -1)], what="the members to be told"
        )
        assert rest(server, "GET", f"/groups/{group}")["remoting_mode"] == "POP"
        retry = {**wanted, "topic": f"%RETRY%{group}"}
        client.send(Command(code=Ask.SET_MESSAGE_REQUEST_MODE, opaque=9, body=json.dumps(retry).encode()))
        refused = client.read()
        assert refused is not None and refused.code == Reply.NO_PERMISSION
