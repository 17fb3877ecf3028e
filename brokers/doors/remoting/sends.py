"""Sending: one message, or a batch of them for one queue.

Owns: reading the two spellings of the send header, and the properties clients write. Must not know: the store.
Called by: doors.remoting.handlers.
"""

from collections.abc import Callable, Mapping, Sequence
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
from ...protocols.remoting.codes import Reply
from ...protocols.remoting.frames import Command
from .. import allowance
from . import names, questions, refusals, returns, transactions
from .call import BROKER_NAME, REGION, Call
from .stored import FLAG

# The names of a header's fields; the second spelling has the letters of the alphabet for them.
_LONG_NAMES = (
    "producerGroup topic defaultTopic defaultTopicQueueNums queueId sysFlag bornTimestamp flag properties"
    " reconsumeTimes unitMode maxReconsumeTimes batch bname"
).split()
_SPELLED_LONG = {name: name for name in _LONG_NAMES}
_SPELLED_SHORT = dict(zip(_LONG_NAMES, "abcdefghijklmn", strict=True))
# When a message may be seen, spelled by this client and by those of the cloud.
_INSTANTS_MS = ("TIMER_DELIVER_MS", "__STARTDELIVERTIME")
_DELAYS = frozenset({"DELAY", "TIMER_DELAY_SEC", "TIMER_DELAY_MS", *_INSTANTS_MS})
# Reserved names that clients set themselves and other clients must find again.
_KEPT = frozenset("WAIT CORRELATION_ID REPLY_TO_CLIENT TTL MSG_TYPE CLUSTER INSTANCE_ID BUYER_ID".split())


class Header:
    """What a send or a reply says beside its body, in either spelling; properties are still one string.

    What few need is read when it is asked for; then too a field that makes no sense raises ProtocolViolation.
    """

    __slots__ = ("_fields", "_names", "born_at_ms", "flag", "is_batch", "properties", "queue", "sys_flag", "topic")

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = fields
        self._names = spelled = _SPELLED_SHORT if "b" in fields else _SPELLED_LONG
        self.topic = bodies.text(fields, spelled["topic"])
        self.queue = bodies.whole(fields, spelled["queueId"])
        self.sys_flag = bodies.whole(fields, spelled["sysFlag"], 0)
        self.born_at_ms = bodies.whole(fields, spelled["bornTimestamp"], 0)
        self.flag = bodies.whole(fields, spelled["flag"], 0)
        self.properties = fields.get(spelled["properties"], "")
        self.is_batch = bodies.truth(fields, spelled["batch"])

    @property
    def producer_group(self) -> str:
        """Returns the group of the producer, empty when it names none."""
        return self._fields.get(self._names["producerGroup"], "")

    @property
    def queue_count(self) -> int:
        """Returns how many queues the topic is to have if it is made now."""
        return bodies.whole(self._fields, self._names["defaultTopicQueueNums"], 4)

    @property
    def failures(self) -> int:
        """Returns how often consuming it has failed."""
        return bodies.whole(self._fields, self._names["reconsumeTimes"], 0)

    @property
    def most_failures(self) -> int:
        """Returns after how many failures it is given up; -1 when the client leaves that to the group."""
        return bodies.whole(self._fields, self._names["maxReconsumeTimes"], -1)


async def send(call: Call) -> Command:
    """10, 310 and 320: answers once every message is durable."""
    header = Header(call.fields)
    if returns.is_return(header.topic):
        return await _return(call, header)
    topic, parsed = await names.topic_or_new(call.actor, header.topic, queue_count=header.queue_count)
    entries, queue = _entries(call, header), _queue(header, topic)
    if _is_half(header, entries):
        (entry,) = entries
        group = transactions.group_of(entry.properties, header.producer_group)
        message = _outgoing(call, header, entry, queue=queue)
        message = message._replace(wire_properties={**message.wire_properties, PRODUCER_GROUP: group})
        await allowance.require_send(call.actor, topic, [len(message.body)])
        return await transactions.prepare(call, topic, message, group=group, prefix=parsed.prefix)
    sends = [Send(topic, _outgoing(call, header, entry, queue=queue), is_typed=False) for entry in entries]
    await allowance.require_send(call.actor, topic, [len(one.message.body) for one in sends])
    if not header.is_batch and questions.is_request(sends[0]):
        results: Sequence[Published | BrokerError] = [await questions.ask(call, sends[0])]
    else:
        results = await (await desk.get()).publish(sends)
    return _answer(call, topic, header=header, queue=queue, results=results)


