"""What doors call: publish, receive, acknowledge, refuse, extend, as coroutines.

Owns: one desk a process and event loop, its batchers, parked receivers and background tasks.
Must not know: wires, credentials. Called by: doors.
"""

import asyncio
import itertools
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

from accounts import denials, grant_use

from .. import events
from ..catalog import snapshot
from ..domain import clock, limits
from ..domain.errors import BrokerError
from ..domain.receipts import Receipt
from ..engine import clients, delivery, peeking, publish, pulls, request_stats, settlement
from ..engine import requests as request_rules
from ..engine.delivery import Delivery, ReceiveRequest
from ..engine.publish import Published, Result, Send
from ..engine.pulls import Commit, Pull, Pulled
from ..engine.settlement import Extension, Refusal
from . import allowances, appends, bridge, connections, looking
from .batching import Batcher, Hearer
from .progress import Progress
from .readers import Reader, Readers
from .requests import PROCESS, Requests
from .transactions import Transactions
from .waiters import Waiters

_log = logging.getLogger(__name__)

# A parked receiver looks again at least so often: announcements are for speed, looking is for truth.
_LOOK_AGAIN_SECONDS = 1.0
# A pull names its queue, so there are many; announcements reach nearly all of them.
_PULL_AGAIN_SECONDS = 5.0
_REFRESH_SECONDS = 1.0
# A group that found few messages looks for the next ones so much later at the earliest: one look costs as much as ten
# messages, and at a thousand a second each would be looked for alone. The first after a rest waits for nothing.
_GATHER_SECONDS = 0.008
_FEW_COUNT = 16
_PRESENCE_SECONDS = 5.0
_USE_SECONDS = 60.0
_BATCH_BYTES = 16 * 1024 * 1024
_WAITING_BYTES = 256 * 1024 * 1024


