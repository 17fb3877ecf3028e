"""RocketMQ's mqadmin, unmodified: the commands people administer topics, groups, progress and messages with."""

import re
import time
import urllib.error
from collections.abc import Callable
from typing import Any

import pytest

from tests.interop.conftest import Java
from tests.interop.mqadmin_tool import Tool, jars, mqadmin, tool
from tests.interop.progress import settled_count
from tests.stack import wait_until

__all__ = ["jars", "mqadmin", "tool"]

Rest = Callable[..., Any]
CLUSTER = ("-c", "DefaultCluster")


def columns(output: str, first: str) -> list[list[str]]:
    """Returns the words of the lines that begin with `first`."""
    return [line.split() for line in output.splitlines() if line.startswith(first)]


def missing(rest: Rest, path: str) -> bool:
    try:
        rest("GET", path)
    except urllib.error.HTTPError as error:
        return error.code == 404
    return False


def test_a_topic_is_made_shown_grown_and_deleted(mqadmin: Tool, rest: Rest) -> None:
    assert "success" in mqadmin("updateTopic", *CLUSTER, "-t", "adm-topic", "-r", "4", "-w", "4")
    assert rest("GET", "/topics/adm-topic")["queues"] == 4
    assert "adm-topic" in mqadmin("topicList").split()
    assert mqadmin.broker in mqadmin("topicRoute", "-t", "adm-topic")
    assert mqadmin("topicClusterList", "-t", "adm-topic").split() == ["DefaultCluster"]
    assert "success" in mqadmin("updateTopic", *CLUSTER, "-t", "adm-topic", "-r", "6", "-w", "6")
    rest("POST", "/topics/adm-topic/messages", {"body": "one"})
    stats = columns(mqadmin("topicStatus", "-t", "adm-topic"), "broker-a")
    assert len(stats) == 6 and sum(int(line[3]) for line in stats) == 1
    refused = mqadmin("updateTopic", *CLUSTER, "-t", "adm-topic", "-r", "2", "-w", "2")
    assert "Queues can be added, but not taken away" in refused
    assert "success" in mqadmin("deleteTopic", *CLUSTER, "-t", "adm-topic")
    assert missing(rest, "/topics/adm-topic")
    assert "adm-topic" not in mqadmin("topicList").split()


def test_a_topics_type_is_an_attribute(mqadmin: Tool, rest: Rest) -> None:
    mqadmin("updateTopic", *CLUSTER, "-t", "adm-fifo", "-r", "2", "-w", "2", "-a", "+message.type=FIFO")
    assert rest("GET", "/topics/adm-fifo")["type"] == "FIFO"
    assert "never changes" in mqadmin("updateTopic", *CLUSTER, "-t", "adm-fifo", "-a", "+message.type=NORMAL")
    assert "message.type is one of" in mqadmin("updateTopic", *CLUSTER, "-t", "adm-x", "-a", "+message.type=MIXED")


def test_a_group_is_made_shown_changed_and_deleted(mqadmin: Tool, rest: Rest) -> None:
    assert "success" in mqadmin("updateSubGroup", *CLUSTER, "-g", "adm-group", "-r", "3")
    assert rest("GET", "/groups/adm-group")["max_attempts"] == 4
    assert re.search(r"retryMaxTimes\s+=\s+3", mqadmin("getConsumerConfig", "-g", "adm-group"))
    mqadmin("updateSubGroup", *CLUSTER, "-g", "adm-group", "-r", "5", "-s", "false")
    assert (rest("GET", "/groups/adm-group")["max_attempts"], rest("GET", "/groups/adm-group")["paused"]) == (6, True)
    assert "not online" in mqadmin("consumerConnection", "-g", "adm-group")
    assert "success" in mqadmin("deleteSubGroup", *CLUSTER, "-g", "adm-group", "-r", "true")
    assert missing(rest, "/groups/adm-group")


