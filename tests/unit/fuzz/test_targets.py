"""The fuzz targets' seeds, and whatever fuzzing ever found, as ordinary tests; and that a target notices a mistake."""

import importlib
from pathlib import Path

import pytest

from brokers.protocols.remoting import records
from tests.fuzz import messages, runner
from tests.stack import PROJECT

TARGETS = sorted(path.stem for path in Path(runner.__file__).parent.glob("*.py") if path.stem != "runner")


def inputs() -> list[tuple[str, bytes]]:
    found = []
    for name in TARGETS:
        target = importlib.import_module(f"tests.fuzz.{name}")
        found += [(name, data) for data in [b"", *target.SEEDS, *target.FOUND]]
    return found


@pytest.mark.parametrize(("name", "data"), inputs())
def test_an_input_keeps_the_promise(name: str, data: bytes) -> None:
    importlib.import_module(f"tests.fuzz.{name}").check(data)


def test_every_target_is_fuzzed_by_make() -> None:
    assert f"for target in {' '.join(TARGETS)}; do" in (PROJECT / "Makefile").read_text()


def test_a_target_notices_a_decoder_that_falls_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(text: str) -> dict[str, str]:
        return dict([text.split("\x01")])  # the mistake

    monkeypatch.setattr(records, "read_properties", broken)
    with pytest.raises(ValueError):
        messages.check(b"no name")
