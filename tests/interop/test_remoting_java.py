"""RocketMQ's Java remoting clients, unmodified, against the whole product."""

import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests import certificates, stack
from tests.interop.columns import BODY, COLOUR, KEYS, MESSAGE_ID, OFFSET, QUEUE, TAG, got
from tests.interop.conftest import CLIENTS, Java
from tests.interop.programs import RUN_SECONDS, Lines, Program, Programs
from tests.interop.progress import settled_count
from tests.stack import wait_until

SOURCES = Path(__file__).parent / "java/src/main/java/interop"
Rest = Callable[..., Any]
# How often a program that sends within its client's own three seconds may try again, and what it says after them.
HELLO_TRIES = 40
OUT_OF_TIME = (
    "RemotingTimeoutException",
    "RemotingTooMuchRequestException",
    "RemotingConnectException",
    "No route info",
)
SENT_COUNT = 20
BODIES = {f"{mode}-{i}" for mode in ("sync", "async", "oneway") for i in range(3)}
BODIES |= {f"batch-{i}" for i in range(10)} | {"long-" + "x" * 100_000}


def send(java: Java, topic: str) -> list[list[str]]:
    sent = java.run("Send", topic)
    assert [line[1] for line in sent] == ["sync"] * 3 + ["async"] * 3 + ["batch", "long"]
    assert all(line[2] == "SEND_OK" for line in sent)
    return sent


def test_what_is_sent_in_every_mode_is_consumed_once_with_all_its_parts(java: Java, rest: Rest) -> None:
    topic, group = f"modes-{java.name}", f"modes-group-{java.name}"
    sent = send(java, topic)
    consumed = got(java.run("Consume", topic, group, "*", "clustering", str(SENT_COUNT)))
    assert {line[BODY] for line in consumed} == BODIES
    assert len({(line[QUEUE], line[OFFSET]) for line in consumed}) == SENT_COUNT
    by_body = {line[BODY]: line for line in consumed}
    assert by_body["sync-0"][MESSAGE_ID] == sent[0][3]
    assert (by_body["sync-0"][TAG], by_body["sync-0"][KEYS], by_body["sync-0"][COLOUR]) == ("sync", "key-sync", "red")
    # The client says how far it is when it leaves.
    wait_until(lambda: settled_count(rest, group, topic) == SENT_COUNT, what="the group to be done with everything")


def test_a_group_that_comes_back_gets_only_what_is_new(java: Java, rest: Rest) -> None:
    topic, group = f"again-{java.name}", f"again-group-{java.name}"
    send(java, topic)
    java.run("Consume", topic, group, "*", "clustering", str(SENT_COUNT))
    wait_until(lambda: settled_count(rest, group, topic) == SENT_COUNT, what="the group to be done with everything")
    second = {line[3] for line in send(java, topic) if line[1] == "sync"}
    consumed = got(java.run("Consume", topic, group, "*", "clustering", str(SENT_COUNT)))
    assert len(consumed) == SENT_COUNT
    assert {line[MESSAGE_ID] for line in consumed if line[TAG] == "sync"} == second


def test_tags_leave_out_the_rest_and_broadcasting_gives_all_to_everybody(java: Java) -> None:
    topic, group = f"tags-{java.name}", f"tags-group-{java.name}"
    send(java, topic)
    both = [java.start("Consume", topic, group, "sync || long", "broadcasting", "4") for _ in range(2)]
    for program in both:
        assert {line[TAG] for line in got(program.lines())} == {"sync", "long"}


def test_an_orderly_consumer_gets_each_queue_in_order(java: Java) -> None:
    topic = f"orderly-{java.name}"
    send(java, topic)
    consumed = got(java.run("Consume", topic, f"orderly-group-{java.name}", "*", "orderly", str(SENT_COUNT)))
    for queue in {line[QUEUE] for line in consumed}:
        offsets = [int(line[OFFSET]) for line in consumed if line[QUEUE] == queue]
        assert offsets == list(range(len(offsets)))


def test_what_fails_comes_again_and_ends_as_one_dead_letter(java: Java, rest: Rest) -> None:
    topic, group = f"fails-{java.name}", f"fails-group-{java.name}"
    rest("POST", "/topics", {"name": topic})
    sent = rest("POST", f"/topics/{topic}/messages", {"body": "doomed"})
    tried = java.run("Fail", topic, group, "3")
    assert [line[1:] for line in tried] == [[topic, str(times), sent["message_id"]] for times in range(3)]
    dead = wait_until(
        lambda: rest("GET", f"/groups/{group}/dead-letters")["items"], what="the dead letter to be buried"
    )
    assert [letter["message_id"] for letter in dead] == [sent["message_id"]]
    assert dead[0]["attempts"] == 3


def test_a_lite_pull_consumer_reads_and_seeks_back(java: Java) -> None:
    topic = f"lite-{java.name}"
    send(java, topic)
    lines = java.run("Pull", topic, f"lite-group-{java.name}", str(SENT_COUNT))
    for round_name in ("first", "again"):
        assert {line[2] for line in lines if line[:2] == ["GOT", round_name]} == BODIES


def test_messages_are_found_by_both_ids_by_key_and_by_time(java: Java) -> None:
    lines = {line[0]: line[1:] for line in java.run("Look", f"look-{java.name}")}
    assert lines["OFFSET-ID"][1:] == lines["UNIQUE-ID"][1:] == lines["KEY"][1:] == ["look-key", "looked up"]
    assert lines["OFFSET-ID"][0] == lines["UNIQUE-ID"][0] == lines["KEY"][0]
    assert lines["BOUNDS"] == ["0", "1", "0"]
    assert lines["TIME"] == ["0", "true"]


