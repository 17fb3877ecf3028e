"""RocketMQ's Java client in POP mode: the server hands out single messages under leases."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.interop.columns import got
from tests.interop.conftest import Java
from tests.stack import wait_until

Rest = Callable[..., Any]


@pytest.fixture(autouse=True)
def pops(java: Java) -> None:
    if java.version < "5":
        pytest.skip("this client cannot pop")


def popping(rest: Rest, group: str, **settings: Any) -> None:
    rest("POST", "/groups", {"name": group, "remoting_mode": "POP", **settings})


def send(rest: Rest, topic: str, *bodies: str) -> list[str]:
    rest("POST", "/topics", {"name": topic})
    batch = rest("POST", f"/topics/{topic}/messages:batch", {"messages": [{"body": body} for body in bodies]})
    return [result["message_id"] for result in batch["results"]]


def pop(java: Java, topics: str, group: str, *counts: int, until: Callable[[], Any]) -> list[list[str]]:
    """Returns what a member got; it stays until the server is as far as `until` says."""
    program = java.start("Pop", topics, group, *map(str, counts))
    wait_until(lambda: len(program.said("GOT")) >= counts[0] and until(), what="the server to know")
    return got(program.lines())


def dead_letters(rest: Rest, group: str) -> list[Any]:
    return list(rest("GET", f"/groups/{group}/dead-letters")["items"])


def standing(rest: Rest, group: str) -> tuple[int, int]:
    """Returns how many messages a group has before it and how many are with its members."""
    offsets = rest("GET", f"/groups/{group}/offsets")
    return offsets["lag"], offsets["in_flight"]


def test_members_that_pop_share_messages_and_acknowledge_them(java: Java, rest: Rest) -> None:
    topic, group = f"pop-{java.name}", f"pop-group-{java.name}"
    popping(rest, group)
    bodies = [f"m-{number}" for number in range(40)]
    send(rest, topic, *bodies)
    popped = pop(java, topic, group, 40, 0, until=lambda: standing(rest, group) == (0, 0))
    assert sorted(line[5] for line in popped) == sorted(bodies)
    assert {(line[1], line[3]) for line in popped} == {(topic, "0")}


def test_rest_and_members_that_pop_serve_one_group_at_once(java: Java, rest: Rest) -> None:
    topic, group = f"pop-both-{java.name}", f"pop-both-group-{java.name}"
    popping(rest, group)
    first = send(rest, topic, "by REST")
    form = {"topics": [topic], "wait_seconds": 5, "invisible_seconds": 300}
    (held,) = rest("POST", f"/groups/{group}/messages:receive", form)["messages"]
    second = rest("POST", f"/topics/{topic}/messages", {"body": "by Java"})["message_id"]
    (line,) = pop(java, topic, group, 1, 0, until=lambda: standing(rest, group) == (1, 1))
    assert (line[4], held["message_id"]) == (second, first[0])
    # Nobody refuses the other, so REST goes on at once.
    acked = rest("POST", f"/groups/{group}/messages:ack", {"receipts": [held["receipt"]]})["results"]
    assert acked[0]["ok"]
    assert rest("POST", f"/groups/{group}/messages:receive", {"topics": [topic]})["messages"] == []
    assert rest("GET", f"/groups/{group}/offsets")["lag"] == 0


def test_what_fails_comes_again_under_its_own_topic_and_dies_after_its_attempts(java: Java, rest: Rest) -> None:
    topics, group = [f"pop-fails-{n}-{java.name}" for n in (1, 2)], f"pop-fails-group-{java.name}"
    popping(rest, group, max_attempts=3)
    ids = {topic: send(rest, topic, f"doomed in {topic}")[0] for topic in topics}
    lines = pop(java, ",".join(topics), group, 6, 9, until=lambda: len(dead_letters(rest, group)) == 2)
    for topic in topics:
        tries = [(line[3], line[4]) for line in lines if line[1] == topic]
        assert tries == [(str(times), ids[topic]) for times in range(3)]
    dead = dead_letters(rest, group)
    assert {(letter["topic"], letter["message_id"], letter["attempts"]) for letter in dead} == {
        (topic, ids[topic], 3) for topic in topics
    }


def test_one_that_shares_out_queues_itself_is_refused_in_a_group_that_pops(java: Java, rest: Rest) -> None:
    topic, group = f"pop-only-{java.name}", f"pop-only-group-{java.name}"
    popping(rest, group)
    send(rest, topic, "for one that pops")
    stubborn = java.start("Consume", topic, group, "*", "clustering", "1")
    stubborn.wait_for("STARTED")
    (line,) = pop(java, topic, group, 1, 0, until=lambda: standing(rest, group) == (0, 0))
    assert line[5] == "for one that pops"
    assert got(stubborn.kill()) == []


def test_without_pop_the_server_shares_out_queues_by_pull(java: Java, rest: Rest) -> None:
    topic, group = f"assigned-{java.name}", f"assigned-group-{java.name}"
    rest("POST", "/groups", {"name": group})
    bodies = [f"m-{number}" for number in range(20)]
    send(rest, topic, *bodies)
    popped = pop(java, topic, group, 20, 0, until=lambda: True)
    assert sorted(line[5] for line in popped) == sorted(bodies)
