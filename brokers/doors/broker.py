"""The broker worker: everything that happens because time passes, not because somebody asks.

Owns: the loops and their pace. Must not know: what the engine does in them. Called by: `manage.py runbroker`.
Any number of workers may run on one database; one is enough. Each loop does one bounded piece of work at a time and
goes on at once while there is more. Commands come over the channel layer, to the group `events.BROKERS`.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from functools import partial

from channels.layers import BaseChannelLayer, get_channel_layer
from django.conf import settings

from .. import events
from ..dispatch import bridge, desk
from ..domain import limits
from ..domain.errors import BrokerError
from ..engine import clients, quotas, requests, retention, schedule, settlement
from .back_checks import BackChecks
from .remoting.server import RemotingServer

_log = logging.getLogger(__name__)

_DUE_SECONDS = 0.1
_LEASE_SECONDS = 0.2
_REQUEST_SECONDS = 1.0
_TEND_SECONDS = 60.0
_BACKLOG_SECONDS = 10.0
_HEARTBEAT_SECONDS = 3.0
_CHECK_SECONDS = 0.5
_PAUSE_AFTER_ERROR_SECONDS = 1.0


# One bounded piece of work; returns 0 when there was nothing to do.
Work = Callable[[], Awaitable[int]]


class BrokerWorker:
    """One worker of this process."""

    def __init__(self) -> None:
        self.name = f"{socket.gethostname()}-{os.getpid()}"
        self._look_now = asyncio.Event()
        self._stop = asyncio.Event()
        self._remoting = RemotingServer(self.name) if settings.REMOTING else None
        self._checks = BackChecks(self.name, self._remoting, layer_group=events.BROKERS)

    def stop(self) -> None:
        """Asks the worker to end after the work at hand."""
        self._stop.set()
        self._look_now.set()

    async def serve(self) -> None:
        """Runs until `stop`."""
        await desk.get()
        remoting = self._remoting
        if remoting is not None:
            await remoting.start()
        _log.info("broker_started", extra={"worker": self.name})
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(
                    self._repeat(_DUE_SECONDS, partial(bridge.run, schedule.move_due, limits.SCHEDULE_BATCH_COUNT))
                ),
                tasks.create_task(
                    self._repeat(_LEASE_SECONDS, partial(bridge.run, settlement.expire_leases, limits.LEASE_SCAN_COUNT))
                ),
                tasks.create_task(
                    self._repeat(_REQUEST_SECONDS, partial(bridge.run, requests.expire, limits.REQUEST_EXPIRY_COUNT))
                ),
                tasks.create_task(self._repeat(_TEND_SECONDS, partial(bridge.run, retention.tend))),
                tasks.create_task(self._repeat(_BACKLOG_SECONDS, partial(bridge.run, quotas.sample_backlogs))),
                tasks.create_task(self._repeat(_HEARTBEAT_SECONDS, partial(bridge.run, self._beat))),
                tasks.create_task(self._repeat(_CHECK_SECONDS, self._checks.turn)),
                tasks.create_task(self._take_commands()),
            ]
            await self._stop.wait()
            if remoting is not None:
                await remoting.stop()
            self._checks.stop()
            for task in running:
                task.cancel()
        await bridge.run(clients.forget_worker, self.name)
        await desk.close()
        _log.info("broker_stopped", extra={"worker": self.name})

    async def _repeat(self, seconds: float, work: Work) -> None:
        while not self._stop.is_set():
            pause = seconds
            try:
                # Shielded: a stop lets the transaction at hand finish.
                if await asyncio.shield(asyncio.ensure_future(work())):
                    pause = 0.0
            except BrokerError as error:
                _log.warning("broker_work_failed", extra={"code": str(error.code)})
                pause = _PAUSE_AFTER_ERROR_SECONDS
            except Exception:  # a loop boundary: log once, go on
                _log.exception("broker_work_failed", extra={"code": "INTERNAL"})
                pause = _PAUSE_AFTER_ERROR_SECONDS
            await self._rest(pause)

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._look_now.wait()
        except TimeoutError:
            return
        await asyncio.sleep(0)
        self._look_now.clear()

    def _beat(self) -> int:
        clients.note_worker(self.name)
        return 0

    async def _take_commands(self) -> None:
        """Listens on the channel layer; `{"type": "look"}` makes every loop look at once."""
        layer = get_channel_layer()
        assert layer is not None, "CHANNEL_LAYERS is part of the settings"
        # A layer whose Redis goes away as it is cancelled tells of that alone.
        while not self._stop.is_set():
            try:
                await self._obey(layer)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # a loop boundary: Redis may be away; the loops go on by their own pace
                _log.info("broker_commands_interrupted", extra={"reason": type(error).__name__})
                await asyncio.sleep(_PAUSE_AFTER_ERROR_SECONDS)

    async def _obey(self, layer: BaseChannelLayer) -> None:
        channel = await layer.new_channel()
        await layer.group_add(events.BROKERS, channel)
        while True:
            command = await layer.receive(channel)
            if command.get("type") == "look":
                self._look_now.set()
            elif command.get("type") == "check" and command.get("to") == self.name:
                await self._checks.ask_here(tuple(command["group"]), command["halves"])
            elif self._remoting is not None:
                self._remoting.obey(command)
