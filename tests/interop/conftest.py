"""RocketMQ's own Java clients, built once a version, and programs run with them against the whole product."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.stack import Running

PROJECT = Path(__file__).parent / "java"
BUILD_SECONDS = 600
RUN_SECONDS = 120
# Version of the client, and what else Maven must know to build with it.
CLIENTS = {"4.9.8": ("-Pfour",), "5.3.3": ()}
# Short-lived programs: compiling well and collecting garbage side by side would cost more than they bring.
QUICK_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")

Lines = list[list[str]]


@dataclass(frozen=True, slots=True)
class Program:
    """A Java program that runs; `lines` waits for its end."""

    process: "subprocess.Popen[str]"

    def wait_for(self, word: str) -> None:
        """Reads until the program says `word`."""
        self.next(word)

    def next(self, word: str) -> list[str]:
        """Returns the next line that begins with `word`, split at tabs; a program that says nothing is ended."""
        assert self.process.stdout is not None
        said = []
        watch = threading.Timer(RUN_SECONDS, self.process.kill)
        watch.start()
        try:
            for line in self.process.stdout:
                parts = line.rstrip("\n").split("\t")
                if parts[0] == word:
                    return parts[1:]
                said.append(line)
        finally:
            watch.cancel()
        raise AssertionError(f"the program ended without saying {word}; it said: {said}")

    def kill(self) -> None:
        """Ends the program as a crash would."""
        self.process.kill()
        self.process.wait(10)
        for end in (self.process.stdin, self.process.stdout):
            if end is not None:
                end.close()

    def lines(self) -> Lines:
        """Returns what the program said, split at tabs; fails the test when the program failed."""
        output, _ = self.process.communicate(timeout=RUN_SECONDS)
        assert self.process.returncode == 0, output
        return [line.split("\t") for line in output.splitlines()]


@dataclass(frozen=True, slots=True)
class Launcher:
    """Starts programs of another language; `command` comes before a program's name."""

    command: Sequence[str]
    suffix: str
    server: Running
    place: Path | None = None

    def start(self, program: str, *arguments: str, **environment: str) -> Program:
        """Starts a program that finds the product by its name server."""
        addresses = {"NAMESRV": f"127.0.0.1:{self.server.ports['MQ_NAMESRV_PORT']}"}
        process = subprocess.Popen(
            [*self.command, program + self.suffix, *arguments],
            cwd=self.place,
            env={**os.environ, **addresses, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return Program(process)

    def run(self, program: str, *arguments: str, **environment: str) -> Lines:
        """Runs a program to its end and returns what it said."""
        return self.start(program, *arguments, **environment).lines()


@dataclass(frozen=True, slots=True)
class Java:
    """One version of the client, and where its programs connect to."""

    version: str
    classes: Path
    server: Running
    home: Path

    def start(self, program: str, *arguments: str, **environment: str) -> Program:
        """Starts a program of this folder's project."""
        addresses = {"NAMESRV": f"127.0.0.1:{self.server.ports['MQ_NAMESRV_PORT']}"}
        # Each program has a home of its own: broadcasting members keep their offsets there.
        home = tempfile.mkdtemp(dir=self.home)
        logs = [f"-Duser.home={home}", f"-Drocketmq.client.logRoot={home}"]
        path = f"{self.classes}/classes{os.pathsep}{self.classes}/lib/*"
        process = subprocess.Popen(
            ["java", *QUICK_START, *logs, "-cp", path, f"interop.{program}", *arguments],
            env={**os.environ, **addresses, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return Program(process)

    def run(self, program: str, *arguments: str, **environment: str) -> Lines:
        """Runs a program to its end and returns what it said."""
        return self.start(program, *arguments, **environment).lines()

    @property
    def name(self) -> str:
        """Returns the version as a part of names."""
        return self.version.replace(".", "-")


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
def java(request: pytest.FixtureRequest, built: Callable[[str], Path], server: Running, tmp_path: Path) -> Java:
    """A version of the client that finds the product."""
    return Java(request.param, built(request.param), server, tmp_path)


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
        with urllib.request.urlopen(request, timeout=40) as response:
            return json.loads(response.read() or b"null")

    return call
