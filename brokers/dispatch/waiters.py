"""Parked receivers, woken when a topic or a queue they read gets a message.

Owns: who waits for which topics in this process. Must not know: messages. Called by: dispatch.desk.
A caller takes a ticket before it looks for messages, so a message that arrives in between still wakes it.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice

from ..domain import limits
from ..domain.errors import ErrorCode, TryLater
from ..events import News

# News wake one receiver of each group, which takes what there is: more would each look for one message.
# One that got all it asked for wakes so many others (`Ticket.pass_on`): there may be more, and their number doubles.
WOKEN_BY_NEWS = 1
WOKEN_BY_A_FIND = 2


class Ticket:
    """One receiver's place. `wait` returns early when a topic had news since the last `reset`."""

    def __init__(self, wake_others: Callable[[], None]) -> None:
        self._is_called = False
        self._waiting: asyncio.Future[None] | None = None
        self._wake_others = wake_others

    @property
    def is_called(self) -> bool:
        """Returns True if there were news since the last `reset`."""
        return self._is_called

    def reset(self) -> None:
        """Forgets the news so far; call before looking for messages."""
        self._is_called = False

    def call(self) -> None:
        """Wakes the receiver."""
        self._is_called = True
        self._go_on()

    def pass_on(self) -> None:
        """Wakes others of the same group: this receiver got as much as it wanted, so there may be more."""
        self._wake_others()

    async def wait(self, seconds: float) -> None:
        """Returns on news or after `seconds`."""
        if self._is_called:
            return
        loop = asyncio.get_running_loop()
        # An event and a timeout around it would take five times as long, for each message at a queue's end.
        self._waiting = loop.create_future()
        timer = loop.call_later(seconds, self._go_on)
        try:
            await self._waiting
        finally:
            timer.cancel()
            self._waiting = None

    def _go_on(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


class Waiters:
    """The tickets of one process; belongs to one event loop."""

    def __init__(self) -> None:
        # Topic, then group, then its tickets in the order they came.
        self._by_topic: dict[int, dict[int, dict[Ticket, None]]] = {}
        # Those who wait for one queue only: topic, then queue, then their tickets.
        self._by_queue: dict[int, dict[int, dict[Ticket, None]]] = {}
        self._count = 0

    @contextmanager
    def ticket(self, topic_ids: Iterable[int], *, group_id: int) -> Iterator[Ticket]:
        """Gives a ticket for some topics to a receiver of a group. Raises: TryLater OVERLOADED when too many wait.

        A receiver that was called and leaves without having looked hands the call to another one.
        """
        self._require_room()
        topics = set(topic_ids)
        ticket = Ticket(lambda: self._wake_group(topics, group_id, WOKEN_BY_A_FIND))
        self._count += 1
        for topic_id in topics:
            self._by_topic.setdefault(topic_id, {}).setdefault(group_id, {})[ticket] = None
        try:
            yield ticket
        finally:
            self._count -= 1
            for topic_id in topics:
                _remove(ticket, self._by_topic, (topic_id, group_id))
            if ticket.is_called:
                ticket.pass_on()

    @contextmanager
    def queue_ticket(self, topic_id: int, queue_id: int) -> Iterator[Ticket]:
        """Gives a ticket for one queue to a receiver nobody can stand in for. Raises: as `ticket`."""
        self._require_room()
        ticket = Ticket(lambda: None)
        self._count += 1
        self._by_queue.setdefault(topic_id, {}).setdefault(queue_id, {})[ticket] = None
        try:
            yield ticket
        finally:
            self._count -= 1
            _remove(ticket, self._by_queue, (topic_id, queue_id))

    def count(self, topic_id: int, *, group_id: int) -> int:
        """Returns how many receivers of a group wait for a topic."""
        return len(self._by_topic.get(topic_id, {}).get(group_id, {}))

    def wake(self, news: News) -> None:
        """Wakes a receiver of every group that waits for one of the topics, and all who wait for one of the queues."""
        for topic_id in news.topics:
            for group_id in self._by_topic.get(topic_id, {}):
                self._wake_group([topic_id], group_id, WOKEN_BY_NEWS)
            waiting = self._by_queue.get(topic_id, {})
            queues = waiting if topic_id in news.vague else news.queues & waiting.keys()
            for ticket in chain.from_iterable(waiting[queue_id] for queue_id in queues):
                ticket.call()

    def wake_all(self) -> None:
        """Wakes everybody: the process stops, or announcements may have been lost."""
        for groups in chain(self._by_topic.values(), self._by_queue.values()):
            for tickets in groups.values():
                for ticket in tickets:
                    ticket.call()

    def _wake_group(self, topic_ids: Iterable[int], group_id: int, count: int) -> None:
        waiting = chain.from_iterable(self._by_topic.get(topic_id, {}).get(group_id, {}) for topic_id in topic_ids)
        for ticket in islice((ticket for ticket in waiting if not ticket.is_called), count):
            ticket.call()

    def _require_room(self) -> None:
        if self._count >= limits.PARKED_POLL_COUNT:
            raise TryLater("Too many receivers are waiting here.", ErrorCode.OVERLOADED, retry_after_seconds=2)


def _remove(ticket: Ticket, waiting: dict[int, dict[int, dict[Ticket, None]]], place: tuple[int, int]) -> None:
    outer, inner = place
    of_topic = waiting[outer]
    del of_topic[inner][ticket]
    if not of_topic[inner]:
        del of_topic[inner]
    if not of_topic:
        del waiting[outer]
