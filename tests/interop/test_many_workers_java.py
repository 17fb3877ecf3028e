"""Two broker workers on one database: one is killed, and unmodified clients lose nothing and carry on."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests import stack
from tests.interop.conftest import Java
from tests.interop.programs import Program
from tests.stack import Running, wait_until

Rest = Callable[..., Any]
QUEUE_COUNT = 8


@contextmanager
def second_worker(server: Running, log: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Runs one more broker worker on the product's stores; gives its process and its name server's port."""
    ports = {"MQ_NAMESRV_PORT": stack.free_port(), "MQ_BROKER_PORT": stack.free_port()}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MQ_", "DJANGO_"))}
    given = {"MQ_DATA_DIR": str(server.data_dir), **{name: str(port) for name, port in ports.items()}}
    with log.open("wb") as output:
        worker = subprocess.Popen(
            [sys.executable, "manage.py", "runbroker"],
            cwd=stack.PROJECT,
            env={**inherited, **given},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: "remoting_started" in log.read_text(), what="the second worker to listen")
        yield worker, ports["MQ_NAMESRV_PORT"]
    finally:
        worker.kill()
        worker.wait(120)


def bodies(program: Program, word: str) -> set[str]:
    return {line[0] for line in program.said(word)}


def share(members: list[Program]) -> bool:
    """Whether the members have each half of the queues."""
    for member in members:
        member.tell("how many?")
    return [member.next("HOLDS") for member in members] == [[str(QUEUE_COUNT // 2)]] * 2


def test_a_killed_worker_costs_nothing_and_clients_carry_on(
    java: Java, rest: Rest, server: Running, tmp_path: Path
) -> None:
    topic, group = f"carry-{java.name}", f"carry-group-{java.name}"
    rest("POST", "/topics", {"name": topic, "queues": QUEUE_COUNT})
    with second_worker(server, tmp_path / "worker.log") as (worker, port):
        first, second = f"127.0.0.1:{server.ports['MQ_NAMESRV_PORT']}", f"127.0.0.1:{port}"
        known = f"{second};{first}"
        members = [
            java.start("Carry", "consume", topic, group, NAMESRV=address, NAMESRVS=known) for address in (first, second)
        ]
        for member in members:
            member.wait_for("STARTED")
        # Connected to different workers, they share out the queues among both.
        wait_until(lambda: share(members), what="the members to share out the queues")
        producer = java.start("Carry", "produce", topic, NAMESRV=second, NAMESRVS=known)
        wait_until(lambda: all(len(bodies(m, "GOT")) >= 10 for m in members), what="both to get messages")
        before = [bodies(member, "GOT") for member in members]
        assert len(before[0] & before[1]) <= 32, "members that do not know of each other get the same messages"
        failures = len(producer.said("AGAIN"))
        worker.send_signal(signal.SIGKILL)
        wait_until(lambda: len(producer.said("AGAIN")) > failures, what="the producer to meet the death of the worker")
        count = len(producer.said("SENT"))
        wait_until(lambda: len(producer.said("SENT")) > count, what="the producer to carry on")
        producer.lines()
        sent = bodies(producer, "SENT")
        wait_until(
            lambda: bodies(members[0], "GOT") | bodies(members[1], "GOT") == sent,
            what="everything to arrive",
        )
        heard = len(members[1].said("GOT"))
        # The member that lost its worker works on with the other one.
        late = [{"body": f"late-{i}", "sharding_key": f"{i}"} for i in range(64)]  # in every queue
        rest("POST", f"/topics/{topic}/messages:batch", {"messages": late})
        wait_until(lambda: len(members[1].said("GOT")) > heard, what="the moved member to go on")
        for member in members:
            member.lines()
