"""Breaks the remoting door in each way `breakages.py` names, in a copy of the source, and looks whether a test notices.

    python -m tests.mutation.remoting [text …]

A text chooses the breakages whose name holds it. The tests they name are run on the sound copy first and must pass;
then each breakage is put in, its tests are run, and it is taken out again. Noticed is what makes a test fail: not what
keeps the product from starting, nor what the tests leave out because a program of theirs is missing.
Ends with a table, and 1 unless every breakage was noticed.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.breakages import BREAKAGES, Breakage

PROJECT = Path(__file__).parents[2]
NOTICED, MISSED, LEFT_OUT = "noticed", "MISSED", "left out"
# Of what the tests of a breakage said, no more is shown when they noticed nothing.
SHOWN_CHARS = 3000


@dataclass(frozen=True, slots=True)
class Run:
    """What became of some tests."""

    passed: int
    failed: int
    broken: int
    said: str


def main(words: list[str]) -> int:
    """Runs it all; returns the exit code."""
    chosen = [one for one in BREAKAGES if not words or any(word in one.name for word in words)]
    if not chosen:
        sys.exit(f"no breakage is called so; there are: {', '.join(one.name for one in BREAKAGES)}")
    with tempfile.TemporaryDirectory(prefix="mqbroken-") as folder:
        copy = Path(folder)
        _copy(copy)
        sound = _run(copy, {test: None for one in chosen for test in one.tests})
        if sound.failed or sound.broken:
            print(sound.said)
            sys.exit("These tests must pass before anything is broken.")
        results = [(one, *_try(copy, one)) for one in chosen]
    width = max(len(one.name) for one in chosen)
    print()
    for one, verdict, seconds in results:
        print(f"{one.name:<{width}}  {verdict:<8}  {seconds:4.0f} s  {one.path}")
    count = sum(verdict == NOTICED for _, verdict, _ in results)
    print(f"{count} of {len(results)} breakages noticed")
    return 0 if count == len(results) else 1


def _try(copy: Path, breakage: Breakage) -> tuple[str, float]:
    """Returns what became of a breakage, and how long that took in seconds."""
    path = copy / breakage.path
    sound = path.read_text()
    if sound.count(breakage.old) != 1:
        sys.exit(
            f"{breakage.path} has {sound.count(breakage.old)} times what {breakage.name!r} would change, not once."
        )
    began = time.monotonic()
    path.write_text(sound.replace(breakage.old, breakage.new))
    try:
        done = _run(copy, breakage.tests)
    finally:
        path.write_text(sound)
    verdict = NOTICED if done.failed else MISSED if done.passed or done.broken else LEFT_OUT
    print(f"{verdict}: {breakage.name}", flush=True)
    if verdict == MISSED:
        print(done.said[-SHOWN_CHARS:], flush=True)
    return verdict, time.monotonic() - began


def _run(copy: Path, tests: Iterable[str]) -> Run:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MQ_", "DJANGO_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        cwd=copy,
        env={**inherited, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    last = done.stdout.strip().rpartition("\n")[2]
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|error)", last)}
    is_broken = done.returncode not in {0, 1}
    return Run(
        passed=counts.get("passed", 0),
        failed=counts.get("failed", 0),
        broken=counts.get("error", 0) + is_broken,
        said=done.stdout,
    )


def _copy(place: Path) -> None:
    """Copies the files git knows, and those it would."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, check=True).stdout.decode()
    for name in filter(None, listed.split("\0")):
        source, target = PROJECT / name, place / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
