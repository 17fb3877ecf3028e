"""RocketMQ's own administration tool, fetched by Maven and run against the product."""

import base64
import os
import select
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop.conftest import QUICK_START
from tests.stack import Running

POM = Path(__file__).parent / "mqadmin/pom.xml"
COMMANDS = Path(__file__).parent / "mqadmin/Commands.java"
COMMAND_SECONDS = 240


@dataclass(frozen=True, slots=True)
class Tool:
    """The tool in a process that runs one command after another, and where it connects to."""

    process: "subprocess.Popen[bytes]"
    home: Path
    server: Running

    def __call__(self, command: str, *options: str) -> str:
        """Runs a command and returns what it said, its complaints too."""
        assert self.process.stdin is not None and self.process.stdout is not None
        namesrv = f"127.0.0.1:{self.server.ports['MQ_NAMESRV_PORT']}"
        self.process.stdin.write("\t".join((command, "-n", namesrv, *options)).encode() + b"\n")
        self.process.stdin.flush()
        answers, _, _ = select.select([self.process.stdout], [], [], COMMAND_SECONDS)
        assert answers, f"mqadmin {command} did not end in {COMMAND_SECONDS} s"
        line = self.process.stdout.readline()
        assert line, f"mqadmin {command} ended the process"
        return base64.b64decode(line).decode()

    @property
    def broker(self) -> str:
        """Returns the broker's address, for commands that want it."""
        return f"127.0.0.1:{self.server.ports['MQ_BROKER_PORT']}"

    def use_key(self, key: str, secret: str) -> None:
        """Makes the tool sign its requests, until the test ends: it looks for a key at each command."""
        (self.home / "conf").mkdir(exist_ok=True)
        (self.home / "conf/tools.yml").write_text(f"accessKey: {key}\nsecretKey: {secret}\n")


@pytest.fixture(scope="session")
def jars(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Fetches the tool once and says where it is."""
    if not (shutil.which("java") and shutil.which("mvn")):
        pytest.skip("no Java or no Maven on this machine (on Debian: apt install default-jdk-headless maven)")
    place = tmp_path_factory.mktemp("mqadmin")

    def fetch() -> Path:
        if not any(place.iterdir()):
            command = ["mvn", "--quiet", "--batch-mode", "-f", str(POM), f"-DoutputDirectory={place}"]
            command += ["dependency:copy-dependencies"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
        return place

    return fetch


@pytest.fixture(scope="session")
def tool(jars: Callable[[], Path], server: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tool]:
    """The tool in one process for all tests: starting a Java machine for each command takes longer than the command."""
    home, place = tmp_path_factory.mktemp("mqadmin-home"), jars()
    logs = [f"-Duser.home={home}", f"-Drocketmq.client.logRoot={home}"]
    process = subprocess.Popen(
        ["java", *QUICK_START, *logs, "-cp", f"{place}/*", str(COMMANDS)],
        env={**os.environ, "ROCKETMQ_HOME": str(home)},
        cwd=home,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with process:
        try:
            yield Tool(process, home, server)
        finally:
            process.kill()


@pytest.fixture
def mqadmin(tool: Tool) -> Iterator[Tool]:
    """The tool, without a key at first."""
    yield tool
    shutil.rmtree(tool.home / "conf", ignore_errors=True)
