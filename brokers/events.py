"""What just happened, told to whoever waits: receivers in any process, and browsers.

Owns: announcing after a commit. Must not know: who listens. Called by: engine and catalog, after their commit.
Announcements are for speed only: receivers look again on their own, and pages refetch on a slow timer, so losing one
delays somebody and loses nothing.

A daemon thread with its own event loop sends what was announced since its last round, so a burst of commits is one
message to Redis, and the caller never waits. It is made on first use, and again after a fork.
"""

import asyncio
import logging
import os
import threading
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import orjson
import redis
import redis.asyncio
from channels.layers import get_channel_layer
from django.conf import settings

_log = logging.getLogger(__name__)

CHANNEL = "mq:events"
# The channel layer's group of all broker workers.
BROKERS = "broker"
# A process hears of replies on a channel of its own (`leases/lua/request_reply.lua` publishes them), and on one of all.
REPLIES_CHANNEL = "mq:replies:"
ANY_PROCESS = "any"
# Which process an announcement came from: a process does not wake itself twice.
SENDER = uuid.uuid4().hex
# Browsers refetch at most so often for one object.
_HINT_SECONDS = 0.5
_RECONNECT_SECONDS = 1.0
_GATHER_SECONDS = 0.005
_REDIS_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class News:
    """Topics that have new messages: in `queues` (by id), and in any queue of those that are `vague`.

    `held` are the queues whose new messages this process knows already, because it stored them.
    """

    topics: frozenset[int] = frozenset()
    queues: frozenset[int] = frozenset()
    vague: frozenset[int] = frozenset()
    held: frozenset[int] = frozenset()

    def __or__(self, other: "News") -> "News":
        # Gathered for other processes, which hold nothing of it.
        return News(self.topics | other.topics, self.queues | other.queues, self.vague | other.vague)


