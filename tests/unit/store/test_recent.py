"""Messages kept in memory: whatever was kept in whatever order, what is taken is what was stored, without a gap."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.domain import clock
from brokers.domain.messages import Stored
from brokers.store import recent

_places = st.tuples(st.integers(1, 2), st.integers(0, 60), st.integers(1, 30))


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    recent.forget()
    yield
    recent.forget()


def message(queue: int, offset: int, *, size: int = 10) -> Stored:
    return Stored(queue, offset, f"{queue}-{offset}", None, (), {}, b"x" * size, 0, 0, 0, "", 0, 0)


def run(queue: int, start: int, count: int, *, size: int = 10) -> list[Stored]:
    return [message(queue, offset, size=size) for offset in range(start, start + count)]


@given(kept=st.lists(_places, max_size=12), taken=st.lists(_places, max_size=12))
def test_what_is_taken_is_what_was_stored(kept: list[tuple[int, int, int]], taken: list[tuple[int, int, int]]) -> None:
    recent.forget()
    for place in kept:
        recent.keep(run(*place))
    known = {(queue, offset) for queue, start, count in kept for offset in range(start, start + count)}
    for queue, start, count in taken:
        found = recent.take(queue, start, count=count, max_bytes=10_000)
        assert found == run(queue, start, len(found)) and len(found) <= count
        assert all((queue, one.offset) in known for one in found)
        assert recent.has(queue, start) == bool(found)


def test_what_was_read_on_and_on_is_taken_over_all_its_pages() -> None:
    for start in range(0, 3000, 100):
        recent.keep(run(1, start, 100))
    assert recent.take(1, 450, count=2000, max_bytes=1 << 30) == run(1, 450, 2000)


def test_a_gap_ends_what_is_taken() -> None:
    recent.keep([*run(1, 0, 3), *run(1, 10, 3)])
    assert recent.take(1, 1, count=10, max_bytes=1000) == run(1, 1, 2)
    assert recent.take(1, 11, count=10, max_bytes=1000) == run(1, 11, 2)
    assert not recent.has(1, 5) and not recent.has(1, -1)


def test_bodies_are_counted_and_the_one_that_passes_the_limit_is_the_last() -> None:
    recent.keep(run(1, 0, 10))
    assert len(recent.take(1, 0, count=10, max_bytes=25)) == 3
    assert len(recent.take(1, 0, count=10, max_bytes=1)) == 1


def test_pages_that_rested_longest_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "LIMIT_BYTES", 100_000)
    for queue in range(1, 9):
        recent.keep(run(queue, 0, 10, size=1000))
        recent.take(1, 0, count=1, max_bytes=1)
    assert recent.size_bytes() <= 100_000
    assert recent.has(1, 0) and recent.has(8, 9) and not recent.has(2, 0)


def test_what_nobody_reads_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    recent.keep(run(1, 0, 10))
    later = clock.monotonic() + 3600
    monkeypatch.setattr(clock, "monotonic", lambda: later)
    recent.keep(run(2, 0, 1))
    assert not recent.has(1, 0) and recent.has(2, 0)
