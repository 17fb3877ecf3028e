"""Messages that members send whole to their group's retry topic, because they failed for good or code 36 did.

Owns: reading those sends. Must not know: the store, what follows. Called by: doors.remoting.sends.
Source: apache/rocketmq client/.../ConsumeMessageOrderlyService.java (sendMessageBack), DefaultMQPushConsumerImpl.java;
broker/.../processor/SendMessageProcessor.java (handleRetryAndDLQ).
"""

from dataclasses import dataclass
from zlib import crc32

from ...dispatch import bridge
from ...domain import messages, retry
from ...domain.errors import Rejected
from ...domain.messages import ORIGIN_MESSAGE_ID, ORIGIN_TOPIC, Outgoing, Stored
from ...domain.names import RETRY_PREFIX
from ...engine import returns
from . import names
from .call import Call


@dataclass(frozen=True, slots=True)
class Counts:
    """How often a message failed, how often its member repeats, and the delay level it asks for."""

    failures: int
    most: int | None
    level: int


def is_return(topic: str) -> bool:
    """Returns True if a send to this topic gives a message back to a group."""
    return topic.startswith(RETRY_PREFIX)


async def accept(call: Call, topic: str, outgoing: Outgoing, *, counts: Counts, origin: str) -> None:
    """Gives a message back. `origin` is the topic it came from, as the client writes it. Raises Denied, NotFound."""
    parsed = await names.parse(call.actor, topic)
    group, _ = await names.group(call.actor, parsed.prefix + parsed.bare.removeprefix(RETRY_PREFIX))
    if not origin:
        raise Rejected("A message for a retry topic names the topic it came from (RETRY_TOPIC).")
    messages.check(outgoing)
    known_as = (await names.parse(call.actor, origin)).bare
    member = call.members.of(group.id, call.peer)
    back = returns.Return(
        group=group,
        message=_stored(outgoing, group.retry_topic.queue_ids[0], known_as),
        client_id=member.client_id if member is not None else call.peer.address,
        delay=retry.level_delay(counts.level) if counts.level > 0 else None,
        max_retries=counts.most,
        failures=max(counts.failures, 1),
    )
    await bridge.run(returns.send_whole, back)


def _stored(sent: Outgoing, queue_id: int, origin: str) -> Stored:
    return Stored(
        queue_id=queue_id,
        offset=0,
        message_id=sent.message_id,
        tag=sent.tag,
        keys=sent.keys,
        properties={
            **sent.properties,
            **sent.wire_properties,
            ORIGIN_TOPIC: origin,
            ORIGIN_MESSAGE_ID: sent.message_id,
        },
        body=sent.body,
        sys_flag=sent.sys_flag,
        body_crc=crc32(sent.body),
        born_at_ms=sent.born_at_ms,
        born_host=sent.born_host,
        stored_at_ms=0,
        reconsume_times=0,
    )
