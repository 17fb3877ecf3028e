"""Who reads a topic is written before the reader is answered: against a real Redis."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from brokers.dispatch import bridge
from brokers.dispatch.readers import Place, Reader, Readers
from brokers.domain import clock
from brokers.engine import responders

_LASTING_MS = 60_000
_PLACE, _OTHER = Place(1, "questions"), Place(1, "letters")
_READER, _FRIEND = Reader(7, "client@1"), Reader(8, "client@2")


@pytest.fixture(autouse=True)
def settled(redis_client: Any) -> Iterator[None]:
    """A Redis that has kept count for a minute, so that an absence is known to be one."""
    redis_client.set("{mq}:readers-since", clock.now_ms() - 60_000)
    yield
    redis_client.config_set("min-replicas-to-write", 0)
    redis_client.client_unpause()
    bridge.close()


async def _note(readers: Readers, place: Place, reader: Reader) -> set[int] | None:
    """Returns who is found as soon as the reader is answered."""
    await readers.note([place], reader, lasting_ms=_LASTING_MS)
    return _found(place)


def _found(place: Place) -> set[int] | None:
    (groups,) = responders.groups([place])
    return None if groups is None else set(groups)


async def test_a_new_reader_is_found_although_another_left_before_its_last_sign_was_written() -> None:
    readers = Readers()
    await _note(readers, _OTHER, _FRIEND)
    await _note(readers, _OTHER, _FRIEND)  # written later
    await readers.forget(_FRIEND)
    assert await _note(readers, _PLACE, _READER) == {7}
    assert _found(_OTHER) == set()


async def test_a_second_sign_waits_for_the_first_that_is_being_written(redis_client: Any) -> None:
    readers = Readers()
    redis_client.client_pause(500, all=False)
    first, second = await asyncio.gather(_note(readers, _PLACE, _READER), _note(readers, _PLACE, _READER))
    assert first == second == {7}


async def test_what_could_not_be_written_is_tried_again_at_the_next_sign(redis_client: Any) -> None:
    readers = Readers()
    redis_client.config_set("min-replicas-to-write", 1)  # every write is refused
    assert await _note(readers, _PLACE, _READER) == set()
    redis_client.config_set("min-replicas-to-write", 0)
    assert await _note(readers, _PLACE, _READER) == {7}


async def test_a_reader_that_comes_back_while_it_is_being_forgotten_stays(redis_client: Any) -> None:
    readers = Readers()
    await _note(readers, _PLACE, _READER)
    redis_client.client_pause(300, all=False)
    leaving = asyncio.ensure_future(readers.forget(_READER))
    await asyncio.sleep(0)  # the leaving goes first
    back = await _note(readers, _PLACE, _READER)
    await leaving
    assert back == _found(_PLACE) == {7}


async def test_a_write_goes_on_when_whoever_waits_for_it_hangs_up(redis_client: Any) -> None:
    readers = Readers()
    redis_client.client_pause(300, all=False)
    asking = asyncio.ensure_future(readers.note([_PLACE], _READER, lasting_ms=_LASTING_MS))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert await _note(readers, _PLACE, _READER) == {7}


async def test_everything_is_written_again_when_redis_lost_it(redis_client: Any) -> None:
    readers = Readers()
    await _note(readers, _OTHER, _FRIEND)
    redis_client.flushdb()
    await readers.flush()
    assert (_found(_OTHER), _found(_PLACE)) == ({8}, None)