def begin(call: Call, hear: Callable[[Command], None]) -> bool:
    """Begins what `send` does when only the commit has to be waited for; returns False, having done nothing, if not."""
    header = Header(call.fields)
    found = names.topic_at_hand(call.actor, header.topic, "mq:PUB")
    publishing = desk.started()
    if found is None or publishing is None or returns.is_return(header.topic):
        return False
    topic, _ = found
    entries, queue = _entries(call, header), _queue(header, topic)
    if _is_half(header, entries):
        return False
    sends = [Send(topic, _outgoing(call, header, entry, queue=queue), is_typed=False) for entry in entries]
    if not header.is_batch and questions.is_request(sends[0]):
        return False
    if not allowance.pays_now(call.actor, topic, [len(one.message.body) for one in sends]):
        return False
    publishing.publish_soon(sends, _Begun(call, topic=topic, header=header, queue=queue, hear=hear))
    return True


class _Begun:
    """A send whose batch is under way; passes on the response."""

    __slots__ = ("_call", "_header", "_hear", "_queue", "_topic")

    def __init__(
        self, call: Call, *, topic: TopicEntry, header: Header, queue: int, hear: Callable[[Command], None]
    ) -> None:
        self._call, self._topic, self._header, self._queue, self._hear = call, topic, header, queue, hear

    def done(self) -> bool:
        """Returns False: a send that was taken is stored, whether or not its client stays."""
        return False

    def set_result(self, results: Sequence[Published | BrokerError], /) -> None:
        """Hears what became of its messages."""
        try:
            response = _answer(self._call, self._topic, header=self._header, queue=self._queue, results=results)
        except Exception as error:  # others wait for the same batch
            response = refusals.response(self._call.request, error)
        self._hear(response)

    def set_exception(self, error: Exception, /) -> None:
        """Hears that the batch failed."""
        self._hear(refusals.response(self._call.request, error))


def _entries(call: Call, header: Header) -> list[records.BatchEntry]:
    """Returns the messages of a send."""
    if not header.is_batch:
        return [records.BatchEntry(header.flag, call.request.body, records.read_properties(header.properties))]
    entries = records.decode_batch(call.request.body, most=limits.BATCH_MESSAGE_COUNT)
    if not entries:
        raise ProtocolViolation("a batch without messages")
    return entries


def _queue(header: Header, topic: TopicEntry) -> int:
    """Returns the queue a send is for."""
    count = len(topic.queue_ids)
    if header.queue >= count:
        raise Rejected(f"Topic {header.topic!r} has queues 0 to {count - 1}.")
    return header.queue if header.queue >= 0 else clock.now_ms() % count


def _is_half(header: Header, entries: Sequence[records.BatchEntry]) -> bool:
    """Returns True if a send waits for its producer's decision. Raises Rejected when several would."""
    if not any(transactions.is_half(entry.properties, header.sys_flag) for entry in entries):
        return False
    if header.is_batch:
        raise Rejected("A batch holds no transactional messages: send each by itself.")
    return True


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
    own: dict[str, str] = {}
    kept: dict[str, str] = {}
    for name, value in given.items():
        if name not in messages.RESERVED_PROPERTIES:
            own[name] = value
        elif name in _KEPT:
            kept[name] = value
    if entry.flag:
        kept[FLAG] = str(entry.flag)
    return Outgoing(
        body=entry.body,
        message_id=message_id,
        tag=given.get("TAGS", "").strip() or None,
        keys=_keys(given, header.topic),
        properties=own,
        wire_properties=kept,
        queue=queue,
        sys_flag=header.sys_flag & records.BODY_FLAGS,
        born_at_ms=header.born_at_ms,
        born_host=call.peer.address,
        **({} if _DELAYS.isdisjoint(given) else _delay(given)),
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
