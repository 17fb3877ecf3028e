"""Runs one target under atheris: `python -m tests.fuzz.frames -runs=1000000`. libFuzzer's options work.

A target is a module with `SEEDS`, inputs to begin with, and `check`, which takes any bytes and raises only when a
promise is broken. What was ever found is in `FOUND`; `tests/unit/fuzz` runs both lists without atheris.
"""

import importlib
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

# What is watched while it runs, so that the inputs find their way into it.
WATCHED = ["brokers.domain", "brokers.protocols"]
INPUT_BYTES = 4096


class Target(Protocol):
    """A module of this folder."""

    SEEDS: Sequence[bytes]
    FOUND: Sequence[bytes]
    check: Callable[[bytes], None]


def fuzz(name: str) -> None:
    """Fuzzes the target of this file's name until libFuzzer ends the process."""
    import atheris

    for loaded in [module for module in sys.modules if module.startswith(("brokers", "tests.fuzz."))]:
        del sys.modules[loaded]
    with atheris.instrument_imports(include=WATCHED):
        target = importlib.import_module(f"tests.fuzz.{Path(name).stem}")
    with tempfile.TemporaryDirectory() as seeds:
        for number, seed in enumerate([*target.SEEDS, *target.FOUND]):
            Path(seeds, str(number)).write_bytes(seed)
        atheris.Setup([sys.argv[0], f"-max_len={INPUT_BYTES}", *sys.argv[1:], seeds], target.check)
        atheris.Fuzz()
