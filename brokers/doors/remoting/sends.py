"""Sending: one message, or a batch of them for one queue.

Owns: reading the two spellings of the send header, and the properties clients write. Must not know: the store.
Called by: doors.remoting.handlers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from ...catalog.snapshot import TopicEntry
from ...dispatch import desk
from ...domain import clock, limits, messages, retry
from ...domain.errors import BrokerError, ErrorCode, ProtocolViolation, Rejected
from ...domain.messages import PRODUCER_GROUP, Outgoing
from ...domain.names import TRACE_TOPIC
from ...engine.publish import Published, Send
from ...protocols.remoting import bodies, handles, records
from ...protocols.remoting.codes import Ask, Reply
from ...protocols.remoting.frames import Command
from .. import allowance
from . import names, questions, returns, transactions
from .call import BROKER_NAME, REGION, Call
from .stored import FLAG

# The short names of the second spelling, in the order of the alphabet.
_LONG_NAMES = dict(
    zip(
        "abcdefghijklmn",
        "producerGroup topic defaultTopic defaultTopicQueueNums queueId sysFlag bornTimestamp flag properties"
        " reconsumeTimes unitMode maxReconsumeTimes batch bname".split(),
        strict=True,
    )
)
# When a message may be seen, spelled by this client and by those of the cloud.
_INSTANTS_MS = ("TIMER_DELIVER_MS", "__STARTDELIVERTIME")
# Reserved names that clients set themselves and other clients must find again.
_KEPT = frozenset("WAIT CORRELATION_ID REPLY_TO_CLIENT TTL MSG_TYPE CLUSTER INSTANCE_ID BUYER_ID".split())


_LONG_SPELLED = frozenset({Ask.SEND_MESSAGE, Ask.SEND_REPLY_MESSAGE})


@dataclass(frozen=True, slots=True)
class Header:
    """What a send says beside its body; properties are still one string."""

    producer_group: str
    topic: str
    queue: int
    queue_count: int
    sys_flag: int
    born_at_ms: int
    flag: int
    properties: str
    is_batch: bool
    failures: int
    most_failures: int


async def send(call: Call) -> Command:
    """10, 310 and 320: answers once every message is durable."""
    header = read_header(call)
    if returns.is_return(header.topic):
        return await _return(call, header)
    topic, parsed = await names.topic_or_new(call.actor, header.topic, queue_count=header.queue_count)
    if header.is_batch:
        entries = records.decode_batch(call.request.body, most=limits.BATCH_MESSAGE_COUNT)
        if not entries:
            raise ProtocolViolation("a batch without messages")
    else:
        properties = records.read_properties(header.properties)
        entries = [records.BatchEntry(header.flag, call.request.body, properties)]
    queue = header.queue if header.queue >= 0 else clock.now_ms() % len(topic.queue_ids)
    if queue >= len(topic.queue_ids):
        raise Rejected(f"Topic {header.topic!r} has queues 0 to {len(topic.queue_ids) - 1}.")
    if any(transactions.is_half(entry.properties, header.sys_flag) for entry in entries):
        if header.is_batch:
            raise Rejected("A batch holds no transactional messages: send each by itself.")
        (entry,) = entries
        group = transactions.group_of(entry.properties, header.producer_group)
        message = _outgoing(call, header, entry, queue=queue)
        message = replace(message, wire_properties={**message.wire_properties, PRODUCER_GROUP: group})
        await allowance.require_send(call.actor, topic, [len(message.body)])
        return await transactions.prepare(call, topic, message, group=group, prefix=parsed.prefix)
    sends = [Send(topic, _outgoing(call, header, entry, queue=queue), is_typed=False) for entry in entries]
    await allowance.require_send(call.actor, topic, [len(one.message.body) for one in sends])
    if not header.is_batch and questions.is_request(sends[0]):
        results: Sequence[Published | BrokerError] = [await questions.ask(call, sends[0])]
    else:
        results = await (await desk.get()).publish(sends)
    return _answer(call, topic, header=header, queue=queue, results=results)


def read_header(call: Call) -> Header:
    """Returns the header of a send or a reply, in either spelling. Raises ProtocolViolation."""
    fields: Mapping[str, str] = call.fields
    if call.request.code not in _LONG_SPELLED:
        fields = {_LONG_NAMES.get(name, name): value for name, value in fields.items()}
    return Header(
        producer_group=fields.get("producerGroup", ""),
        topic=bodies.text(fields, "topic"),
        queue=bodies.whole(fields, "queueId"),
        queue_count=bodies.whole(fields, "defaultTopicQueueNums", 4),
        sys_flag=bodies.whole(fields, "sysFlag", 0),
        born_at_ms=bodies.whole(fields, "bornTimestamp", 0),
        flag=bodies.whole(fields, "flag", 0),
        properties=fields.get("properties", ""),
        is_batch=bodies.truth(fields, "batch"),
        failures=bodies.whole(fields, "reconsumeTimes", 0),
        most_failures=bodies.whole(fields, "maxReconsumeTimes", -1),
    )


async def _return(call: Call, header: Header) -> Command:
    """Takes back what a group's member could not deal with."""
    given = records.read_properties(header.properties)
    outgoing = _outgoing(call, header, records.BatchEntry(header.flag, call.request.body, given), queue=0)
    most = header.most_failures if header.most_failures >= 0 else bodies.whole(given, "MAX_RECONSUME_TIMES", -1)
    counts = returns.Counts(
        failures=header.failures or bodies.whole(given, "RECONSUME_TIME", 0),
        most=most if most >= 0 else None,
        level=bodies.whole(given, "DELAY", 0),
    )
    await returns.accept(call, header.topic, outgoing, counts=counts, origin=given.get(messages.ORIGIN_TOPIC, ""))
    return call.reply(fields=_sent_fields(outgoing.message_id, "0" * 32, queue=0))


