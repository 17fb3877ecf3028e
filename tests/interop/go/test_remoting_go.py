"""RocketMQ's Go remoting client, unmodified, against the whole product, and beside the Java one."""

import itertools
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.interop.columns import BODY, COLOUR, KEYS, MESSAGE_ID, OFFSET, QUEUE, TAG, got
from tests.interop.conftest import Java, Launcher
from tests.interop.progress import settled_count
from tests.stack import wait_until

Rest = Callable[..., Any]
SENT_COUNT = 25
BODIES = {f"{mode}-{i}" for mode in ("sync", "async", "oneway") for i in range(3)}
BODIES |= {f"batch-{i}" for i in range(10)} | {f"keyed-{i}" for i in range(5)} | {"long-" + "x" * 100_000}
MODES = ["sync"] * 3 + ["async"] * 3 + ["batch", "long"] + ["keyed"] * 5


def send(go: Launcher, topic: str) -> list[list[str]]:
    sent = go.run("send", topic)
    assert [line[1] for line in sent] == MODES
    assert {line[2] for line in sent} == {"SEND_OK"}
    return sent


def test_what_is_sent_in_every_mode_is_consumed_once_with_all_its_parts(go: Launcher, rest: Rest) -> None:
    sent = send(go, "go-modes")
    consumer = go.start("consume", "go-modes", "go-modes-group", "*", "clustering", str(SENT_COUNT))
    wait_until(
        lambda: settled_count(rest, "go-modes-group", "go-modes") == SENT_COUNT,
        what="the group to be done with everything",
    )
    consumed = got(consumer.lines())
    assert {line[BODY] for line in consumed} == BODIES
    assert len({(line[QUEUE], line[OFFSET]) for line in consumed}) == SENT_COUNT
    by_body = {line[BODY]: line for line in consumed}
    assert by_body["sync-0"][MESSAGE_ID] == sent[0][3]
    assert (by_body["sync-0"][TAG], by_body["sync-0"][KEYS], by_body["sync-0"][COLOUR]) == ("sync", "key-sync", "red")
    # What has one sharding key is in one queue, in order.
    keyed = sorted((int(line[OFFSET]), line[BODY], line[QUEUE]) for line in consumed if line[TAG] == "keyed")
    assert [body for _, body, _ in keyed] == [f"keyed-{i}" for i in range(5)]
    assert len({queue for _, _, queue in keyed}) == 1


def test_members_of_a_group_share_its_queues(go: Launcher, rest: Rest) -> None:
    rest("POST", "/topics", {"name": "go-share", "queues": 4})
    both = [go.start("consume", "go-share", "go-share-group", "*", "clustering", "2") for _ in range(2)]
    numbers = itertools.count()

    def have_both_had_enough() -> bool:
        rest("POST", "/topics/go-share/messages", {"body": f"shared-{next(numbers)}"})
        return all(len(program.said("GOT")) >= 2 for program in both)

    wait_until(have_both_had_enough, what="both members to get messages")
    assert all(len(got(program.lines())) >= 2 for program in both)


def test_tags_leave_out_the_rest_and_broadcasting_gives_all_to_everybody(go: Launcher) -> None:
    send(go, "go-tags")
    both = [go.start("consume", "go-tags", "go-tags-group", "sync || long", "broadcasting", "4") for _ in range(2)]
    for program in both:
        assert {line[TAG] for line in got(program.lines())} == {"sync", "long"}


def test_an_orderly_consumer_gets_each_queue_in_order(go: Launcher) -> None:
    send(go, "go-orderly")
    consumed = got(go.run("consume", "go-orderly", "go-orderly-group", "*", "orderly", str(SENT_COUNT)))
    for queue in {line[QUEUE] for line in consumed}:
        offsets = [int(line[OFFSET]) for line in consumed if line[QUEUE] == queue]
        assert offsets == list(range(len(offsets)))


def test_what_fails_comes_again_and_ends_as_one_dead_letter(go: Launcher, rest: Rest) -> None:
    rest("POST", "/topics", {"name": "go-fails"})
    # The client looks for the retry topic when it starts, and then every half minute.
    rest("POST", "/groups", {"name": "go-fails-group"})
    sent = rest("POST", "/topics/go-fails/messages", {"body": "doomed"})
    consumer = go.start("fail", "go-fails", "go-fails-group", "3")
    dead = wait_until(
        lambda: rest("GET", "/groups/go-fails-group/dead-letters")["items"],
        what="the dead letter to be buried",
    )
    tried = [line for line in consumer.lines() if line[0] == "TRY"]
    assert [line[1:] for line in tried] == [["go-fails", str(times), sent["message_id"]] for times in range(3)]
    assert [(letter["message_id"], letter["attempts"]) for letter in dead] == [(sent["message_id"], 3)]