NONE: frozenset[int] = frozenset()
NOTHING = News()
Listener = Callable[[News], object]
_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Calls `listener` with the news of every announcement made in this process, on the announcing thread."""
    _listeners.append(listener)


def unlisten(listener: Listener) -> None:
    """Undoes `listen`."""
    if listener in _listeners:
        _listeners.remove(listener)


def announce(
    topic_ids: Iterable[int] = (),
    hints: Iterable[str] = (),
    *,
    queue_ids: Iterable[int] | None = None,
    are_held: bool = False,
) -> None:
    """Says that topics have new messages, and that what `hints` name (`topic:42`, `group:7`) changed. Never blocks.

    `queue_ids` are the queues that have them, when they are known: nobody looks for messages in the others then.
    `are_held`: those who read there in this process know the messages already.
    Effects: call after the commit it speaks of.
    """
    topics = frozenset(topic_ids)
    queues = frozenset(queue_ids or ())
    news = News(topics, queues, vague=topics if queue_ids is None else NONE, held=queues if are_held else NONE)
    if topics:
        for listener in _listeners:
            listener(news)
    names = set(hints)
    if topics or names:
        _sender().add(news, names)


def command(order: dict[str, Any]) -> None:  # Any: plain values
    """Tells every broker worker something to do; `order["type"]` says what. Never blocks. It may get lost."""
    _sender().send(order)


class _Sender:
    def __init__(self) -> None:
        self._news = NOTHING
        self._hints: set[str] = set()
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._wake = asyncio.Event()
        self._scheduled = False
        threading.Thread(target=self._run, name="mq-events", daemon=True).start()

    def add(self, news: News, hints: set[str]) -> None:
        with self._lock:
            self._news |= news
            self._hints |= hints
            if self._scheduled:
                return
            self._scheduled = True
        self._loop.call_soon_threadsafe(self._wake.set)

    def send(self, order: dict[str, Any]) -> None:  # Any: plain values
        asyncio.run_coroutine_threadsafe(_send_order(order), self._loop)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        # The plain client blocks this thread for one short round trip, and costs half of the asynchronous one.
        client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=_REDIS_SECONDS)
        hinting: asyncio.Task[None] | None = None
        waiting_hints: set[str] = set()
        while True:
            await self._wake.wait()
            self._wake.clear()
            with self._lock:
                news, hints = self._news, self._hints
                self._news, self._hints, self._scheduled = NOTHING, set(), False
            waiting_hints |= hints | {f"topic:{topic_id}" for topic_id in news.topics}
            if news.topics:
                _publish(client, news)
                # Under load one announcement tells other processes of every commit since the last.
                # Receivers here have been woken already.
                await asyncio.sleep(_GATHER_SECONDS)
            if waiting_hints and (hinting is None or hinting.done()):
                hinting = asyncio.create_task(_send_hints(waiting_hints))
                waiting_hints = set()
                hinting.add_done_callback(lambda _: self._wake.set())


def _publish(client: redis.Redis, news: News) -> None:
    event = {"topics": list(news.topics), "queues": list(news.queues), "vague": list(news.vague)}
    try:
        client.publish(CHANNEL, orjson.dumps({"from": SENDER, **event}))
    except (redis.RedisError, OSError) as error:
        _log.info("announcement_lost", extra={"reason": type(error).__name__})


async def _send_hints(names: set[str]) -> None:
    layer = get_channel_layer()
    assert layer is not None, "CHANNEL_LAYERS is part of the settings"
    try:
        for name in names:
            await layer.group_send(f"hints.{name.replace(':', '.')}", {"type": "hint", "name": name})
    except (redis.RedisError, OSError) as error:
        _log.info("announcement_lost", extra={"reason": type(error).__name__})
    await asyncio.sleep(_HINT_SECONDS)


async def _send_order(order: dict[str, Any]) -> None:  # Any: plain values
    layer = get_channel_layer()
    assert layer is not None, "CHANNEL_LAYERS is part of the settings"
    try:
        await layer.group_send(BROKERS, order)
    except (redis.RedisError, OSError) as error:
        _log.info("announcement_lost", extra={"reason": type(error).__name__})


_senders: dict[int, _Sender] = {}
_senders_lock = threading.Lock()


def _sender() -> _Sender:
    pid = os.getpid()
    sender = _senders.get(pid)
    if sender is None:
        with _senders_lock:
            sender = _senders.get(pid) or _senders.setdefault(pid, _Sender())
    return sender


async def follow(listener: Callable[[News], None], on_gap: Callable[[], None]) -> None:
    """Calls `listener` with the news other processes announce, for ever; `on_gap` when some may have been missed."""
    while True:
        client = redis.asyncio.Redis.from_url(settings.REDIS_URL)
        try:
            async with client, client.pubsub(ignore_subscribe_messages=True) as subscription:
                await subscription.subscribe(CHANNEL)
                on_gap()
                await _pass_on(subscription, listener)
        except (redis.RedisError, OSError) as error:
            _log.info("announcements_interrupted", extra={"reason": type(error).__name__})
        on_gap()
        await asyncio.sleep(_RECONNECT_SECONDS)


async def _pass_on(subscription: redis.asyncio.client.PubSub, listener: Callable[[News], None]) -> None:
    async for message in subscription.listen():
        event = orjson.loads(message["data"])
        if event["from"] != SENDER:
            topics = frozenset(event["topics"])
            # A process of an older version names no queues.
            queues, vague = frozenset(event.get("queues", ())), frozenset(event.get("vague", topics))
            listener(News(topics, queues, vague))


async def follow_replies(listener: Callable[[dict[str, str]], None], on_gap: Callable[[], None]) -> None:
    """Calls `listener` with each notice of a reply for this process, for ever; `on_gap` when one may be missed."""
    while True:
        client = redis.asyncio.Redis.from_url(settings.REDIS_URL)
        try:
            async with client, client.pubsub(ignore_subscribe_messages=True) as subscription:
                await subscription.subscribe(REPLIES_CHANNEL + SENDER, REPLIES_CHANNEL + ANY_PROCESS)
                on_gap()
                async for message in subscription.listen():
                    listener(orjson.loads(message["data"]))
        except (redis.RedisError, OSError) as error:
            _log.info("announcements_interrupted", extra={"reason": type(error).__name__})
        on_gap()
        await asyncio.sleep(_RECONNECT_SECONDS)
