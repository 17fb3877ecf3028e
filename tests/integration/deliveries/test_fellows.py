"""Members of a group in several processes, which find each other through Redis."""

import uuid

import pytest

from brokers.engine import clients
from brokers.leases import fellows
from tests import stack

GROUP = 4711


@pytest.fixture(autouse=True)
def nobody(database: None) -> None:
    stack.redis_client().delete(f"{fellows._KEY}{GROUP}")


def process() -> str:
    return uuid.uuid4().hex


def test_each_process_sees_the_members_of_the_others() -> None:
    one, other = process(), process()
    clients.note_fellows(one, {(GROUP, "10.0.0.1:1"): "a", (GROUP, "10.0.0.1:2"): "b"})
    clients.note_fellows(other, {(GROUP, "10.0.0.2:1"): "c"})
    assert clients.other_fellows(one, [GROUP]) == {GROUP: frozenset({"c"})}
    assert clients.other_fellows(other, [GROUP]) == {GROUP: frozenset({"a", "b"})}
    clients.note_fellows(one, {}, [(GROUP, "10.0.0.1:1")])
    assert clients.other_fellows(other, [GROUP]) == {GROUP: frozenset({"b"})}


def test_the_members_of_a_process_that_died_are_forgotten() -> None:
    one, other = process(), process()
    clients.note_fellows(one, {(GROUP, "10.0.0.1:1"): "a"})
    assert clients.other_fellows(other, [GROUP]) == {GROUP: frozenset({"a"})}
    stack.redis_client().delete(f"{fellows._PROCESS}{one}")  # what happens by itself eight seconds after its last word
    assert clients.other_fellows(other, [GROUP]) == {GROUP: frozenset()}
    clients.note_fellows(one, {})
    assert clients.other_fellows(other, [GROUP]) == {GROUP: frozenset()}


def test_a_process_that_ends_takes_its_members_with_it() -> None:
    one, other = process(), process()
    clients.note_fellows(one, {(GROUP, "10.0.0.1:1"): "a"})
    clients.forget_fellows(one)
    assert clients.other_fellows(other, [GROUP]) == {GROUP: frozenset()}


def test_a_process_that_was_thought_dead_hears_so_and_writes_its_members_anew() -> None:
    one = process()
    assert not clients.note_fellows(one, {})
    assert clients.note_fellows(one, {})
    stack.redis_client().delete(f"{fellows._PROCESS}{one}")
    assert not clients.note_fellows(one, {})
