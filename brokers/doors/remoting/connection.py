"""One client's connection: bytes in, requests answered side by side, bytes out.

Owns: the socket, its bounds and its tasks. Must not know: what requests mean. Called by: doors.remoting.server.
A protocol of asyncio, not a stream: a send that waits for nothing but its commit then needs no task and no timer, which
cost more than reading and storing it.
"""

import asyncio
import itertools
import logging
import math
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import cast

from accounts.errors import AccountError

from ...dispatch import connections
from ...domain import limits
from ...domain.actor import Actor
from ...domain.errors import BrokerError, ErrorCode, ProtocolViolation, TryLater
from ...protocols.remoting import frames
from ...protocols.remoting.codes import Ask
from ...protocols.remoting.frames import Command, Decoder, TooLong
from . import handlers, identity, refusals
from .call import Call, Memory, Place
from .members import Members
from .tls import Certificate, Session

_log = logging.getLogger(__name__)

# A client that does not take its answers: beyond so many bytes further ones wait, and it has so long to take some.
_WRITE_BYTES = 1024 * 1024
_WRITE_SECONDS = 30.0
_HANDSHAKE_SECONDS = 15.0
_POLLS = frozenset({Ask.PULL_MESSAGE, Ask.LITE_PULL_MESSAGE, Ask.POP_MESSAGE, Ask.NOTIFICATION})


