"""Popping: the server hands out single messages under a lease, instead of members sharing out queues.

Owns: what a pop reads and how deliveries are written. Must not know: leases, cursors.
Called by: doors.remoting.handlers. The leases are those of the REST API, so both may serve one group at once.
Source: apache/rocketmq broker/.../processor/PopMessageProcessor.java, NotificationProcessor.java,
PeekMessageProcessor.java, client/.../impl/MQClientAPIImpl.java (processPopResponse).

A member that subscribes to %RETRY%<group> gets the retries there and nowhere else: it takes the topic of every message
to be the one it asked for. Others get them with any topic.
"""

from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings

from ...catalog.snapshot import GroupEntry
from ...dispatch import bridge, desk
from ...dispatch.readers import POLLING_MS, Place, Reader
from ...domain import clock, limits, receipts
from ...domain.errors import BrokerError, ErrorCode
from ...domain.filters import EVERYTHING
from ...domain.messages import ORIGIN_TOPIC, Stored
from ...domain.names import RETRY_PREFIX
from ...engine import peeking, pulls
from ...engine.clients import Seen
from ...engine.delivery import Delivery, ReceiveRequest, Subscription
from ...protocols.remoting import bodies, handles
from ...protocols.remoting.codes import Reply
from ...protocols.remoting.frames import Command
from ...protocols.remoting.handles import Popped
from .. import allowance, permission, replying
from . import members, names, stored
from .call import BROKER_NAME, Call
from .names import Name
from .pulls import FLOW_WAIT_SECONDS

DOOR = "remoting-pop"
ORDERED_REVIVE = 999  # what marks an ordered delivery (KeyBuilder.POP_ORDER_REVIVE_QUEUE)
KEY = settings.SECRET_KEY.encode()
_COUNT_MAX = 32
_RESPONSE_BYTES = 8 * 1024 * 1024  # a client takes frames of 16 MiB; one more body and the headers fit as well


async def pop(call: Call) -> Command:
    """200050: messages of a topic, or of a group's retries, hidden from others for a while; waits for some."""
    request, parsed = await _read(call)
    group = request.group
    call.memory.popped_at[group.id] = clock.monotonic()
    counter = await desk.get()
    seen = Seen(request.client_id, DOOR, call.peer.address, call.actor.name, clock.now_ms())
    wait = _wait(call)
    await allowance.require_receive(call.actor, group, wait_seconds=min(wait.total_seconds(), FLOW_WAIT_SECONDS))
    if call.members.of(group.id, call.peer) is None:
        # Heartbeats say what members read. Who sends none could answer a request all the same.
        places = [Place(group.instance_id, subscription.topic.name) for subscription in request.subscriptions]
        await counter.readers.note(places, Reader(group.id, request.client_id), lasting_ms=POLLING_MS)
    try:
        deliveries = await counter.receive(request, wait=wait, is_gone=lambda: call.peer.is_gone)
    except BrokerError as error:
        if error.code == ErrorCode.OVERLOADED:
            return call.reply(Reply.POLLING_FULL, remark=error.detail, fields=_fields(request, []))
        raise
    counter.note_client(group.id, seen)
    if wait and deliveries:
        await permission.require_still(call.actor, "mq:SUB", [group.name], instance=group.instance)
        await names.topic(call.actor, bodies.text(call.fields, "topic"), "mq:SUB")
    if not deliveries:
        return call.reply(Reply.POLLING_TIMEOUT, fields=_fields(request, []))
    allowance.note_received(call.actor, group, (len(delivery.message.body) for delivery in deliveries))
    body = b"".join(_record(call, parsed, delivery, group=group) for delivery in deliveries)
    return call.reply(fields=_fields(request, deliveries), body=body)


async def peek(call: Call) -> Command:
    """200052: what a pop would get, without taking it."""
    request, parsed = await _read(call)
    found = await bridge.run(peeking.first, request)
    if not found:
        return call.reply(Reply.PULL_NOT_FOUND, fields=_fields(request, []))
    topic = bodies.text(call.fields, "topic")
    numbers = {queue_id: n for s in request.sources for n, queue_id in enumerate(s.topic.queue_ids)}
    records = [
        stored.record(
            message,
            topic=topic,
            queue=numbers[message.queue_id],
            prefix=parsed.prefix,
            place=call.place,
            reply_to=_address(message, request),
        )
        for message in found
    ]
    return call.reply(fields=_fields(request, []), body=b"".join(records))


async def notify(call: Call) -> Command:
    """200054: says when a pop would find something, or that it would not after the time allowed."""
    request, _ = await _read(call)
    try:
        is_free = await (await desk.get()).is_something_free(request, wait=_wait(call))
    except BrokerError as error:
        if error.code != ErrorCode.OVERLOADED:
            raise
        return call.reply(fields={"hasMsg": "false", "pollingFull": "true"})
    return call.reply(fields={"hasMsg": str(is_free).lower(), "pollingFull": "false"})


