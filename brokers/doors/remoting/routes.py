"""What a name server answers: where topics are, which brokers there are.

Owns: those answers. Must not know: messages. Called by: doors.remoting.handlers.
This process is name server and broker in one, so every route leads here.
"""

from collections.abc import Iterable
from typing import Any

from django.conf import settings

from ...catalog import access, snapshot
from ...dispatch import bridge
from ...domain.actor import Actor
from ...domain.errors import ErrorCode, NotFound
from ...models import Topic
from ...protocols.remoting import bodies
from ...protocols.remoting.frames import Command
from . import names
from .askers import REPLY_TOPIC
from .call import BROKER_NAME, CLUSTER, Call

_READ, _WRITE, _INHERIT = 4, 2, 1
_TEMPLATE_QUEUE_COUNT = 8
# Tools send to topics called as the broker and the cluster: such a topic is made with what clients ask for by default.
_NAMED_QUEUE_COUNT = 4


async def route(call: Call) -> Command:
    """105: the queues of a topic and the broker that has them."""
    name = bodies.text(call.fields, "topic")
    if name in {names.TEMPLATE_TOPIC, BROKER_NAME, CLUSTER}:
        if not settings.REMOTING_AUTO_CREATE:
            raise _unknown(name)
        count = _TEMPLATE_QUEUE_COUNT if name == names.TEMPLATE_TOPIC else _NAMED_QUEUE_COUNT
        return _answer(call, queue_count=count, permission=_READ | _WRITE | _INHERIT)
    if (await names.parse(call.actor, name)).bare == REPLY_TOPIC:
        # Replies are not kept: the topic is where clients send them, and has no messages.
        return _answer(call, queue_count=1, permission=_READ | _WRITE)
    try:
        topic, _ = await names.topic(call.actor, name, "mq:QueryTopic")
    except NotFound:
        raise _unknown(name) from None
    permission = _READ if topic.kind == Topic.Kind.DEAD_LETTER else _READ | _WRITE
    return _answer(call, queue_count=len(topic.queue_ids), permission=permission)


async def cluster(call: Call) -> Command:
    """106: the brokers by cluster."""
    table = {"brokerAddrTable": {BROKER_NAME: _broker(call)}, "clusterAddrTable": {CLUSTER: [BROKER_NAME]}}
    return call.reply(body=bodies.write(table))


async def topics(call: Call) -> Command:
    """206 and 224: the names of all topics of the account's instances, as this client writes them."""
    parsed = await names.parse(call.actor, names.TEMPLATE_TOPIC)
    every = await bridge.run(snapshot.topic_names, call.actor.account_id)
    found = await bridge.run(_visible, call.actor, every)
    listed = [names.wrap("" if instance == parsed.instance else f"{instance}%", name) for instance, name in found]
    return call.reply(body=bodies.write({"topicList": listed}))


def _visible(actor: Actor, every: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Returns the (instance, topic) pairs that the actor may see. Blocks."""
    scoped = (((where, name), access.resource(actor.account_id, where, name)) for where, name in every)
    return [pair for pair, resource in scoped if access.may(actor, "mq:QueryTopic", resource)]


def _answer(call: Call, *, queue_count: int, permission: int) -> Command:
    queues = {
        "brokerName": BROKER_NAME,
        "readQueueNums": queue_count,
        "writeQueueNums": queue_count,
        "perm": permission,
        "topicSysFlag": 0,
    }
    table = {"queueDatas": [queues], "brokerDatas": [_broker(call)], "filterServerTable": {}}
    return call.reply(body=bodies.write(table))


def _broker(call: Call) -> dict[str, Any]:  # Any: JSON values
    return {"cluster": CLUSTER, "brokerName": BROKER_NAME, "brokerAddrs": {"0": call.place.address}}


def _unknown(name: str) -> NotFound:
    return NotFound(f"No topic route info in name server for the topic: {name}", ErrorCode.TOPIC_NOT_FOUND)
