"""Taking back scheduled messages.

Owns: that answer. Must not know: where messages wait. Called by: doors.remoting.handlers.
Source: apache/rocketmq broker/.../processor/RecallMessageProcessor.java.
"""

from ...dispatch import bridge
from ...domain.errors import ProtocolViolation
from ...engine import schedule
from ...protocols.remoting import bodies, handles
from ...protocols.remoting.codes import Reply
from ...protocols.remoting.frames import Command
from . import names
from .call import Call


async def recall(call: Call) -> Command:
    """370: a producer takes a scheduled message back, by the handle its send was answered with."""
    name = bodies.text(call.fields, "topic")
    topic, _ = await names.topic(call.actor, name, "mq:PUB")
    try:
        handle = handles.read_recall(bodies.text(call.fields, "recallHandle"))
    except ProtocolViolation as error:
        return call.reply(Reply.ILLEGAL_OPERATION, remark=f"{error}")
    if handle.topic != name:
        return call.reply(Reply.ILLEGAL_OPERATION, remark="recall failed, topic not match")
    done = await bridge.run(schedule.recall, call.actor, topic, handle.message_id)
    return call.reply(fields={"msgId": done.message_id})
