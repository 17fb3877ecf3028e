"""Words about cursors that nobody waits for: the furthest counts, none is lost, and flushing waits for them."""

import asyncio
from collections.abc import Sequence

import pytest

from brokers.dispatch.progress import Progress
from brokers.domain.errors import ErrorCode, TryLater
from brokers.engine.pulls import Commit


class Store:
    """Takes commits; each batch waits for `gate`."""

    def __init__(self) -> None:
        self.batches: list[list[Commit]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.came = asyncio.Event()
        self.failures = 0
        self.epoch = 1

    async def commit(self, commits: Sequence[Commit]) -> Sequence[bool]:
        self.batches.append(list(commits))
        self.came.set()
        await self.gate.wait()
        if self.failures:
            self.failures -= 1
            raise TryLater("not now", ErrorCode.STORE_UNAVAILABLE)
        return [one.epoch == self.epoch for one in commits]


def word(offset: int, *, queue: int = 1, epoch: int = 1) -> Commit:
    return Commit(7, queue, offset, epoch)


async def test_the_furthest_word_of_each_cursor_is_written_once() -> None:
    store, heard = Store(), []
    progress = Progress(store.commit)
    store.gate.clear()
    progress.note(word(1), lambda: heard.append(1))
    await store.came.wait()
    for offset in (2, 5, 3):
        progress.note(word(offset), lambda offset=offset: heard.append(offset))  # type: ignore[misc] # bound on purpose
    progress.note(word(4, queue=2), lambda: heard.append(40))
    store.gate.set()
    await progress.flush()
    assert store.batches == [[word(1)], [word(5), word(4, queue=2)]]
    assert sorted(heard) == [1, 5, 40]
    await progress.stop()


async def test_a_word_of_a_new_epoch_stands_for_older_ones_and_not_the_reverse() -> None:
    store = Store()
    progress = Progress(store.commit)
    for one in (word(9, epoch=1), word(2, epoch=2), word(10, epoch=1)):
        progress.note(one, lambda: None)
    await progress.flush()
    assert store.batches == [[word(2, epoch=2)]]
    await progress.stop()


async def test_who_was_not_heard_is_not_told_so() -> None:
    store, heard = Store(), []
    progress = Progress(store.commit)
    progress.note(word(1, epoch=0), lambda: heard.append("stale"))
    await progress.flush()
    assert len(store.batches) == 1 and heard == []
    await progress.stop()


async def test_what_could_not_be_written_goes_with_the_next_words_unless_later_ones_came() -> None:
    store, heard = Store(), []
    progress = Progress(store.commit)
    store.failures = 1
    progress.note(word(1), lambda: heard.append("first"))
    progress.note(word(8, queue=2), lambda: heard.append("other"))
    await progress.flush()
    assert heard == []
    progress.note(word(3), lambda: heard.append("later"))
    await progress.flush()
    assert sorted(heard) == ["later", "other"] and len(store.batches) == 2
    assert sorted(store.batches[1], key=lambda one: one.queue_id) == [word(3), word(8, queue=2)]
    await progress.stop()


async def test_words_are_written_without_anybody_asking_for_it_after_a_failure_too() -> None:
    store, done = Store(), asyncio.Event()
    progress = Progress(store.commit)
    store.failures = 1
    progress.note(word(1), done.set)
    async with asyncio.timeout(60):
        await done.wait()
    assert len(store.batches) == 2
    await progress.stop()


async def test_flushing_waits_for_what_is_under_way() -> None:
    store, heard = Store(), []
    progress = Progress(store.commit)
    store.gate.clear()
    progress.note(word(1), lambda: heard.append(1))
    await store.came.wait()
    flushing = asyncio.ensure_future(progress.flush())
    await asyncio.sleep(0)
    assert not flushing.done()
    store.gate.set()
    await flushing
    assert heard == [1]
    await progress.stop()


async def test_stopping_writes_what_waits() -> None:
    store, heard = Store(), []
    progress = Progress(store.commit)
    progress.note(word(1), lambda: heard.append(1))
    await progress.stop()
    assert heard == [1]


async def test_a_word_without_an_epoch_is_a_mistake() -> None:
    with pytest.raises(AssertionError):
        Progress(Store().commit).note(Commit(1, 1, 1, None), lambda: None)
