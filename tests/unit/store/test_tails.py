"""What is known of the ends of queues: never what was doubted since, never for longer than it is believed."""

from collections.abc import Iterator

import pytest

from brokers.domain import clock
from brokers.domain.messages import Stored
from brokers.store import recent, tails
from brokers.store.pulls import Place

QUEUE, GROUP = 7, 3


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    tails.forget()
    recent.forget()
    yield
    tails.forget()
    recent.forget()


def message(offset: int, *, queue: int = QUEUE) -> Stored:
    return Stored(queue, offset, f"{queue}-{offset}", None, (), {}, b"x", 0, 0, 0, "", 0, 0)


def look(end: int, *, epoch: int = 0) -> None:
    (mark,) = tails.mark([QUEUE])
    tails.note(mark, GROUP, Place(0, end, 0, epoch))


def known_end() -> int | None:
    place = tails.place(GROUP, QUEUE)
    return None if place is None else place.next_offset


def test_what_this_process_stores_moves_the_end_a_look_found() -> None:
    assert known_end() is None
    look(5, epoch=2)
    assert tails.place(GROUP, QUEUE) == Place(0, 5, 0, 2)
    tails.extend([message(5), message(6), message(9, queue=8)])
    assert known_end() == 7 and recent.take(QUEUE, 5, count=10, max_bytes=100) == [message(5), message(6)]
    assert tails.place(GROUP, 8) is None and not recent.has(8, 9), "nobody reads there"
    assert tails.place(GROUP + 1, QUEUE) is None, "nobody looked for that group"


def test_an_older_look_does_not_take_the_end_back() -> None:
    (mark,) = tails.mark([QUEUE])
    tails.extend([message(5)])
    tails.note(mark, GROUP, Place(0, 5, 0, 0))
    assert known_end() == 6


def test_news_are_doubted_until_a_look_that_began_after_them() -> None:
    look(5)
    tails.doubt([QUEUE, 99])
    assert known_end() is None
    (before,) = tails.mark([QUEUE])
    tails.doubt_all()
    tails.note(before, GROUP, Place(0, 6, 0, 0))
    assert known_end() is None, "that look may have seen nothing of the news"
    look(6)
    assert known_end() == 6


def test_a_look_that_began_before_everything_was_forgotten_is_not_believed() -> None:
    (before,) = tails.mark([QUEUE])
    tails.forget()
    tails.extend([message(5)])  # nobody reads there as far as is known
    tails.mark([QUEUE])
    tails.note(before, GROUP, Place(0, 5, 0, 0))
    assert known_end() is None
    look(6)
    assert known_end() == 6


def test_nothing_is_believed_for_long_after_its_look(monkeypatch: pytest.MonkeyPatch) -> None:
    look(5)
    later = clock.monotonic() + tails.BELIEVED_SECONDS + 0.5
    monkeypatch.setattr(clock, "monotonic", lambda: later)
    tails.extend([message(5)])
    assert known_end() is None
    look(6)
    assert known_end() == 6


def test_queues_nobody_reads_any_more_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    look(5)
    later = clock.monotonic() + 3600
    monkeypatch.setattr(clock, "monotonic", lambda: later)
    tails.mark([8])
    assert not tails.are_read([QUEUE]) and tails.are_read([8, QUEUE])