def test_messages_are_found_in_every_way(mqadmin: Tool, rest: Rest) -> None:
    rest("POST", "/topics", {"name": "adm-find", "queues": 1})
    sent = rest("POST", "/topics/adm-find/messages", {"body": "look at me", "tag": "t", "keys": ["adm-key"]})
    by_key = columns(mqadmin("queryMsgByKey", "-t", "adm-find", "-k", "adm-key"), sent["message_id"])
    assert by_key == [[sent["message_id"], "0", "0"]]
    by_id = mqadmin("queryMsgByUniqueKey", "-t", "adm-find", "-i", sent["message_id"])
    assert re.search(r"Keys:\s+\[adm-key\]", by_id) and re.search(r"Tags:\s+\[t\]", by_id)
    assert re.search(
        r"Queue Offset:\s+0", mqadmin("queryMsgByOffset", "-t", "adm-find", "-b", "broker-a", "-i", "0", "-o", "0")
    )
    offset_id = re.search(
        r"OffsetID:\s+([0-9A-F]{32})", mqadmin("queryMsgById", "-t", "adm-find", "-i", sent["message_id"])
    )
    assert offset_id is not None
    assert re.search(r"Keys:\s+\[adm-key\]", mqadmin("queryMsgById", "-t", "adm-find", "-i", offset_id[1]))
    printed = mqadmin("printMsg", "-t", "adm-find", "-d", "true")
    assert sent["message_id"] in printed and "look at me" in printed


def test_a_group_is_moved_by_time_and_its_progress_shown(mqadmin: Tool, rest: Rest) -> None:
    rest("POST", "/topics", {"name": "adm-move", "queues": 2})
    rest("POST", "/groups", {"name": "adm-move"})
    entries = [{"body": str(n)} for n in range(10)]
    rest("POST", "/topics/adm-move/messages:batch", {"messages": entries})
    moved = columns(mqadmin("resetOffsetByTime", "-g", "adm-move", "-t", "adm-move", "-s", "now"), "broker-a")
    assert sum(int(line[2]) for line in moved) == 10
    assert rest("GET", "/groups/adm-move/offsets")["lag"] == 0
    mqadmin("resetOffsetByTime", "-g", "adm-move", "-t", "adm-move", "-s", "0")
    assert rest("GET", "/groups/adm-move/offsets")["lag"] == 10
    shown = mqadmin("consumerProgress", "-g", "adm-move")
    assert "Consume Diff Total: 10" in shown
    assert sum(int(line[5]) for line in columns(shown, "adm-move")) == 10
    assert [line[-1] for line in columns(mqadmin("consumerProgress"), "adm-move")] == ["10"]
    mqadmin("skipAccumulatedMessage", "-g", "adm-move", "-t", "adm-move", "-f", "true")
    assert rest("GET", "/groups/adm-move/offsets")["lag"] == 0


def test_the_server_describes_itself_and_refuses_what_it_cannot_do(mqadmin: Tool) -> None:
    (line,) = columns(mqadmin("clusterList"), "DefaultCluster")
    assert line[1:5] == ["broker-a", "0", mqadmin.broker, "V5_3_3"]
    assert re.search(r"brokerVersionDesc\s+: V5_3_3", mqadmin("brokerStatus", "-b", mqadmin.broker))
    assert re.search(r"flushDiskType\s+=\s+SYNC_FLUSH", mqadmin("getBrokerConfig", "-b", mqadmin.broker))
    assert "listenPort" in mqadmin("getNamesrvConfig")
    tried = mqadmin("sendMsgStatus", "-b", "broker-a", "-s", "10", "-c", "8")
    assert tried.count("SEND_OK") >= 8 and "failed" not in tried
    refused = mqadmin("updateBrokerConfig", "-b", mqadmin.broker, "-k", "flushDiskType", "-v", "ASYNC_FLUSH")
    assert "environment variables" in refused
    assert "deny mq:PUB in a policy" in mqadmin("wipeWritePerm", "-b", "broker-a")


