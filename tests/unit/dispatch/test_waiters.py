"""Parked receivers: who is woken by news, and that nobody's news is lost."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from brokers.dispatch.waiters import WOKEN_BY_A_FIND, WOKEN_BY_NEWS, Ticket, Waiters
from brokers.events import News


def news(topic_id: int) -> News:
    return News(frozenset({topic_id}), vague=frozenset({topic_id}))


@pytest.fixture
def waiters() -> Waiters:
    return Waiters()


@pytest.fixture
def parked(waiters: Waiters) -> Iterator[list[Ticket]]:
    with ExitStack() as stack:
        yield [stack.enter_context(waiters.ticket([1, 2], group_id=7)) for _ in range(10)]


def called(tickets: list[Ticket]) -> int:
    return sum(ticket.is_called for ticket in tickets)


def test_news_wake_a_bounded_number_of_a_group(waiters: Waiters, parked: list[Ticket]) -> None:
    waiters.wake(news(1))
    assert called(parked) == WOKEN_BY_NEWS
    waiters.wake(news(2))
    assert called(parked) == 2 * WOKEN_BY_NEWS


def test_every_group_is_woken(waiters: Waiters, parked: list[Ticket]) -> None:
    with waiters.ticket([1], group_id=8) as other:
        waiters.wake(news(1))
        assert other.is_called
    assert called(parked) == WOKEN_BY_NEWS


def test_a_receiver_that_got_all_it_wanted_wakes_others(waiters: Waiters, parked: list[Ticket]) -> None:
    waiters.wake(news(1))
    first = next(ticket for ticket in parked if ticket.is_called)
    first.reset()
    first.pass_on()
    assert called(parked) == WOKEN_BY_A_FIND


def test_a_called_receiver_that_leaves_hands_its_call_on(waiters: Waiters) -> None:
    with ExitStack() as stack:
        early = ExitStack()
        for _ in range(WOKEN_BY_NEWS):
            early.enter_context(waiters.ticket([1], group_id=7))
        late = stack.enter_context(waiters.ticket([1], group_id=7))
        waiters.wake(news(1))
        assert not late.is_called
        early.close()
        assert late.is_called


def test_everybody_is_woken_when_news_may_have_been_lost(waiters: Waiters, parked: list[Ticket]) -> None:
    waiters.wake_all()
    assert called(parked) == len(parked)


async def test_news_between_looking_and_waiting_are_not_lost(waiters: Waiters) -> None:
    with waiters.ticket([1], group_id=7) as ticket:
        ticket.reset()
        waiters.wake(news(1))
        async with asyncio.timeout(1):
            await ticket.wait(60)


async def test_waiting_ends_without_news(waiters: Waiters) -> None:
    with waiters.ticket([1], group_id=7) as ticket:
        await ticket.wait(0.01)
        assert not ticket.is_called


def test_nothing_is_kept_of_receivers_that_left(waiters: Waiters) -> None:
    with waiters.ticket([1], group_id=7):
        pass
    with waiters.ticket([1], group_id=7) as ticket:
        waiters.wake(news(1))
        assert ticket.is_called


def test_who_waits_for_one_queue_is_woken_by_its_news_only(waiters: Waiters) -> None:
    with (
        waiters.queue_ticket(1, 11) as own,
        waiters.queue_ticket(1, 11) as fellow,
        waiters.queue_ticket(1, 12) as other,
        waiters.queue_ticket(2, 21) as elsewhere,
    ):
        waiters.wake(News(frozenset({1}), queues=frozenset({11})))
        assert [own.is_called, fellow.is_called, other.is_called, elsewhere.is_called] == [True, True, False, False]
        waiters.wake(news(1))
        assert [other.is_called, elsewhere.is_called] == [True, False]
        waiters.wake_all()
        assert elsewhere.is_called
    waiters.wake(news(1))


def test_news_that_are_told_together_keep_their_queues_apart() -> None:
    both = News(frozenset({1}), queues=frozenset({11})) | News(frozenset({2}), vague=frozenset({2}))
    assert both == News(frozenset({1, 2}), queues=frozenset({11}), vague=frozenset({2}))
