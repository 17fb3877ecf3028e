"""Connected producers.

Owns: those answers. Must not know: transactions. Called by: doors.remoting.admin.
"""

from ....catalog import access
from ....dispatch import bridge
from ....engine import clients
from ....protocols.remoting import bodies
from ....protocols.remoting.codes import Reply
from ....protocols.remoting.frames import Command
from ... import permission
from .. import names
from ..call import Call
from ..producers import Producer

_ACTION = "mq:QueryProducerGroup"


async def of_group(call: Call) -> Command:
    """204: the producers of a group, those of other workers too."""
    name = bodies.text(call.fields, "producerGroup")
    parsed = await names.parse(call.actor, name)
    await permission.require(call.actor, _ACTION, parsed.bare, instance=parsed.instance)
    key = (call.actor.account_id, parsed.instance, parsed.bare)
    seen = await bridge.run(clients.producers, key)
    here = {one.client_id: one for one in call.members.producers.every().get(key, ())}
    connections = [
        {
            "clientId": one.client_id,
            "clientAddr": one.address,
            "language": here[one.client_id].language if one.client_id in here else "OTHER",
            "version": here[one.client_id].version if one.client_id in here else 0,
        }
        for one in seen or ()
        if one.worker
    ]
    if not connections:
        return call.reply(Reply.SYSTEM_ERROR, remark=f"the producer group[{name}] not exist")
    return call.reply(body=bodies.write({"connectionSet": connections}))


async def every(call: Call) -> Command:
    """328: the account's producers that are connected to this worker, by group."""
    own = await names.parse(call.actor, names.TEMPLATE_TOPIC)
    table = {}
    for (account_id, instance, group), members in call.members.producers.every().items():
        resource = access.resource(account_id, instance, group)
        if account_id != call.actor.account_id or not await bridge.run(access.may, call.actor, _ACTION, resource):
            continue
        prefix = "" if instance == own.instance else f"{instance}%"
        table[f"{prefix}{group}"] = [_describe(one) for one in members]
    return call.reply(body=bodies.write({"data": table}))


def _describe(one: Producer) -> dict[str, str | int]:
    return {
        "clientId": one.client_id,
        "remoteIP": one.peer.address,
        "language": one.language,
        "version": one.version,
        "lastUpdateTimestamp": one.heard_at_ms,
    }
