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
from ...domain.errors import BrokerError, ErrorCode, ProtocolViolation, TryLater
from ...protocols.remoting import frames
from ...protocols.remoting.codes import Ask
from ...protocols.remoting.frames import Command, Decoder, TooLong
from . import handlers, identity
from .call import Call, Memory, Place
from .members import Members
from .tls import Certificate, Session

_log = logging.getLogger(__name__)

_READ_BYTES = 64 * 1024
# A client that does not take its answers: beyond so many bytes further ones wait, and it has so long to take some.
_WRITE_BYTES = 1024 * 1024
_WRITE_SECONDS = 30.0
_HANDSHAKE_SECONDS = 15.0
_POLLS = frozenset({Ask.PULL_MESSAGE, Ask.LITE_PULL_MESSAGE, Ask.POP_MESSAGE, Ask.NOTIFICATION})


class Connection:
    """Serves one socket until either side closes it."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        members: Members,
        place: Place,
        certificate: Certificate,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._members = members
        self._place = place
        self._certificate = certificate
        self._tls: Session | None = None
        self._memory = Memory()
        self._decoder = Decoder()
        self._room = asyncio.Semaphore(limits.CONNECTION_REQUEST_COUNT)
        self._polls: set[asyncio.Task[None]] = set()
        self._questions: dict[int, asyncio.Future[Command]] = {}
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

    @property
    def is_gone(self) -> bool:
        """Returns True once the connection has ended."""
        return self._writer.is_closing()

    def tell(self, code: int, fields: Mapping[str, str], body: bytes = b"") -> None:
        """Sends a one-way request to the client; a client that is gone hears nothing."""
        if not self._writer.is_closing():
            self._write(frames.notice(code, next(self._opaque), fields=fields, body=body))

    async def ask(self, code: int, fields: Mapping[str, str], body: bytes = b"", *, seconds: float) -> Command:
        """Sends a request to the client and returns its answer.

        Raises: TimeoutError when it takes longer than `seconds`; ConnectionError when the client hangs up.
        """
        if self._writer.is_closing():
            raise ConnectionError("the client is gone")
        opaque = next(self._opaque)
        answer: asyncio.Future[Command] = asyncio.get_running_loop().create_future()
        self._questions[opaque] = answer
        try:
            self._write(frames.question(code, opaque, fields=fields, body=body))
            async with asyncio.timeout(seconds):
                return await answer
        finally:
            del self._questions[opaque]

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
                for answer in self._questions.values():
                    if not answer.done():
                        answer.set_exception(ConnectionError("the client is gone"))
                if self._counted is not None:
                    connections.leave(self._counted)

    def _write(self, command: Command) -> None:
        data = frames.encode(command)
        self._writer.write(data if self._tls is None else self._tls.wrap(data))

    async def _receive(self) -> bytes:
        """Returns bytes the client sent, without what TLS puts around them; none when it hung up."""
        while data := await self._reader.read(_READ_BYTES):
            if self._tls is None:
                return data
            if inside := self._unwrap(self._tls, data):
                return inside
        return b""

    def _unwrap(self, tls: Session, data: bytes) -> bytes:
        inside, outside = tls.receive(data)
        self._writer.write(outside)
        return inside

    async def _greet(self) -> bytes:
        """Returns the first bytes of a connection that has found out whether it is plain."""
        async with asyncio.timeout(limits.CONNECTION_IDLE_SECONDS):
            first = await self._reader.read(_READ_BYTES)
        self._tls = self._certificate.session(first) if first else None
        if self._tls is None:
            return first
        async with asyncio.timeout(_HANDSHAKE_SECONDS):
            inside = self._unwrap(self._tls, first)
            while not self._tls.is_open and (data := await self._reader.read(_READ_BYTES)):
                inside = self._unwrap(self._tls, data)
        async with asyncio.timeout(limits.CONNECTION_IDLE_SECONDS):
            return inside or await self._receive()

    async def _read(self, tasks: asyncio.TaskGroup) -> None:
        clock = asyncio.get_running_loop().time
        data = await self._greet()
        began = clock()
        async with asyncio.timeout(None) as patience:
            while data:
                # A client that sends a byte now and then is not idle, and holds what it sent in memory all the same.
                if await self._take(data, tasks):
                    began = clock()
                if self._decoder.has_part:
                    patience.reschedule(began + limits.CONNECTION_FRAME_SECONDS)
                    data = await self._receive()
                else:
                    patience.reschedule(clock() + limits.CONNECTION_IDLE_SECONDS)
                    data = await self._receive()
                    began = clock()
                patience.reschedule(None)

    async def _take(self, data: bytes, tasks: asyncio.TaskGroup) -> int:
        """Answers, each in a task of its own, the requests that are whole now. Returns how many frames were whole."""
        self._decoder.feed(data)
        count = 0
        while (command := self._decoder.next()) is not None:
            if isinstance(command, TooLong):
                await self._admit(command)
                continue
            count += 1
            if command.is_response:
                self._hear(command)
                continue
            await self._room.acquire()
            task = tasks.create_task(self._answer(command))
            if command.code in _POLLS:
                self._polls.add(task)
                task.add_done_callback(self._polls.discard)
        return count

    def _hear(self, response: Command) -> None:
        answer = self._questions.get(response.opaque)
        if answer is not None and not answer.done():
            answer.set_result(response)

    async def _admit(self, frame: TooLong) -> None:
        # An answer names no key; it may be long because it was asked for.
        is_answer = frame.header.is_response and frame.header.opaque in self._questions
        if not is_answer and not await identity.may_be_long(frame.header):
            raise ProtocolViolation(f"a frame of {frame.length} bytes from a stranger")
        self._decoder.limit = limits.FRAME_BYTES

    async def _answer(self, request: Command) -> None:
        try:
            response = await self._respond(request)
            if request.is_one_way or self._writer.is_closing():
                return
            self._write(response)
            if self._writer.transport.get_write_buffer_size() > _WRITE_BYTES:
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
            except BrokerError as error:
                self._counted = None
                if error.code != ErrorCode.QUOTA_EXCEEDED:
                    raise
                # The mark is how RocketMQ's broker says that it takes no more, so that clients ask another one.
                raise TryLater(f"[OVERLOAD] {error.detail}", ErrorCode.OVERLOADED, **error.extra) from error
