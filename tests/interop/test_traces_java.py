"""RocketMQ's Java clients with message tracing on: their records are kept in the topic they expect."""

from collections.abc import Callable
from typing import Any

from tests.interop.conftest import Java
from tests.stack import wait_until

Rest = Callable[..., Any]
TRACES = "RMQ_SYS_TRACE_TOPIC"


def system_topics(rest: Rest) -> set[str]:
    return {found["name"] for found in rest("GET", "/topics?kind=SYSTEM")["items"]}


def test_traces_of_a_message_are_kept_and_found_by_its_id(java: Java, rest: Rest) -> None:
    topic = group = f"traced-{java.name}"
    program = java.start("Trace", topic, group)
    (message_id,) = program.next("SENT")
    assert program.next("GOT") == [message_id]

    # The client sends its records a moment later, and the topic is made for the first of them.
    wait_until(lambda: TRACES in system_topics(rest), what="the topic of traces")

    def records() -> set[str]:
        hits = rest("GET", f"/messages?topic={TRACES}&key={message_id}")["items"]
        bodies = [rest("GET", f"/messages/{hit['message_id']}")["body"] for hit in hits]
        lines = [line for body in bodies for line in body.split("\x02") if message_id in line]
        return {line.split("\x01")[0] for line in lines}

    wait_until(lambda: records() >= {"Pub", "SubBefore", "SubAfter"}, what="the traces")
    assert program.lines() == []  # it ends when nobody speaks to it any more
    assert TRACES not in {found["name"] for found in rest("GET", "/topics?limit=500")["items"]}
