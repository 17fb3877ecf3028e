"""One request and what its handler needs to answer it.

Owns: nothing; carries values. Must not know: handlers. Called by: every file of this room.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ...domain.actor import Actor
from ...protocols.remoting import frames
from ...protocols.remoting.codes import Reply
from ...protocols.remoting.frames import Command

if TYPE_CHECKING:
    from .members import Members

BROKER_NAME = "broker-a"
CLUSTER = "DefaultCluster"


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
    """What a connection remembers of queues it pulls: the epoch of each cursor, and what it committed last."""

    epochs: dict[tuple[int, int], int] = field(default_factory=dict)
    committed: dict[tuple[int, int], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """Where clients reach this broker: an IPv4 address and the broker's port."""

    host: str
    port: int

    @property
    def address(self) -> str:
        """Returns `host:port`."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
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
