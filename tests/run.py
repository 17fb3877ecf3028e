"""Runs every check and every test suite, and says at the end which ran and how they went. `make test` calls this.

`run.py NAME…` runs only those named. With CI=true in the environment a suite that is left out counts as failed.
Suites that mostly wait for the clocks of unmodified clients run beside another; what they say comes whole, after it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

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
    # The suite it runs at the same time as, if both are to run; those beside one suite run one after another.
    beside: str = ""


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
    outcomes = run_all(chosen)
    return report(outcomes, is_strict=os.environ.get("CI", "").lower() in {"1", "true"})


def run_all(chosen: Sequence[Suite]) -> dict[Suite, Outcome]:
    """Runs the suites, those that go beside another with it, and returns how each went, in the order they came in."""
    names = {suite.name for suite in chosen}
    outcomes: dict[Suite, Outcome] = {}
    for suite in chosen:
        if suite.beside in names:
            continue
        with _running_beside([other for other in chosen if other.beside == suite.name], outcomes):
            outcomes[suite] = run(suite)
    return {suite: outcomes[suite] for suite in chosen}


@contextmanager
def _running_beside(suites: Sequence[Suite], outcomes: dict[Suite, Outcome]) -> Iterator[None]:
    """Runs suites one after another during the block and, if that takes longer, after it; then shows what they said."""
    if not suites:
        yield
        return
    with tempfile.TemporaryFile() as said, ThreadPoolExecutor(1) as thread:
        beside = [(suite, thread.submit(run, suite, said)) for suite in suites]
        print(f"\n── at the same time as the next: {', '.join(suite.name for suite in suites)}", flush=True)
        try:
            yield
        except BaseException:  # Ctrl-C ends what runs; the rest must not begin
            thread.shutdown(cancel_futures=True)
            raise
        outcomes |= {suite: one.result() for suite, one in beside}
        said.seek(0)
        print(said.read().decode(errors="replace"), flush=True)


def run(suite: Suite, output: IO[bytes] | None = None) -> Outcome:
    """Runs one suite, with its output on the terminal or in a file."""
    if suite.folder and not (PROJECT / suite.folder).is_dir():
        return Outcome(left_out=f"there is no {suite.folder}")
    reason = suite.obstacle()
    if reason is not None:
        return Outcome(left_out=reason)
    title = f"\n── {suite.name}: {suite.what}\n"
    if output is None:
        print(title, end="", flush=True)
    else:
        output.write(title.encode())
        output.flush()
    start = time.monotonic()
    outcome = _run_tests(suite, output) if suite.folder else _run_program(suite.command, output)
    return Outcome(outcome.passed, outcome.failed, outcome.skipped, time.monotonic() - start, outcome.left_out)


def _run_program(command: Sequence[str], output: IO[bytes] | None) -> Outcome:
    is_good = _returncode(command, output) == 0
    return Outcome(passed=int(is_good), failed=int(not is_good))


def _returncode(command: Sequence[str], output: IO[bytes] | None) -> int:
    errors = None if output is None else subprocess.STDOUT
    return subprocess.run(command, cwd=PROJECT, stdout=output, stderr=errors, check=False).returncode


def _run_tests(suite: Suite, output: IO[bytes] | None) -> Outcome:
    folder = suite.folder
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch, "report.xml")
        command = [sys.executable, "-m", "pytest", "--quiet", folder, f"--junitxml={report}", "-o", "junit_logging=no"]
        command += [f"--ignore={other}" for other in suite.without]
        code = _returncode(command, output)
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
        beside="integration",
    ),
    Suite("interop-go", "the unmodified Go client", folder="tests/interop/go", obstacle=_no_go, beside="integration"),
    Suite(
        "interop-node",
        "the unmodified Node client",
        folder="tests/interop/node",
        obstacle=_no_node,
        beside="integration",
    ),
    Suite("assets", "what `make assets` builds is what is committed", folder="tests/assets", obstacle=_no_npm),
    Suite("e2e", "the console in a real browser", folder="tests/e2e", obstacle=_no_browser),
]

if __name__ == "__main__":
    sys.exit(main())
