"""Which queues a member has, when it leaves that to the server: shares of the queues, or pops on all of them.

Owns: those answers. Must not know: messages. Called by: doors.remoting.handlers.
Source: apache/rocketmq broker/.../processor/QueryAssignmentProcessor.java,
client/.../consumer/rebalance/AllocateMessageQueueAveragely.java, AllocateMessageQueueAveragelyByCircle.java.
"""

from collections.abc import Callable, Sequence

from ...catalog import access, actions
from ...dispatch import bridge
from ...domain.actor import Actor
from ...domain.errors import Rejected
from ...domain.names import RETRY_PREFIX
from ...models import Group
from ...protocols.remoting import bodies
from ...protocols.remoting.bodies import QueueName
from ...protocols.remoting.codes import Reply
from ...protocols.remoting.frames import Command
from . import names
from .call import BROKER_NAME, Call

_ALL_QUEUES = -1

# Queues, members, and which of them asks (from 0) → the numbers of its queues.
Strategy = Callable[[int, int, int], list[int]]


def average(count: int, members: int, index: int) -> list[int]:
    """Returns the run of queues of one member: as even as can be, the first members getting one more."""
    share, rest = divmod(count, members)
    start = index * share + min(index, rest)
    return list(range(start, start + share + (index < rest)))


def circle(count: int, members: int, index: int) -> list[int]:
    """Returns every so many-th queue."""
    return list(range(index, count, members))


_STRATEGIES: dict[str, Strategy] = {"AVG": average, "AVG_BY_CIRCLE": circle}


async def query(call: Call) -> Command:
    """400: the queues of a topic for a member. No answer's list means: go on with what you have."""
    asked = bodies.read_assignment_query(call.request.body)
    group, _ = await names.group_or_new(call.actor, asked.group)
    topic, _ = await names.topic(call.actor, asked.topic, "mq:SUB")
    if asked.is_broadcast:
        return _answer(call, asked.topic, range(len(topic.queue_ids)), mode="PULL")
    if group.is_popped:
        return _answer(call, asked.topic, [_ALL_QUEUES], mode="POP")
    strategy = _STRATEGIES.get(asked.strategy)
    if strategy is None:
        raise Rejected(f"The server shares out queues by {' or '.join(_STRATEGIES)}, not by {asked.strategy!r}.")
    ids = call.members.ids(group.id)
    if asked.client_id not in ids:
        return call.reply(body=bodies.write({}))
    mine = strategy(len(topic.queue_ids), len(ids), ids.index(asked.client_id))
    return _answer(call, asked.topic, mine, mode="PULL")


async def set_mode(call: Call) -> Command:
    """401: whether the members of a group pull or pop. It is the group's, whatever topic is named."""
    asked = bodies.read_mode_request(call.request.body)
    if asked.topic.startswith(RETRY_PREFIX):
        return call.reply(Reply.NO_PERMISSION, remark="retry topic is not allowed to set mode")
    await names.topic(call.actor, asked.topic, "mq:QueryTopic")
    parsed = await names.parse(call.actor, asked.group)
    changed = await bridge.run(_change, call.actor, parsed, asked.mode)
    call.members.tell(changed)
    return call.reply()


def _change(actor: Actor, name: names.Name, mode: str) -> int:
    found = access.group(actor, name.instance, name.bare, action="mq:UpdateGroup")
    if mode not in Group.RemotingMode.values:
        raise Rejected(f"A group's mode is {' or '.join(Group.RemotingMode.values)}.")
    return actions.update_group(actor, found, remoting_mode=mode).pk


def _answer(call: Call, topic: str, queues: Sequence[int], *, mode: str) -> Command:
    assigned = [
        {"messageQueue": bodies.describe_queue(QueueName(topic, BROKER_NAME, queue)), "mode": mode, "attachments": {}}
        for queue in queues
    ]
    return call.reply(body=bodies.write({"messageQueueAssignments": assigned}))
