"""An account for the tests of this folder, and processes that die when told to."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from brokers.catalog import snapshot
from brokers.store import segments, session
from tests.integration.crash import operations
from tests.integration.crash.mortuary import DEATH
from tests.integration.reads.world import World
from tests.stack import PROJECT

# Does an operation (name, arguments) up to the point of this number, and dies there.
Die = Callable[[str, dict[str, Any], int], None]


class Crash(BaseException):
    """The end of a process, as its own code sees it: nothing catches it."""


@pytest.fixture
def world(database: None) -> World:
    """An empty instance of an account of its own."""
    snapshot.forget()
    segments.make_ahead()
    return World("shop")


@pytest.fixture(scope="session")
def mortuary(django_db_setup: None) -> Iterator[Callable[[str, dict[str, Any], int], int]]:
    """Lets other processes die; returns their exit status."""
    command = [sys.executable, "-m", "tests.integration.crash.mortuary", str(connection.settings_dict["NAME"])]
    with subprocess.Popen(
        command, cwd=PROJECT, env={**os.environ}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        asking, answers = process.stdin, process.stdout

        def ask(name: str, arguments: dict[str, Any], number: int) -> int:
            asking.write(json.dumps([name, arguments, number]) + "\n")
            asking.flush()
            return int(answers.readline())

        yield ask


@pytest.fixture(params=["exception", "exit"])
def die(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Die:
    """Dies twice over: by an exception that unwinds the stack in this process, and by the end of another process."""
    if request.param == "exit":
        ask = request.getfixturevalue("mortuary")

        def in_another(name: str, arguments: dict[str, Any], number: int) -> None:
            assert ask(name, arguments, number) == DEATH

        return in_another

    def here(name: str, arguments: dict[str, Any], number: int) -> None:
        left = [number]

        def crash(_: str) -> None:
            if not left[0]:
                monkeypatch.setattr(session, "failpoint", None)
                raise Crash
            left[0] -= 1

        monkeypatch.setattr(session, "failpoint", crash)
        with pytest.raises(Crash):
            operations.perform(name, arguments)

    return here


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The points the test reached, in order."""
    points: list[str] = []
    monkeypatch.setattr(session, "failpoint", points.append)
    return points
