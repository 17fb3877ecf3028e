"""Transactional messages by RocketMQ's Java producers, unmodified, against the whole product."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.interop.conftest import Java
from tests.interop.programs import Program
from tests.stack import wait_until

Rest = Callable[..., Any]


@contextmanager
def producer(java: Java, topic: str, group: str, *words: str, answer: str = "unknown") -> Iterator[Program]:
    program = java.start("Transact", topic, group, answer, *words)
    try:
        yield program
    finally:
        program.kill()


def states(rest: Rest, topic: str) -> dict[str, str]:
    """Returns the state of each transaction of a topic by its tag."""
    found = rest("GET", f"/transactions?topic={topic}&limit=100")
    assert found["complete"]
    return {one["tag"]: one["state"] for one in found["items"]}


def consumed(java: Java, topic: str, *, count: int) -> list[list[str]]:
    lines = java.run("Consume", topic, f"{topic}-group", "*", "clustering", str(count))
    return [line for line in lines if line[0] == "GOT"]


def test_what_is_committed_is_consumed_and_what_is_rolled_back_is_not(java: Java, rest: Rest) -> None:
    topic = f"tx-{java.name}"
    with producer(java, topic, f"tx-group-{java.name}", "rollback", "commit", "unknown") as program:
        sent = {line[0]: line for line in (program.next("SENT") for _ in range(3))}
        assert {line[1] for line in sent.values()} == {"SEND_OK"}
        assert all(line[2] == line[3] for line in sent.values()), "the transaction's id is the message's"
        wait_until(
            lambda: states(rest, topic) == {"commit": "COMMITTED", "rollback": "ROLLED_BACK", "unknown": "WAITING"},
            what="both decisions",
        )
        (line,) = consumed(java, topic, count=1)
        assert (line[4], line[5], line[8], line[9]) == ("commit", "key-commit", sent["commit"][2], "commit")


def test_an_undecided_message_is_checked_and_the_answer_counts(java: Java, rest: Rest) -> None:
    topic, group = f"tx-check-{java.name}", f"tx-check-group-{java.name}"
    rest("PATCH", f"/producer-groups/{group}", {"immunity_seconds": 1, "interval_seconds": 1})
    with producer(java, topic, group, "unknown", answer="commit") as program:
        sent = program.next("SENT")
        checked = program.next("CHECK")
        assert checked == [topic, "unknown", "key-unknown", sent[3], "1", "unknown"]
        (line,) = consumed(java, topic, count=1)
        assert line[9] == "unknown"
    assert states(rest, topic) == {"unknown": "COMMITTED"}
    (one,) = rest("GET", f"/transactions?topic={topic}")["items"]
    history = rest("GET", f"/transactions/{one['transaction_id']}")["checks"]
    assert [(check["number"], check["door"]) for check in history][-1] == (1, "remoting")


def test_another_producer_of_the_group_is_asked_when_the_first_is_dead(java: Java, rest: Rest) -> None:
    topic, group = f"tx-dead-{java.name}", f"tx-dead-group-{java.name}"
    rest("PATCH", f"/producer-groups/{group}", {"immunity_seconds": 2, "interval_seconds": 1})
    with producer(java, topic, group, "unknown") as first:
        first.next("SENT")
    assert states(rest, topic) == {"unknown": "WAITING"}
    with producer(java, topic, group, "commit", answer="rollback") as second:
        assert second.next("CHECK")[1] == "unknown"
        wait_until(
            lambda: states(rest, topic) == {"unknown": "ROLLED_BACK", "commit": "COMMITTED"}, what="the second's answer"
        )


def test_after_the_last_check_it_is_discarded_and_a_person_recovers_it(java: Java, rest: Rest) -> None:
    topic, group = f"tx-gone-{java.name}", f"tx-gone-group-{java.name}"
    rest("PATCH", f"/producer-groups/{group}", {"immunity_seconds": 1, "interval_seconds": 3, "max_checks": 2})
    with producer(java, topic, group, "unknown", answer="unknown") as program:
        assert [program.next("CHECK")[4] for _ in range(2)] == ["1", "2"]
        wait_until(lambda: states(rest, topic) == {"unknown": "DISCARDED"}, what="the discard")
    (one,) = rest("GET", f"/transactions?topic={topic}&state=DISCARDED")["items"]
    checks = rest("GET", f"/transactions/{one['transaction_id']}")["checks"]
    assert [check["outcome"] for check in checks] == ["UNKNOWN", "UNKNOWN"]
    rest("POST", f"/transactions/{one['transaction_id']}:commit", {"discarded": True})
    assert [line[9] for line in consumed(java, topic, count=1)] == ["unknown"]


def test_rest_prepares_and_java_answers_the_check(java: Java, rest: Rest) -> None:
    topic, group = f"tx-rest-{java.name}", f"tx-rest-group-{java.name}"
    rest("PATCH", f"/producer-groups/{group}", {"immunity_seconds": 1, "interval_seconds": 1})
    rest("POST", "/topics", {"name": topic, "type": "TRANSACTION"})
    with producer(java, topic, group, "commit", answer="commit") as program:
        program.next("SENT")
        made = rest(
            "POST", f"/topics/{topic}/messages:half", {"body": "from REST", "tag": "rest", "producer_group": group}
        )
        checked = program.next("CHECK")
        assert (checked[1], checked[3], checked[5]) == ("rest", made["message_id"], "from REST")
        wait_until(lambda: states(rest, topic)["rest"] == "COMMITTED", what="Java's decision")
        assert sorted(line[9] for line in consumed(java, topic, count=2)) == ["commit", "from REST"]
