"""The Node client ali-ons, unmodified, against the whole product, and beside the Java one.

It makes no topics by itself, knows no orderly consumers, and leaves message ids to the server.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.interop.columns import BODY, COLOUR, KEYS, OFFSET, QUEUE, TAG, got
from tests.interop.conftest import Java, Launcher
from tests.interop.progress import settled_count
from tests.stack import wait_until

Rest = Callable[..., Any]
SENT_COUNT = 12
BODIES = {f"{mode}-{i}" for mode in ("sync", "async") for i in range(3)} | {f"keyed-{i}" for i in range(5)}
BODIES |= {"long-" + "x" * 100_000}


def send(node: Launcher, rest: Rest, topic: str) -> list[list[str]]:
    rest("POST", "/topics", {"name": topic})
    sent = node.run("send", topic)
    assert [line[1] for line in sent] == ["sync"] * 3 + ["async"] * 3 + ["long"] + ["keyed"] * 5
    assert {line[2] for line in sent} == {"SEND_OK"}
    return sent


def test_what_is_sent_is_consumed_once_with_all_its_parts(node: Launcher, rest: Rest) -> None:
    send(node, rest, "node-modes")
    consumer = node.start("consume", "node-modes", "node-modes-group", "*", "clustering", str(SENT_COUNT))
    wait_until(
        lambda: settled_count(rest, "node-modes-group", "node-modes") == SENT_COUNT,
        what="the group to be done with everything",
    )
    consumed = got(consumer.lines())
    assert {line[BODY] for line in consumed} == BODIES
    assert len({(line[QUEUE], line[OFFSET]) for line in consumed}) == SENT_COUNT
    by_body = {line[BODY]: line for line in consumed}
    assert (by_body["sync-0"][TAG], by_body["sync-0"][KEYS], by_body["sync-0"][COLOUR]) == ("sync", "key-sync", "red")
    keyed = sorted((int(line[OFFSET]), line[BODY], line[QUEUE]) for line in consumed if line[TAG] == "keyed")
    assert [body for _, body, _ in keyed] == [f"keyed-{i}" for i in range(5)]
    assert len({queue for _, _, queue in keyed}) == 1


def test_tags_leave_out_the_rest_and_broadcasting_gives_all_to_everybody(node: Launcher, rest: Rest) -> None:
    send(node, rest, "node-tags")
    both = [node.start("consume", "node-tags", "node-tags-group", "sync || long", "broadcasting", "4") for _ in "ab"]
    for program in both:
        assert {line[TAG] for line in got(program.lines())} == {"sync", "long"}


def test_what_fails_comes_again_and_ends_as_one_dead_letter(node: Launcher, rest: Rest) -> None:
    rest("POST", "/topics", {"name": "node-fails"})
    # The client leaves the pause between attempts to the server.
    rest("POST", "/groups", {"name": "node-fails-group", "backoff_seconds": [0]})
    sent = rest("POST", "/topics/node-fails/messages", {"body": "doomed"})
    consumer = node.start("fail", "node-fails", "node-fails-group", "3")
    dead = wait_until(
        lambda: rest("GET", "/groups/node-fails-group/dead-letters")["items"],
        what="the dead letter to be buried",
    )
    tried = [line for line in consumer.lines() if line[0] == "TRY"]
    assert [line[1:] for line in tried] == [["node-fails", str(times), sent["message_id"]] for times in range(3)]
    assert [(letter["message_id"], letter["attempts"]) for letter in dead] == [(sent["message_id"], 3)]


def test_a_message_for_later_is_not_seen_early(node: Launcher, rest: Rest) -> None:
    rest("POST", "/topics", {"name": "node-later"})
    rest("POST", "/groups", {"name": "node-later-group"})
    lines = node.run("delay", "node-later", "node-later-group", "2000")
    (waited,) = [int(line[1]) for line in lines if line[0] == "WAITED"]
    assert 0 <= waited < 60_000
    assert [line[BODY] for line in got(lines)] == ["later-0"]


def test_rest_sends_and_node_consumes(node: Launcher, rest: Rest) -> None:
    rest("POST", "/topics", {"name": "node-from-rest"})
    message = {"body": "from REST", "tag": "paid", "keys": ["o-1", "o-2"], "properties": {"colour": "blue"}}
    sent = rest("POST", "/topics/node-from-rest/messages", message)
    (line,) = got(node.run("consume", "node-from-rest", "node-from-rest-group", "paid", "clustering", "1"))
    assert line[TAG:] == ["paid", "o-1 o-2", "blue", "0", sent["message_id"], "from REST"]


def test_node_sends_and_rest_receives(node: Launcher, rest: Rest) -> None:
    send(node, rest, "node-to-rest")
    rest("POST", "/groups", {"name": "node-to-rest-group"})
    form = {"topics": [{"topic": "node-to-rest", "filter": "sync"}], "max": 10, "wait_seconds": 5}
    found = rest("POST", "/groups/node-to-rest-group/messages:receive", form)["messages"]
    assert {m["body"] for m in found} == {"sync-0", "sync-1", "sync-2"}
    assert {(m["tag"], *m["keys"], m["properties"]["colour"]) for m in found} == {("sync", "key-sync", "red")}


def test_node_sends_and_java_consumes(node: Launcher, java: Java, rest: Rest) -> None:
    topic = f"node-to-java-{java.name}"
    send(node, rest, topic)
    consumed = got(java.run("Consume", topic, f"{topic}-group", "*", "clustering", str(SENT_COUNT)))
    assert {line[BODY] for line in consumed} == BODIES


def test_java_sends_and_node_consumes(node: Launcher, java: Java) -> None:
    topic = f"java-to-node-{java.name}"
    sent = java.run("Send", topic)
    consumed = got(node.run("consume", topic, f"{topic}-group", "*", "clustering", "20"))
    by_body = {line[BODY]: line for line in consumed}
    assert len(by_body) == 20 and "long-" + "x" * 100_000 in by_body
    assert by_body["sync-0"][TAG:] == ["sync", "key-sync", "red", "0", sent[0][3], "sync-0"]


def test_the_documented_program_runs_as_it_stands(node: Launcher, rest: Rest) -> None:
    page = (Path(__file__).parents[3] / "docs/clients/rocketmq.md").read_text()
    program = Path(__file__).parent / "hello.js"
    assert page.partition("```js\n")[2].partition("```")[0] == program.read_text()
    rest("POST", "/topics", {"name": "hello-node"})
    address = f"127.0.0.1:{node.server.ports['MQ_NAMESRV_PORT']}"
    said = subprocess.run(
        ["node", "hello.js", address], cwd=node.place, capture_output=True, text=True, timeout=240, check=True
    ).stdout
    assert said.splitlines() == ["sent SEND_OK", "received hello"]


def test_a_signature_lets_a_client_in_and_a_wrong_one_keeps_it_out(node: Launcher, rest: Rest) -> None:
    rest("POST", "/topics", {"name": "node-signed"})
    credentials = node.server.credentials
    key = {"ACCESS_KEY": credentials["access_key_id"], "SECRET_KEY": credentials["access_key_secret"]}
    assert len(node.run("send", "node-signed", **key)) == SENT_COUNT
    consumed = got(node.run("consume", "node-signed", "node-signed-group", "*", "clustering", "12", **key))
    assert {line[BODY] for line in consumed} == BODIES
    program = node.start("send", "node-signed", **{**key, "SECRET_KEY": "another"})
    assert program.failure()[0][0] == "FAILED"
