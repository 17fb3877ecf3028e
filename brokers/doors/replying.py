"""Giving a reply, whatever the door it comes through.

Owns: who may reply, and sealing the addresses replies go to. Must not know: wires. Called by: every door.
An address is made for a group when it gets a request; whoever answers with it must still be allowed to consume with
that group from that topic. So nobody answers what he could not receive.
"""

from dataclasses import replace

from django.conf import settings

from ..catalog import snapshot
from ..catalog.snapshot import GroupEntry
from ..dispatch import bridge, desk
from ..domain import requests
from ..domain.actor import Actor
from ..domain.errors import ErrorCode, NotFound, Rejected
from ..domain.messages import Stored
from ..domain.requests import Reply, ReplyAddress
from ..engine.requests import Answer
from . import permission

_KEY = settings.SECRET_KEY.encode()


def address_for(
    message: Stored, *, topic: str, group: GroupEntry, client_id: str = "", is_each: bool = False
) -> str | None:
    """Returns the sealed address a delivered message is answered to, None when nobody waits for an answer.

    `topic` is the one the request was sent to; `is_each`: each member of the group answers for itself.
    """
    properties = message.properties
    if not requests.is_request(properties):
        return None
    correlation_id, reply_to = properties[requests.CORRELATION_ID], properties[requests.REPLY_TO]
    address = ReplyAddress(group.id, topic, correlation_id, reply_to, client_id, is_each)
    return requests.seal(address, _KEY)


def open_address(text: str, *, correlation_id: str) -> ReplyAddress:
    """Returns the address in `text`. Raises Rejected INVALID_RECEIPT unless it is one for this request."""
    address = requests.unseal(text, _KEY)
    if address.correlation_id != correlation_id:
        raise Rejected("This reply address belongs to another request.", ErrorCode.INVALID_RECEIPT)
    return address


async def reply(actor: Actor, address: ReplyAddress, given: Reply, *, instance: str | None = None) -> None:
    """Gives a reply in the name of the address' group.

    Raises: NotFound GROUP_NOT_FOUND, also for a group of another account, or of another instance than `instance`;
        Denied; what `engine.requests.reply_all` refuses it with.
    """
    group = await bridge.run(snapshot.group_by_id, address.group_id)
    if group is None or group.account_id != actor.account_id or instance not in (None, group.instance):
        raise NotFound("The group this address was given to is not here.", ErrorCode.GROUP_NOT_FOUND)
    for name in (group.name, address.topic):
        await permission.require(actor, "mq:SUB", name, instance=group.instance)
    topic = snapshot.cached_topic(actor.account_id, group.instance, address.topic)
    if topic is None:
        topic = await bridge.run(snapshot.topic, actor.account_id, group.instance, address.topic)
    answer = Answer(actor.account_id, topic, address, replace(given, group=group.name))
    await (await desk.get()).requests.reply(answer)
