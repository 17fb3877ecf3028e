"""Many callers, few calls: what the line in front of an engine function keeps to."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from brokers.dispatch.batching import Batcher
from brokers.domain.errors import Rejected, TryLater


class Hearer:
    """Hears what became of its items, and when."""

    def __init__(self, *, is_done: bool = False) -> None:
        self.heard: list[object] = []
        self.is_done = is_done

    def done(self) -> bool:
        return self.is_done

    def set_result(self, results: Sequence[int], /) -> None:
        self.heard += results

    def set_exception(self, error: Exception, /) -> None:
        self.heard.append(error)


class Work:
    """Doubles numbers; holds the first batch until the test lets it go, so that others gather."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun = threading.Semaphore(0)
        self.gate = threading.Event()

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        self.begun.release()
        assert self.gate.wait(60)
        if 13 in items:
            raise Rejected("unlucky")
        return [2 * item for item in items]


@pytest.fixture
def work() -> Work:
    return Work()


async def begun(work: Work) -> None:
    """Waits for one more batch to be under way."""
    assert await asyncio.to_thread(work.begun.acquire, timeout=60)


async def test_callers_that_wait_become_one_batch_in_order(work: Work) -> None:
    batcher = Batcher(work, max_items=100, waiting_limit=100)
    first = asyncio.ensure_future(batcher.submit([0]))
    await begun(work)
    others = [asyncio.ensure_future(batcher.submit([number, 10 * number])) for number in range(1, 6)]
    await asyncio.sleep(0)
    work.gate.set()
    assert await first == [0]
    assert [await other for other in others] == [[2 * n, 20 * n] for n in range(1, 6)]
    assert work.batches == [[0], [1, 10, 2, 20, 3, 30, 4, 40, 5, 50]]


async def test_a_batch_has_a_largest_size_and_weight(work: Work) -> None:
    work.gate.set()
    batcher = Batcher(work, max_items=3, waiting_limit=100, weigh=lambda item: item, max_weight=10)
    await asyncio.gather(*(batcher.submit([item]) for item in (1, 1, 1, 1, 9, 9, 20)))
    assert work.batches == [[1, 1, 1], [1, 9], [9], [20]]


async def test_an_error_reaches_every_caller_of_its_batch_and_no_other(work: Work) -> None:
    work.gate.set()
    batcher = Batcher(work, max_items=2, waiting_limit=100)
    results = await asyncio.gather(*(batcher.submit([item]) for item in (1, 13, 3)), return_exceptions=True)
    assert [type(result) for result in results] == [Rejected, Rejected, list]


async def test_too_much_waiting_is_refused_at_once(work: Work) -> None:
    batcher = Batcher(work, max_items=1, waiting_limit=2)
    first = asyncio.ensure_future(batcher.submit([0]))
    await begun(work)
    waiting = [asyncio.ensure_future(batcher.submit([item])) for item in (1, 2)]
    await asyncio.sleep(0)
    with pytest.raises(TryLater):
        await batcher.submit([3])
    work.gate.set()
    assert [await first, *[await one for one in waiting]] == [[0], [2], [4]]


async def test_nothing_is_begun_for_a_caller_that_left(work: Work) -> None:
    batcher = Batcher(work, max_items=10, waiting_limit=100)
    first = asyncio.ensure_future(batcher.submit([0]))
    await begun(work)
    gone = asyncio.ensure_future(batcher.submit([1]))
    stays = asyncio.ensure_future(batcher.submit([2]))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    work.gate.set()
    assert (await first, await stays) == ([0], [4])
    assert work.batches == [[0], [2]]


async def test_a_caller_that_comes_as_the_line_empties_is_served(work: Work) -> None:
    work.gate.set()
    batcher = Batcher(work, max_items=1, waiting_limit=100)
    async with asyncio.timeout(20):
        for number in range(100, 400):
            assert await batcher.submit([number]) == [2 * number]
    assert batcher.is_idle


async def test_a_second_lane_opens_for_a_crowd(work: Work) -> None:
    batcher = Batcher(work, max_items=1, waiting_limit=100, crowd=2)
    callers = [asyncio.ensure_future(batcher.submit([item])) for item in range(6)]
    await begun(work)
    await begun(work)
    work.gate.set()
    assert [await caller for caller in callers] == [[2 * item] for item in range(6)]


async def test_a_pause_gathers_callers_and_holds_up_nobody_after_a_rest(work: Work) -> None:
    work.gate.set()
    pauses = iter([1.0, 0.0, 0.0])
    batcher = Batcher(work, max_items=100, waiting_limit=100, pause=lambda _: next(pauses))
    await batcher.submit([0])
    idle = [batcher.is_idle]
    await asyncio.gather(*(batcher.submit([item]) for item in (1, 2, 3)))
    idle.append(batcher.is_idle)
    await batcher.submit([4])
    assert idle == [False, True], "a batcher in its pause is not to be thrown away"
    assert work.batches == [[0], [1, 2, 3], [4]]


async def test_who_does_not_wait_hears_the_results_of_its_own_items(work: Work) -> None:
    batcher = Batcher(work, max_items=100, waiting_limit=100)
    first = asyncio.ensure_future(batcher.submit([0]))
    await begun(work)
    hearers = [Hearer(), Hearer(is_done=True), Hearer()]
    for number, hearer in enumerate(hearers, 1):
        batcher.put([number, 10 * number], hearer)
    last = asyncio.ensure_future(batcher.submit([7]))
    work.gate.set()
    assert await first == [0]
    assert await last == [14]
    assert [hearer.heard for hearer in hearers] == [[2, 20], [], [6, 60]]
    assert work.batches == [[0], [1, 10, 3, 30, 7]], "nothing is begun for who wants to hear no more"


async def test_results_stay_with_their_callers_when_one_leaves_meanwhile(work: Work) -> None:
    batcher = Batcher(work, max_items=100, waiting_limit=100)
    callers = [asyncio.ensure_future(batcher.submit([number])) for number in (1, 2, 3)]
    await begun(work)
    callers[1].cancel()
    await asyncio.sleep(0)
    work.gate.set()
    assert await callers[0] == [2]
    assert await callers[2] == [6]
    assert work.batches == [[1, 2, 3]]


async def test_who_does_not_wait_hears_of_a_failure(work: Work) -> None:
    work.gate.set()
    batcher, hearer = Batcher(work, max_items=100, waiting_limit=100), Hearer()
    batcher.put([13], hearer)
    with pytest.raises(Rejected):
        await batcher.submit([1])
    (error,) = hearer.heard
    assert isinstance(error, Rejected)
    with pytest.raises(TryLater):
        batcher.put([1] * 101, hearer)
