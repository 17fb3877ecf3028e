"""Asking and waiting for replies, and answering, as coroutines.

Owns: who waits for which request in this process, and hearing of replies that came by other processes.
Must not know: wires, permissions. Called by: doors, through `Desk.requests`.

    asked = await desk.requests.ask(question)       # the message is durable when this returns
    replies = await desk.requests.replies(asked)    # as many as were wanted, or those that came in time

Cancelling `replies` (the asking connection ended) ends the request: later replies are refused with REQUESTER_GONE.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from .. import events
from ..domain import clock, limits
from ..domain.errors import BrokerError, TryLater
from ..domain.requests import Reply
from ..engine import request_stats, requests
from ..engine.publish import Published, Send
from ..engine.requests import Answer, Look, Name, Question
from . import bridge
from .batching import Batcher

_log = logging.getLogger(__name__)

# Notices are for speed; looking is for truth.
_LOOK_AGAIN_SECONDS = 5.0
# Only one of several processes that wait for a kept request gets its notices.
_LOOK_AGAIN_KEPT_SECONDS = 0.5
_ANSWER_BYTES = 16 * 1024 * 1024
_WAITING_BYTES = 64 * 1024 * 1024
PROCESS = events.SENDER

Publish = Callable[[Sequence[Send]], Awaitable[Sequence[Published | BrokerError]]]
# Gives replies to a client that asked through a process that died; returns False when the client is not here.
Adopt = Callable[[Name, str, Sequence[Reply]], bool]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request under way: where its message stands, and when waiting ends on this process' monotonic clock."""

    question: Question
    published: Published
    deadline: float
    news: asyncio.Event


