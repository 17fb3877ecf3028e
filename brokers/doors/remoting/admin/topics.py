"""Topics: made, changed, deleted and described.

Owns: those answers. Must not know: the store. Called by: doors.remoting.admin.
Source: apache/rocketmq broker/.../processor/AdminBrokerProcessor.java. What has no meaning here is refused, with words:
permissions of a topic are policies, queues are never taken away, a type never changes.
"""

from collections.abc import Mapping

from ....catalog import access, actions
from ....catalog.snapshot import TopicEntry
from ....dispatch import bridge
from ....domain.actor import Actor
from ....domain.errors import ErrorCode, NotFound, Rejected
from ....domain.names import DEAD_LETTER_PREFIX, RETRY_PREFIX
from ....engine import figures, removal
from ....engine.responders import Place
from ....models import Topic
from ....protocols.remoting import admin_bodies, bodies
from ....protocols.remoting.bodies import QueueName
from ....protocols.remoting.frames import Command
from .. import names
from ..call import BROKER_NAME, CLUSTER, Call
from ..names import Name

_TYPE = "message.type"
_READ_WRITE = 6
_WITH_INHERIT = 7
_LATELY_SECONDS = 60


async def save(call: Call) -> Command:
    """17: makes a topic, or gives it more queues."""
    wanted = admin_bodies.read_topic(call.fields)
    await bridge.run(_save, call.actor, await names.parse(call.actor, wanted.name), wanted)
    return call.reply()


async def save_many(call: Call) -> Command:
    """18: as 17, for a list; ends at the first that cannot be."""
    for wanted in admin_bodies.read_topics(call.request.body):
        await bridge.run(_save, call.actor, await names.parse(call.actor, wanted.name), wanted)
    return call.reply()


async def delete(call: Call) -> Command:
    """215: deletes a topic with its messages. A group's own topics went with the group."""
    name = await names.parse(call.actor, bodies.text(call.fields, "topic"))
    await bridge.run(_delete, call.actor, name)
    return call.reply()


async def delete_route(call: Call) -> Command:
    """216: nothing is left to do: a topic and its route are one."""
    name = await names.parse(call.actor, bodies.text(call.fields, "topic"))
    await bridge.run(_require, call.actor, name, "mq:DeleteTopic")
    return call.reply()


async def stats(call: Call) -> Command:
    """202: the first and next offset of each queue, when its last message came, and how many came a second lately."""
    name = bodies.text(call.fields, "topic")
    topic, _ = await names.topic(call.actor, name, "mq:QueryTopic")
    queues = await bridge.run(figures.queues, topic.id)
    table = bodies.write_by_queue(
        (
            QueueName(name, BROKER_NAME, queue.number),
            {
                "minOffset": queue.min_offset,
                "maxOffset": queue.next_offset,
                "lastUpdateTimestamp": queue.last_stored_at_ms or 0,
            },
        )
        for queue in queues
    )
    (count,) = await bridge.run(figures.sent_within, topic.id, [_LATELY_SECONDS])
    return call.reply(body=b'{"offsetTable":%b,"topicPutTps":%.2f}' % (table, count / _LATELY_SECONDS))


async def readers(call: Call) -> Command:
    """300: the groups that read a topic, or did."""
    topic, parsed = await names.topic(call.actor, bodies.text(call.fields, "topic"), "mq:QueryTopic")
    found = await bridge.run(_readers, call.actor, topic)
    return call.reply(body=bodies.write({"groupList": [names.wrap(parsed.prefix, group) for group in found]}))


async def config(call: Call) -> Command:
    """351: how a topic is set up."""
    name = bodies.text(call.fields, "topic")
    topic, _ = await names.topic(call.actor, name, "mq:QueryTopic")
    return call.reply(body=bodies.write(admin_bodies.describe_topic(name, len(topic.queue_ids), topic.type)))


async def configs(call: Call) -> Command:
    """21: how the account's topics are set up."""
    own = await names.parse(call.actor, names.TEMPLATE_TOPIC)
    found = await bridge.run(_visible, call.actor)
    table = {}
    for topic in found:
        name = names.wrap("" if topic.instance.name == own.instance else f"{topic.instance.name}%", topic.name)
        table[name] = admin_bodies.describe_topic(name, topic.queue_count, topic.type)
    body = {"topicConfigTable": table, "dataVersion": admin_bodies.data_version()}
    return call.reply(fields={"totalTopicNum": str(len(table))}, body=bodies.write(body))


async def system_topics(call: Call) -> Command:
    """304 and 305: topics that are nobody's."""
    listed = [names.TEMPLATE_TOPIC, CLUSTER, BROKER_NAME]
    return call.reply(body=bodies.write({"topicList": listed, "brokerAddr": call.place.address}))


def _save(actor: Actor, name: Name, wanted: admin_bodies.TopicForm) -> None:
    if wanted.permission not in {_READ_WRITE, _WITH_INHERIT}:
        raise Rejected(
            "A topic here can always be read and written by those who may: use perm 6, and policies for the rest."
        )
    type = _type(wanted.attributes)
    try:
        found = access.topic(actor, name.instance, name.bare, action="mq:UpdateTopic")
    except NotFound as error:
        if error.code != ErrorCode.TOPIC_NOT_FOUND:
            raise
        instance = access.instance(actor, name.instance)
        actions.create_topic(
            actor, instance, name=name.bare, queue_count=wanted.queue_count, type=type or Topic.Type.NORMAL
        )
        return
    if type is not None and type != found.type:
        raise Rejected(f"Topic {name.bare!r} is of type {found.type}; a topic's type never changes.")
    if wanted.queue_count != found.queue_count:
        actions.update_topic(actor, found, queue_count=wanted.queue_count)


def _type(attributes: Mapping[str, str]) -> str | None:
    given = attributes.get(_TYPE, "UNSPECIFIED")
    if given == "UNSPECIFIED":
        return None
    if given not in Topic.Type.values:
        raise Rejected(f"{_TYPE} is one of {', '.join(Topic.Type.values)}.")
    return given


def _delete(actor: Actor, name: Name) -> None:
    is_derived = name.bare.startswith((RETRY_PREFIX, DEAD_LETTER_PREFIX))
    try:
        found = access.topic(actor, name.instance, name.bare, action="mq:DeleteTopic")
    except NotFound:
        if is_derived:
            return
        raise
    # The tool asks nobody and has no other word for it: what is deleted is meant.
    removal.delete_topic(actor, found, force=True)


def _require(actor: Actor, name: Name, action: str) -> None:
    access.check(actor, action, access.resource(actor.account_id, name.instance, name.bare))


def _readers(actor: Actor, topic: TopicEntry) -> list[str]:
    shows = access.filter_of(actor, topic.instance, "mq:QueryGroup")
    found = figures.readers(topic.id, Place(topic.instance_id, topic.name))
    return [name for name in found if shows is None or shows(name)]


def _visible(actor: Actor) -> list[Topic]:
    shown = []
    for topic in figures.topics(actor.account_id):
        resource = access.resource(actor.account_id, topic.instance.name, topic.name)
        if access.may(actor, "mq:QueryTopic", resource):
            shown.append(topic)
    return shown
