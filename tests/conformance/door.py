"""What the promises ask of a door, in words every door has. A door that offers this runs the whole suite."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message to send."""

    body: bytes = b"hello"
    tag: str | None = None
    keys: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)
    sharding_key: str | None = None
    dedup_id: str | None = None
    delay: timedelta | None = None
    deliver_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A message the server answered for. `queue` and `offset` are None while it waits for its time."""

    message_id: str
    queue: int | None
    offset: int | None
    deliver_at: datetime | None = None
    is_duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message as a consumer got it."""

    message_id: str
    topic: str
    queue: int
    offset: int
    body: bytes
    tag: str | None
    keys: tuple[str, ...]
    properties: Mapping[str, str]
    attempt: int
    receipt: str
    invisible_until: datetime
    stored_at: datetime
    # Of a request: its correlation id, and the address a reply needs.
    question: tuple[str, str] | None = None


class Refused(Exception):
    """The server's definite no. Entries of batches return it, single calls raise it."""

    def __init__(self, code: str, detail: str, *, status: int = 0) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.status = status

    def is_a(self, code: str) -> bool:
        """Returns whether this is the refusal with that code, as far as the door can tell."""
        return self.code == code


class Unanswered(Exception):
    """Nobody knows whether it was done: no answer, or one that says so."""


# What not every door has. A test that asks for one of these says so: @pytest.mark.needs("leases").
LEASES = "leases"  # several members of a group at one queue, deliveries that run out, receipts
REASONS = "reasons"  # a refusal says why, and waits for the group's own back-off
DEDUP = "dedup"  # dedup ids
ENTRIES = "entries"  # each entry of a batch with its own result; everything about a message checked and named
TRANSACTIONS = "transactions"  # `TransactionalDoor`
EVERYTHING = frozenset({LEASES, REASONS, DEDUP, ENTRIES, TRANSACTIONS})


class Door(Protocol):
    """One way into the product. Methods may be called from several threads at once."""

    @property
    def abilities(self) -> frozenset[str]:
        """Returns what it has of the above."""

    def send(self, topic: str, message: Message) -> Sent:
        """Raises Refused, Unanswered."""

    def send_batch(self, topic: str, messages: Sequence[Message]) -> list[Sent | Refused]:
        """Raises Refused, Unanswered for the batch as a whole."""

    def receive(
        self,
        group: str,
        topics: Sequence[str | tuple[str, str]],
        *,
        count: int = 100,
        wait: float = 0,
        invisible: float | None = None,
        client_id: str = "",
    ) -> list[Delivered]:
        """A topic is a name, or a name and a filter. `wait` and `invisible` are seconds. Raises Refused, Unanswered."""

    def ack(self, group: str, receipts: Sequence[str]) -> list[Refused | None]: ...

    def nack(
        self, group: str, receipts: Sequence[str], *, error: str = "", delay: float | None = None
    ) -> list[Refused | None]: ...

    def extend(self, group: str, receipts: Sequence[str], *, invisible: float) -> list[datetime | Refused]: ...


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision led to. `queue` and `offset` are None where nothing was committed, or the door does not tell."""

    state: str
    queue: int | None
    offset: int | None


@dataclass(frozen=True, slots=True)
class Checked:
    """A half message a producer is asked about. `number` is 1 for the first check."""

    transaction: str
    number: int
    body: bytes


@runtime_checkable
class TransactionalDoor(Protocol):
    """A door through which producers prepare half messages and decide them."""

    def prepare(self, topic: str, message: Message, *, group: str) -> str:
        """Returns the transaction's id. Raises Refused, Unanswered."""

    def decide(self, transaction: str, *, is_commit: bool) -> Decided:
        """Raises Refused, Unanswered."""

    def checks(self, topic: str, group: str, *, wait: float = 0) -> list[Checked]:
        """Raises Refused, Unanswered."""


class NobodyThere(Exception):
    """Nobody could have answered a request; it was not sent."""


class NobodyAnswered(Exception):
    """A request was sent and got no reply in time."""


@runtime_checkable
class RequestDoor(Door, Protocol):
    """A door through which some ask and others answer."""

    def request(self, topic: str, message: Message, *, seconds: float) -> bytes:
        """Returns the body of the reply. Raises NobodyThere, NobodyAnswered, Refused, Unanswered."""

    def reply(self, request: Delivered, body: bytes) -> None:
        """Raises Refused, Unanswered."""
