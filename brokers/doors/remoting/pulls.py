"""Pulling messages, and how far groups are.

Owns: which subscription a pull has, and the codes a pull is answered with. Must not know: the store.
Called by: doors.remoting.handlers.
Source: apache/rocketmq broker/.../processor/PullMessageProcessor.java, ConsumerManageProcessor.java.
"""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from ...catalog.snapshot import GroupEntry, TopicEntry
from ...dispatch import bridge, desk
from ...domain import clock, limits, requests
from ...domain.errors import NotFound, Rejected
from ...domain.filters import Filter
from ...domain.messages import ORIGIN_TOPIC, Stored
from ...engine import pulls
from ...engine.pulls import Commit, Pull, Pulled
from ...protocols.remoting import bodies
from ...protocols.remoting.codes import Reply
from ...protocols.remoting.frames import Command
from .. import allowance, permission, replying
from . import members, names, stored
from .call import Call, Place
from .members import Member

# Bits of a pull's sysFlag.
_COMMITS, _MAY_WAIT, _SUBSCRIBES = 1, 2, 4
_DEFAULT_BYTES = 1024 * 1024
# A pull over the rate is held for so long before it is refused: clients ask again after 20 ms.
FLOW_WAIT_SECONDS = 1.0
_LATEST_MS = 253_402_300_799_000  # the end of the year 9999


async def pull(call: Call) -> Command:
    """11 and 361: messages of one queue from an offset on; waits for some when the client allows it."""
    group_name, topic_name = bodies.text(call.fields, "consumerGroup"), bodies.text(call.fields, "topic")
    is_look = group_name == names.LOOKER
    right = "mq:QueryMessage" if is_look else "mq:SUB"
    topic, parsed = await names.topic(call.actor, topic_name, right)
    group = names.looker(topic) if is_look else (await names.group_or_new(call.actor, group_name))[0]
    member = call.members.of(group.id, call.peer)
    if member is None and not is_look:
        member = await members.recall(call, group, topic_name)
    bits = bodies.whole(call.fields, "sysFlag", 0)
    wanted = _filter(call, member, topic_name, is_in_request=bool(bits & _SUBSCRIBES))
    if isinstance(wanted, Command):
        return wanted
    queue = bodies.whole(call.fields, "queueId")
    key = (group.id, pulls.queue_id(topic, queue))
    is_shared = member is not None and not member.membership.is_broadcast
    if is_shared and bits & _COMMITS:
        await _note_progress(call, key, bodies.whole(call.fields, "commitOffset", 0))
    wait_ms = bodies.whole(call.fields, "suspendTimeoutMillis", 0) if bits & _MAY_WAIT else 0
    one = Pull(
        group=group,
        topic=topic,
        queue=queue,
        offset=bodies.whole(call.fields, "queueOffset"),
        max_count=min(max(bodies.whole(call.fields, "maxMsgNums", 32), 1), limits.PULL_MESSAGE_COUNT),
        max_bytes=min(max(bodies.whole(call.fields, "maxMsgBytes", _DEFAULT_BYTES), 1), limits.PULL_BYTES),
        filter=wanted,
        is_shared=is_shared,
        epoch=call.memory.epochs.get(key),
    )
    wait = timedelta(milliseconds=min(max(wait_ms, 0), limits.PULL_WAIT_SECONDS * 1000))
    await allowance.require_receive(call.actor, group, wait_seconds=min(wait.total_seconds(), FLOW_WAIT_SECONDS))
    call.memory.pulling[key] = call.memory.pulling.get(key, 0) + 1
    try:
        found = await (await desk.get()).pull(one, wait=wait)
    finally:
        call.memory.pulling[key] -= 1
        if not call.memory.pulling[key]:
            del call.memory.pulling[key]
    if wait:
        still = [] if is_look else [group.name]
        await permission.require_still(call.actor, "mq:SUB", still, instance=group.instance)
        await names.topic(call.actor, topic_name, right)
    allowance.note_received(call.actor, group, (len(one.body) for one in found.messages))
    if found.is_moved:
        # Until it pulls from the new place, a client may still say how far it was: that belongs to the old epoch.
        call.memory.epochs.setdefault(key, found.epoch)
        call.memory.committed.pop(key, None)
        call.memory.moved_at[key] = clock.monotonic()
    else:
        call.memory.epochs[key] = found.epoch
    reader = _Reader(group, topic, topic_name, parsed.prefix, member)
    return _answer(call, found, reader, queue=queue)


async def query_offset(call: Call) -> Command:
    """14: how far a group is in a queue; 22 when it is nowhere yet.

    A group that is new to a queue from which nothing was dropped yet begins at 0, as on RocketMQ's broker.
    """
    group, topic, queue = await _group_queue(call)
    await (await desk.get()).progress.flush()
    offset = await bridge.run(pulls.committed, group, topic, queue)
    if offset is None and bodies.truth(call.fields, "setZeroIfNotFound", default=True):
        low, _ = await bridge.run(pulls.bounds, topic, queue)
        offset = 0 if low == 0 else None
    if offset is None:
        return call.reply(Reply.QUERY_NOT_FOUND, remark="Not found, maybe this group consumer boot first")
    return call.reply(fields={"offset": str(offset)})


async def update_offset(call: Call) -> Command:
    """15: a member says how far its group is in a queue."""
    group, topic, queue = await _group_queue(call)
    await _commit(call, (group.id, pulls.queue_id(topic, queue)), bodies.whole(call.fields, "commitOffset"))
    return call.reply()


async def max_offset(call: Call) -> Command:
    """30: the offset the next message of a queue gets."""
    topic, queue = await _queue(call)
    _, high = await bridge.run(pulls.bounds, topic, queue)
    return call.reply(fields={"offset": str(high)})