def test_kv_config_and_users(mqadmin: Tool, rest: Rest) -> None:
    assert "success" in mqadmin("updateKvConfig", "-s", "ADM", "-k", "key", "-v", "value")
    assert "success" in mqadmin("deleteKvConfig", "-s", "ADM", "-k", "key")
    broker = ("-b", mqadmin.broker)
    assert "success" in mqadmin("createUser", *broker, "-u", "adm-user", "-p", "Correct-Horse-9")
    assert [line[2:] for line in columns(mqadmin("listUser", *broker), "adm-user")] == [["Normal", "enable"]]
    mqadmin("updateUser", *broker, "-u", "adm-user", "-s", "disable")
    assert columns(mqadmin("getUser", *broker, "-u", "adm-user"), "adm-user")[0][-1] == "disable"
    assert "FullAccess" in mqadmin("createUser", *broker, "-u", "adm-super", "-p", "Correct-Horse-9", "-t", "Super")
    assert "success" in mqadmin("deleteUser", *broker, "-u", "adm-user")
    assert "There is no user 'adm-user'" in mqadmin("getUser", *broker, "-u", "adm-user")


def test_dead_letters_are_read_and_sent_again(mqadmin: Tool, rest: Rest) -> None:
    rest("POST", "/topics", {"name": "adm-dead", "queues": 1})
    rest("POST", "/groups", {"name": "adm-dead", "max_attempts": 1})
    sent = rest("POST", "/topics/adm-dead/messages", {"body": "poison", "keys": ["adm-poison"]})
    got = rest("POST", "/groups/adm-dead/messages:receive", {"topics": ["adm-dead"], "wait_seconds": 5})["messages"]
    rest("POST", "/groups/adm-dead/messages:nack", {"receipts": [got[0]["receipt"]], "error": "no"})
    dead = "%DLQ%adm-dead"
    assert columns(mqadmin("topicStatus", "-t", dead), "broker-a")[0][3] == "1"
    assert columns(mqadmin("queryMsgByKey", "-t", dead, "-k", "adm-poison"), sent["message_id"])
    assert "poison" in mqadmin("printMsg", "-t", dead, "-d", "true")
    assert "SEND_OK" in mqadmin("sendMessage", "-t", "adm-dead", "-p", "cured", "-k", "adm-poison")
    again = rest("POST", "/groups/adm-dead/messages:receive", {"topics": ["adm-dead"], "wait_seconds": 5})["messages"]
    assert [message["body"] for message in again] == ["cured"]


def test_rights_are_written_read_and_taken_away(mqadmin: Tool, rest: Rest) -> None:
    broker, subject = ("-b", mqadmin.broker), ("-s", "User:adm-acl")
    assert "success" in mqadmin("createUser", *broker, "-u", "adm-acl", "-p", "Correct-Horse-9")
    given = ("-r", "Topic:adm-acl,Group:adm-acl-g", "-a", "Pub,Sub", "-i", "10.0.0.0/8", "-d", "Allow")
    assert "success" in mqadmin("createAcl", *broker, *subject, *given)
    assert "success" in mqadmin("updateAcl", *broker, *subject, "-r", "Topic:adm-no", "-a", "Pub", "-d", "Deny")
    told = mqadmin("getAcl", *broker, *subject)
    topic, group, denied = columns(told, "User:adm-acl")
    assert " ".join(topic) == "User:adm-acl Custom Topic:adm-acl [Pub, Sub] [10.0.0.0/8] Allow"
    assert " ".join(group) == "User:adm-acl Custom Group:adm-acl-g [Sub] [10.0.0.0/8] Allow"
    assert " ".join(denied) == "User:adm-acl Custom Topic:adm-no [Pub] [] Deny"
    assert columns(mqadmin("listAcl", *broker, "-s", "adm-acl", "-r", "Group"), "User:adm-acl") == [group]
    assert "success" in mqadmin("deleteAcl", *broker, *subject, "-r", "Topic:adm-no")
    assert "Topic:adm-no" not in mqadmin("getAcl", *broker, *subject)
    assert "share the right Sub" in mqadmin("createAcl", *broker, *subject, "-r", "Group:*", "-a", "Sub", "-d", "Allow")
    assert "success" in mqadmin("deleteAcl", *broker, *subject)
    assert "adm-acl" not in mqadmin("listAcl", *broker, "-s", "adm-acl")
    assert "success" in mqadmin("deleteUser", *broker, "-u", "adm-acl")


