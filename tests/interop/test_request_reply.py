"""Request and reply with RocketMQ's Java clients, unmodified: among themselves, and with REST on either side."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.interop.conftest import Java
from tests.interop.programs import Program
from tests.stack import wait_until

Rest = Callable[..., Any]
REPLY_TOPIC = "DefaultCluster_REPLY_TOPIC"


def named(lines: list[list[str]], word: str) -> list[list[str]]:
    return [line[1:] for line in lines if line[0] == word]


def answer(java: Java, rest: Rest, where: tuple[str, str], *more: str) -> Program:
    """Starts a program that answers in a topic for a group, and waits until it is known to do it."""
    topic, group = where
    program = java.start("Answer", topic, group, *more)
    program.wait_for("STARTED")
    wait_until(lambda: readers(rest, topic) == [group], what="the group to read the topic")
    return program


def readers(rest: Rest, topic: str) -> list[str] | None:
    found: list[str] | None = rest("GET", f"/topics/{topic}/requests")["topics"][0]["readers"]
    return found


def test_each_of_many_askers_gets_the_reply_to_its_own_request(java: Java, rest: Rest) -> None:
    topic = f"rpc-{java.name}"
    rest("POST", "/topics", {"name": topic})
    answering = answer(java, rest, (topic, f"rpc-group-{java.name}"), "16")
    for mode in ("sync", "async"):
        replies = named(java.run("Ask", topic, mode, "8", "60000"), "REPLY")
        assert sorted(replies) == sorted(
            [f"question-{n}", f"answer to question-{n}", REPLY_TOPIC, "green", "true"] for n in range(8)
        )
    assert named(answering.lines(), "REPLIED") == [["SEND_OK"]] * 16


def test_a_request_nobody_answers_times_out_and_one_nobody_can_answer_is_refused_at_once(
    java: Java, rest: Rest
) -> None:
    topic = f"silent-{java.name}"
    rest("POST", "/topics", {"name": topic})
    # Nobody is only known to be nobody when Redis has kept count for ten seconds.
    wait_until(lambda: readers(rest, topic) == [], what="nobody to be known")
    wait_until(lambda: is_refused_for_want_of_a_reader(java, topic), what="the refusal")
    answering = answer(java, rest, (topic, f"silent-group-{java.name}"), "2", "silent")
    for mode in ("sync", "async"):
        ((_, failure, *_),) = named(java.run("Ask", topic, mode, "1", "8000"), "FAILED")
        assert failure == "RequestTimeoutException"
    answering.lines()


def is_refused_for_want_of_a_reader(java: Java, topic: str) -> bool:
    # The client now and then tells that it failed before it knows why.
    ((_, kind, why),) = named(java.run("Ask", topic, "sync", "1", "9000"), "FAILED")
    return kind == "MQClientException" and "nobody can answer" in why


def test_a_second_reply_is_refused_and_the_first_one_counts(java: Java, rest: Rest) -> None:
    topic = f"twice-{java.name}"
    rest("POST", "/topics", {"name": topic})
    answering = answer(java, rest, (topic, f"twice-group-{java.name}"), "1", "twice")
    assert len(named(java.run("Ask", topic, "sync", "1", "60000"), "REPLY")) == 1
    lines = answering.lines()
    assert named(lines, "REPLIED") == [["SEND_OK"]]
    assert "answered this request already" in named(lines, "REFUSED")[0][0]


def test_rest_asks_and_java_answers(java: Java, rest: Rest) -> None:
    topic, group = f"rest-asks-{java.name}", f"rest-asks-group-{java.name}"
    rest("POST", "/topics", {"name": topic})
    answering = answer(java, rest, (topic, group), "1")
    told = rest("POST", f"/topics/{topic}/messages:request", {"body": "from REST", "timeout_seconds": 60})
    (reply,) = told["replies"]
    assert (reply["body"], reply["properties"], reply["group"]) == ("answer to from REST", {"colour": "green"}, group)
    (asked,) = named(answering.lines(), "GOT")
    assert asked == ["from REST", told["correlation_id"]]


def test_java_asks_and_rest_answers(java: Java, rest: Rest) -> None:
    topic, group = f"java-asks-{java.name}", f"java-asks-group-{java.name}"
    rest("POST", "/topics", {"name": topic})
    rest("POST", "/groups", {"name": group})
    form = {"topics": [topic], "wait_seconds": 20}
    receiving = f"/groups/{group}/messages:receive"
    assert rest("POST", receiving, {"topics": [topic]})["messages"] == []
    with ThreadPoolExecutor(1) as threads:
        asking = threads.submit(java.run, "Ask", topic, "sync", "1", "60000")
        (request,) = wait_until(lambda: rest("POST", receiving, form)["messages"], what="the request")
        assert (request["body"], request["tag"]) == ("question-0", "ask")
        assert "REPLY_TO_CLIENT" not in request["properties"]
        reply = {"reply_to": request["reply_to"], "body": "answered by REST", "properties": {"colour": "blue"}}
        rest("POST", f"/requests/{request['correlation_id']}:reply", reply)
        ((_, body, reply_topic, colour, _),) = named(asking.result(), "REPLY")
    assert (body, reply_topic, colour) == ("answered by REST", REPLY_TOPIC, "blue")