class Requests:
    """The requests of one process; belongs to one event loop."""

    def __init__(self, publish: Publish) -> None:
        waiting = limits.DISPATCH_WAITING_COUNT
        self._publish = publish
        self._opens: Batcher[Question, BrokerError | None] = Batcher(
            requests.open_all, max_items=200, waiting_limit=waiting
        )
        self._answers: Batcher[Answer, BrokerError | None] = Batcher(
            requests.reply_all,
            max_items=200,
            waiting_limit=waiting,
            weigh=lambda answer: len(answer.reply.body),
            max_weight=_ANSWER_BYTES,
            max_waiting_weight=_WAITING_BYTES,
        )
        self._time_outs: Batcher[Name, int] = Batcher(requests.time_out, max_items=200, waiting_limit=waiting)
        self._news: dict[Name, list[asyncio.Event]] = {}
        self._adopters: list[Adopt] = []
        self._is_stopping = False
        self._tasks: set[asyncio.Task[None]] = set()

    def serve_clients(self, adopt: Adopt) -> None:
        """Makes a door give replies to its clients that asked through a process that died."""
        self._adopters.append(adopt)

    async def follow(self) -> None:
        """Hears of replies, for ever. Run by the desk."""
        await events.follow_replies(self._hear, self.wake_all)

    async def ask(self, question: Question) -> Asked:
        """Sends a request; returns when its message is durable.

        Raises: what `engine.requests.open_all` and `engine.publish.publish` refuse it with: nothing was sent then.
        """
        deadline = clock.monotonic() + question.timeout.total_seconds()
        news = asyncio.Event()
        if not question.is_kept:  # before it is known to anybody, so that the fastest reply is heard of
            self._news.setdefault(question.name, []).append(news)
        try:
            (error,) = await self._opens.submit([question])
            if error is not None:
                raise error
            published = await self._send(question)
        except BaseException:
            self._forget(question.name, news)
            raise
        return Asked(question, published, deadline, news)

    async def replies(self, asked: Asked) -> list[Reply]:
        """Returns the replies once all that are wanted came, or those there are when the time is over.

        Raises: TryLater REQUEST_TIMEOUT when there are none then.
        """
        name = asked.question.name
        try:
            found = await self._collect(asked)
        except asyncio.CancelledError:
            self._keep(bridge.run(requests.abandon, [name]))
            raise
        finally:
            self._forget(name, asked.news)
        if not found:
            raise requests.nobody_answered()
        return found

    async def look(self, name: Name, *, wait_seconds: float = 0.0, after: int = 0) -> Look:
        """Returns how a kept request stands, with its replies but the first `after`.

        Waits for its end or for a new reply, at most so long. Raises: TryLater LEASES_UNAVAILABLE.
        """
        deadline = clock.monotonic() + wait_seconds
        if wait_seconds:
            await bridge.run(requests.watch, name, PROCESS)
        news = asyncio.Event()
        self._news.setdefault(name, []).append(news)
        try:
            while True:
                news.clear()
                seen = await self._look_closing(name, after)
                left = deadline - clock.monotonic()
                if left <= 0 or not seen.is_open or seen.replies or self._is_stopping:
                    return seen
                await _wait(news, min(left, _LOOK_AGAIN_KEPT_SECONDS))
        finally:
            self._forget(name, news)

    async def reply(self, answer: Answer) -> None:
        """Gives a reply. Raises: what `engine.requests.reply_all` refuses it with."""
        (error,) = await self._answers.submit([answer])
        if error is not None:
            raise error

    async def stop(self) -> None:
        """Lets go of every request that waits here."""
        self._is_stopping = True
        self.wake_all()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await bridge.run(requests.forget_process, PROCESS)
        await bridge.run(request_stats.flush)

    def wake_all(self) -> None:
        """Makes everybody look: notices may have been lost."""
        for waiting in self._news.values():
            for news in waiting:
                news.set()

    async def _collect(self, asked: Asked) -> list[Reply]:
        name, found = asked.question.name, list[Reply]()
        while (left := asked.deadline - clock.monotonic()) > 0 and not self._is_stopping:
            await _wait(asked.news, min(left, _LOOK_AGAIN_SECONDS))
            asked.news.clear()
            try:
                seen = await bridge.run(_look, name, len(found))
            except TryLater:
                continue  # Redis is away; it may come back in time
            found += seen.replies
            if not seen.is_open:
                return found  # all are there, or Redis lost the request: no more will come
        try:
            (got,) = await self._time_outs.submit([name])
            if got > len(found):
                found += (await bridge.run(_look, name, len(found))).replies
        except TryLater:
            pass  # the sweep ends it
        return found

    async def _look_closing(self, name: Name, after: int) -> Look:
        seen = await bridge.run(_look, name, after)
        if seen.is_open and seen.standing is not None and seen.standing.deadline_ms < clock.now_ms():
            await self._time_outs.submit([name])
            seen = await bridge.run(_look, name, after)
        return seen

    async def _send(self, question: Question) -> Published:
        try:
            (published,) = await self._publish([question.send])
        except BaseException:
            self._keep(bridge.run(requests.abandon, [question.name]))
            raise
        if isinstance(published, BrokerError):
            self._keep(bridge.run(requests.abandon, [question.name]))
            raise published
        return published

    def _forget(self, name: Name, news: asyncio.Event) -> None:
        waiting = self._news.get(name, [])
        if news in waiting:
            waiting.remove(news)
        if not waiting:
            self._news.pop(name, None)

    def _hear(self, notice: dict[str, str]) -> None:
        name = Name(int(notice["account"]), notice["correlation_id"])
        waiting = self._news.get(name)
        if waiting:
            for news in waiting:
                news.set()
        elif notice["client"] and self._adopters:
            self._keep(self._hand_over(name, notice["client"]))

    async def _hand_over(self, name: Name, client_id: str) -> None:
        seen = await bridge.run(_look, name, 0)
        for adopt in self._adopters:
            if seen.replies and adopt(name, client_id, seen.replies):
                return

    def _keep(self, work: Awaitable[object]) -> None:
        task = asyncio.ensure_future(_quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _look(name: Name, after: int) -> Look:
    return requests.look(name, after=after)


async def _wait(news: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await news.wait()
    except TimeoutError:
        return


async def _quietly(work: Awaitable[object]) -> None:
    try:
        await work
    except Exception as error:  # a task boundary: what was not ended runs out by itself
        _log.info("background_work_failed", extra={"reason": type(error).__name__})
