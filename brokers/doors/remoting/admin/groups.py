"""Groups: made, changed, deleted and described.

Owns: those answers. Must not know: the store. Called by: doors.remoting.admin.
RocketMQ counts repetitions and we count deliveries, so `retryMaxTimes` is one less than a group's attempts.
Source: apache/rocketmq broker/.../processor/AdminBrokerProcessor.java.
"""

from typing import Any

from ....catalog import access, actions
from ....dispatch import bridge
from ....domain.actor import Actor
from ....domain.errors import ErrorCode, NotFound, Rejected
from ....engine import figures, removal
from ....models import Group
from ....protocols.remoting import admin_bodies, bodies
from ....protocols.remoting.codes import Reply
from ....protocols.remoting.frames import Command
from .. import names
from ..call import Call
from ..names import Name
from . import clients


async def save(call: Call) -> Command:
    """200: makes a group or changes its settings."""
    wanted = admin_bodies.read_group(call.request.body)
    await bridge.run(_save, call.actor, await names.parse(call.actor, wanted.name), wanted)
    return call.reply()


async def save_many(call: Call) -> Command:
    """225: as 200, for a list; ends at the first that cannot be."""
    for wanted in admin_bodies.read_groups(call.request.body):
        await bridge.run(_save, call.actor, await names.parse(call.actor, wanted.name), wanted)
    return call.reply()


async def delete(call: Call) -> Command:
    """207: deletes a group with its offsets, retries and dead letters."""
    name = await names.parse(call.actor, bodies.text(call.fields, "groupName"))
    await bridge.run(_delete, call.actor, name)
    return call.reply()


async def config(call: Call) -> Command:
    """352: how a group is set up."""
    name = bodies.text(call.fields, "group")
    parsed = await names.parse(call.actor, name)
    found = await bridge.run(lambda: access.group(call.actor, parsed.instance, parsed.bare))
    return call.reply(body=bodies.write(_describe(name, found)))


async def configs(call: Call) -> Command:
    """201: how the account's groups are set up."""
    own = await names.parse(call.actor, names.TEMPLATE_TOPIC)
    table = {}
    for group in await bridge.run(_visible, call.actor):
        name = ("" if group.instance.name == own.instance else f"{group.instance.name}%") + group.name
        table[name] = _describe(name, group)
    body = {"subscriptionGroupTable": table, "forbiddenTable": {}, "dataVersion": admin_bodies.data_version()}
    return call.reply(fields={"totalGroupNum": str(len(table))}, body=bodies.write(body))


async def topics(call: Call) -> Command:
    """343: the topics a group reads."""
    group, parsed = await names.group(call.actor, bodies.text(call.fields, "group"), "mq:QueryGroup")
    found = await bridge.run(figures.read_topics, group.id)
    shows = await bridge.run(access.filter_of, call.actor, group.instance, "mq:QueryTopic")
    listed = [names.wrap(parsed.prefix, name) for _, name in found if shows is None or shows(name)]
    return call.reply(body=bodies.write({"topicList": listed}))


async def subscription(call: Call) -> Command:
    """345: how a group's connected members filter a topic; 24 when none reads it."""
    name, topic = bodies.text(call.fields, "group"), bodies.text(call.fields, "topic")
    group, _ = await names.group(call.actor, name, "mq:QueryGroup")
    for member in await clients.members_of(call, group.id):
        for one in member["subscriptions"]:
            if one["topic"] == topic:
                described = clients.describe_subscription(one)
                return call.reply(body=bodies.write({"subscriptionData": described, "group": name, "topic": topic}))
    return call.reply(Reply.SUBSCRIPTION_NOT_EXIST, remark=f"no member of {name} that is connected reads {topic}")


def _save(actor: Actor, name: Name, wanted: admin_bodies.GroupForm) -> None:
    fields: dict[str, Any] = {  # Any: one value of each column's type
        "max_attempts": wanted.max_retries + 1,
        "paused": not wanted.is_enabled,
    }
    if wanted.backoff_seconds is not None:
        fields["backoff_seconds"] = wanted.backoff_seconds
    order = Group.Order.FIFO if wanted.is_ordered else Group.Order.CONCURRENT
    try:
        found = access.group(actor, name.instance, name.bare, action="mq:UpdateGroup")
    except NotFound as error:
        if error.code != ErrorCode.GROUP_NOT_FOUND:
            raise
        instance = access.instance(actor, name.instance)
        actions.create_group(actor, instance, name=name.bare, order=order, **fields)
        return
    # The tool says "not ordered" also when nobody spoke of order.
    if wanted.is_ordered and found.order != order:
        raise Rejected(f"Group {name.bare!r} is {found.order}; how a group takes its queues never changes.")
    actions.update_group(actor, found, **fields)


def _delete(actor: Actor, name: Name) -> None:
    found = access.group(actor, name.instance, name.bare, action="mq:DeleteGroup")
    # The tool asks nobody and has no other word for it: what is deleted is meant.
    removal.delete_group(actor, found, force=True)


def _describe(name: str, group: Group) -> dict[str, Any]:  # Any: JSON values
    return admin_bodies.describe_group(
        name,
        is_enabled=not group.paused,
        is_ordered=group.order == Group.Order.FIFO,
        max_retries=group.max_attempts - 1,
        backoff_seconds=group.backoff_seconds,
    )


def _visible(actor: Actor) -> list[Group]:
    shown = []
    for group in figures.groups(actor.account_id):
        resource = access.resource(actor.account_id, group.instance.name, group.name)
        if access.may(actor, "mq:QueryGroup", resource):
            shown.append(group)
    return shown