def _outgoing(call: Call, header: Header, entry: records.BatchEntry, *, queue: int) -> Outgoing:
    given = entry.properties
    message_id = given.get("UNIQ_KEY") or messages.new_message_id()
    if len(message_id) > limits.MESSAGE_ID_CHARS or not message_id.isprintable():
        raise Rejected("UNIQ_KEY is too long or holds control characters.", ErrorCode.RESERVED_PROPERTY)
    kept = {name: value for name, value in given.items() if name in _KEPT}
    if entry.flag:
        kept[FLAG] = str(entry.flag)
    return Outgoing(
        body=entry.body,
        message_id=message_id,
        tag=given.get("TAGS", "").strip() or None,
        keys=_keys(given, header.topic),
        properties={name: value for name, value in given.items() if name not in messages.RESERVED_PROPERTIES},
        wire_properties=kept,
        queue=queue,
        sys_flag=header.sys_flag & records.BODY_FLAGS,
        born_at_ms=header.born_at_ms,
        born_host=call.peer.address,
        **_delay(given),
    )


def _keys(given: Mapping[str, str], topic: str) -> tuple[str, ...]:
    keys = tuple(dict.fromkeys(given.get("KEYS", "").split()))
    # A trace record has the keys of every message it is about; clients cannot send fewer.
    return keys[: limits.KEY_COUNT] if topic == TRACE_TOPIC else keys


def _delay(given: Mapping[str, str]) -> dict[str, Any]:  # Any: two of Outgoing's fields
    """Returns when a message may be seen; a level wins over an instant, as on RocketMQ's broker."""
    try:
        if level := int(given.get("DELAY", "0")):
            return {"delay": retry.level_delay(level)}
        for name in _INSTANTS_MS:
            if name in given:
                # One that is past waits too: what is due only the database's clock knows (promise P5).
                return {"deliver_at": clock.from_ms(max(int(given[name]), 0))}
        if "TIMER_DELAY_SEC" in given:
            return {"delay": timedelta(seconds=int(given["TIMER_DELAY_SEC"]))}
        if "TIMER_DELAY_MS" in given:
            return {"delay": timedelta(milliseconds=int(given["TIMER_DELAY_MS"]))}
    except (ValueError, OverflowError):
        raise Rejected("A delay is a whole number in range.", ErrorCode.RESERVED_PROPERTY) from None
    return {}


def _answer(
    call: Call, topic: TopicEntry, *, header: Header, queue: int, results: Sequence[Published | BrokerError]
) -> Command:
    done = []
    for result in results:
        if isinstance(result, BrokerError):
            raise result
        done.append(result)
    host = (call.place.host, call.place.port)
    # A message that waits for its time has no place yet; its id leads to nothing until then.
    offsets = [limits.QUEUE_OFFSET_MAX if one.offset is None else one.offset for one in done]
    ids = [records.offset_id(host, records.place(topic.queue_ids[queue], offset)) for offset in offsets]
    fields = _sent_fields(done[0].message_id, ",".join(ids), queue=queue)
    fields["queueOffset"] = str(done[0].offset or 0)
    if done[0].deliver_at_ms is not None and not header.is_batch:
        handle = handles.Recall(header.topic, BROKER_NAME, done[0].deliver_at_ms, done[0].message_id)
        fields["recallHandle"] = handles.write_recall(handle)
    return call.reply(Reply.SUCCESS, fields=fields)


def _sent_fields(message_id: str, offset_ids: str, *, queue: int) -> dict[str, str]:
    return {
        "msgId": offset_ids,
        "queueId": str(queue),
        "queueOffset": "0",
        "transactionId": message_id,
        "MSG_REGION": REGION,
        "TRACE_ON": "true",  # clients that trace send their records to RMQ_SYS_TRACE_TOPIC
    }
