"""RocketMQ's own Java clients, built once a version, and programs run with them against the whole product."""

import base64
import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.interop.programs import Lines, Program, Programs
from tests.stack import Running

PROJECT = Path(__file__).parent / "java"
BUILD_SECONDS = 600
# Version of the client, and what else Maven must know to build with it.
CLIENTS = {"4.9.8": ("-Pfour",), "5.3.3": ()}
# Short-lived programs: compiling well and collecting garbage side by side would cost more than they bring.
QUICK_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


@dataclass(frozen=True, slots=True)
class Launcher:
    """Starts programs of another language; `command` comes before a program's name."""

    command: Sequence[str]
    suffix: str
    server: Running
    programs: Programs
    place: Path | None = None

    def start(self, program: str, *arguments: str, **environment: str) -> Program:
        """Starts a program that finds the product by its name server."""
        command = [*self.command, program + self.suffix, *arguments]
        return self.programs.start(command, {**addresses(self.server), **environment}, cwd=self.place)

    def run(self, program: str, *arguments: str, **environment: str) -> Lines:
        """Runs a program to its end and returns what it said."""
        return self.start(program, *arguments, **environment).lines()


@dataclass(frozen=True, slots=True)
class Java:
    """One version of the client, and where its programs connect to."""

    version: str
    classes: Path
    server: Running
    programs: Programs

    def start(self, program: str, *arguments: str, **environment: str) -> Program:
        """Starts a program of this folder's project."""
        home = self.programs.home()
        logs = [f"-Duser.home={home}", f"-Drocketmq.client.logRoot={home}"]
        path = f"{self.classes}/classes{os.pathsep}{self.classes}/lib/*"
        command = ["java", *QUICK_START, *logs, "-cp", path, f"interop.{program}", *arguments]
        return self.programs.start(command, {**addresses(self.server), **environment})

    def run(self, program: str, *arguments: str, **environment: str) -> Lines:
        """Runs a program to its end and returns what it said."""
        return self.start(program, *arguments, **environment).lines()

    @property
    def name(self) -> str:
        """Returns the version as a part of names."""
        return self.version.replace(".", "-")


def addresses(server: Running) -> dict[str, str]:
    """Returns where programs find a product."""
    return {"NAMESRV": f"127.0.0.1:{server.ports['MQ_NAMESRV_PORT']}"}


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    """The programs a test starts."""
    with Programs.in_folder(tmp_path) as started:
        yield started


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Builds the programs with a version of the client, once, and says where they are."""
    if not (shutil.which("javac") and shutil.which("mvn")):
        pytest.skip("no JDK or no Maven on this machine (on Debian: apt install default-jdk-headless maven)")
    places: dict[str, Path] = {}

    def build(version: str) -> Path:
        if version not in places:
            place = tmp_path_factory.mktemp(f"client-{version}")
            command = ["mvn", "--quiet", "--batch-mode", "-f", str(PROJECT / "pom.xml"), *CLIENTS[version]]
            command += [f"-Drocketmq.version={version}", f"-Dbuild.place={place}", f"-DoutputDirectory={place}/lib"]
            command += ["compile", "dependency:copy-dependencies"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
            places[version] = place
        return places[version]

    return build


@pytest.fixture(params=CLIENTS)
def java(request: pytest.FixtureRequest, built: Callable[[str], Path], server: Running, programs: Programs) -> Java:
    """A version of the client that finds the product."""
    return Java(request.param, built(request.param), server, programs)


@pytest.fixture
def rest(server: Running) -> Callable[..., Any]:
    """Calls the REST API in the first instance: rest("POST", "/topics/…", body)."""

    def call(method: str, path: str, body: Any = None) -> Any:  # Any: JSON values
        user = f"{server.credentials['access_key_id']}:{server.credentials['access_key_secret']}"
        request = urllib.request.Request(
            f"{server.url}/api/v1/instances/default{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Basic {base64.b64encode(user.encode()).decode()}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=120) as response:
            return json.loads(response.read() or b"null")

    return call
