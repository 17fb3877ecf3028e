"""One request and what its handler needs to answer it.

Owns: nothing; carries values. Must not know: handlers. Called by: every file of this room.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ...domain import clock
from ...domain.actor import Actor
from ...protocols.remoting import frames
from ...protocols.remoting.codes import Reply
from ...protocols.remoting.frames import Command

if TYPE_CHECKING:
    from .members import Members

# A client that is told to go on elsewhere rests ten seconds.
_JUST_NOW_SECONDS = 10.0
BROKER_NAME = "broker-a"
CLUSTER = "DefaultCluster"
REGION = "DefaultRegion"


class Peer(Protocol):
    """A client's connection as handlers see it."""

    @property
    def address(self) -> str:
        """Returns the client's address and port."""

    @property
    def ip(self) -> str:
        """Returns the client's address."""

    @property
    def is_gone(self) -> bool:
        """Returns True once the connection has ended."""

    def tell(self, code: int, fields: Mapping[str, str], body: bytes = b"") -> None:
        """Sends a one-way request to the client; a client that is gone hears nothing."""

    async def ask(self, code: int, fields: Mapping[str, str], body: bytes = b"", *, seconds: float) -> Command:
        """Sends a request to the client and returns its answer.

        Raises: TimeoutError when it takes longer than `seconds`; ConnectionError when the client hangs up.
        """


@dataclass(slots=True)
class Memory:
    """What a connection remembers of queues it pulls, by (group, queue): the epoch of each cursor, what it committed
    last, how many pulls are under way, and when it was last told to go on elsewhere (by the monotonic clock).
    `popped_at`: when it last popped for each group. `strangers`: groups of which it is no member anybody remembers.
    """

    epochs: dict[tuple[int, int], int] = field(default_factory=dict)
    committed: dict[tuple[int, int], int] = field(default_factory=dict)
    popped_at: dict[int, float] = field(default_factory=dict)
    pulling: dict[tuple[int, int], int] = field(default_factory=dict)
    moved_at: dict[tuple[int, int], float] = field(default_factory=dict)
    strangers: set[int] = field(default_factory=set)

    def hears_of(self, key: tuple[int, int]) -> bool:
        """Returns True if the client hears of a reset by a pull: one is under way, or was answered so just now."""
        return key in self.pulling or clock.monotonic() - self.moved_at.get(key, -_JUST_NOW_SECONDS) < _JUST_NOW_SECONDS


@dataclass(frozen=True, slots=True)
class Place:
    """Where clients reach this broker: an IPv4 address and the broker's port."""

    host: str
    port: int

    @property
    def address(self) -> str:
        """Returns `host:port`."""
        return f"{self.host}:{self.port}"


class Call(NamedTuple):
    """A request whose sender is known."""

    request: Command
    actor: Actor
    peer: Peer
    memory: Memory
    members: Members
    place: Place

    @property
    def fields(self) -> Mapping[str, str]:
        """Returns the request's extFields."""
        return self.request.fields

    def reply(
        self,
        code: Reply = Reply.SUCCESS,
        *,
        remark: str | None = None,
        fields: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Command:
        """Returns a response to this request."""
        return frames.answer(self.request, code, remark=remark, fields=fields, body=body)


Handler = Callable[[Call], Awaitable[Command]]
Beginner = Callable[[Call, Callable[[Command], None]], bool]