def test_a_pull_consumer_polls_everything_and_is_done_with_it(go: Launcher, rest: Rest) -> None:
    send(go, "go-poll")
    polled = got(go.run("poll", "go-poll", "go-poll-group", str(SENT_COUNT)))
    assert {line[BODY] for line in polled} == BODIES
    wait_until(
        lambda: settled_count(rest, "go-poll-group", "go-poll") == SENT_COUNT,
        what="the group to be done with everything",
    )


def test_a_pull_by_offset_reads_the_same_again(go: Launcher, rest: Rest) -> None:
    rest("POST", "/topics", {"name": "go-pull", "queues": 1})
    for number in range(7):
        rest("POST", "/topics/go-pull/messages", {"body": f"pulled-{number}"})
    lines = go.run("pull", "go-pull", "go-pull-group", "broker-a", "0", "5")
    assert [line[BODY] for line in got(lines)] == [f"pulled-{n}" for n in range(5)] * 2
    assert [line[1:] for line in lines if line[0] == "NEXT"] == [["0", "5", "0", "7"]] * 2


def test_rest_sends_and_go_consumes(go: Launcher, rest: Rest) -> None:
    rest("POST", "/topics", {"name": "go-from-rest"})
    message = {"body": "from REST", "tag": "paid", "keys": ["o-1", "o-2"], "properties": {"colour": "blue"}}
    sent = rest("POST", "/topics/go-from-rest/messages", message)
    (line,) = got(go.run("consume", "go-from-rest", "go-from-rest-group", "paid", "clustering", "1"))
    assert line[TAG:] == ["paid", "o-1 o-2", "blue", "0", sent["message_id"], "from REST"]


def test_go_sends_and_rest_receives(go: Launcher, rest: Rest) -> None:
    sent = send(go, "go-to-rest")
    rest("POST", "/groups", {"name": "go-to-rest-group"})
    form = {"topics": [{"topic": "go-to-rest", "filter": "sync"}], "max": 10, "wait_seconds": 5}
    found = rest("POST", "/groups/go-to-rest-group/messages:receive", form)["messages"]
    by_id = {message["message_id"]: message for message in found}
    assert set(by_id) == {line[3] for line in sent if line[1] == "sync"}
    one = by_id[sent[0][3]]
    assert (one["tag"], one["keys"], one["properties"]["colour"]) == ("sync", ["key-sync"], "red")


def test_go_sends_and_java_consumes(go: Launcher, java: Java) -> None:
    topic = f"go-to-java-{java.name}"
    sent = send(go, topic)
    consumed = got(java.run("Consume", topic, f"{topic}-group", "*", "clustering", str(SENT_COUNT)))
    assert {line[BODY] for line in consumed} == BODIES
    by_body = {line[BODY]: line for line in consumed}
    assert by_body["sync-0"][TAG:] == ["sync", "key-sync", "red", "0", sent[0][3], "sync-0"]


def test_java_sends_and_go_consumes(go: Launcher, java: Java) -> None:
    topic = f"java-to-go-{java.name}"
    sent = java.run("Send", topic)
    consumed = got(go.run("consume", topic, f"{topic}-group", "*", "clustering", "20"))
    assert {line[BODY] for line in consumed} == {body for body in BODIES if not body.startswith("keyed")}
    by_body = {line[BODY]: line for line in consumed}
    assert by_body["sync-0"][TAG:] == ["sync", "key-sync", "red", "0", sent[0][3], "sync-0"]


def test_the_documented_program_runs_as_it_stands(go: Launcher, binaries: Path) -> None:
    page = (Path(__file__).parents[3] / "docs/clients/rocketmq.md").read_text()
    program = Path(__file__).parent / "hello/main.go"
    assert page.partition("```go\n")[2].partition("```")[0] == program.read_text()
    address = f"127.0.0.1:{go.server.ports['MQ_NAMESRV_PORT']}"
    said = subprocess.run([binaries / "hello", address], capture_output=True, text=True, timeout=240, check=True).stdout
    assert said.splitlines()[-1] == "received hello"


def test_a_signature_lets_a_client_in_and_a_wrong_one_keeps_it_out(go: Launcher) -> None:
    credentials = go.server.credentials
    key = {"ACCESS_KEY": credentials["access_key_id"], "SECRET_KEY": credentials["access_key_secret"]}
    assert len(go.run("send", "go-signed", **key)) == len(MODES)
    program = go.start("send", "go-signed", **{**key, "SECRET_KEY": "another"})
    assert program.failure()[0][0] == "FAILED"
