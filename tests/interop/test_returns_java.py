"""Members that send what failed to %RETRY%<group> themselves."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.interop.conftest import Java
from tests.stack import wait_until

Rest = Callable[..., Any]


# Orderly members count in place and send the message once, at the end. A concurrent one sends it after each failure;
# the broker buries it, as RocketMQ's does, when it has failed as often as it may be repeated: one time fewer.
@pytest.mark.parametrize(("how", "most", "times", "attempts"), [("orderly", 2, 3, 3), ("concurrent", 1, 1, 1)])
def test_what_a_member_sends_back_itself_ends_as_one_dead_letter_that_knows_its_origin(
    java: Java, rest: Rest, how: str, most: int, times: int, attempts: int
) -> None:
    topic, group = f"resend-{how}-{java.name}", f"resend-{how}-group-{java.name}"
    rest("POST", "/topics", {"name": topic, "queues": 1})
    sent = rest("POST", f"/topics/{topic}/messages", {"body": "doomed", "keys": ["k-1"]})
    program = java.start("Resend", topic, group, str(most), how, str(times))
    program.wait_for("FAILED")
    wait_until(lambda: rest("GET", f"/groups/{group}/dead-letters")["items"], what="the dead letter to be buried")
    # The member says how far it is; the message is behind it.
    wait_until(lambda: rest("GET", f"/groups/{group}/offsets")["lag"] == 0, what="the group to have no lag")
    program.lines()
    (dead,) = rest("GET", f"/groups/{group}/dead-letters")["items"]
    assert (dead["message_id"], dead["topic"], dead["keys"]) == (sent["message_id"], topic, ["k-1"])
    assert dead["attempts"] == attempts
