"""Connected clients: who they are, what they say of themselves, and making one consume a message now.

Owns: those answers, whichever worker a client is connected to. Must not know: sockets. Called by: doors.remoting.admin.
Source: apache/rocketmq broker/.../processor/AdminBrokerProcessor.java (callConsumer).
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from ....catalog import access, snapshot
from ....dispatch import bridge
from ....domain.errors import ErrorCode, NotFound, TryLater
from ....engine import relays as far
from ....engine.relays import Answer
from ....protocols.remoting import bodies, records
from ....protocols.remoting.bodies import QueueName
from ....protocols.remoting.codes import Reply
from ....protocols.remoting.frames import Command
from ... import permission
from .. import names, relays
from ..call import Call

# One at a time: whoever asks far clients waits for others who do, and holds up nobody else's work.
_far = bridge.Lane("relay")
_STATUS_CLIENT_COUNT = 64
_Values = dict[str, Any]  # Any: JSON values
_Question = tuple[str, dict[str, str]]  # what, and its details


async def consumers(call: Call) -> Command:
    """203: the connected members of a group; 206 when there are none."""
    name = bodies.text(call.fields, "consumerGroup")
    group, _ = await names.group(call.actor, name, "mq:QueryGroup")
    members = await members_of(call, group.id)
    if not members:
        return call.reply(Reply.CONSUMER_NOT_ONLINE, remark=f"the consumer group[{name}] not online")
    first = members[0]
    table = {one["topic"]: describe_subscription(one) for member in members for one in member["subscriptions"]}
    body = {
        "connectionSet": [_connection(member) for member in members],
        "subscriptionTable": table,
        "consumeType": "CONSUME_PASSIVELY" if first["is_push"] else "CONSUME_ACTIVELY",
        "messageModel": "BROADCASTING" if first["is_broadcast"] else "CLUSTERING",
        "consumeFromWhere": first["from_where"] or "CONSUME_FROM_LAST_OFFSET",
    }
    return call.reply(body=bodies.write(body))


async def running(call: Call) -> Command:
    """307: what a client says of itself."""
    group, _ = await names.group(call.actor, bodies.text(call.fields, "consumerGroup"), "mq:QueryGroup")
    details = {"stacks": "true" if bodies.truth(call.fields, "jstackEnable") else "false"}
    who = far.Client(group.id, bodies.text(call.fields, "clientId"))
    return await _relay(call, who, (far.RUNNING, details))


async def consume(call: Call) -> Command:
    """309: makes a client consume one message now; its place and that of its group do not change."""
    group, _ = await names.group(call.actor, bodies.text(call.fields, "consumerGroup"), "mq:Resend")
    queue_id, offset = records.unplace(records.read_offset_id(bodies.text(call.fields, "msgId")))
    found = await bridge.run(snapshot.topic_of_queue, queue_id)
    if found is None or found[0].instance_id != group.instance_id:
        raise NotFound("There is no such message.", ErrorCode.MESSAGE_NOT_FOUND)
    await permission.require(call.actor, "mq:QueryMessage", found[0].name, instance=found[0].instance)
    resource = access.resource(call.actor.account_id, group.instance, group.name)
    client = bodies.text(call.fields, "clientId")
    place = far.Place(queue_id, offset)
    await bridge.run(lambda: far.note_delivery(call.actor, resource, client, place=place))
    return await _relay(call, far.Client(group.id, client), (far.CONSUME, place.details))


async def status(call: Call) -> Command:
    """223: where the members of a group stand in a topic, by their own word."""
    group, _ = await names.group(call.actor, bodies.text(call.fields, "group"), "mq:QueryConsumerOffset")
    topic, parsed = await names.topic(call.actor, bodies.text(call.fields, "topic"), "mq:QueryTopic")
    only = call.fields.get("clientAddr") or ""
    known = [member["client_id"] for member in await members_of(call, group.id)]
    wanted = [client for client in known if not only or client == only][:_STATUS_CLIENT_COUNT]
    if not wanted:
        remark = f"the consumer group[{bodies.text(call.fields, 'group')}] not online"
        return call.reply(Reply.CONSUMER_NOT_ONLINE, remark=remark)
    question = (far.STATUS, {"topic": topic.name})
    answers = await asyncio.gather(*(_ask(call, far.Client(group.id, client), question) for client in wanted))
    parts = []
    for client, answer in zip(wanted, answers, strict=True):
        table = (
            (QueueName(names.wrap(parsed.prefix, topic.name), q.get("broker", ""), q.get("queue", 0)), q["offset"])
            for q in answer.view.get("queues", ())
        )
        parts.append(bodies.write_text(client) + b":" + bodies.write_by_queue(table))
    return call.reply(body=b'{"messageQueueTable":{},"consumerTable":{' + b",".join(parts) + b"}}")


async def members_of(call: Call, group_id: int) -> list[_Values]:
    """Returns the connected members of a group as plain values, those of other workers too."""
    here = [relays.describe(member) for member in call.members.every(group_id)]
    if await bridge.run(far.worker_count) < 2:
        return here
    seen = await _far.run(far.gather, group_id, far.MEMBERS)
    return _unique(member for view in seen for member in view.get("members", ())) or here


def describe_subscription(one: _Values) -> _Values:
    """Returns a subscription as SubscriptionData."""
    is_tags = one["type"] == "TAG"
    tags = [] if not is_tags or one["expression"] == "*" else [t.strip() for t in one["expression"].split("||")]
    return {
        "topic": one["topic"],
        "subString": one["expression"],
        "expressionType": one["type"],
        "subVersion": one["version"],
        "tagsSet": tags,
        "codeSet": [],
        "classFilterMode": False,
    }


async def _relay(call: Call, who: far.Client, question: _Question) -> Command:
    answer = await _ask(call, who, question)
    code = Reply(answer.code) if answer.code in set(Reply) else Reply.SYSTEM_ERROR
    return call.reply(code, remark=answer.remark or None, body=answer.body)


async def _ask(call: Call, who: far.Client, question: _Question) -> Answer:
    what, details = question
    member = call.members.find(who.group_id, who.client_id)
    if member is not None:
        return await relays.ask(member, what, details, place=call.place)
    try:
        return await _far.run(far.ask, who, what, details)
    except NotFound:
        remark = f"The Consumer <{call.fields.get('consumerGroup', '')}> <{who.client_id}> not online"
        return Answer(Reply.SYSTEM_ERROR, remark)
    except TryLater as error:
        return Answer(Reply.CONSUME_MSG_TIMEOUT, error.detail)


def _connection(member: _Values) -> _Values:
    return {
        "clientId": member["client_id"],
        "clientAddr": member["address"],
        "language": member["language"],
        "version": member["version"],
    }


def _unique(members: Iterable[_Values]) -> list[_Values]:
    return list({(member["client_id"], member["address"]): member for member in members}.values())
