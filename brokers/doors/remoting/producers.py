"""Producers connected here, by group: who can be asked what became of a transaction, and asking them.

Owns: that list, and request 39. Must not know: when checks are due. Called by: this room's handlers, doors.back_checks.
Source: apache/rocketmq broker/.../client/ProducerManager.java, AbstractTransactionalMessageCheckListener.java.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ...dispatch import bridge
from ...domain import clock, limits
from ...domain.actor import Actor
from ...domain.errors import Denied, Rejected
from ...domain.messages import PRODUCER_GROUP
from ...engine import clients
from ...engine.back_checks import Noted, Question
from ...protocols.remoting import records
from ...protocols.remoting.codes import Ask
from .. import permission
from . import names, stored
from .call import BROKER_NAME, Peer, Place

Key = clients.ProducerGroup

_SILENT_SECONDS = 120.0
# Every Java client has one of its own for what it sends itself; nobody sends half messages with it.
_INNER = "CLIENT_INNER_PRODUCER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Producer:
    """A connection that produces for a group. `name` and `prefix`: how it writes the group, and what before topics."""

    key: Key
    name: str
    prefix: str
    client_id: str
    peer: Peer
    actor: Actor
    heard_at: float
    heard_at_ms: int = 0
    language: str = "OTHER"
    version: int = 0


class Producers:
    """The producers of all groups that are connected to this process."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._groups: dict[Key, dict[Peer, Producer]] = {}
        self._keys: dict[Peer, set[Key]] = {}
        self._turn = itertools.count()
        self._unsaid: dict[tuple[Key, str], clients.Producer] = {}

    def join(self, producer: Producer) -> None:
        """Notes that a producer is there; other processes hear of it with the next `tell_others`.

        Raises: Rejected when its connection produces for too many groups.
        """
        self._require_room(producer.peer, [producer.key])
        self._keys.setdefault(producer.peer, set()).add(producer.key)
        self._groups.setdefault(producer.key, {})[producer.peer] = producer
        self._unsaid[producer.key, producer.client_id] = clients.Producer(
            producer.client_id,
            self._worker,
            "remoting",
            producer.peer.address,
            producer.actor.name,
            clock.now_ms(),
        )

    def _require_room(self, peer: Peer, keys: Iterable[Key]) -> None:
        """Raises Rejected when a connection would produce for more than `limits.MEMBER_GROUP_COUNT` groups."""
        if len(self._keys.get(peer, set()).union(keys)) > limits.MEMBER_GROUP_COUNT:
            raise Rejected(f"A connection produces for at most {limits.MEMBER_GROUP_COUNT} groups; open another one.")

    async def tell_others(self) -> None:
        """Says in Redis who was heard lately; many heartbeats are one round trip, and none waits for it."""
        unsaid, self._unsaid = self._unsaid, {}
        if unsaid:
            await bridge.run(clients.note_producers, [(key, seen) for (key, _), seen in unsaid.items()])

    async def hear(
        self,
        peer: Peer,
        actor: Actor,
        *,
        client_id: str,
        groups: Iterable[str],
        language: str = "OTHER",
        version: int = 0,
    ) -> None:
        """Notes a heartbeat that names producer groups; what the connection sent half messages for stays too."""
        now = clock.monotonic()
        known = {key: self._groups[key][peer] for key in self._keys.get(peer, ())}
        for name in groups:
            if name == _INNER:
                continue
            parsed = await names.parse(actor, name)
            key = (actor.account_id, parsed.instance, parsed.bare)
            known[key] = known.get(key) or Producer(
                key=key, name=name, prefix=parsed.prefix, client_id=client_id, peer=peer, actor=actor, heard_at=now
            )
        self._require_room(peer, known)
        for producer in known.values():
            heard = replace(producer, client_id=client_id, actor=actor, heard_at=now, heard_at_ms=clock.now_ms())
            self.join(replace(heard, language=language, version=version))

    async def leave(self, key: Key, peer: Peer) -> None:
        """Forgets a producer that said goodbye, or whose connection ended."""
        members = self._groups.get(key, {})
        gone = members.pop(peer, None)
        if not members:
            self._groups.pop(key, None)
        keys = self._keys.get(peer, set())
        keys.discard(key)
        if not keys:
            self._keys.pop(peer, None)
        if gone is not None:
            self._unsaid.pop((key, gone.client_id), None)
            await bridge.run(lambda: clients.forget_producer(key, worker=self._worker, client_id=gone.client_id))

    async def hang_up(self, peer: Peer) -> None:
        """Forgets what a connection that ended produced for."""
        for key in list(self._keys.get(peer, ())):
            await self.leave(key, peer)

    async def sweep(self) -> None:
        """Forgets producers whose heartbeats stopped although their connection stands."""
        oldest = clock.monotonic() - _SILENT_SECONDS
        silent = [(k, p) for k, members in self._groups.items() for p, one in members.items() if one.heard_at < oldest]
        for key, peer in silent:
            await self.leave(key, peer)

    def knows(self, key: Key, peer: Peer) -> bool:
        """Returns True if this connection is one of the group's producers."""
        return peer in self._groups.get(key, {})

    def every(self) -> dict[Key, list[Producer]]:
        """Returns the producers here by group."""
        return {key: list(members.values()) for key, members in self._groups.items()}

    def has(self, key: Key) -> bool:
        """Returns True if a producer of the group is connected here."""
        return bool(self._groups.get(key))

    async def ask(self, key: Key, questions: Sequence[Question], place: Place) -> list[Noted]:
        """Asks producers of a group, one a question and in turn; returns those asked. Others stay for somebody else."""
        asked: list[Noted] = []
        for question in questions:
            producer = await self._choose(key, question)
            if producer is not None:
                _tell(producer, question, place)
                asked.append(Noted(question.id.half_id, "ASKED", "remoting", producer.client_id))
        return asked

    async def _choose(self, key: Key, question: Question) -> Producer | None:
        members = list(self._groups.get(key, {}).values())
        first = next(self._turn)
        for number in range(len(members)):
            producer = members[(first + number) % len(members)]
            try:
                # The question holds the message: only who may send to its topic may see it.
                await permission.require(
                    producer.actor, "mq:PUB", question.topic.name, instance=question.topic.instance
                )
            except Denied:
                continue
            return producer
        return None


def _tell(producer: Producer, question: Question, place: Place) -> None:
    # Queue 0 belongs to no topic, so a half message's place leads nowhere but back here.
    physical = records.place(0, question.id.half_id)
    message = question.message._replace(
        queue_id=0,
        sys_flag=question.message.sys_flag | records.PREPARED,
        properties={
            **question.message.properties,
            PRODUCER_GROUP: producer.name,
            "TRANSACTION_CHECK_TIMES": str(question.number),
        },
    )
    topic = names.wrap(producer.prefix, question.topic.name)
    fields = {
        "topic": topic,
        "tranStateTableOffset": str(question.id.topic_id),
        "commitLogOffset": str(physical),
        "msgId": message.message_id,
        "transactionId": message.message_id,
        "offsetMsgId": records.offset_id((place.host, place.port), physical),
        "bname": BROKER_NAME,
    }
    body = stored.record(message, topic=topic, queue=question.queue, prefix=producer.prefix, place=place)
    producer.peer.tell(Ask.CHECK_TRANSACTION_STATE, fields, body)
