"""Statements driven from the event loop: steps are taken when their socket is ready, and nobody listens afterwards."""

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


def is_listened_to(ours: socket.socket) -> bool:
    loop = asyncio.get_running_loop()
    return loop.remove_reader(ours) or loop.remove_writer(ours)


@asynccontextmanager
async def under_way(steps: Steps, ours: socket.socket) -> AsyncIterator[asyncio.Task[bytes]]:
    task = asyncio.create_task(strides.follow(steps, ours.fileno()))
    await asyncio.sleep(0)
    yield task
    assert task.done()
    assert not is_listened_to(ours)


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
            assert await strides.follow(reading(ours, 0), ours.fileno()) == b""

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
                await strides.follow(reading(ours, 1), number)

    asyncio.run(run())
