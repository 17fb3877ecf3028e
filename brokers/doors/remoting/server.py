"""The two ports RocketMQ's clients know: a name server's and a broker's.

Owns: listening, and how many may come. Must not know: requests. Called by: doors.broker.
Both ports take every request: this process is name server and broker in one.
"""

import asyncio
import logging
import socket
from collections.abc import Sequence
from typing import Any

from django.conf import settings

from ...dispatch import desk
from ...domain import limits
from ...engine.back_checks import Noted, Question
from ...engine.clients import ProducerGroup
from .call import Place
from .connection import Connection
from .members import Members, forget_presence
from .relays import Relays
from .tls import Certificate

_log = logging.getLogger(__name__)

_SWEEP_SECONDS = 10.0
_TELL_SECONDS = 1.0


class RemotingServer:
    """Listens on both ports from `start` to `stop`."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._members = Members(worker)
        self._servers: list[asyncio.Server] = []
        self._connections: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._place = Place("", 0)
        self._relays: Relays | None = None
        self._certificate = Certificate()

    async def start(self) -> None:
        """Begins listening. Raises OSError when a port is taken, tls.Unusable."""
        self._certificate.load()
        # Clients find the broker by an address in routes and message ids, which hold no names.
        loop = asyncio.get_running_loop()
        host = await loop.run_in_executor(None, socket.gethostbyname, settings.ADVERTISE_HOST)
        self._place = Place(host, settings.ADVERTISE_PORT)
        self._relays = Relays(self._members, self._place, self._worker)
        self._members.askers.place = self._place
        (await desk.get()).requests.serve_clients(self._members.askers.adopt)
        for port in (settings.NAMESRV_PORT, settings.BROKER_PORT):
            self._servers.append(await loop.create_server(self._connection, settings.BIND, port))
        members = self._members
        self._tasks = [
            asyncio.create_task(self._sweep()),
            asyncio.create_task(self._tell()),
            asyncio.create_task(members.fellows.watch(members.here, members.tell)),
        ]
        _log.info(
            "remoting_started",
            extra={"namesrv_port": settings.NAMESRV_PORT, "broker_port": settings.BROKER_PORT},
        )

    def obey(self, order: dict[str, Any]) -> None:  # Any: plain values
        """Does what another process wants done with the clients that are connected here."""
        if self._relays is not None:
            self._relays.obey(order)

    def reaches(self, group: ProducerGroup) -> bool:
        """Returns True if a producer of the group is connected here."""
        return self._members.producers.has(group)

    async def ask(self, group: ProducerGroup, questions: Sequence[Question]) -> list[Noted]:
        """Asks producers connected here what became of half messages; returns which were asked."""
        return await self._members.producers.ask(group, questions, self._place)

    async def stop(self) -> None:
        """Closes the ports and every connection."""
        for server in self._servers:
            server.close()
        for task in [*self._tasks, *self._connections]:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._connections, return_exceptions=True)
        await self._members.fellows.end()

    def _connection(self) -> Connection:
        return Connection(
            members=self._members, place=self._place, certificate=self._certificate, welcome=self._welcome
        )

    def _welcome(self, connection: Connection) -> bool:
        """Takes charge of a new connection; returns False when there are too many."""
        if len(self._connections) >= limits.CONNECTION_COUNT:
            return False
        task = asyncio.get_running_loop().create_task(self._attend(connection))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        return True

    async def _attend(self, connection: Connection) -> None:
        try:
            await connection.serve()
        finally:
            gone = self._members.hang_up(connection)
            await self._members.producers.hang_up(connection)
            if gone:
                await forget_presence(gone)

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(_TELL_SECONDS)
            await self._members.producers.tell_others()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            self._members.sweep()
            await self._members.producers.sweep()
            self._certificate.refresh()
