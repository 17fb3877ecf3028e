"""SQL92 filters of RocketMQ's Java clients: the broker leaves out what they do not want, and refuses bad ones."""

from collections.abc import Callable
from typing import Any

from tests.interop.conftest import Java
from tests.interop.progress import settled_count
from tests.stack import wait_until

Rest = Callable[..., Any]
BODY = 9
SENT_COUNT = 32
SQL = "sql:price BETWEEN 10 AND 20 AND colour IN ('red', 'blue') OR TAGS = 'always'"


def send(rest: Rest, topic: str) -> None:
    rest("POST", "/topics", {"name": topic, "queues": 2})
    labels = [{"price": str(n), "colour": ("red", "green", "blue")[n % 3]} for n in range(30)]
    entries: list[dict[str, Any]] = [{"body": f"m{n}", "properties": labels[n]} for n in range(30)]
    entries += [{"body": "tagged", "tag": "always"}, {"body": "bare"}]
    results = rest("POST", f"/topics/{topic}/messages:batch", {"messages": entries})["results"]
    assert all(result["ok"] for result in results)


def test_a_push_consumer_gets_what_its_sql_wants_and_the_rest_counts_as_read(java: Java, rest: Rest) -> None:
    topic, group = f"sql-{java.name}", f"sql-group-{java.name}"
    send(rest, topic)
    rest("POST", "/groups", {"name": group})
    wanted = {f"m{n}" for n in range(10, 21) if n % 3 != 1} | {"tagged"}
    consumer = java.start("Consume", topic, group, SQL, "clustering", str(len(wanted) + 1))
    consumer.wait_for("STARTED")
    # What it left out counts as read while nothing it wants is there.
    wait_until(lambda: settled_count(rest, group, topic) == SENT_COUNT, what="the group to be done with everything")
    rest("POST", f"/topics/{topic}/messages", {"body": "end", "tag": "always"})
    consumed = [line[BODY] for line in consumer.lines() if line[0] == "GOT"]
    assert sorted(consumed) == sorted(wanted | {"end"})


def test_a_filter_that_cannot_be_read_ends_the_start_with_the_reason(java: Java, rest: Rest) -> None:
    topic = f"sql-bad-{java.name}"
    rest("POST", "/topics", {"name": topic})
    program = java.start("Consume", topic, topic, "sql:price !=", "clustering", "1")
    said = program.failure()
    assert [line for line in said if line[0] == "STARTED"] == []
    assert "SQL filter, character 7: unequal is written <>" in "\n".join(word for line in said for word in line)
