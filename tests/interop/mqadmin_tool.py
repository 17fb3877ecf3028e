"""RocketMQ's own administration tool, fetched by Maven and run against the product."""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.stack import Running

POM = Path(__file__).parent / "mqadmin/pom.xml"
MAIN = "org.apache.rocketmq.tools.command.MQAdminStartup"


@dataclass(frozen=True, slots=True)
class Tool:
    """The tool, its jars, and where it connects to. A key is written where the tool looks for one."""

    jars: Path
    home: Path
    server: Running

    def __call__(self, command: str, *options: str) -> str:
        """Runs a command and returns what it said, its complaints too."""
        path = f"{self.jars}/*"
        logs = [f"-Duser.home={self.home}", f"-Drocketmq.client.logRoot={self.home}"]
        namesrv = f"127.0.0.1:{self.server.ports['MQ_NAMESRV_PORT']}"
        done = subprocess.run(
            ["java", *logs, "-cp", path, MAIN, command, "-n", namesrv, *options],
            env={**os.environ, "ROCKETMQ_HOME": str(self.home)},
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.stdout + done.stderr

    @property
    def broker(self) -> str:
        """Returns the broker's address, for commands that want it."""
        return f"127.0.0.1:{self.server.ports['MQ_BROKER_PORT']}"

    def use_key(self, key: str, secret: str) -> None:
        """Makes the tool sign its requests."""
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


@pytest.fixture
def mqadmin(jars: Callable[[], Path], server: Running, tmp_path: Path) -> Tool:
    """The tool, for the shared product."""
    return Tool(jars(), tmp_path, server)
