"""How far groups are, and moving them.

Owns: those answers. Must not know: cursors. Called by: doors.remoting.admin.
Source: apache/rocketmq broker/.../processor/AdminBrokerProcessor.java (getConsumeStats, resetOffset).
"""

from collections.abc import Iterable
from typing import Any

from ....catalog import access
from ....dispatch import bridge
from ....domain import clock
from ....domain.actor import Actor
from ....domain.errors import NotFound
from ....domain.names import RETRY_PREFIX
from ....engine import figures, offsets
from ....engine.offsets import Reset
from ....protocols.remoting import bodies
from ....protocols.remoting.bodies import QueueName
from ....protocols.remoting.frames import Command
from .. import names
from ..call import BROKER_NAME, Call
from ..names import Name

_ALL_GROUPS_COUNT = 500
_Row = tuple[QueueName, dict[str, int]]


async def of_group(call: Call) -> Command:
    """208: how far a group is in a topic, or in each it reads."""
    group, parsed = await names.group(call.actor, bodies.text(call.fields, "consumerGroup"), "mq:QueryConsumerOffset")
    asked = [name for name in call.fields.get("topicList", "").split(";") if name]
    if call.fields.get("topic"):
        asked.append(call.fields["topic"])
    topics = []
    for name in asked:
        try:
            topic, _ = await names.topic(call.actor, name, "mq:QueryTopic")
        except NotFound:
            continue
        topics.append((topic.id, topic.name))
    if not asked:
        topics = await bridge.run(_read, call.actor, group.instance, group.id)
    rows = await bridge.run(_rows, group.id, topics, parsed.prefix)
    return call.reply(body=_stats(rows))


async def of_all(call: Call) -> Command:
    """317: how far each group of the account is, in each topic it reads."""
    own = await names.parse(call.actor, names.TEMPLATE_TOPIC)
    found = await bridge.run(_all, call.actor, own.instance)
    parts = []
    behind = 0
    for name, rows in found:
        behind += sum(row["brokerOffset"] - row["consumerOffset"] for _, row in rows)
        parts.append(b"{" + bodies.write_text(name) + b":[" + _stats(rows) + b"]}")
    ends = bodies.write({"brokerAddr": call.place.address, "totalDiff": behind, "totalInflightDiff": 0})
    return call.reply(body=b'{"consumeStatsList":[' + b",".join(parts) + b"]," + ends[1:])


async def reset(call: Call) -> Command:
    """222: moves a group in a topic, and says where its queues stand now. Connected members are told."""
    group_name = await names.parse(call.actor, bodies.text(call.fields, "group"))
    written = bodies.text(call.fields, "topic")
    topic_name = await names.parse(call.actor, written)
    timestamp = bodies.whole(call.fields, "timestamp", -1)
    queue, offset = bodies.whole(call.fields, "queueId", -1), bodies.whole(call.fields, "offset", -1)
    only_back = not bodies.truth(call.fields, "isForce", default=True)
    done = await bridge.run(
        lambda: _reset(
            call.actor, group_name, topic_name, timestamp=timestamp, queue=queue, offset=offset, only_back=only_back
        )
    )
    table = bodies.write_by_queue((QueueName(written, BROKER_NAME, q.queue), q.target) for q in done.queues)
    return call.reply(body=b'{"offsetTable":' + table + b"}")


async def clone(call: Call) -> Command:
    """314: puts a group where another one is, in one topic or in each that one reads. Connected members are told."""
    source, parsed = await names.group(call.actor, bodies.text(call.fields, "srcGroup"), "mq:QueryConsumerOffset")
    target = await names.parse(call.actor, bodies.text(call.fields, "destGroup"))
    if call.fields.get("topic"):
        topic, _ = await names.topic(call.actor, call.fields["topic"], "mq:QueryTopic")
        topics = [(topic.id, topic.name)]
    else:
        topics = await bridge.run(_read, call.actor, source.instance, source.id)
    wanted = [
        (id, Name(parsed.instance, parsed.prefix, name)) for id, name in topics if not name.startswith(RETRY_PREFIX)
    ]
    await bridge.run(lambda: _clone(call.actor, source.id, target, topics=wanted))
    return call.reply()


def _clone(actor: Actor, source_id: int, target: Name, *, topics: list[tuple[int, Name]]) -> None:
    action = "mq:ResetConsumerOffset"
    group = access.group(actor, target.instance, target.bare, action=action)
    for topic_id, name in topics:
        topic = access.topic(actor, name.instance, name.bare, action=action)
        places = {
            p.queue: p.committed for p in figures.places(source_id, [topic_id])[topic_id] if p.committed is not None
        }
        if places:
            offsets.reset(actor, group, topic, to="offset", value=places)


def _read(actor: Actor, instance: str, group_id: int) -> list[tuple[int, str]]:
    """Returns the topics a group reads that the actor may see; its own retries whoever may see how far it is."""
    shows = access.filter_of(actor, instance, "mq:QueryTopic")
    found = figures.read_topics(group_id)
    return [(id, name) for id, name in found if shows is None or name.startswith(RETRY_PREFIX) or shows(name)]


def _rows(group_id: int, topics: list[tuple[int, str]], prefix: str) -> list[_Row]:
    names_by_id = dict(topics)
    found: list[_Row] = []
    for topic_id, places in figures.places(group_id, list(names_by_id)).items():
        for place, past_ms in zip(places, figures.past_ms(places), strict=True):
            queue = QueueName(names.wrap(prefix, names_by_id[topic_id]), BROKER_NAME, place.queue)
            told = {
                "brokerOffset": place.next_offset,
                "consumerOffset": place.committed or 0,
                "pullOffset": place.committed or 0,
                "lastTimestamp": past_ms,
            }
            found.append((queue, told))
    return found


def _all(actor: Actor, own: str) -> list[tuple[str, list[_Row]]]:
    found = []
    for group in figures.groups(actor.account_id)[:_ALL_GROUPS_COUNT]:
        resource = access.resource(actor.account_id, group.instance.name, group.name)
        if access.may(actor, "mq:QueryConsumerOffset", resource):
            prefix = "" if group.instance.name == own else f"{group.instance.name}%"
            topics = _read(actor, group.instance.name, group.pk)
            found.append((f"{prefix}{group.name}", _rows(group.pk, topics, prefix)))
    return found


def _stats(rows: Iterable[_Row]) -> bytes:
    return b'{"consumeTps":0.0,"offsetTable":' + bodies.write_by_queue(rows) + b"}"


def _reset(
    actor: Actor, group_name: Name, topic_name: Name, *, timestamp: int, queue: int, offset: int, only_back: bool
) -> Reset:
    action = "mq:ResetConsumerOffset"
    group = access.group(actor, group_name.instance, group_name.bare, action=action)
    topic = access.topic(actor, topic_name.instance, topic_name.bare, action=action)
    wanted: dict[str, Any]  # Any: the arguments of a reset
    if queue >= 0 and offset >= 0:
        wanted = {"to": "offset", "value": {queue: offset}}
    elif timestamp < 0:
        wanted = {"to": "latest"}
    else:
        wanted = {"to": "time", "value": clock.from_ms(min(timestamp, clock.now_ms()))}
    if only_back or (queue >= 0 and offset < 0):
        plan = offsets.reset(actor, group, topic, **wanted, dry_run=True)
        chosen = {
            q.queue: q.target
            for q in plan.queues
            if (queue < 0 or q.queue == queue) and not (only_back and q.now is not None and q.target > q.now)
        }
        if not chosen:
            return plan
        wanted = {"to": "offset", "value": chosen}
    return offsets.reset(actor, group, topic, **wanted)
