"""Administration through the remoting door: each code asks for a right, and clients are asked in whichever worker."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from accounts import remoting_signature
from brokers.protocols.remoting import records
from brokers.protocols.remoting.admin_codes import Manage
from brokers.protocols.remoting.codes import Ask, Reply
from brokers.protocols.remoting.frames import Command
from tests.integration.test_remoting_door import Client, connected
from tests.stack import Running, wait_until

ROOT = "/api/v1/instances/default"
GROUP = json.dumps({"groupName": "adm-g", "retryMaxTimes": 3}).encode()
USER = json.dumps({"username": "eve", "password": "Correct-Horse-9"}).encode()
ENTRY = {"resource": "Topic:adm-t", "actions": ["Pub"], "decision": "Allow"}
ACL = json.dumps({"subject": "User:eve", "policies": [{"entries": [ENTRY]}]}).encode()
TOPIC = {"topic": "adm-t", "readQueueNums": "1", "writeQueueNums": "1", "perm": "6"}
ASKED: list[tuple[Manage, dict[str, str], bytes]] = [
    (Manage.UPDATE_AND_CREATE_TOPIC, TOPIC, b""),
    (Manage.DELETE_TOPIC_IN_BROKER, {"topic": "adm-t"}, b""),
    (Manage.DELETE_TOPIC_IN_NAMESRV, {"topic": "adm-t"}, b""),
    (Manage.GET_TOPIC_STATS_INFO, {"topic": "adm-t"}, b""),
    (Manage.QUERY_TOPIC_CONSUME_BY_WHO, {"topic": "adm-t"}, b""),
    (Manage.GET_TOPIC_CONFIG, {"topic": "adm-t"}, b""),
    (Manage.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP, {}, GROUP),
    (Manage.DELETE_SUBSCRIPTIONGROUP, {"groupName": "adm-g"}, b""),
    (Manage.GET_SUBSCRIPTIONGROUP_CONFIG, {"group": "adm-g"}, b""),
    (Manage.QUERY_TOPICS_BY_CONSUMER, {"group": "adm-g"}, b""),
    (Manage.GET_CONSUME_STATS, {"consumerGroup": "adm-g"}, b""),
    (Manage.INVOKE_BROKER_TO_RESET_OFFSET, {"topic": "adm-t", "group": "adm-g", "timestamp": "-1"}, b""),
    (Manage.GET_CONSUMER_CONNECTION_LIST, {"consumerGroup": "adm-g"}, b""),
    (Manage.GET_PRODUCER_CONNECTION_LIST, {"producerGroup": "adm-p"}, b""),
    (Manage.GET_CONSUMER_RUNNING_INFO, {"consumerGroup": "adm-g", "clientId": "c"}, b""),
    (Manage.CONSUME_MESSAGE_DIRECTLY, {"consumerGroup": "adm-g", "clientId": "c", "msgId": "0" * 32}, b""),
    (Manage.INVOKE_BROKER_TO_GET_CONSUMER_STATUS, {"topic": "adm-t", "group": "adm-g"}, b""),
    (Manage.GET_BROKER_RUNTIME_INFO, {}, b""),
    (Manage.GET_BROKER_CONFIG, {}, b""),
    (Manage.GET_NAMESRV_CONFIG, {}, b""),
    (Manage.PUT_KV_CONFIG, {"namespace": "n", "key": "k", "value": "v"}, b""),
    (Manage.GET_KV_CONFIG, {"namespace": "n", "key": "k"}, b""),
    (Manage.DELETE_KV_CONFIG, {"namespace": "n", "key": "k"}, b""),
    (Manage.GET_KVLIST_BY_NAMESPACE, {"namespace": "n"}, b""),
    (Manage.AUTH_CREATE_USER, {"username": "eve"}, USER),
    (Manage.AUTH_UPDATE_USER, {"username": "eve"}, USER),
    (Manage.AUTH_DELETE_USER, {"username": "eve"}, b""),
    (Manage.AUTH_GET_USER, {"username": "eve"}, b""),
    (Manage.AUTH_LIST_USER, {}, b""),
    (Manage.AUTH_CREATE_ACL, {"subject": "User:eve"}, ACL),
    (Manage.AUTH_UPDATE_ACL, {"subject": "User:eve"}, ACL),
    (Manage.AUTH_DELETE_ACL, {"subject": "User:eve"}, b""),
    (Manage.AUTH_GET_ACL, {"subject": "User:eve"}, b""),
    (Manage.AUTH_LIST_ACL, {}, b""),
    (Manage.VIEW_BROKER_STATS_DATA, {"statsName": "TOPIC_PUT_NUMS", "statsKey": "adm-t"}, b""),
    (Manage.QUERY_CONSUME_TIME_SPAN, {"topic": "adm-t", "group": "adm-g"}, b""),
    (Manage.QUERY_CORRECTION_OFFSET, {"topic": "adm-t", "compareGroup": "adm-g"}, b""),
    (Manage.CLONE_GROUP_OFFSET, {"srcGroup": "adm-g", "destGroup": "adm-h"}, b""),
]


@pytest.fixture
def owner(server: Running) -> Iterator[httpx.Client]:
    given = server.credentials
    with httpx.Client(
        base_url=server.url, auth=(given["access_key_id"], given["access_key_secret"]), timeout=60
    ) as client:
        yield client


def sign(key: dict[str, str], fields: dict[str, str], body: bytes) -> dict[str, str]:
    fields = {**fields, "AccessKey": key["id"]}
    return {**fields, "Signature": remoting_signature.sign(key["secret"].encode(), fields, body)}


def heartbeat(group: str, topic: str) -> bytes:
    subscription = {"topic": topic, "subString": "*", "expressionType": "TAG", "subVersion": 1}
    consumer = {
        "groupName": group,
        "consumeType": "CONSUME_PASSIVELY",
        "messageModel": "CLUSTERING",
        "consumeFromWhere": "CONSUME_FROM_FIRST_OFFSET",
        "subscriptionDataSet": [subscription],
    }
    return json.dumps({"clientID": "me@1", "producerDataSet": [], "consumerDataSet": [consumer]}).encode()


def next_request(client: Client) -> Command:
    while True:
        found = client.read()
        assert found is not None
        if not found.is_response and found.code != Ask.NOTIFY_CONSUMER_IDS_CHANGED:
            return found


def test_every_code_is_refused_to_whoever_was_granted_nothing(server: Running, owner: httpx.Client) -> None:
    assert owner.post("/api/v1/users", json={"name": "adm"}).status_code == 201
    key = owner.post("/api/v1/users/adm/access-keys", json={}).json()
    with connected(server) as client:
        for code, fields, body in ASKED:
            answer = client.ask(code, body, **sign(key, fields, body))
            assert answer.code == Reply.NO_PERMISSION, (code, answer)


def test_no_code_breaks_on_what_is_missing_or_strange(server: Running) -> None:
    with connected(server) as client:
        for code in Manage:
            for fields, body in (({}, b""), ({"topic": "\0", "group": "", "username": "\0"}, b"{"), ({}, b"[1]")):
                answer = client.ask(code, body, **fields)
                assert "went wrong" not in str(answer.remark), (code, answer)


def test_a_client_is_asked_and_told_by_other_processes(server: Running, owner: httpx.Client) -> None:
    assert owner.post(f"{ROOT}/topics", json={"name": "far", "queues": 1}).status_code == 201
    sent = owner.post(f"{ROOT}/topics/far/messages", json={"body": "now"}).json()
    with connected(server) as member, connected(server) as admin:
        member.send(Command(code=Ask.HEART_BEAT, opaque=3, body=heartbeat("far", "far")))
        while (heard := member.read()) is not None and not heard.is_response:
            continue  # it is told that the group has a new member
        assert heard is not None and heard.code == Reply.SUCCESS
        connections = admin.ask(Manage.GET_CONSUMER_CONNECTION_LIST, consumerGroup="far")
        assert [c["clientId"] for c in json.loads(connections.body)["connectionSet"]] == ["me@1"]
        admin.send(
            Command(
                code=Manage.GET_CONSUMER_RUNNING_INFO, opaque=9, fields={"consumerGroup": "far", "clientId": "me@1"}
            )
        )
        asked = next_request(member)
        assert (asked.code, asked.fields["consumerGroup"]) == (Manage.GET_CONSUMER_RUNNING_INFO, "far")
        member.send(Command(code=0, opaque=asked.opaque, flag=1, body=b'{"properties":{"a":"b"}}'))
        answer = admin.read()
        assert answer is not None and (answer.code, answer.body) == (Reply.SUCCESS, b'{"properties":{"a":"b"}}')
        moved = owner.post(f"{ROOT}/groups/far/offsets:reset", json={"topic": "far", "to": "latest"})
        assert moved.status_code == 200
        told = next_request(member)
        assert (told.code, told.is_one_way, told.fields["topic"]) == (Manage.RESET_CONSUMER_CLIENT_OFFSET, True, "far")
        assert told.body == b'{"offsetTable":{{"brokerName":"broker-a","queueId":0,"topic":"far"}:1}}'
    assert sent["offset"] == 0
    wait_until(lambda: _is_offline(server), what="the member to be gone")


def test_a_group_reads_a_topic_as_soon_as_a_member_says_so(server: Running, owner: httpx.Client) -> None:
    assert owner.post(f"{ROOT}/topics", json={"name": "just-here", "queues": 1}).status_code == 201
    with connected(server) as member, connected(server) as admin:
        member.send(Command(code=Ask.HEART_BEAT, opaque=3, body=heartbeat("just-here", "just-here")))

        def readers() -> Any:
            return json.loads(admin.ask(Manage.QUERY_TOPIC_CONSUME_BY_WHO, topic="just-here").body)["groupList"]

        wait_until(lambda: readers() == ["just-here"], what="the group to be among the readers")
        assert owner.get(f"{ROOT}/groups/just-here/offsets").json()["topics"] == []  # it has read nothing yet


def _is_offline(server: Running) -> bool:
    with connected(server) as admin:
        answer = admin.ask(Manage.GET_CONSUMER_RUNNING_INFO, consumerGroup="far", clientId="me@1")
        return answer.code == Reply.SYSTEM_ERROR and "not online" in str(answer.remark)


def test_the_trace_topic_is_made_by_the_first_who_needs_it_and_hidden(server: Running, owner: httpx.Client) -> None:
    with connected(server) as client:
        assert client.ask(Ask.GET_ROUTEINFO_BY_TOPIC, topic="RMQ_SYS_TRACE_TOPIC").code == Reply.SUCCESS
    listed: dict[str, Any] = owner.get(f"{ROOT}/topics", params={"limit": 500}).json()
    assert "RMQ_SYS_TRACE_TOPIC" not in {topic["name"] for topic in listed["items"]}
    assert owner.delete(f"{ROOT}/topics/RMQ_SYS_TRACE_TOPIC").status_code == 409
    assert owner.post(f"{ROOT}/topics", json={"name": "RMQ_SYS_TRACE_TOPIC"}).status_code == 400


def test_the_console_asks_a_client_of_another_process_and_gives_it_a_message(
    server: Running, owner: httpx.Client
) -> None:
    assert owner.post(f"{ROOT}/topics", json={"name": "near", "queues": 1}).status_code == 201
    sent = owner.post(f"{ROOT}/topics/near/messages", json={"body": "now"}).json()
    with connected(server) as member, signed_in(server) as browser:
        member.send(Command(code=Ask.HEART_BEAT, opaque=3, body=heartbeat("near", "near")))
        page = "/i/default/groups/near"
        wait_until(lambda: f"{page}/client?id=me%401" in browser.get(page).text, what="the client to be shown")

        with ThreadPoolExecutor(1) as pool:
            shown = pool.submit(browser.get, f"{page}/client?id=me%401")
            asked = next_request(member)
            assert asked.code == Manage.GET_CONSUMER_RUNNING_INFO
            member.send(Command(code=0, opaque=asked.opaque, flag=1, body=b'{"properties":{"threads":"seventeen"}}'))
            assert "seventeen" in shown.result(timeout=60).text

            # Only groups that read the topic are offered a message of it.
            pull = {"consumerGroup": "near", "topic": "near", "queueId": "0", "queueOffset": "0", "maxMsgNums": "1"}
            pull |= {"sysFlag": "0", "commitOffset": "0", "suspendTimeoutMillis": "0"}
            assert member.ask(Ask.PULL_MESSAGE, b"", **pull).code == Reply.SUCCESS
            address = f"/i/default/messages/{sent['message_id']}"
            assert "me@1" in browser.get(address).text
            form = {"group": "near", "client": "me@1", "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
            given = pool.submit(lambda: browser.post(f"{address}/deliver", data=form, headers={"Referer": server.url}))
            asked = next_request(member)
            assert asked.code == Manage.CONSUME_MESSAGE_DIRECTLY
            assert [record.body for record in records.decode(asked.body)] == [b"now"]
            member.send(Command(code=0, opaque=asked.opaque, flag=1, body=b'{"consumeResult":"CR_SUCCESS"}'))
            assert "me@1 consumed the message." in given.result(timeout=60).text
        assert "mq:Resend" in browser.get("/audit").text


@contextmanager
def signed_in(server: Running) -> Iterator[httpx.Client]:
    given = server.credentials
    with httpx.Client(base_url=server.url, timeout=60, follow_redirects=True) as browser:
        browser.get("/signin")
        form = {"account": given["account"], "name": given["username"], "password": given["password"]}
        form["csrfmiddlewaretoken"] = browser.cookies["csrftoken"]
        assert browser.post("/signin", data=form, headers={"Referer": server.url}).status_code == 200
        yield browser


def test_what_a_topic_took_and_how_far_groups_are_in_time(server: Running, owner: httpx.Client) -> None:
    assert owner.post(f"{ROOT}/topics", json={"name": "adm-time", "queues": 1}).status_code == 201
    for group in ("adm-quick", "adm-slow", "adm-copy"):
        assert owner.post(f"{ROOT}/groups", json={"name": group}).status_code == 201
    sent = {"messages": [{"body": "x"}] * 5}
    assert owner.post(f"{ROOT}/topics/adm-time/messages:batch", json=sent).status_code == 200
    for group, count in (("adm-quick", 4), ("adm-slow", 2)):
        asked = {"topics": ["adm-time"], "max": count}
        got = owner.post(f"{ROOT}/groups/{group}/messages:receive", json=asked).json()["messages"]
        assert owner.post(
            f"{ROOT}/groups/{group}/messages:ack", json={"receipts": [one["receipt"] for one in got]}
        ).json()["results"] == [{"receipt": one["receipt"], "ok": True} for one in got]
    with connected(server) as client:
        stats = {"statsName": "TOPIC_PUT_NUMS", "statsKey": "adm-time"}
        told = json.loads(client.ask(Manage.VIEW_BROKER_STATS_DATA, b"", **stats).body)
        assert (told["statsHour"]["sum"], told["statsDay"]["sum"]) == (5, 5)
        described = client.ask(Manage.GET_TOPIC_STATS_INFO, topic="adm-time").body
        assert b'"topicPutTps":0.08}' in described, "five in a minute"
        assert (
            client.ask(Manage.VIEW_BROKER_STATS_DATA, b"", **{**stats, "statsName": "OTHER"}).code == Reply.SYSTEM_ERROR
        )

        span = client.ask(Manage.QUERY_CONSUME_TIME_SPAN, topic="adm-time", group="adm-slow")
        (queue,) = json.loads(span.body)["consumeTimeSpanSet"]
        assert queue["messageQueue"] == {"topic": "adm-time", "brokerName": "broker-a", "queueId": 0}
        assert 0 < queue["minTimeStamp"] <= queue["consumeTimeStamp"] <= queue["maxTimeStamp"]
        assert 0 <= queue["delayTime"] < 3_600_000
        progress = client.ask(Manage.GET_CONSUME_STATS, consumerGroup="adm-slow", topic="adm-time").body
        assert b'"lastTimestamp":%d' % queue["consumeTimeStamp"] in progress

        def until(timestamp: int, boundary: str) -> str:
            fields = {"topic": "adm-time", "queueId": "0", "timestamp": str(timestamp), "boundaryType": boundary}
            return client.ask(Ask.SEARCH_OFFSET_BY_TIMESTAMP, b"", **fields).fields["offset"]

        last, first = queue["maxTimeStamp"], queue["minTimeStamp"]
        assert [until(last, "UPPER"), until(last + 1, "UPPER"), until(last + 1, "LOWER")] == ["4", "4", "5"]
        assert [until(first - 1, "UPPER"), until(first, "LOWER")] == ["0", "0"]

        def corrected(**fields: str) -> dict[str, int]:
            answer = client.ask(Manage.QUERY_CORRECTION_OFFSET, b"", topic="adm-time", **fields)
            found: dict[str, int] = json.loads(answer.body)["correctionOffsets"]
            return found

        assert corrected(compareGroup="adm-quick") == {"0": 2}
        assert corrected(compareGroup="adm-quick", filterGroups="adm-slow") == {"0": 4}
        assert corrected(compareGroup="adm-slow", filterGroups="adm-slow") == {"0": 2**63 - 1}

        assert client.ask(Manage.CLONE_GROUP_OFFSET, srcGroup="adm-quick", destGroup="adm-copy").code == Reply.SUCCESS
        place = owner.get(f"{ROOT}/groups/adm-copy/offsets").json()
        assert place["lag"] == 1, place
        assert client.ask(Manage.CLONE_GROUP_OFFSET, srcGroup="adm-quick", destGroup="adm-none").code == Reply(26)
        refused = client.ask(Manage.POP_ROLLBACK)
        assert refused.code == Reply.INVALID_PARAMETER and "lease" in str(refused.remark)
