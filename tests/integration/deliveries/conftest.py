"""An account for the tests of this folder, and a way to step in between two steps of the engine."""

from collections.abc import Callable

import pytest

from brokers.catalog import snapshot
from brokers.store import segments, session
from tests.integration.reads.world import World

AtPoint = Callable[[str, Callable[[], object]], None]


@pytest.fixture
def world(database: None) -> World:
    """An empty instance of an account of its own."""
    snapshot.forget()
    segments.make_ahead()
    return World("shop")


@pytest.fixture
def at_point(monkeypatch: pytest.MonkeyPatch) -> AtPoint:
    """Runs something the next time the engine reaches a named point: what another process might do just then."""

    def arrange(point: str, work: Callable[[], object]) -> None:
        def meddle(reached: str) -> None:
            if reached == point:
                monkeypatch.setattr(session, "failpoint", None)
                work()

        monkeypatch.setattr(session, "failpoint", meddle)

    return arrange
