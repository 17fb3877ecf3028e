"""Settling what was popped: acknowledged, or hidden for another time.

Owns: which delivery a client means. Must not know: leases, cursors. Called by: doors.remoting.handlers.
A handle holds our own signed receipt. A batch, and a handle a client made up itself from an answer, hold none: then the
delivery is looked up among those of the group that are under way. Either way it is one of the group named in the
request, for which the sender needs the right to consume.
Source: apache/rocketmq broker/.../processor/AckMessageProcessor.java, ChangeInvisibleTimeProcessor.java.
"""

from datetime import timedelta

from ...catalog.snapshot import GroupEntry
from ...dispatch import bridge, desk
from ...domain import limits, receipts
from ...domain.errors import BrokerError, ErrorCode, Rejected
from ...domain.receipts import Receipt
from ...engine import peeking, pulls
from ...engine.settlement import Extension
from ...protocols.remoting import bodies, handles
from ...protocols.remoting.frames import Command
from . import names
from .call import Call
from .pops import KEY, ORDERED_REVIVE


async def acknowledge(call: Call) -> Command:
    """200051: a message is done."""
    group, _ = await names.group(call.actor, bodies.text(call.fields, "consumerGroup"))
    (error,) = await (await desk.get()).acknowledge([await _receipt(call, group)])
    if error is not None:
        raise error
    return call.reply()


async def acknowledge_batch(call: Call) -> Command:
    """200151: many are. Fails when one of them was not to be acknowledged any more; the others are then."""
    found: list[Receipt] = []
    failed: BrokerError | None = None
    for ack in bodies.read_batch_acks(call.request.body):
        group, _ = await names.group(call.actor, ack.group)
        queue_id = await _queue_id(call, group, topic=ack.topic, is_retry=ack.is_retry, queue=ack.queue)
        for offset in ack.offsets:
            try:
                found.append(await _look_up(group, queue_id, offset=offset, popped_at_ms=ack.popped_at_ms))
            except BrokerError as error:
                failed = error
    if found:
        errors = await (await desk.get()).acknowledge(found)
        failed = next((error for error in errors if error is not None), failed)
    if failed is not None:
        raise failed
    return call.reply()


async def change_invisible_time(call: Call) -> Command:
    """200053: a message is hidden for so long from now: a client needs more time, or wants it again later."""
    group, _ = await names.group(call.actor, bodies.text(call.fields, "consumerGroup"))
    receipt = await _receipt(call, group)
    asked_ms = bodies.whole(call.fields, "invisibleTime")
    invisible = timedelta(milliseconds=min(max(asked_ms, 0), limits.INVISIBLE_MAX_SECONDS * 1000))
    (deadline,) = await (await desk.get()).extend([Extension(receipt, invisible)])
    if isinstance(deadline, BrokerError):
        raise deadline
    # The instant of the claim stays the delivery's name in handles that clients make up of this answer.
    fields = {
        "popTime": str(receipt.claimed_at_ms),
        "invisibleTime": str(deadline - receipt.claimed_at_ms),
        "reviveQid": str(ORDERED_REVIVE if receipt.is_ordered else 0),
    }
    return call.reply(fields=fields)


async def _receipt(call: Call, group: GroupEntry) -> Receipt:
    handle = handles.read_popped(bodies.text(call.fields, "extraInfo"))
    if handle.receipt:
        receipt = receipts.decode(handle.receipt, KEY)
        if receipt.group_id != group.id:
            raise Rejected(f"This was handed to another group, not to {group.name!r}.", ErrorCode.INVALID_RECEIPT)
        return receipt
    topic = bodies.text(call.fields, "topic")
    queue_id = await _queue_id(call, group, topic=topic, is_retry=handle.is_retry, queue=handle.queue)
    return await _look_up(group, queue_id, offset=handle.offset, popped_at_ms=handle.popped_at_ms)


async def _queue_id(call: Call, group: GroupEntry, *, topic: str, is_retry: bool, queue: int) -> int:
    """Returns the store's id of a queue a client names. For retries clients put a name of their own together."""
    if is_retry:
        return pulls.queue_id(group.retry_topic, queue)
    found, _ = await names.topic(call.actor, topic, "mq:SUB")
    return pulls.queue_id(found, queue)


async def _look_up(group: GroupEntry, queue_id: int, *, offset: int, popped_at_ms: int) -> Receipt:
    return await bridge.run(lambda: peeking.receipt_of(group, queue_id, offset=offset, claimed_at_ms=popped_at_ms))