async def polling_info(call: Call) -> Command:
    """200055: how many pops of a group wait for a topic, at this process."""
    group, _ = await names.group(call.actor, bodies.text(call.fields, "consumerGroup"))
    topic, _ = await names.topic(call.actor, bodies.text(call.fields, "topic"), "mq:SUB")
    return call.reply(fields={"pollingNum": str((await desk.get()).waiting_count(topic.id, group.id))})


async def _read(call: Call) -> tuple[ReceiveRequest, Name]:
    group, _ = await names.group_or_new(call.actor, bodies.text(call.fields, "consumerGroup"))
    name = bodies.text(call.fields, "topic")
    topic, parsed = await names.topic(call.actor, name, "mq:SUB")
    member = call.members.of(group.id, call.peer)
    queue = bodies.whole(call.fields, "queueId", -1)
    if queue >= 0:
        pulls.queue_id(topic, queue)
    subscriptions: tuple[Subscription, ...] = ()
    if topic.id != group.retry_topic.id:
        kind, expression = call.fields.get("expType") or "TAG", call.fields.get("exp") or "*"
        wanted = members.read_filter(kind, expression) if expression != "*" else EVERYTHING
        subscriptions = (Subscription(topic, wanted, queue if queue >= 0 else None),)
    reads_retries_apart = member is not None and any(_is_retry(name) for name in member.subscriptions)
    invisible_ms = bodies.whole(call.fields, "invisibleTime", limits.DEFAULT_INVISIBLE_SECONDS * 1000)
    request = ReceiveRequest(
        group=group,
        subscriptions=subscriptions,
        max_count=min(max(bodies.whole(call.fields, "maxMsgNums", _COUNT_MAX), 1), _COUNT_MAX),
        invisible=timedelta(milliseconds=min(max(invisible_ms, 1000), limits.INVISIBLE_MAX_SECONDS * 1000)),
        client_id=member.client_id if member is not None else call.peer.address,
        retries=not subscriptions or not reads_retries_apart,
        max_bytes=_RESPONSE_BYTES,
    )
    return request, parsed


def _address(message: Stored, request: ReceiveRequest) -> str | None:
    """Returns where a request that is only looked at may be answered."""
    topics = {queue_id: s.topic.name for s in request.sources for queue_id in s.topic.queue_ids}
    topic = message.properties.get(ORIGIN_TOPIC, topics[message.queue_id])
    return replying.address_for(message, topic=topic, group=request.group)


def _is_retry(topic: str) -> bool:
    return topic.startswith(RETRY_PREFIX)


def _wait(call: Call) -> timedelta:
    """Returns how long to wait: what is left of the time the client gives, by its own clock or by ours."""
    wait_ms = bodies.whole(call.fields, "pollTime", 0)
    passed_ms = clock.now_ms() - bodies.whole(call.fields, "bornTime", clock.now_ms())
    left_ms = wait_ms - passed_ms if 0 < passed_ms < wait_ms else wait_ms
    return timedelta(milliseconds=min(max(left_ms, 0), limits.PULL_WAIT_SECONDS * 1000))


def _record(call: Call, parsed: Name, delivery: Delivery, *, group: GroupEntry) -> bytes:
    receipt = delivery.receipt
    handle = Popped(
        start=receipt.lease_start,
        popped_at_ms=receipt.claimed_at_ms,
        invisible_ms=delivery.invisible_until_ms - receipt.claimed_at_ms,
        revive=ORDERED_REVIVE if receipt.is_ordered else 0,
        is_retry=delivery.message.queue_id in group.retry_topic.queue_ids,
        broker=BROKER_NAME,
        queue=delivery.queue,
        offset=delivery.message.offset,
        receipt=receipts.encode(receipt, KEY),
    )
    return stored.record(
        delivery.message._replace(reconsume_times=delivery.attempt - 1),
        topic=names.wrap(parsed.prefix, delivery.topic),
        queue=delivery.queue,
        prefix=parsed.prefix,
        place=call.place,
        pop_handle=handles.write_popped(handle),
        reply_to=replying.address_for(delivery.message, topic=delivery.topic, group=group),
    )


def _fields(request: ReceiveRequest, deliveries: Sequence[Delivery]) -> dict[str, str]:
    """Returns the header of an answer, which clients want whole even when there is nothing."""
    invisible_ms = int(request.invisible.total_seconds() * 1000)
    fields = {"invisibleTime": str(invisible_ms), "reviveQid": "0", "restNum": "0"}
    if not deliveries:
        return {**fields, "popTime": str(clock.now_ms())}
    queues: dict[tuple[int, int], list[Delivery]] = {}
    for delivery in deliveries:
        is_retry = delivery.message.queue_id in request.group.retry_topic.queue_ids
        queues.setdefault((int(is_retry), delivery.queue), []).append(delivery)
    starts = [f"{flag} {queue} {min(d.receipt.lease_start for d in held)}" for (flag, queue), held in queues.items()]
    offsets = [
        f"{flag} {queue} {','.join(str(offset) for offset in sorted(d.message.offset for d in held))}"
        for (flag, queue), held in queues.items()
    ]
    return {
        **fields,
        "popTime": str(deliveries[0].receipt.claimed_at_ms),
        "startOffsetInfo": ";".join(starts),
        "msgOffsetInfo": ";".join(offsets),
    }
