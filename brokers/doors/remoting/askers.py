"""Who of the connected clients waits for replies, and pushing them to it.

Owns: that list, and what a pushed reply looks like. Must not know: sockets beyond `Peer`, how replies travel.
Called by: doors.remoting.replies, members, server.
A reply goes to the connection that asked; when that one ended, to another one of the same client (`dispatch.requests`
hands over what clients asked through a process that died).
Source: apache/rocketmq broker/.../processor/ReplyMessageProcessor.java, client/.../ClientRemotingProcessor.java.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...dispatch import desk
from ...dispatch.requests import Asked
from ...domain import clock, limits, requests
from ...domain.errors import BrokerError
from ...domain.requests import Reply
from ...engine.requests import Name
from ...protocols.remoting import records
from ...protocols.remoting.codes import Ask
from .call import CLUSTER, Peer, Place

REPLY_TOPIC = f"{CLUSTER}_REPLY_TOPIC"
# apache/rocketmq broker/.../client/net/Broker2Client.java callClient
_PUSH_SECONDS = 10.0
_INNER_GROUP = "CLIENT_INNER_PRODUCER"
Client = tuple[int, str]

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Waiting:
    """A request of a connected client. `peer` changes when its connection ends and the client has another one."""

    peer: Peer
    client: Client
    asked: Asked


class Askers:
    """The clients of this process that ask, by account and client id."""

    def __init__(self) -> None:
        self._peers: dict[Client, list[Peer]] = {}
        self._clients: dict[Peer, list[Client]] = {}
        self._waiting: dict[_Waiting, asyncio.Task[None]] = {}
        self.place = Place("", 0)

    def note(self, peer: Peer, account_id: int, client_id: str) -> None:
        """Notes that a connection is one of a client's; one that keeps changing its name loses the oldest."""
        client, clients = (account_id, client_id), self._clients.setdefault(peer, [])
        if client in clients:
            return
        if len(clients) == limits.MEMBER_GROUP_COUNT:
            self._forget(peer, clients.pop(0))
        clients.append(client)
        self._peers.setdefault(client, []).append(peer)

    def follow(self, asked: Asked, peer: Peer) -> "asyncio.Task[None]":
        """Waits for the replies to a request that came by `peer`, and pushes each. Returns what is done after that."""
        name = asked.question.name
        waiting = _Waiting(peer, (name.account_id, asked.question.client_id), asked)
        task = self._waiting[waiting] = asyncio.create_task(self._deliver(waiting))
        task.add_done_callback(lambda _: self._waiting.pop(waiting, None))
        return task

    def hang_up(self, peer: Peer) -> None:
        """Forgets a connection that ended; its requests go on by another one of the same client, or end."""
        for client in self._clients.pop(peer, []):
            self._forget(peer, client)
        for waiting, task in list(self._waiting.items()):
            if waiting.peer is peer:
                other = self._find(waiting.client)
                if other is None:
                    task.cancel()
                else:
                    waiting.peer = other

    def adopt(self, name: Name, client_id: str, replies: Sequence[Reply]) -> bool:
        """Pushes replies to a client that asked through a process that died. Returns False when it is not here."""
        peer = self._find((name.account_id, client_id))
        if peer is None:
            return False
        for reply in replies:
            known = {requests.CORRELATION_ID: name.correlation_id, requests.REPLY_TO: client_id}
            peer.tell(Ask.PUSH_REPLY_MESSAGE_TO_CLIENT, self._fields(reply, known), reply.body)
        return True

    def _forget(self, peer: Peer, client: Client) -> None:
        self._peers[client].remove(peer)
        if not self._peers[client]:
            del self._peers[client]

    def _find(self, client: Client) -> Peer | None:
        return next((peer for peer in reversed(self._peers.get(client, [])) if not peer.is_gone), None)

    async def _deliver(self, waiting: _Waiting) -> None:
        try:
            replies = await (await desk.get()).requests.replies(waiting.asked)
        except BrokerError:
            return  # the client measures its own time
        known = waiting.asked.question.send.message.wire_properties
        names = (requests.CORRELATION_ID, requests.REPLY_TO, requests.TIME_TO_LIVE_MS)
        for reply in replies:
            fields = self._fields(reply, {name: known[name] for name in names})
            try:
                await waiting.peer.ask(Ask.PUSH_REPLY_MESSAGE_TO_CLIENT, fields, reply.body, seconds=_PUSH_SECONDS)
            except (TimeoutError, ConnectionError) as error:
                _log.info("reply_not_taken", extra={"peer": waiting.peer.address, "reason": type(error).__name__})

    def _fields(self, reply: Reply, request: Mapping[str, str]) -> dict[str, str]:
        properties = {**reply.properties, **request, requests.MESSAGE_TYPE: requests.REPLY, "CLUSTER": CLUSTER}
        properties["PUSH_REPLY_TIME"] = str(clock.now_ms())
        if reply.keys:
            properties["KEYS"] = " ".join(reply.keys)
        if reply.tag is not None:
            properties["TAGS"] = reply.tag
        if reply.message_id:
            properties["UNIQ_KEY"] = reply.message_id
        born_host = reply.born_host if reply.born_host.rpartition(":")[2].isdigit() else f"{reply.born_host}:0"
        return {
            "producerGroup": _INNER_GROUP,
            "topic": REPLY_TOPIC,
            "defaultTopic": "TBW102",
            "defaultTopicQueueNums": "1",
            "queueId": "0",
            "sysFlag": str(reply.sys_flag),
            "bornTimestamp": str(reply.born_at_ms),
            "flag": str(reply.flag),
            "properties": records.write_properties(properties),
            "reconsumeTimes": "0",
            "unitMode": "false",
            "bornHost": born_host,
            "storeHost": self.place.address,
            "storeTimestamp": str(reply.replied_at_ms),
        }
