"""Locks on queues, for members that consume in order.

Owns: those two answers. Must not know: where locks are kept. Called by: doors.remoting.handlers.
"""

from ...catalog.snapshot import GroupEntry
from ...dispatch import bridge
from ...domain.errors import NotFound
from ...engine import queue_locks
from ...protocols.remoting import bodies
from ...protocols.remoting.bodies import LockRequest, QueueName
from ...protocols.remoting.frames import Command
from . import names
from .call import Call


async def lock(call: Call) -> Command:
    """41: takes queues for a member, or renews what it has, for a minute; says which it has now."""
    asked = bodies.read_lock_request(call.request.body)
    group, queues = await _queues(call, asked)
    held = set(await bridge.run(queue_locks.lock, group.id, list(queues), asked.client_id))
    locked = [bodies.describe_queue(name) for queue_id, name in queues.items() if queue_id in held]
    return call.reply(body=bodies.write({"lockOKMQSet": locked}))


async def unlock(call: Call) -> Command:
    """42: gives queues of a member up."""
    asked = bodies.read_lock_request(call.request.body)
    group, queues = await _queues(call, asked)
    await bridge.run(queue_locks.unlock, group.id, list(queues), asked.client_id)
    return call.reply()


async def _queues(call: Call, asked: LockRequest) -> tuple[GroupEntry, dict[int, QueueName]]:
    """Returns the group, and the asked queues that exist by their ids."""
    group, _ = await names.group(call.actor, asked.group)
    found: dict[int, QueueName] = {}
    for name in asked.queues:
        try:
            topic, _ = await names.topic(call.actor, name.topic, "mq:SUB")
        except NotFound:
            continue
        if 0 <= name.queue < len(topic.queue_ids):
            found[topic.queue_ids[name.queue]] = name
    return group, found
