"""Replies that consumers give to requests they got.

Owns: reading a reply. Must not know: how replies travel. Called by: doors.remoting.handlers.
"""

from ...domain import limits, messages, requests
from ...domain.errors import ProtocolViolation, Rejected
from ...domain.requests import Reply
from ...protocols.remoting import records
from ...protocols.remoting.codes import Reply as Answer
from ...protocols.remoting.frames import Command
from .. import replying
from . import names, sends
from .askers import REPLY_TOPIC
from .call import Call


async def reply(call: Call) -> Command:
    """324 and 325: a consumer answers a request it got."""
    header = sends.Header(call.fields)
    parsed = await names.parse(call.actor, header.topic)
    if parsed.bare != REPLY_TOPIC:
        raise Rejected(f"Replies go to {REPLY_TOPIC}; make them with MessageUtil.createReplyMessage.")
    given = records.read_properties(header.properties)
    if requests.REPLY_TO not in given or requests.CORRELATION_ID not in given:
        raise ProtocolViolation("a reply without the request's REPLY_TO_CLIENT and CORRELATION_ID")
    address = replying.open_address(given[requests.REPLY_TO], correlation_id=given[requests.CORRELATION_ID])
    user = {name: value for name, value in given.items() if name not in messages.RESERVED_PROPERTIES}
    messages.check_properties(user)
    answer = Reply(
        body=call.request.body,
        properties=user,
        tag=given.get("TAGS", "").strip() or None,
        keys=tuple(dict.fromkeys(given.get("KEYS", "").split())),
        message_id=given.get("UNIQ_KEY", "")[: limits.MESSAGE_ID_CHARS],
        sys_flag=header.sys_flag & records.BODY_FLAGS,
        flag=header.flag,
        client_id=address.client_id or call.peer.address,
        born_at_ms=header.born_at_ms,
        born_host=call.peer.address,
    )
    await replying.reply(call.actor, address, answer)
    fields = {"msgId": "0", "queueId": "0", "queueOffset": "0", "MSG_REGION": "DefaultRegion", "TRACE_ON": "false"}
    return call.reply(Answer.SUCCESS, fields=fields)
