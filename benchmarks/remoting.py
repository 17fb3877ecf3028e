"""The remoting door's measurements: what RocketMQ's clients ask for, by a lean client."""

import json
import subprocess
import sys
from typing import Any

from . import disk, stack

Figures = dict[str, dict[str, float]]

QUEUES = 8
PULLED_COUNT = 200_000
_BATCH = 100


def prepare(running: stack.Stack) -> None:
    """Makes the topics, and enough messages to pull."""
    for topic in ("remoting-bench", "remoting-pull", "remoting-java"):
        _make(running, topic)
    message = {"body": "x" * 1024, "tag": "a"}
    path = "/api/v1/instances/default/topics/remoting-pull/messages:batch"
    for _ in range(PULLED_COUNT // 1000):
        running.call("POST", path, {"messages": [message] * 1000})


def once_a_round(running: stack.Stack, number: int, *, seconds: float) -> Figures:
    """Returns what is measured in every round."""
    # Any: JSON values
    send: dict[str, Any] = {"kind": "send", "topic": "remoting-bench", "queues": QUEUES, "seconds": seconds}
    found = {
        "remoting_unary_64": _client(running, **send, connections=64),
        "remoting_unary_64_signed": _client(running, **send, connections=64, is_signed=True),
        "remoting_unary_256": _client(running, **send, connections=256),
        "remoting_pipelined": _client(running, **send, connections=4, depth=64),
        "remoting_batch": _client(running, **send, connections=16, batch=_BATCH),
    }
    for most in (32, 256):
        # A new group: it begins at 0.
        group = f"remoting-pull-{most}-{number}"
        found[f"remoting_pull_{most}"] = _client(
            running, kind="pull", topic="remoting-pull", group=group, queues=QUEUES, max=most
        )
    running.rest()
    found["disk"] = disk.synced_writes(running.data_dir, seconds=seconds)
    # A new topic: what an earlier round left there would be timed from that round.
    live = f"remoting-live-{number}"
    _make(running, live)
    found["remoting_end_to_end"] = _client(
        running, kind="end_to_end", topic=live, group=live, queues=QUEUES, max=32,
        connections=16, rate=1000, seconds=seconds,
    )  # fmt: skip
    return found


def _make(running: stack.Stack, topic: str) -> None:
    form = {"name": topic, "type": "NORMAL", "queues": QUEUES}
    running.call("POST", "/api/v1/instances/default/topics", form)


def _client(running: stack.Stack, *, is_signed: bool = False, **plan: Any) -> dict[str, float]:  # Any: JSON values
    running.rest()
    plan |= {"port": running.broker_port, "key": running.key if is_signed else None}
    outcome = subprocess.run(
        [sys.executable, "-m", "benchmarks.remoting_client"],
        input=json.dumps(plan), capture_output=True, text=True, cwd=stack.PROJECT, timeout=1800, check=False,
    )  # fmt: skip
    if outcome.returncode:
        raise RuntimeError(f"{plan['kind']} failed: {outcome.stderr[-600:]}")
    figures: dict[str, float] = json.loads(outcome.stdout)
    return figures
