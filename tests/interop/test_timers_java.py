"""Messages for later, and taken back, by RocketMQ's Java clients."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.interop.conftest import Java
from tests.stack import wait_until

Rest = Callable[..., Any]
# How the client spells an instant or a delay, in ms or seconds; 4.x knows delay levels, the cloud's clients the third.
KINDS = {
    "4.9.8": {"level": 1, "__STARTDELIVERTIME": 1500},
    "5.3.3": {"level": 2, "TIMER_DELIVER_MS": 1700, "TIMER_DELAY_SEC": 2, "TIMER_DELAY_MS": 900},
}


def test_messages_for_later_come_in_time_and_never_early(java: Java) -> None:
    kinds = KINDS[java.version]
    words = [word for kind, value in kinds.items() for word in (kind, str(value))]
    lines = java.run("Later", f"later-{java.name}", f"later-group-{java.name}", *words)
    due = {line[1]: int(line[2]) for line in lines if line[0] == "DUE"}
    assert due.keys() == kinds.keys()
    assert all(0 <= late < 30_000 for late in due.values()), due


def test_a_recalled_message_does_not_come(java: Java, rest: Rest) -> None:
    if java.version < "5":
        pytest.skip("this client has no recall")
    topic, group = f"recall-{java.name}", f"recall-group-{java.name}"
    lines = java.run("Recall", topic)
    unwanted, wanted = (line[2] for line in lines if line[0] == "SENT")
    assert lines[2:] == [["RECALLED", unwanted], ["REFUSED", "MQBrokerException"], ["REFUSED", "MQClientException"]]
    rest("POST", "/groups", {"name": group})
    form = {"topics": [topic], "max": 10, "wait_seconds": 20}
    got = wait_until(lambda: rest("POST", f"/groups/{group}/messages:receive", form)["messages"], what="the message")
    assert [message["message_id"] for message in got] == [wanted]
