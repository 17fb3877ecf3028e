"""Half messages and their ends, as RocketMQ's transactional producers send them.

Owns: which fields name a transaction. Must not know: stores. Called by: sends, doors.remoting.handlers.

Clients give back what the answer to the half message held: `commitLogOffset` is the half message's number (on queue 0,
which no topic has), `tranStateTableOffset` its topic's, and `transactionId` the message's own id. All three must fit.
Source: apache/rocketmq broker/.../processor/EndTransactionProcessor.java.
"""

import logging
from collections.abc import Mapping

from ...catalog import producers, snapshot
from ...catalog.snapshot import TopicEntry
from ...dispatch import bridge, desk
from ...domain import clock, transactions
from ...domain.errors import BrokerError, ProtocolViolation
from ...domain.messages import PRODUCER_GROUP, TRANSACTION_MARK, Outgoing
from ...domain.transactions import TransactionId
from ...engine import back_checks
from ...engine.transactions import Decision, Half
from ...protocols.remoting import bodies, records
from ...protocols.remoting.frames import Command
from .. import permission
from . import names
from .call import Call
from .producers import Producer

_log = logging.getLogger(__name__)


def is_half(properties: Mapping[str, str], sys_flag: int) -> bool:
    """Returns True if a message waits for its producer's decision."""
    return properties.get(TRANSACTION_MARK) == "true" or sys_flag & records.TRANSACTION_BITS == records.PREPARED


async def prepare(call: Call, topic: TopicEntry, message: Outgoing, *, group: str, prefix: str) -> Command:
    """Stores a half message and answers with what its end must name. `group` and `prefix` as the client writes them."""
    parsed = await names.parse(call.actor, group)
    key = (call.actor.account_id, topic.instance, parsed.bare)
    found = snapshot.cached_producer_group(call.actor.account_id, topic.instance, parsed.bare)
    if found is None:
        found = await bridge.run(producers.ensure, call.actor.account_id, topic.instance, parsed.bare)
    if not call.members.producers.knows(key, call.peer):
        # Its first heartbeat may still be on the way, and its first check must not wait for that.
        call.members.producers.join(
            Producer(
                key=key,
                name=group,
                prefix=prefix,
                client_id=call.peer.address,
                peer=call.peer,
                actor=call.actor,
                heard_at=clock.monotonic(),
            )
        )
    (result,) = await (await desk.get()).transactions.prepare([Half(topic, message, found, is_typed=False)])
    if isinstance(result, BrokerError):
        raise result
    fields = {
        "msgId": records.offset_id((call.place.host, call.place.port), records.place(0, result.id.half_id)),
        "queueId": str(result.queue),
        "queueOffset": str(topic.id),
        "transactionId": result.message_id,
        "MSG_REGION": "DefaultRegion",
        "TRACE_ON": "false",
    }
    return call.reply(fields=fields)


async def end(call: Call) -> Command:
    """37: a producer commits, rolls back, or does not know yet. All clients ask one-way, so a refusal is logged."""
    flag = bodies.whole(call.fields, "commitOrRollback")
    queue_id, half_id = records.unplace(bodies.whole(call.fields, "commitLogOffset"))
    topic_id = bodies.whole(call.fields, "tranStateTableOffset")
    message_id = call.fields.get("transactionId") or bodies.text(call.fields, "msgId")
    if queue_id or topic_id < 0 or flag not in {0, records.COMMITTED, records.ROLLED_BACK}:
        raise ProtocolViolation("these fields name no half message, or no decision")
    id = transactions.name(half_id, topic_id, message_id)
    try:
        await _end(call, id, flag)
    except BrokerError as error:
        _log.info("transaction_end_refused", extra={"transaction": str(id), "code": str(error.code)})
        raise
    return call.reply()


async def _end(call: Call, id: TransactionId, flag: int) -> None:
    topic = snapshot.cached_topic_by_id(id.topic_id) or await bridge.run(snapshot.topic_by_id, id.topic_id)
    if topic is None or topic.account_id != call.actor.account_id:
        raise transactions.missing(id)
    await permission.require(call.actor, "mq:PUB", topic.name, instance=topic.instance)
    is_from_check = bodies.truth(call.fields, "fromTransactionCheck")
    if not flag:
        if is_from_check:
            remark = call.request.remark or ""
            await bridge.run(back_checks.note_unknown, id, remark)
        return
    group = await names.parse(call.actor, bodies.text(call.fields, "producerGroup"))
    decision = Decision(
        id=id,
        is_commit=flag == records.COMMITTED,
        by=f"{call.actor.signature}, {call.peer.address}" + (", asked" if is_from_check else ""),
        producer_group=group.bare,
    )
    (result,) = await (await desk.get()).transactions.decide([decision])
    if isinstance(result, BrokerError):
        raise result


def group_of(properties: Mapping[str, str], default: str) -> str:
    """Returns the producer group of a half message, as the client writes it."""
    return properties.get(PRODUCER_GROUP) or default