class Connection(asyncio.Protocol):
    """Serves one socket until either side closes it. `welcome` says whether it may begin, and has it served."""

    def __init__(
        self,
        *,
        members: Members,
        place: Place,
        certificate: Certificate,
        welcome: "Callable[[Connection], bool]",
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._welcome = welcome
        self._members = members
        self._place = place
        self._certificate = certificate
        self._is_greeted = False
        self._tls: Session | None = None
        self._memory = Memory()
        self._decoder = Decoder()
        self._room = limits.CONNECTION_REQUEST_COUNT
        # True while nothing more is read: too much is under way, or somebody is asked whether a frame may be long.
        self._is_stalled = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._polls: set[asyncio.Task[None]] = set()
        self._questions: dict[int, asyncio.Future[Command]] = {}
        self._opaque = itertools.count(1)
        self._counted: Actor | None = None
        self._lost = asyncio.Event()
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._deadline = self._looks_at = math.inf
        self._look: asyncio.TimerHandle | None = None
        self._ip = self._address = ""

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
        return self._transport.is_closing()

    def tell(self, code: int, fields: Mapping[str, str], body: bytes = b"") -> None:
        """Sends a one-way request to the client; a client that is gone hears nothing."""
        self._write(frames.notice(code, next(self._opaque), fields=fields, body=body))

    async def ask(self, code: int, fields: Mapping[str, str], body: bytes = b"", *, seconds: float) -> Command:
        """Sends a request to the client and returns its answer.

        Raises: TimeoutError when it takes longer than `seconds`; ConnectionError when the client hangs up.
        """
        if self.is_gone:
            raise ConnectionError("the client is gone")
        opaque = next(self._opaque)
        answer: asyncio.Future[Command] = self._loop.create_future()
        self._questions[opaque] = answer
        try:
            self._write(frames.question(code, opaque, fields=fields, body=body))
            async with asyncio.timeout(seconds):
                return await answer
        finally:
            del self._questions[opaque]

    async def serve(self) -> None:
        """Runs until the client hangs up; what it asked for before that is still done, save waiting for messages."""
        try:
            await self._lost.wait()
            while self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            self._transport.abort()
            for task in self._tasks:
                task.cancel()
            if self._counted is not None:
                connections.leave(self._counted)

    # --- what the event loop calls ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins with a client."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername") or ("", 0)
        self._ip, self._address = str(peer[0]), f"{peer[0]}:{peer[1]}"
        self._transport.set_write_buffer_limits(high=_WRITE_BYTES)
        if not self._welcome(self):
            self._transport.abort()
            return
        self._expect(limits.CONNECTION_IDLE_SECONDS)

    def data_received(self, data: bytes) -> None:
        """Takes bytes from the client."""
        if self._transport.is_closing():
            return
        try:
            if not self._is_greeted:
                self._is_greeted = True
                self._tls = self._certificate.session(data)
                if self._tls is not None:
                    self._expect(_HANDSHAKE_SECONDS)
            if self._tls is not None:
                data = self._unwrap(self._tls, data)
                if not data and not self._tls.is_open:
                    return
            had_part = self._decoder.has_part
            self._decoder.feed(data)
            self._go_on(had_part=had_part)
        except ProtocolViolation as error:
            self._refuse(error)

    def connection_lost(self, error: Exception | None) -> None:
        """Ends with the client."""
        self._lost.set()
        self._may_write.set()
        if self._look is not None:
            self._look.cancel()
        for poll in self._polls:
            poll.cancel()
        for answer in self._questions.values():
            if not answer.done():
                answer.set_exception(ConnectionError("the client is gone"))

    def pause_writing(self) -> None:
        """Hears that the client does not take its answers."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """Hears that the client took answers."""
        self._may_write.set()

    # --- reading ----------------------------------------------------------------------------------------------------

    def _unwrap(self, tls: Session, data: bytes) -> bytes:
        inside, outside = tls.receive(data)
        if outside:
            self._transport.write(outside)
        return inside

    def _go_on(self, *, had_part: bool = False) -> None:
        """Begins to answer the requests that are whole, and says until when the next bytes have to come."""
        count = 0
        while not self._is_stalled and (command := self._decoder.next()) is not None:
            if isinstance(command, TooLong):
                self._stall()
                self._start(self._admit(command))
                break
            count += 1
            if command.is_response:
                self._hear(command)
            else:
                self._begin(command)
        if self._is_stalled:
            self._deadline = math.inf
        elif not self._decoder.has_part:
            self._expect(limits.CONNECTION_IDLE_SECONDS)
        elif count or not had_part:
            # A client that sends a byte now and then is not idle, and holds what it sent in memory all the same.
            self._expect(limits.CONNECTION_FRAME_SECONDS)

    def _begin(self, request: Command) -> None:
        self._room -= 1
        if not self._room:
            self._stall()
        if request.code in handlers.BEGINNERS and self._counted is not None and self._is_begun(request):
            return
        task = self._start(self._answer(request))
        if request.code in _POLLS:
            self._polls.add(task)

    def _is_begun(self, request: Command) -> bool:
        """Begins a request that needs no task; returns False, having done nothing, if it needs one."""
        try:
            actor = identity.prove_now(request, self._ip)
        except (BrokerError, AccountError) as error:
            self._finish(request, refusals.response(request, error))
            return True
        return actor is not None and handlers.begin(self._call(request, actor), partial(self._finish, request))

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
        self._resume()

    def _stall(self) -> None:
        self._is_stalled = True
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def _resume(self) -> None:
        self._is_stalled = False
        if self._transport.is_closing():
            return
        try:
            self._go_on()
        except ProtocolViolation as error:
            self._refuse(error)
        if not self._is_stalled and not self._transport.is_closing():
            self._transport.resume_reading()

    def _expect(self, seconds: float) -> None:
        """Gives the client so long from now until the next look finds it wanting."""
        self._deadline = self._loop.time() + seconds
        if self._deadline < self._looks_at:
            self._look_at(self._deadline)

    def _look_at(self, when: float) -> None:
        if self._look is not None:
            self._look.cancel()
        self._looks_at = when
        self._look = self._loop.call_at(when, self._check)

    def _check(self) -> None:
        now = self._loop.time()
        if now >= self._deadline:
            self._transport.abort()
        else:
            self._look_at(min(self._deadline, now + limits.CONNECTION_IDLE_SECONDS))

    def _refuse(self, error: ProtocolViolation) -> None:
        _log.info("remoting_connection_refused", extra={"peer": self._address, "reason": str(error)})
        self._expect(_WRITE_SECONDS)
        self._transport.close()

    # --- answering --------------------------------------------------------------------------------------------------

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._polls.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, ProtocolViolation):
            self._refuse(error)
        elif error is not None:  # a connection boundary
            _log.error("remoting_connection_failed", exc_info=error, extra={"peer": self._address})
            self._transport.abort()

    async def _answer(self, request: Command) -> None:
        self._finish(request, await self._respond(request))

    def _finish(self, request: Command, response: Command) -> None:
        """Writes the response of a request that is done, and makes room for another one once it is taken."""
        try:
            if not request.is_one_way:
                self._write(response)
        except Exception:  # a connection boundary
            _log.exception("remoting_connection_failed", extra={"peer": self._address})
            self._transport.abort()
        if self._may_write.is_set():
            self._make_room()
        else:
            self._start(self._make_room_later())

    async def _make_room_later(self) -> None:
        try:
            async with asyncio.timeout(_WRITE_SECONDS):
                await self._may_write.wait()
        except TimeoutError:
            self._transport.abort()
        finally:
            self._make_room()

    def _make_room(self) -> None:
        self._room += 1
        if self._room == 1:
            # Not at once: this may be called by what began the request, which goes on reading by itself.
            self._loop.call_soon(self._resume)

    def _write(self, command: Command) -> None:
        if not self._transport.is_closing():
            data = frames.encode(command)
            self._transport.write(data if self._tls is None else self._tls.wrap(data))

    async def _respond(self, request: Command) -> Command:
        try:
            actor = await identity.prove(request, self._ip)
            await self._count(actor)
        except (BrokerError, AccountError) as error:
            return refusals.response(request, error)
        return await handlers.answer(self._call(request, actor))

    def _call(self, request: Command, actor: Actor) -> Call:
        return Call(
            request=request,
            actor=actor,
            peer=self,
            memory=self._memory,
            members=self._members,
            place=self._place,
        )

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