def test_what_a_topic_took_is_counted(mqadmin: Tool, rest: Rest) -> None:
    rest("POST", "/topics", {"name": "adm-stats", "queues": 1})
    rest("POST", "/topics/adm-stats/messages:batch", {"messages": [{"body": "x"}] * 3})
    ((_, *_, taken, readers),) = columns(mqadmin("statsAll", "-t", "adm-stats"), "adm-stats")
    assert (taken, readers) == ("3", "NO_CONSUMER")


def test_connected_clients_are_shown_asked_and_given_a_message(mqadmin: Tool, java: Java, rest: Rest) -> None:
    topic = group = f"adm-live-{java.name}"
    rest("POST", "/topics", {"name": topic, "queues": 2})
    consumer = java.start("Consume", topic, group, "*", "clustering", "2")
    consumer.wait_for("STARTED")
    sent = rest("POST", f"/topics/{topic}/messages", {"body": "first"})
    (connection,) = wait_until(
        lambda: [line.split() for line in mqadmin("consumerConnection", "-g", group).splitlines() if " JAVA " in line],
        what="the consumer to be connected",
    )
    client = connection[0]
    running = mqadmin("consumerStatus", "-g", group, "-i", client)
    assert "PROP_CONSUME_TYPE" in running and topic in running
    wait_until(lambda: settled_count(rest, group, topic) == 1, what="the message to be consumed")
    assert "CONSUMED" in mqadmin("queryMsgById", "-t", topic, "-i", sent["message_id"])
    result = mqadmin("queryMsgById", "-t", topic, "-i", sent["message_id"], "-g", group, "-d", client)
    assert "CR_SUCCESS" in result
    assert [line[-1] for line in consumer.lines() if line[0] == "GOT"] == ["first", "first"]
    assert "not online" in mqadmin("consumerStatus", "-g", group, "-i", client)


def test_a_reset_reaches_a_running_consumer(mqadmin: Tool, java: Java, rest: Rest) -> None:
    topic = group = f"adm-back-{java.name}"
    rest("POST", "/topics", {"name": topic, "queues": 1})
    rest("POST", f"/topics/{topic}/messages:batch", {"messages": [{"body": str(n)} for n in range(3)]})
    consumer = java.start("Consume", topic, group, "*", "clustering", "6")
    consumer.wait_for("STARTED")
    wait_until(lambda: settled_count(rest, group, topic) == 3, what="the group to be done with everything")
    began = time.monotonic()
    rest("POST", f"/groups/{group}/offsets:reset", {"topic": topic, "to": "earliest"})
    consumed = [line[-1] for line in consumer.lines() if line[0] == "GOT"]
    assert sorted(consumed) == sorted(["0", "1", "2"] * 2)
    # The client itself rests ten seconds; 4.9 then waits for its next turn of sharing out queues, up to twenty.
    assert time.monotonic() - began < 120


def test_a_signed_tool_may_do_what_its_key_may(mqadmin: Tool, rest: Rest) -> None:
    given = mqadmin.server.credentials
    mqadmin.use_key(given["access_key_id"], given["access_key_secret"])
    assert "success" in mqadmin("updateTopic", *CLUSTER, "-t", "adm-signed", "-r", "1", "-w", "1")
    mqadmin.use_key(given["access_key_id"], "another")
    assert "CODE: 16" in mqadmin("updateTopic", *CLUSTER, "-t", "adm-signed", "-r", "2", "-w", "2")
    assert rest("GET", "/topics/adm-signed")["queues"] == 1


@pytest.mark.parametrize("command", [("updateColdDataFlowCtrGroupConfig", "-g", "g", "-v", "1"), ("haStatus",)])
def test_what_is_not_there_is_answered_and_said(mqadmin: Tool, command: tuple[str, ...]) -> None:
    assert "not supported" in mqadmin(command[0], "-b", mqadmin.broker, *command[1:])