class Desk:
    """The engine as coroutines see it. `requests` asks and answers; `readers` are those who could answer.

    `progress` is for words about cursors that nobody waits for.
    """

    def __init__(self) -> None:
        waiting = limits.DISPATCH_WAITING_COUNT
        self._send_lanes = (appends.Lane("send-2"), appends.Lane("send-1"))
        self._sends: Batcher[Send, publish.Result] = Batcher(
            publish.publish,
            max_items=limits.BATCH_MESSAGE_COUNT,
            waiting_limit=waiting,
            weigh=lambda send: len(send.message.body),
            max_weight=_BATCH_BYTES,
            max_waiting_weight=_WAITING_BYTES,
            crowd=500,
            lanes=self._send_lanes,
        )
        self._acks: Batcher[Receipt, BrokerError | None] = Batcher(
            settlement.acknowledge, max_items=5000, waiting_limit=10 * waiting, lanes=(bridge.Lane("ack"),)
        )
        self._refusals: Batcher[Refusal, BrokerError | None] = Batcher(
            settlement.refuse, max_items=500, waiting_limit=waiting
        )
        self._extensions: Batcher[Extension, int | BrokerError] = Batcher(
            settlement.extend, max_items=500, waiting_limit=waiting
        )
        self._pull_lanes = (looking.Lane("pull-2"), looking.Lane("pull-1"))
        self._pulls: Batcher[Pull, pulls.Result] = Batcher(
            pulls.pull,
            max_items=64,
            waiting_limit=waiting,
            crowd=64,
            lanes=self._pull_lanes,
        )
        self._commits: Batcher[Commit, bool] = Batcher(
            pulls.commit, max_items=1000, waiting_limit=10 * waiting, lanes=(bridge.Lane("commit"),)
        )
        self.progress = Progress(self._commits.submit)
        self._receives: dict[int, Batcher[ReceiveRequest, delivery.Result]] = {}
        self.requests = Requests(self.publish)
        self.readers = Readers()
        self._waiters = Waiters()
        self._pull_numbers = itertools.count(1)
        self._presence: dict[int, dict[str, clients.Seen]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self.transactions = Transactions(lambda: self._stopping)
        self._listener: events.Listener = self._hear

    async def start(self) -> None:
        """Begins listening for announcements and keeping the catalog fresh."""
        loop = asyncio.get_running_loop()
        self._listener = lambda news: loop.call_soon_threadsafe(self._hear, news)
        events.listen(self._listener)
        self._tasks = [
            asyncio.create_task(events.follow(self._hear, self._miss)),
            asyncio.create_task(_repeat(_REFRESH_SECONDS, snapshot.refresh)),
            asyncio.create_task(allowances.tend()),
            asyncio.create_task(connections.tend()),
            asyncio.create_task(_repeat(_USE_SECONDS, grant_use.flush)),
            asyncio.create_task(_repeat(_PRESENCE_SECONDS, denials.flush)),
            asyncio.create_task(_repeat(_PRESENCE_SECONDS, self._flush_presence)),
            asyncio.create_task(self.requests.follow()),
            asyncio.create_task(_repeat(_PRESENCE_SECONDS, partial(request_rules.note_process, PROCESS))),
            asyncio.create_task(_repeat(_PRESENCE_SECONDS, request_stats.flush)),
            asyncio.create_task(self._flush_readers()),
        ]

    async def stop(self) -> None:
        """Sends parked receivers home and ends the background tasks."""
        self._stopping = True
        events.unlisten(self._listener)
        self._waiters.wake_all()
        await self.requests.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await bridge.run(partial(denials.flush, everything=True))
        await self.progress.stop()
        for lane in (*self._send_lanes, *self._pull_lanes):
            lane.close()

    async def publish(self, sends: Sequence[Send]) -> Sequence[Published | BrokerError]:
        """Returns one result a send once the batch that holds them is committed."""
        return await self._sends.submit(sends)

    def publish_soon(self, sends: Sequence[Send], hearer: Hearer[Result]) -> None:
        """As `publish`, for somebody who does not wait but hears. Raises: TryLater OVERLOADED when too much waits."""
        self._sends.put(sends, hearer)

    async def acknowledge(self, receipts: Sequence[Receipt]) -> Sequence[BrokerError | None]:
        """Returns None or an error for each receipt once the batch that holds them is committed."""
        return await self._acks.submit(receipts)

    async def refuse(self, refusals: Sequence[Refusal]) -> Sequence[BrokerError | None]:
        """Returns None or an error for each refusal once the batch that holds them is committed."""
        return await self._refusals.submit(refusals)

    async def extend(self, extensions: Sequence[Extension]) -> Sequence[int | BrokerError]:
        """Returns the new deadline in ms, or an error, for each extension."""
        return await self._extensions.submit(extensions)

    async def receive(
        self, request: ReceiveRequest, *, wait: timedelta, is_gone: Callable[[], bool] = lambda: False
    ) -> list[Delivery]:
        """Returns deliveries as soon as there are some, or none after `wait`.

        `is_gone` says that the caller hung up; what was claimed for it meanwhile is given back and none is returned.
        """
        deadline = clock.monotonic() + wait.total_seconds()
        topics = [s.topic.id for s in request.sources]
        with self._waiters.ticket(topics, group_id=request.group.id) as ticket:
            while True:
                ticket.reset()
                deliveries = await self._receive_once(request)
                left = deadline - clock.monotonic()
                if deliveries and is_gone():
                    await bridge.run(delivery.give_back, request.group, deliveries)
                    return []
                if _is_all_it_wanted(deliveries, request):
                    ticket.pass_on()
                if deliveries or left <= 0 or self._stopping or is_gone():
                    return deliveries
                await ticket.wait(min(left, _LOOK_AGAIN_SECONDS))

    async def is_something_free(self, request: ReceiveRequest, *, wait: timedelta) -> bool:
        """Returns True as soon as a receive would find something, False after `wait`. Takes nothing."""
        deadline = clock.monotonic() + wait.total_seconds()
        topics = [s.topic.id for s in request.sources]
        with self._waiters.ticket(topics, group_id=-next(self._pull_numbers)) as ticket:
            while True:
                ticket.reset()
                is_free = await bridge.run(peeking.is_something_free, request)
                left = deadline - clock.monotonic()
                if is_free or left <= 0 or self._stopping:
                    return is_free
                await ticket.wait(min(left, _LOOK_AGAIN_SECONDS))

    def waiting_count(self, topic_id: int, group_id: int) -> int:
        """Returns how many receivers of a group wait for a topic in this process."""
        return self._waiters.count(topic_id, group_id=group_id)

    async def pull(self, one: Pull, *, wait: timedelta) -> Pulled:
        """Returns what a pull finds as soon as it finds something, or has to go on elsewhere, or after `wait`.

        Raises: what the engine refuses it with.
        """
        deadline = clock.monotonic() + wait.total_seconds()
        with self._waiters.queue_ticket(one.topic.id, pulls.queue_id(one.topic, one.queue)) as ticket:
            while True:
                ticket.reset()
                result = pulls.at_hand(one)
                if result is None:
                    (result,) = await self._pulls.submit([one])
                if isinstance(result, BrokerError):
                    raise result
                left = deadline - clock.monotonic()
                is_news = result.messages or result.is_moved or result.was_filtered
                if is_news or left <= 0 or self._stopping:
                    return result
                await ticket.wait(min(left, _PULL_AGAIN_SECONDS))

    async def commit(self, one: Commit) -> bool:
        """Returns True if the commit was heard, once it is durable."""
        (is_heard,) = await self._commits.submit([one])
        return is_heard

    async def forget_client(self, group_id: int, client_id: str) -> None:
        """Forgets a client that said goodbye; what it said of its progress is kept first."""
        await self.progress.flush()
        self._presence.get(group_id, {}).pop(client_id, None)
        await self.readers.forget(Reader(group_id, client_id))
        await bridge.run(clients.forget, group_id, client_id)

    def note_client(self, group_id: int, seen: clients.Seen) -> None:
        """Notes that a client of a group was here; written to Redis every few seconds."""
        self._presence.setdefault(group_id, {})[seen.client_id] = seen

    def _hear(self, news: events.News) -> None:
        pulls.hear(news)
        self._waiters.wake(news)

    def _miss(self) -> None:
        pulls.miss()
        self._waiters.wake_all()

    async def _receive_once(self, request: ReceiveRequest) -> list[Delivery]:
        group_id = request.group.id
        batcher = self._receives.get(group_id)
        if batcher is None:
            batcher = Batcher(
                delivery.receive,
                max_items=64,
                waiting_limit=limits.DISPATCH_WAITING_COUNT,
                crowd=64,
                pause=_pause_after,
            )
            self._receives[group_id] = batcher
        (result,) = await _shielded(batcher, request)
        if isinstance(result, BrokerError):
            raise result
        return result

    async def _flush_readers(self) -> None:
        while True:
            for group_id in [number for number, batcher in self._receives.items() if batcher.is_idle]:
                del self._receives[group_id]
            try:
                await self.readers.flush()
            except Exception as error:  # a loop boundary: log once, go on
                _log.warning("background_work_failed", extra={"reason": type(error).__name__})
            await asyncio.sleep(_PRESENCE_SECONDS)

    def _flush_presence(self) -> None:
        seen, self._presence = self._presence, {}
        for group_id, of_group in seen.items():
            clients.note(group_id, of_group)


def _pause_after(results: Sequence[delivery.Result]) -> float:
    found = sum(len(result) for result in results if isinstance(result, list))
    return _GATHER_SECONDS if found < _FEW_COUNT else 0.0


def _is_all_it_wanted(deliveries: Sequence[Delivery], request: ReceiveRequest) -> bool:
    if len(deliveries) >= request.max_count:
        return True
    # Large bodies end an answer early.
    return 2 * sum(len(delivery.message.body) for delivery in deliveries) > limits.RECEIVE_RESPONSE_BYTES


async def _shielded(
    batcher: Batcher[ReceiveRequest, delivery.Result], request: ReceiveRequest
) -> Sequence[delivery.Result]:
    """Waits for a claim that must not be lost: when the caller is cancelled meanwhile, what it got is given back."""
    claim = asyncio.ensure_future(batcher.submit([request]))
    try:
        return await asyncio.shield(claim)
    except asyncio.CancelledError:
        claim.add_done_callback(partial(_give_back_later, request))
        raise


def _give_back_later(request: ReceiveRequest, claim: "asyncio.Future[Sequence[delivery.Result]]") -> None:
    if claim.cancelled() or claim.exception() is not None:
        return
    (result,) = claim.result()
    if isinstance(result, list) and result:
        task = asyncio.ensure_future(bridge.run(delivery.give_back, request.group, result))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())


async def _repeat(seconds: float, work: Callable[[], object]) -> None:
    while True:
        try:
            await bridge.run(work)
        except Exception as error:  # a loop boundary: log once, go on
            _log.warning("background_work_failed", extra={"reason": type(error).__name__})
        await asyncio.sleep(seconds)


_desk: Desk | None = None


async def get() -> Desk:
    """Returns this process' desk, started on first use."""
    global _desk
    if _desk is None:
        _desk = Desk()
        await _desk.start()
    return _desk


def started() -> Desk | None:
    """Returns this process' desk if it was started; never waits."""
    return _desk


async def close() -> None:
    """Stops this process' desk, its threads and their connections."""
    global _desk
    if _desk is not None:
        desk, _desk = _desk, None
        await desk.stop()
    bridge.close()
