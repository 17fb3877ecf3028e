"""Parked receivers, woken when a topic they read gets a message.

Owns: who waits for which topics in this process. Must not know: groups, messages. Called by: dispatch.desk.
A caller takes a ticket before it looks for messages, so a message that arrives in between still wakes it.
"""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from ..domain import limits
from ..domain.errors import ErrorCode, TryLater


class Ticket:
    """One receiver's place. `wait` returns early when a topic had news since the last `reset`."""

    def __init__(self) -> None:
        self._news = asyncio.Event()

    def reset(self) -> None:
        """Forgets the news so far; call before looking for messages."""
        self._news.clear()

    def call(self) -> None:
        """Wakes the receiver."""
        self._news.set()

    async def wait(self, seconds: float) -> None:
        """Returns on news or after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return


class Waiters:
    """The tickets of one process; belongs to one event loop."""

    def __init__(self) -> None:
        self._by_topic: dict[int, set[Ticket]] = {}
        self._count = 0

    @contextmanager
    def ticket(self, topic_ids: Iterable[int]) -> Iterator[Ticket]:
        """Gives a ticket for some topics. Raises: TryLater OVERLOADED when too many wait."""
        if self._count >= limits.PARKED_POLL_COUNT:
            raise TryLater("Too many receivers are waiting here.", ErrorCode.OVERLOADED, retry_after_seconds=2)
        ticket = Ticket()
        topics = set(topic_ids)
        self._count += 1
        for topic_id in topics:
            self._by_topic.setdefault(topic_id, set()).add(ticket)
        try:
            yield ticket
        finally:
            self._count -= 1
            for topic_id in topics:
                tickets = self._by_topic[topic_id]
                tickets.discard(ticket)
                if not tickets:
                    del self._by_topic[topic_id]

    def wake(self, topic_ids: Iterable[int]) -> None:
        """Wakes everybody who waits for one of the topics."""
        for topic_id in topic_ids:
            for ticket in self._by_topic.get(topic_id, ()):
                ticket.call()

    def wake_all(self) -> None:
        """Wakes everybody: the process stops, or announcements may have been lost."""
        self.wake(list(self._by_topic))