def test_rest_sends_and_java_consumes(java: Java, rest: Rest) -> None:
    topic = f"from-rest-{java.name}"
    rest("POST", "/topics", {"name": topic})
    message = {"body": "from REST", "tag": "paid", "keys": ["o-1", "o-2"], "properties": {"colour": "blue"}}
    sent = rest("POST", f"/topics/{topic}/messages", message)
    (line,) = got(java.run("Consume", topic, f"from-rest-group-{java.name}", "paid", "clustering", "1"))
    assert line[TAG:] == ["paid", "o-1 o-2", "blue", "0", sent["message_id"], "from REST"]


def test_java_sends_and_rest_receives(java: Java, rest: Rest) -> None:
    topic, group = f"to-rest-{java.name}", f"to-rest-group-{java.name}"
    sent = send(java, topic)
    rest("POST", "/groups", {"name": group})
    form = {"topics": [{"topic": topic, "filter": "sync"}], "max": 10, "wait_seconds": 5}
    first = rest("POST", f"/groups/{group}/messages:receive", form)["messages"]
    by_id = {message["message_id"]: message for message in first}
    assert set(by_id) == {line[3] for line in sent if line[1] == "sync"}
    one = by_id[sent[0][3]]
    assert (one["tag"], one["keys"], one["properties"]["colour"]) == ("sync", ["key-sync"], "red")


def test_a_group_is_refused_the_other_way_of_consuming_while_one_is_in_use(java: Java, rest: Rest) -> None:
    topic, group = f"ways-{java.name}", f"ways-group-{java.name}"
    rest("POST", "/topics", {"name": topic})
    consumer = java.start("Consume", topic, group, "*", "clustering", "1")
    consumer.wait_for("STARTED")

    def receive() -> Any:
        try:
            return rest("POST", f"/groups/{group}/messages:receive", {"topics": [{"topic": topic}]})["messages"]
        except urllib.error.HTTPError as error:
            return error.code

    wait_until(lambda: receive() == 409, what="REST to be refused")
    rest("POST", f"/topics/{topic}/messages", {"body": "last"})
    assert [line[BODY] for line in got(consumer.lines())] == ["last"]
    # The web process looks once a second who is there.
    assert wait_until(lambda: [answer] if (answer := receive()) != 409 else None, what="REST to be let in") == [[]]


def hello(java: Java) -> Lines:
    """Runs the documented program, and again when the three seconds its client gives a send were too few."""
    address = f"127.0.0.1:{java.server.ports['MQ_NAMESRV_PORT']}"
    for _ in range(HELLO_TRIES):
        program = java.start("Hello", address)
        wait_until(
            lambda one=program: one.said("SEND_OK") or one.has_ended or is_late(one),  # type: ignore[misc] # bound now
            what="the documented program to send or to give up",
            seconds=RUN_SECONDS,
        )
        if program.said("SEND_OK") or not is_late(program):
            return program.lines()
        program.kill()  # the threads of its client would keep it
    return java.run("Hello", address)


def is_late(program: Program) -> bool:
    told = program.told()
    return any(reason in told for reason in OUT_OF_TIME)


def test_the_documented_program_runs_as_it_stands(java: Java) -> None:
    project = Path(__file__).parents[2]
    page = (project / "docs/clients/rocketmq.md").read_text()
    assert page.partition("```java\n")[2].partition("```")[0] == (SOURCES / "Hello.java").read_text()
    assert hello(java)[0] == ["SEND_OK"]


def test_a_signature_lets_a_client_in_and_a_wrong_one_keeps_it_out(java: Java) -> None:
    credentials = java.server.credentials
    key = {"ACCESS_KEY": credentials["access_key_id"], "SECRET_KEY": credentials["access_key_secret"]}
    assert len(java.run("Send", f"signed-{java.name}", **key)) == 8
    program = java.start("Send", f"signed-{java.name}", **{**key, "SECRET_KEY": "another"})
    assert program.failure()[0][0] == "FAILED"


def test_clients_with_tls_are_served_and_look_at_the_certificate(
    built: Callable[[str], Path], programs: Programs, tmp_path: Path
) -> None:
    folders = tmp_path / "ours", tmp_path / "others"
    for folder in folders:
        folder.mkdir()
    (cert, key), (other, _) = [certificates.write(folder) for folder in folders]
    strict = "-Dtls.enable=true -Dtls.test.mode.enable=false -Dtls.client.authServer=true -Dtls.client.trustCertPath="
    with stack.running(MQ_TLS_CERT=str(cert), MQ_TLS_KEY=str(key), MQ_REMOTING_TLS_ONLY="1") as server:
        for version in CLIENTS:
            java = Java(version, built(version), server, programs)
            for options in ("-Dtls.enable=true", f"{strict}{cert}"):
                sent = java.run("Send", "tls-welcome", JAVA_TOOL_OPTIONS=options)
                assert [line[2] for line in sent] == ["SEND_OK"] * 8
            for options in ("-Dtls.enable=false", f"{strict}{other}"):
                program = java.start("Send", "tls-refused", JAVA_TOOL_OPTIONS=options)
                assert program.failure()[0][0] == "FAILED"
