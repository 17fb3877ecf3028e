"""One client's connection: bytes in, requests answered side by side, bytes out.

Owns: the socket, its bounds and its tasks. Must not know: what requests mean. Called by: doors.remoting.server.
"""

import asyncio
import itertools
import logging
from collections.abc import Mapping

from accounts.errors import AccountError

from ...dispatch import connections
from ...domain import limits
from ...domain.actor import Actor
from ...domain.errors import BrokerError, ProtocolViolation
from ...protocols.remoting import frames
from ...protocols.remoting.codes import Ask
from ...protocols.remoting.frames import Command, Decoder, TooLong
from . import handlers, identity
from .call import Call, Memory, Place
from .members import Members

_log = logging.getLogger(__name__)

_READ_BYTES = 64 * 1024
# A client that does not take its answers: beyond so many bytes further ones wait, and it has so long to take some.
_WRITE_BYTES = 1024 * 1024
_WRITE_SECONDS = 30.0
_POLLS = frozenset({Ask.PULL_MESSAGE, Ask.LITE_PULL_MESSAGE})


class Connection:
    """Serves one socket until either side closes it."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, members: Members, place: Place
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._members = members
        self._place = place
        self._memory = Memory()
        self._decoder = Decoder()
        self._room = asyncio.Semaphore(limits.CONNECTION_REQUEST_COUNT)
        self._polls: set[asyncio.Task[None]] = set()
        self._opaque = itertools.count(1)
        self._counted: Actor | None = None
        peer = writer.get_extra_info("peername") or ("", 0)
        self._ip, self._address = str(peer[0]), f"{peer[0]}:{peer[1]}"
        writer.transport.set_write_buffer_limits(high=_WRITE_BYTES)

    @property
    def address(self) -> str:
        """Returns the client's address and port."""
        return self._address

    @property
    def ip(self) -> str:
        """Returns the client's address."""
        return self._ip

    def tell(self, code: int, fields: Mapping[str, str], body: bytes = b"") -> None:
        """Sends a one-way request to the client; a client that is gone hears nothing."""
        if not self._writer.is_closing():
            self._writer.write(frames.encode(frames.notice(code, next(self._opaque), fields=fields, body=body)))

    async def serve(self) -> None:
        """Runs until the client hangs up; what it asked for before that is still done, save waiting for messages."""
        async with asyncio.TaskGroup() as tasks:
            try:
                await self._read(tasks)
            except (OSError, TimeoutError):
                pass  # the client is gone
            except ProtocolViolation as error:
                _log.info("remoting_connection_refused", extra={"peer": self._address, "reason": str(error)})
            finally:
                self._writer.close()
                for poll in self._polls:
                    poll.cancel()
                if self._counted is not None:
                    connections.leave(self._counted)

    async def _read(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            async with asyncio.timeout(limits.CONNECTION_IDLE_SECONDS):
                data = await self._reader.read(_READ_BYTES)
            if not data:
                return
            self._decoder.feed(data)
            while (command := self._decoder.next()) is not None:
                if isinstance(command, TooLong):
                    await self._admit(command)
                    continue
                if command.is_response:
                    continue
                await self._room.acquire()
                task = tasks.create_task(self._answer(command))
                if command.code in _POLLS:
                    self._polls.add(task)
                    task.add_done_callback(self._polls.discard)

    async def _admit(self, frame: TooLong) -> None:
        if not await identity.may_be_long(frame.header):
            raise ProtocolViolation(f"a frame of {frame.length} bytes from a stranger")
        self._decoder.limit = limits.FRAME_BYTES

    async def _answer(self, request: Command) -> None:
        try:
            response = await self._respond(request)
            if request.is_one_way or self._writer.is_closing():
                return
            self._writer.write(frames.encode(response))
            async with asyncio.timeout(_WRITE_SECONDS):
                await self._writer.drain()
        except (OSError, TimeoutError):
            self._writer.close()
        finally:
            self._room.release()

    async def _respond(self, request: Command) -> Command:
        try:
            actor = await identity.prove(request, self._ip)
            await self._count(actor)
        except (BrokerError, AccountError) as error:
            return handlers.refusal(request, error)
        call = Call(
            request=request,
            actor=actor,
            peer=self,
            memory=self._memory,
            members=self._members,
            place=self._place,
        )
        return await handlers.answer(call)

    async def _count(self, actor: Actor) -> None:
        """Counts the connection for the first account that uses it."""
        if self._counted is None:
            self._counted = actor
            try:
                await connections.enter(actor)
            except BrokerError:
                self._counted = None
                raise
