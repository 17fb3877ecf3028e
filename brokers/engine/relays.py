"""Asking and telling clients that are connected to some broker worker, from any process.

Owns: what can be asked, who may answer and how long that may take. Must not know: wires; the door that holds the
client's connection turns a question into its protocol. Called by: console, api, doors, `engine.offsets`.
"""

import base64
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from .. import events
from ..catalog import access, changes
from ..domain import clock
from ..domain.actor import Actor
from ..domain.errors import ErrorCode, NotFound, TryLater
from ..leases import presence, relays
from ..leases import workers as alive_workers
from ..models import Group

RUNNING, STATUS, CONSUME = "running", "status", "consume"
MEMBERS = "members"
# A client answers within ten seconds or not at all (apache/rocketmq Broker2Client.callClient).
ASK_SECONDS = 10.0
_GATHER_SECONDS = 2.0
# Doors whose clients can be asked; a heartbeat comes every 30 seconds.
_DOORS = frozenset({"remoting", "remoting-broadcast"})
_SILENT_MS = 120_000


@dataclass(frozen=True, slots=True)
class Client:
    """A client in a group."""

    group_id: int
    client_id: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message stands in the log."""

    queue_id: int
    offset: int

    @property
    def details(self) -> dict[str, str]:
        """Returns the place as details of a question."""
        return {"queue_id": str(self.queue_id), "offset": str(self.offset)}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client said: its protocol's code (0 is good), remark and body, and the same as plain values."""

    code: int
    remark: str
    body: bytes = b""
    view: dict[str, Any] = field(default_factory=dict)  # Any: JSON values


def ask(who: Client, what: str, details: Mapping[str, str]) -> Answer:
    """Returns the answer of a group's connected client to `what` (RUNNING, STATUS or CONSUME). Blocks.

    Raises: NotFound when the client is not connected, TryLater when it does not answer in ten seconds.
    """
    if not is_connected(who):
        raise offline(who.client_id)
    number = _send({"what": what, "group_id": who.group_id, "client_id": who.client_id, "details": dict(details)})
    told = relays.wait(number, seconds=ASK_SECONDS + _GATHER_SECONDS)
    if told is None:
        raise silent(who.client_id)
    return _read(told)


def deliver(actor: Actor, group: Group, client_id: str, *, place: Place) -> Answer:
    """Returns what a connected client says of one message it is made to consume now. Blocks.

    Nothing else changes: not the group's place, not the message's attempts. Needs the right to resend in the group.
    Raises: Denied; as `ask`. Effects: an audit row, before the client is asked.
    """
    resource = access.resource(group.instance.account_id, group.instance.name, group.name)
    access.check(actor, "mq:Resend", resource)
    note_delivery(actor, resource, client_id, place=place)
    return ask(Client(group.pk, client_id), CONSUME, place.details)


def note_delivery(actor: Actor, resource: str, client_id: str, *, place: Place) -> None:
    """Writes down that somebody makes a client consume a message."""
    with changes.transaction():
        changes.record(actor, "mq:Resend", resource, client=client_id, queue_id=place.queue_id, offset=place.offset)


def gather(group_id: int, what: str) -> list[dict[str, Any]]:  # Any: JSON values
    """Returns what every live worker knows of a group, one object a worker that answered in two seconds. Blocks."""
    number = _send({"what": what, "group_id": group_id, "client_id": "", "details": {}})
    count = worker_count()
    deadline = clock.monotonic() + _GATHER_SECONDS
    found: list[dict[str, Any]] = []  # Any: JSON values
    while len(found) < count and (told := relays.wait(number, seconds=deadline - clock.monotonic())) is not None:
        found.append(_read(told).view)
    return found


def tell_reset(group_id: int, topic_id: int, offsets: Mapping[int, int]) -> None:
    """Tells members of a group that keep their place themselves where they stand now, by queue number. Never blocks."""
    table = {str(queue): offset for queue, offset in offsets.items()}
    events.command({"type": "reset", "group_id": group_id, "topic_id": topic_id, "offsets": table})


def answer(number: str, given: Answer) -> None:
    """Keeps an answer for the process that asked."""
    packed = {
        "code": given.code,
        "remark": given.remark,
        "body": base64.b64encode(given.body).decode(),
        "view": given.view,
    }
    relays.answer(number, orjson.dumps(packed))


def is_connected(who: Client) -> bool:
    """Returns True if the client was heard of lately by a door that can ask it."""
    return any(seen.client_id == who.client_id for seen in connected(who.group_id) or ())


def connected(group_id: int) -> list[presence.Seen] | None:
    """Returns the clients that can be asked; None when Redis cannot say."""
    oldest = clock.now_ms() - _SILENT_MS
    found = presence.clients(group_id)
    return None if found is None else [s for s in found if s.door in _DOORS and s.last_seen_ms >= oldest]


def worker_count() -> int:
    """Returns how many broker workers live, at least this one."""
    return max(len(alive_workers.alive() or []), 1)


def offline(client_id: str) -> NotFound:
    """Returns the error for a client nobody is connected to."""
    return NotFound(f"The client {client_id!r} is not connected now.")


def silent(client_id: str) -> TryLater:
    """Returns the error for a client that does not answer."""
    return TryLater(
        f"The client {client_id!r} did not answer within {ASK_SECONDS:.0f} seconds.",
        ErrorCode.OVERLOADED,
        retry_after_seconds=5,
    )


def _send(order: dict[str, Any]) -> str:  # Any: plain values
    number = uuid.uuid4().hex
    events.command({"type": "ask", "number": number, **order})
    return number


def _read(told: bytes) -> Answer:
    packed = orjson.loads(told)
    return Answer(packed["code"], packed["remark"], base64.b64decode(packed["body"]), packed["view"])
