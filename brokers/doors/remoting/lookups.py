"""Single messages: looked at by id or key, and sent back by consumers that failed.

Owns: those answers. Must not know: the store. Called by: doors.remoting.handlers.
"""

from ...catalog import access, changes, snapshot
from ...catalog.snapshot import TopicEntry
from ...dispatch import bridge
from ...domain import limits, retry
from ...domain.errors import ErrorCode, NotFound, Rejected
from ...domain.messages import Stored
from ...engine import pulls, returns
from ...protocols.remoting import bodies, records
from ...protocols.remoting.codes import Reply
from ...protocols.remoting.frames import Command
from .. import permission
from . import names, stored
from .call import Call

_QUERY_COUNT_MAX = 64


async def view(call: Call) -> Command:
    """33: the message at a place, as an offset id names it."""
    queue_id, offset = records.unplace(bodies.whole(call.fields, "offset"))
    topic, queue, message = await _at(call, queue_id, offset)
    await _note_read(call, topic, place=f"{queue_id}:{offset}")
    parsed = await names.parse(call.actor, names.TEMPLATE_TOPIC)
    prefix = "" if topic.instance == parsed.instance else f"{topic.instance}%"
    name = names.wrap(prefix, topic.name)
    return call.reply(body=stored.record(message, topic=name, queue=queue, prefix=prefix, place=call.place))


async def query(call: Call) -> Command:
    """12: the newest messages of a topic with a key, or with an id when the client says so."""
    name = bodies.text(call.fields, "topic")
    topic, parsed = await names.topic(call.actor, name, "mq:SUB")
    key = bodies.text(call.fields, "key")
    if not key.isprintable():
        raise Rejected("A key holds no control characters.")
    most = min(max(bodies.whole(call.fields, "maxNum", 32), 1), _QUERY_COUNT_MAX)
    start, end = bodies.whole(call.fields, "beginTimestamp", 0), bodies.whole(call.fields, "endTimestamp", 0)
    message_id = key if bodies.truth(call.fields, "_UNIQUE_KEY_QUERY") else None
    found = await bridge.run(
        lambda: pulls.find(topic, message_id=message_id, key=key, start_ms=start, end_ms=end, limit=most)
    )
    if not found:
        return call.reply(Reply.QUERY_NOT_FOUND, remark="can not find message, maybe time range not correct")
    await _note_read(call, topic, key=key)
    numbers = {queue_id: number for number, queue_id in enumerate(topic.queue_ids)}
    body = b"".join(
        stored.record(m, topic=name, queue=numbers[m.queue_id], prefix=parsed.prefix, place=call.place) for m in found
    )
    newest = max(found, key=lambda m: m.stored_at_ms)
    fields = {
        "indexLastUpdateTimestamp": str(newest.stored_at_ms),
        "indexLastUpdatePhyoffset": str(records.place(newest.queue_id, newest.offset)),
    }
    return call.reply(fields=fields, body=body)


async def _note_read(call: Call, topic: TopicEntry, **looked_for: str) -> None:
    """Writes down who looks at messages: this is no consuming."""
    resource = access.resource(call.actor.account_id, topic.instance, topic.name)
    await bridge.run(lambda: changes.record_read(call.actor, "mq:QueryMessage", resource, **looked_for))


async def send_back(call: Call) -> Command:
    """36: a consumer could not deal with a message: it comes again through the retry topic, or is a dead letter."""
    group, _ = await names.group(call.actor, bodies.text(call.fields, "group"))
    queue_id, offset = records.unplace(bodies.whole(call.fields, "offset"))
    topic, _, message = await _at(call, queue_id, offset)
    if topic.instance_id != group.instance_id:
        raise _missing()
    level = bodies.whole(call.fields, "delayLevel", 0)
    most = bodies.whole(call.fields, "maxReconsumeTimes", -1)
    member = call.members.of(group.id, call.peer)
    back = returns.Return(
        group=group,
        message=message,
        client_id=member.client_id if member is not None else call.peer.address,
        delay=retry.level_delay(level) if level > 0 else None,
        max_retries=most if most >= 0 else None,
        is_final=level < 0,
    )
    await bridge.run(returns.send_back, back)
    return call.reply()


async def _at(call: Call, queue_id: int, offset: int) -> tuple[TopicEntry, int, Stored]:
    """Returns the topic, the queue's number and the message; what belongs to others looks like nothing."""
    place = await bridge.run(snapshot.topic_of_queue, queue_id) if queue_id <= limits.INT64_MAX >> 40 else None
    if place is None or place[0].account_id != call.actor.account_id:
        raise _missing()
    topic, queue = place
    await permission.require(call.actor, "mq:SUB", topic.name, instance=topic.instance)
    return topic, queue, await bridge.run(pulls.read_one, queue_id, offset)


def _missing() -> NotFound:
    return NotFound("There is no such message.", ErrorCode.MESSAGE_NOT_FOUND)
