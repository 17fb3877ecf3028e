"""Two broker workers on one database: one is killed, and unmodified clients lose nothing and carry on."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests import stack
from tests.interop.conftest import Java, Program
from tests.stack import Running, wait_until

Rest = Callable[..., Any]
COUNT = 2000  # enough to be still sending when the worker dies


class Heard:
    """What a program says, collected while it runs."""

    def __init__(self, program: Program) -> None:
        self.lines: list[list[str]] = []
        self.program = program
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def words(self, kind: str) -> list[str]:
        return [line[1] for line in self.lines if line[0] == kind]

    def end(self) -> None:
        """Closes the program's input and waits for it."""
        assert self.program.process.stdin is not None
        self.program.process.stdin.close()
        assert self.program.process.wait(60) == 0
        self._reader.join(10)

    def _read(self) -> None:
        assert self.program.process.stdout is not None
        with self.program.process.stdout as said:
            for line in said:
                self.lines.append(line.rstrip("\n").split("\t"))


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
        wait_until(lambda: "remoting_started" in log.read_text(), what="the second worker to listen", seconds=60)
        yield worker, ports["MQ_NAMESRV_PORT"]
    finally:
        worker.kill()
        worker.wait(20)


def test_a_killed_worker_costs_nothing_and_clients_carry_on(
    java: Java, rest: Rest, server: Running, tmp_path: Path
) -> None:
    topic, group = f"carry-{java.name}", f"carry-group-{java.name}"
    rest("POST", "/topics", {"name": topic})
    with second_worker(server, tmp_path / "worker.log") as (worker, port):
        first, second = f"127.0.0.1:{server.ports['MQ_NAMESRV_PORT']}", f"127.0.0.1:{port}"
        known = f"{second};{first}"
        members = [
            Heard(java.start("Carry", "consume", topic, group, NAMESRV=address, NAMESRVS=known))
            for address in (first, second)
        ]
        wait_until(lambda: all(["STARTED"] in m.lines for m in members), what="both to start", seconds=60)
        producer = Heard(java.start("Carry", "produce", topic, str(COUNT), NAMESRV=second, NAMESRVS=known))
        # Connected to different workers, they share out the queues among both.
        wait_until(lambda: all(len(m.words("GOT")) >= 10 for m in members), what="both to get messages", seconds=60)
        before = [set(member.words("GOT")) for member in members]
        assert len(before[0] & before[1]) <= 32, "members that do not know of each other get the same messages"
        worker.send_signal(signal.SIGKILL)
        producer.program.process.wait(120)
        producer.end()
        sent = producer.words("SENT")
        assert len(sent) == COUNT and producer.words("AGAIN"), "the producer should have met the death of the worker"
        wait_until(
            lambda: set(members[0].words("GOT")) | set(members[1].words("GOT")) == set(sent),
            what="everything to arrive",
            seconds=90,
        )
        heard = len(members[1].words("GOT"))
        # The member that lost its worker works on with the other one.
        late = [{"body": f"late-{i}", "sharding_key": f"{i}"} for i in range(64)]  # in every queue
        rest("POST", f"/topics/{topic}/messages:batch", {"messages": late})
        wait_until(lambda: len(members[1].words("GOT")) > heard, what="the moved member to go on", seconds=60)
        for member in members:
            member.end()
