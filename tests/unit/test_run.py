"""The runner of the suites tells the truth: about failures, about what it left out, and in its exit code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import run

GOOD = "def test_good(): pass\n"
BAD = "def test_bad(): assert False\n"
SKIPPED = "import pytest\ndef test_skipped(): pytest.skip('not here')\n"
BROKEN = "import no_such_module\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with nothing in it but a folder for tests."""
    (tmp_path / "tests").mkdir()
    monkeypatch.setattr(run, "PROJECT", tmp_path)
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE")  # there is no Django in this project
    return tmp_path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD, (1, 0, 0)),
        (GOOD + BAD, (1, 1, 0)),
        (GOOD + SKIPPED, (1, 0, 1)),
        (BROKEN, (0, 1, 0)),
        (GOOD + "import os\ndef test_dies(): os._exit(3)\n", (0, 1, 0)),
    ],
    ids=["good", "bad", "skipped", "broken", "dies"],
)
def test_counts_are_those_of_the_tests(project: Path, text: str, expected: tuple[int, int, int]) -> None:
    (project / "tests" / "test_it.py").write_text(text)
    outcome = run.run(run.Suite("it", "", folder="tests"))
    assert (outcome.passed, outcome.failed, outcome.skipped) == expected


def test_folder_without_tests_is_left_out(project: Path) -> None:
    assert run.run(run.Suite("it", "", folder="tests")).left_out == "there are no tests in tests"
    assert run.run(run.Suite("it", "", folder="tests/none")).left_out == "there is no tests/none"


def test_program_fails_by_its_exit_code(project: Path) -> None:
    assert run.run(run.Suite("it", "", (sys.executable, "-c", "raise SystemExit(1)"))).failed == 1
    assert run.run(run.Suite("it", "", (sys.executable, "-c", ""))).passed == 1


MEETS = """
import pathlib, sys, time
here, there = sys.argv[1:]
pathlib.Path(here).touch()
deadline = time.monotonic() + 60
while not pathlib.Path(there).exists() and time.monotonic() < deadline:
    time.sleep(0.01)
print("I am", pathlib.Path(here).name)
sys.exit(0 if pathlib.Path(there).exists() else 1)
"""


def test_suites_beside_another_run_with_it_and_speak_after_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    here, there = str(tmp_path / "first"), str(tmp_path / "second")
    suites = [
        run.Suite("first", "meets", (sys.executable, "-c", MEETS, here, there)),
        run.Suite("last", "fails", (sys.executable, "-c", "raise SystemExit('no')"), beside="first"),
        run.Suite("between", "", (sys.executable, "-c", "")),
        run.Suite("second", "meets", (sys.executable, "-c", MEETS, there, here), beside="first"),
    ]
    outcomes = run.run_all(suites)
    assert list(outcomes) == suites
    assert [(outcome.passed, outcome.failed) for outcome in outcomes.values()] == [(1, 0), (0, 1), (1, 0), (1, 0)]
    said = capfd.readouterr().out.split("── ")[1:]
    assert [part.split()[0].strip(":") for part in said] == ["at", "first", "last", "second", "between"]
    assert [part.split("\n")[1] for part in said] == ["", "I am first", "no", "I am second", ""]


def test_suite_whose_neighbour_is_not_chosen_runs_alone(capfd: pytest.CaptureFixture[str]) -> None:
    suite = run.Suite("second", "alone", (sys.executable, "-c", "print('I am here')"), beside="first")
    assert run.run_all([suite])[suite].passed == 1
    assert capfd.readouterr().out == "\n── second: alone\nI am here\n"


@pytest.mark.parametrize(
    ("outcomes", "is_strict", "code", "last"),
    [
        ([run.Outcome(passed=2)], True, 0, "2 passed, 0 failed, 0 skipped"),
        (
            [run.Outcome(passed=2), run.Outcome(passed=1, failed=1, skipped=3)],
            False,
            1,
            "3 passed, 1 failed, 3 skipped",
        ),
        ([run.Outcome(passed=2), run.Outcome(left_out="no Chromium")], False, 0, "2 passed, 0 failed, 0 skipped"),
        ([run.Outcome(passed=2), run.Outcome(left_out="no Chromium")], True, 1, "2 passed, 0 failed, 0 skipped"),
        ([run.Outcome(left_out="no Chromium")], False, 1, "0 passed, 0 failed, 0 skipped"),
    ],
)
def test_exit_code_is_honest(
    outcomes: list[run.Outcome], is_strict: bool, code: int, last: str, capsys: pytest.CaptureFixture[str]
) -> None:
    suites = {run.Suite(f"suite{number}", ""): outcome for number, outcome in enumerate(outcomes)}
    assert run.report(suites, is_strict=is_strict) == code
    printed = capsys.readouterr().out
    assert printed.splitlines()[-1] == last
    assert ("no Chromium" in printed) == any(outcome.left_out for outcome in outcomes)


def test_unknown_suite_is_refused() -> None:
    command = [sys.executable, str(Path(run.__file__)), "nonsense"]
    refused = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert refused.returncode == 1 and "no such suite: nonsense" in refused.stderr
