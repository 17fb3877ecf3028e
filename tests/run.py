"""Runs every check and every test suite, and says at the end which ran and how they went. `make test` calls this.

`run.py NAME…` runs only those named. With CI=true in the environment a suite that is left out counts as failed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
NO_TESTS_COLLECTED = 5
GO_PROGRAMS = PROJECT / "tests/interop/go"
REGISTRY_SECONDS = 180


@dataclass(frozen=True, slots=True)
class Suite:
    """One thing to run: a program that passes or fails as a whole, or a folder of tests (`folder`)."""

    name: str
    what: str
    command: tuple[str, ...] = ()
    folder: str = ""
    # Folders below it that are suites of their own.
    without: tuple[str, ...] = ()
    # Returns why the suite cannot run on this machine, or None.
    obstacle: Callable[[], str | None] = lambda: None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a suite went. `left_out` says why it did not run."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    left_out: str = ""


def main() -> int:
    chosen = [suite for suite in SUITES if not sys.argv[1:] or suite.name in sys.argv[1:]]
    unknown = set(sys.argv[1:]) - {suite.name for suite in SUITES}
    if unknown:
        sys.exit(f"no such suite: {', '.join(sorted(unknown))}; there are {', '.join(suite.name for suite in SUITES)}")
    # The tests choose the settings themselves; what a developer has set must not reach them.
    for name in [name for name in os.environ if name.startswith(("MQ_", "DJANGO_"))]:
        del os.environ[name]
    os.environ["PYTHONPATH"] = str(PROJECT)
    os.environ["PATH"] = f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"
    outcomes = {suite: run(suite) for suite in chosen}
    return report(outcomes, is_strict=os.environ.get("CI", "").lower() in {"1", "true"})


def run(suite: Suite) -> Outcome:
    """Runs one suite, with its output on the terminal."""
    if suite.folder and not (PROJECT / suite.folder).is_dir():
        return Outcome(left_out=f"there is no {suite.folder}")
    reason = suite.obstacle()
    if reason is not None:
        return Outcome(left_out=reason)
    print(f"\n── {suite.name}: {suite.what}", flush=True)
    start = time.monotonic()
    outcome = _run_tests(suite) if suite.folder else _run_program(suite.command)
    return Outcome(outcome.passed, outcome.failed, outcome.skipped, time.monotonic() - start, outcome.left_out)


def _run_program(command: tuple[str, ...]) -> Outcome:
    is_good = subprocess.run(command, cwd=PROJECT, check=False).returncode == 0
    return Outcome(passed=int(is_good), failed=int(not is_good))


def _run_tests(suite: Suite) -> Outcome:
    folder = suite.folder
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch, "report.xml")
        command = [sys.executable, "-m", "pytest", "--quiet", folder, f"--junitxml={report}", "-o", "junit_logging=no"]
        command += [f"--ignore={other}" for other in suite.without]
        code = subprocess.run(command, cwd=PROJECT, check=False).returncode
        if code == NO_TESTS_COLLECTED:
            return Outcome(left_out=f"there are no tests in {folder}")
        outcome = _count(report) if report.exists() else Outcome(failed=1)
    # A run that broke off (an internal error, a signal) fails even if every test it came to had passed.
    if code != 0 and outcome.failed == 0:
        return Outcome(outcome.passed, 1, outcome.skipped)
    return outcome


def _count(report: Path) -> Outcome:
    cases = list(ET.parse(report).getroot().iter("testcase"))
    failed = sum(1 for case in cases if case.find("failure") is not None or case.find("error") is not None)
    skipped = sum(1 for case in cases if case.find("skipped") is not None)
    return Outcome(passed=len(cases) - failed - skipped, failed=failed, skipped=skipped)


def report(outcomes: dict[Suite, Outcome], *, is_strict: bool) -> int:
    """Prints the table and returns the exit code: 0 when something ran, nothing failed and, if strict, all ran."""
    print(f"\n{'suite':12} {'passed':>7} {'failed':>7} {'skipped':>8} {'seconds':>8}")
    for suite, outcome in outcomes.items():
        numbers = f"{outcome.passed:7} {outcome.failed:7} {outcome.skipped:8} {outcome.seconds:8.1f}"
        print(f"{suite.name:12} {'left out: ' + outcome.left_out if outcome.left_out else numbers}")
    left_out = [suite.name for suite, outcome in outcomes.items() if outcome.left_out]
    failed = [suite.name for suite, outcome in outcomes.items() if outcome.failed]
    ran = [suite.name for suite in outcomes if suite.name not in left_out]
    print(f"\nran: {', '.join(ran) or 'nothing'}")
    print(f"left out: {', '.join(left_out) or 'nothing'}")
    if is_strict and left_out:
        print("failed, because CI leaves nothing out")
    total = [sum(getattr(outcome, name) for outcome in outcomes.values()) for name in ("passed", "failed", "skipped")]
    print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped", flush=True)
    return 1 if failed or not ran or (is_strict and left_out) else 0


def _no_browser() -> str | None:
    names = ("/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome")
    return None if any(shutil.which(name) for name in names) else "no Chromium found (on Debian: apt install chromium)"


def _no_java() -> str | None:
    missing = [name for name in ("java", "javac", "mvn") if not shutil.which(name)]
    if not missing:
        return None
    return f"{', '.join(missing)} not found (on Debian: apt install default-jdk-headless maven)"


def _no_go() -> str | None:
    if not shutil.which("go"):
        return "no go found (on Debian: apt install golang-go)"
    return _unable(["go", "mod", "download"], GO_PROGRAMS, "go cannot fetch the client")


def _no_node() -> str | None:
    missing = [name for name in ("node", "npm") if not shutil.which(name)]
    if missing:
        return f"{', '.join(missing)} not found (on Debian: apt install npm)"
    return _unable(["npm", "view", "ali-ons", "version"], PROJECT, "npm cannot fetch the client")


def _unable(command: list[str], place: Path, reason: str) -> str | None:
    """Returns why a command that asks a registry fails: the machine may be offline."""
    try:
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=REGISTRY_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"{reason}: no answer in {REGISTRY_SECONDS} s"
    said = (done.stderr or done.stdout).strip().splitlines()
    return None if done.returncode == 0 else f"{reason}: {said[-1] if said else 'it does not say why'}"


def _no_npm() -> str | None:
    return None if shutil.which("npm") else "no npm found (on Debian: apt install npm)"


SUITES = [
    Suite("lint", "ruff's findings", (str(BIN / "ruff"), "check", ".")),
    Suite("format", "the house format", (str(BIN / "ruff"), "format", "--check", "--quiet", ".")),
    Suite("types", "mypy, strict", (str(BIN / "mypy"), ".")),
    Suite("layers", "who imports whom", (str(BIN / "lint-imports"), "--no-logo")),
    Suite("tidy", "the house style", folder="tests/tidy"),
    Suite("unit", "pure code, no servers", folder="tests/unit"),
    Suite("integration", "with PostgreSQL and Redis", folder="tests/integration"),
    Suite("conformance", "the promises, through each door", folder="tests/conformance"),
    Suite("examples", "the example jobs", folder="tests/examples"),
    Suite(
        "interop",
        "unmodified Java clients",
        folder="tests/interop",
        without=("tests/interop/go", "tests/interop/node"),
        obstacle=_no_java,
    ),
    Suite("interop-go", "the unmodified Go client", folder="tests/interop/go", obstacle=_no_go),
    Suite("interop-node", "the unmodified Node client", folder="tests/interop/node", obstacle=_no_node),
    Suite("assets", "what `make assets` builds is what is committed", folder="tests/assets", obstacle=_no_npm),
    Suite("e2e", "the console in a real browser", folder="tests/e2e", obstacle=_no_browser),
]

if __name__ == "__main__":
    sys.exit(main())
