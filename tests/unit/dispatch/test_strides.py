"""Statements driven from the event loop: steps are taken when their socket is ready, and only while somebody waits."""

import asyncio
import socket
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager

import psycopg
import pytest
from psycopg.waiting import WAIT_R, WAIT_RW, WAIT_W

from brokers.dispatch import strides

Steps = Generator[int, int, bytes]


@contextmanager
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        yield ours, theirs


def reading(ours: socket.socket, count: int) -> Steps:
    found = b""
    while len(found) < count:
        assert (yield WAIT_R) & WAIT_R
        found += ours.recv(1)
    return found


def listening(ours: socket.socket) -> strides.Listener:
    return strides.Listener(ours.fileno(), lambda: pytest.fail("the socket spoke unasked"))


@asynccontextmanager
async def under_way(steps: Steps, ours: socket.socket) -> AsyncIterator[asyncio.Task[bytes]]:
    listener = listening(ours)
    task = asyncio.create_task(listener.follow(steps))
    await asyncio.sleep(0)
    yield task
    assert task.done()
    listener.close()
    loop = asyncio.get_running_loop()
    assert not loop.remove_reader(ours) and not loop.remove_writer(ours)


def test_an_answer_that_comes_in_pieces_is_read_to_its_end() -> None:
    async def run() -> None:
        with sockets() as (ours, theirs):
            async with under_way(reading(ours, 3), ours) as task:
                for piece in (b"a", b"bc"):
                    assert not task.done()
                    theirs.send(piece)
                    await asyncio.sleep(0)
                assert await task == b"abc"

    asyncio.run(run())


def test_steps_that_want_to_write_go_on_when_they_may() -> None:
    def writing(ours: socket.socket) -> Steps:
        assert (yield WAIT_RW) == WAIT_W
        ours.send(b"question")
        return (yield from reading(ours, 6))

    async def run() -> None:
        with sockets() as (ours, theirs):
            theirs.setblocking(False)
            async with under_way(writing(ours), ours) as task:
                assert await asyncio.get_running_loop().sock_recv(theirs, 20) == b"question"
                theirs.send(b"answer")
                assert await task == b"answer"

    asyncio.run(run())


def test_steps_that_wait_for_nothing_are_done_at_once() -> None:
    async def run() -> None:
        with sockets() as (ours, _):
            listener = listening(ours)
            assert await listener.follow(reading(ours, 0)) == b""
            listener.close()

    asyncio.run(run())


def test_an_error_of_a_later_step_reaches_the_caller() -> None:
    def failing() -> Steps:
        yield WAIT_R
        raise psycopg.errors.UndefinedTable("gone")

    async def run() -> None:
        with sockets() as (ours, theirs):
            async with under_way(failing(), ours) as task:
                theirs.send(b"a")
                with pytest.raises(psycopg.errors.UndefinedTable):
                    await task

    asyncio.run(run())


def test_the_end_of_everything_reaches_the_caller() -> None:
    class EndOfEverything(BaseException):
        pass

    def failing() -> Steps:
        yield WAIT_R
        raise EndOfEverything

    async def run() -> None:
        with sockets() as (ours, theirs):
            async with under_way(failing(), ours) as task:
                theirs.send(b"a")
                with pytest.raises(EndOfEverything):
                    async with asyncio.timeout(60):
                        await task

    asyncio.run(run())


def test_a_caller_who_leaves_takes_no_further_step() -> None:
    async def run() -> None:
        with sockets() as (ours, theirs):
            async with under_way(reading(ours, 1), ours) as task:
                theirs.send(b"a")
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert ours.recv(1) == b"a"

    asyncio.run(run())


def test_a_socket_that_cannot_be_waited_on_is_a_lost_connection() -> None:
    async def run() -> None:
        with sockets() as (ours, _):
            number = ours.fileno()
            ours.close()
            with pytest.raises(psycopg.OperationalError):
                strides.Listener(number, lambda: None)

    asyncio.run(run())


def test_one_statement_follows_another_and_what_comes_in_between_is_heard_of() -> None:
    async def run() -> None:
        with sockets() as (ours, theirs):
            heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
            listener = strides.Listener(ours.fileno(), lambda: heard.set_result(ours.recv(9)))
            for number in (b"1", b"2"):
                theirs.send(number)
                assert await listener.follow(reading(ours, 1)) == number
            theirs.send(b"a notice")
            async with asyncio.timeout(60):
                assert await heard == b"a notice"
            listener.close()

    asyncio.run(run())
