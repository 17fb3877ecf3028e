"""Asking clients that are connected here, for whoever wants to know, in this process or another.

Owns: what each question is on this door's wire. Must not know: who asks. Called by: doors.remoting.server for other
processes, doors.remoting.clients for requests of this door.
Source: apache/rocketmq broker/.../client/net/Broker2Client.java.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from ...catalog import snapshot
from ...catalog.snapshot import TopicEntry
from ...dispatch import bridge
from ...domain import clock, limits
from ...domain.errors import BrokerError, ProtocolViolation
from ...engine import pulls, relays
from ...engine.relays import Answer
from ...protocols.remoting import bodies, records, reports
from ...protocols.remoting.admin_codes import Manage
from ...protocols.remoting.bodies import QueueName
from ...protocols.remoting.codes import Reply
from . import names, stored
from .call import BROKER_NAME, Place
from .members import Member, Members

_log = logging.getLogger(__name__)


class Relays:
    """What this process does for others."""

    def __init__(self, members: Members, place: Place, worker: str) -> None:
        self._members = members
        self._place = place
        self._worker = worker
        self._tasks: set[asyncio.Task[None]] = set()

    def obey(self, order: dict[str, Any]) -> None:  # Any: plain values
        """Begins what `engine.relays` ordered; never waits."""
        work = {"reset": self._tell_reset, "ask": self._answer}.get(order.get("type", ""))
        if work is None or len(self._tasks) >= limits.RELAY_COUNT:
            return
        task = asyncio.create_task(self._guard(work(order)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, work: Any) -> None:  # Any: a coroutine
        try:
            await work
        except Exception:  # a task boundary
            _log.exception("relay_failed")

    async def _tell_reset(self, order: dict[str, Any]) -> None:  # Any: plain values
        members = [
            member
            for member in self._members.every(order["group_id"])
            if member.membership.is_push and not member.membership.is_broadcast
        ]
        topic = await bridge.run(snapshot.topic_by_id, order["topic_id"]) if members else None
        if topic is None:
            return
        for member in members:
            # Told twice, a client would rest twice: whoever is pulling hears of it by that.
            moved = {
                int(queue): offset
                for queue, offset in order["offsets"].items()
                if not member.memory.hears_of((member.group.id, topic.queue_ids[int(queue)]))
            }
            if not moved:
                continue
            name = names.wrap(member.prefix, topic.name)
            fields = {
                "topic": name,
                "group": member.membership.group,
                "timestamp": str(clock.now_ms()),
                "isForce": "true",
            }
            table = ((QueueName(name, BROKER_NAME, queue), offset) for queue, offset in moved.items())
            body = b'{"offsetTable":' + bodies.write_by_queue(table) + b"}"
            member.peer.tell(Manage.RESET_CONSUMER_CLIENT_OFFSET, fields, body)

    async def _answer(self, order: dict[str, Any]) -> None:  # Any: plain values
        if order["what"] == relays.MEMBERS:
            members = [describe(member) for member in self._members.every(order["group_id"])]
            given = Answer(Reply.SUCCESS, "", view={"worker": self._worker, "members": members})
        else:
            member = self._members.find(order["group_id"], order["client_id"])
            if member is None:
                return
            given = await ask(member, order["what"], order["details"], place=self._place)
        await bridge.run(relays.answer, order["number"], given)


async def ask(member: Member, what: str, details: Mapping[str, str], *, place: Place) -> Answer:
    """Returns what a member answers; an answer that cannot be had has a code and a remark too."""
    client = member.client_id
    try:
        code, fields, body = await _question(member, what, details, place=place)
        response = await member.peer.ask(code, fields, body, seconds=relays.ASK_SECONDS)
        view = reports.VIEWS[what](response.body) if response.code == Reply.SUCCESS else {}
    except TimeoutError:
        return Answer(Reply.CONSUME_MSG_TIMEOUT, relays.silent(client).detail)
    except ConnectionError:
        return Answer(Reply.SYSTEM_ERROR, relays.offline(client).detail)
    except BrokerError as error:
        return Answer(Reply.SYSTEM_ERROR, error.detail)
    except ProtocolViolation as error:
        return Answer(Reply.SYSTEM_ERROR, f"The client {client!r} answered something else: {error}.")
    return Answer(response.code, response.remark or "", response.body, view)


def describe(member: Member) -> dict[str, Any]:  # Any: JSON values
    """Returns a member as plain values."""
    membership = member.membership
    return {
        "client_id": member.client_id,
        "address": member.peer.address,
        "language": member.language,
        "version": member.version,
        "is_broadcast": membership.is_broadcast,
        "is_push": membership.is_push,
        "from_where": membership.from_where,
        "subscriptions": [
            {"topic": s.topic, "expression": s.expression, "type": s.expression_type, "version": s.version}
            for s in member.subscriptions.values()
        ],
    }


async def _question(
    member: Member, what: str, details: Mapping[str, str], *, place: Place
) -> tuple[Manage, dict[str, str], bytes]:
    group = member.membership.group
    named = {"consumerGroup": group, "clientId": member.client_id}
    if what == relays.RUNNING:
        return Manage.GET_CONSUMER_RUNNING_INFO, {**named, "jstackEnable": details.get("stacks", "false")}, b""
    if what == relays.STATUS:
        fields = {"group": group, "topic": names.wrap(member.prefix, details["topic"]), "clientAddr": member.client_id}
        return Manage.GET_CONSUMER_STATUS_FROM_CLIENT, fields, b""
    queue_id, offset = int(details["queue_id"]), int(details["offset"])
    found = await bridge.run(snapshot.topic_of_queue, queue_id)
    message = await bridge.run(pulls.read_one, queue_id, offset)
    topic, queue = found if found is not None else _gone()
    name = names.wrap(member.prefix, topic.name)
    body = stored.record(message, topic=name, queue=queue, prefix=member.prefix, place=place)
    id = records.offset_id((place.host, place.port), records.place(queue_id, offset))
    return (
        Manage.CONSUME_MESSAGE_DIRECTLY,
        {**named, "msgId": id, "brokerName": BROKER_NAME, "topic": name, "topicSysFlag": "0", "groupSysFlag": "0"},
        body,
    )


def _gone() -> tuple[TopicEntry, int]:
    raise ProtocolViolation("the message's topic was deleted")
