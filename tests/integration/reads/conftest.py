"""Two accounts for the tests of this folder."""

import pytest

from brokers.catalog import snapshot
from brokers.engine import subscriptions
from brokers.store import segments
from tests.integration.reads.world import World


@pytest.fixture
def world(database: None) -> World:
    """An empty instance of an account of its own."""
    snapshot.forget()
    subscriptions.forget()
    segments.make_ahead()
    return World("shop")


@pytest.fixture
def stranger(world: World) -> World:
    """Another account's instance."""
    return World("stranger")