async def min_offset(call: Call) -> Command:
    """31: the oldest offset a queue still has."""
    topic, queue = await _queue(call)
    low, _ = await bridge.run(pulls.bounds, topic, queue)
    return call.reply(fields={"offset": str(low)})


async def search_offset(call: Call) -> Command:
    """29: the first offset stored at or after an instant; with the boundary UPPER the last one stored until then."""
    topic, queue = await _queue(call)
    is_upper = call.fields.get("boundaryType", "").upper() == "UPPER"
    # Clients know whole milliseconds: the last of one is the one before the first of the next.
    at_ms = min(max(bodies.whole(call.fields, "timestamp"), 0), _LATEST_MS) + is_upper
    offset = await bridge.run(lambda: pulls.offset_at(topic, queue, at=clock.from_ms(at_ms)))
    return call.reply(fields={"offset": str(max(offset - is_upper, 0))})


async def earliest_time(call: Call) -> Command:
    """32: when the oldest message of a queue was stored; -1 when it has none."""
    topic, queue = await _queue(call)
    low, high = await bridge.run(pulls.bounds, topic, queue)
    stored_at = -1
    if low < high:
        try:
            stored_at = (await bridge.run(pulls.read_one, topic.queue_ids[queue], low)).stored_at_ms
        except NotFound:  # retention was faster
            stored_at = -1
    return call.reply(fields={"timestamp": str(stored_at)})


def _filter(call: Call, member: Member | None, topic: str, *, is_in_request: bool) -> Filter | Command:
    """Returns the filter of a pull: the one it brings, else that of the heartbeat; or the refusal."""
    if is_in_request:
        kind, expression = call.fields.get("expressionType") or "TAG", call.fields.get("subscription") or "*"
    else:
        subscription = member.subscriptions.get(topic) if member is not None else None
        if subscription is None:
            return call.reply(Reply.SUBSCRIPTION_NOT_EXIST, remark="the consumer's subscription not exist")
        if subscription.version < bodies.whole(call.fields, "subVersion", 0):
            return call.reply(Reply.SUBSCRIPTION_NOT_LATEST, remark="the consumer's subscription not latest")
        kind, expression = subscription.expression_type, subscription.expression
    try:
        return members.read_filter(kind, expression)
    except Rejected as error:
        return call.reply(Reply.SUBSCRIPTION_PARSE_FAILED, remark=error.detail)


async def _note_progress(call: Call, key: tuple[int, int], offset: int) -> None:
    """Takes note of how far a member is, on the way of something else: it is written beside that.

    Without a known epoch it is written first: later, it might undo a reset that came before.
    """
    epoch = call.memory.epochs.get(key)
    if epoch is None:
        await _commit(call, key, offset)
    elif offset >= 0 and call.memory.committed.get(key) != (epoch, offset):
        heard = partial(call.memory.committed.__setitem__, key, (epoch, offset))
        (await desk.get()).progress.note(Commit(*key, offset, epoch), heard)


async def _commit(call: Call, key: tuple[int, int], offset: int) -> None:
    epoch = call.memory.epochs.get(key)
    if offset < 0 or call.memory.committed.get(key) == (epoch, offset):
        return  # members repeat themselves every few seconds
    if await (await desk.get()).commit(Commit(*key, offset, epoch)):
        call.memory.committed[key] = (epoch, offset)


class _Reader(NamedTuple):
    """Who pulls. `written` and `prefix` are as the client writes them; `member` is who it is when it beats."""

    group: GroupEntry
    topic: TopicEntry
    written: str
    prefix: str
    member: Member | None

    def records(self, messages: Sequence[Stored], queue: int, place: Place) -> bytes:
        """Returns messages as this reader gets them."""
        if any(message.properties and requests.is_request(message.properties) for message in messages):
            return b"".join([self._record(message, queue, place) for message in messages])
        return stored.plain_records(messages, topic=self.written, queue=queue, prefix=self.prefix, place=place)

    def _record(self, message: Stored, queue: int, place: Place) -> bytes:
        member = self.member
        reply_to = replying.address_for(
            message,
            topic=message.properties.get(ORIGIN_TOPIC, self.topic.name),
            group=self.group,
            client_id=member.client_id if member is not None else "",
            is_each=member is not None and member.membership.is_broadcast,
        )
        return stored.record(
            message, topic=self.written, queue=queue, prefix=self.prefix, place=place, reply_to=reply_to
        )


def _answer(call: Call, found: Pulled, reader: _Reader, *, queue: int) -> Command:
    if found.is_moved:
        code = Reply.PULL_OFFSET_MOVED
    elif found.messages:
        code = Reply.SUCCESS
    elif found.was_filtered:
        code = Reply.PULL_RETRY_IMMEDIATELY
    else:
        code = Reply.PULL_NOT_FOUND
    fields = {
        "suggestWhichBrokerId": "0",
        "nextBeginOffset": str(found.next_offset),
        "minOffset": str(found.min_offset),
        "maxOffset": str(found.max_offset),
    }
    return call.reply(code, fields=fields, body=reader.records(found.messages, queue, call.place))


async def _queue(call: Call) -> tuple[TopicEntry, int]:
    topic, _ = await names.topic(call.actor, bodies.text(call.fields, "topic"), "mq:SUB")
    queue = bodies.whole(call.fields, "queueId")
    pulls.queue_id(topic, queue)
    return topic, queue


async def _group_queue(call: Call) -> tuple[GroupEntry, TopicEntry, int]:
    group, _ = await names.group_or_new(call.actor, bodies.text(call.fields, "consumerGroup"))
    topic, queue = await _queue(call)
    return group, topic, queue
