"""RocketMQ's "KV config": values that clients keep with the name server.

Owns: those answers. Must not know: what the values mean. Called by: doors.remoting.admin.
"""

from ....catalog import client_settings
from ....dispatch import bridge
from ....domain.errors import NotFound
from ....domain.names import may_exist
from ....protocols.remoting import bodies
from ....protocols.remoting.codes import Reply
from ....protocols.remoting.frames import Command
from ..call import Call


async def put(call: Call) -> Command:
    """100: keeps a value."""
    namespace, key = _name(call)
    value = bodies.text(call.fields, "value")
    await bridge.run(lambda: client_settings.put(call.actor, namespace, key, value=value))
    return call.reply()


async def get(call: Call) -> Command:
    """101: a value; 22 when there is none."""
    namespace, key = _name(call)
    try:
        value = await bridge.run(client_settings.get, call.actor, namespace, key)
    except NotFound:
        remark = f"No config item, Namespace: {namespace} Key: {key}"
        return call.reply(Reply.QUERY_NOT_FOUND, remark=remark)
    return call.reply(fields={"value": value})


async def delete(call: Call) -> Command:
    """102: forgets a value; it need not be there."""
    namespace, key = _name(call)
    await bridge.run(client_settings.delete, call.actor, namespace, key)
    return call.reply()


async def of_namespace(call: Call) -> Command:
    """219: all values of a name space; 22 when there are none."""
    namespace = bodies.text(call.fields, "namespace")
    found = await bridge.run(client_settings.of_namespace, call.actor, namespace) if may_exist(namespace) else {}
    if not found:
        return call.reply(Reply.QUERY_NOT_FOUND, remark=f"No config item, Namespace: {namespace}")
    return call.reply(body=bodies.write({"table": found}))


def _name(call: Call) -> tuple[str, str]:
    namespace, key = bodies.text(call.fields, "namespace"), bodies.text(call.fields, "key")
    if not may_exist(namespace, key):
        raise NotFound("There can be no such value.")
    return namespace, key
