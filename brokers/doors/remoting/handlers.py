"""Which request is answered by whom, and what an error becomes.

Owns: that table. Must not know: sockets. Called by: doors.remoting.connection.
"""

import logging

from accounts.errors import AccountError

from ...domain.errors import BrokerError, ErrorCode, ProtocolViolation
from ...protocols.remoting import frames
from ...protocols.remoting.codes import STATUS, Ask, Reply
from ...protocols.remoting.frames import Command
from . import (
    acks,
    assignments,
    lookups,
    members,
    orders,
    pops,
    pulls,
    recalls,
    replies,
    routes,
    sends,
    transactions,
)
from .admin import HANDLERS as ADMIN_HANDLERS
from .call import Call, Handler

_log = logging.getLogger(__name__)

HANDLERS: dict[int, Handler] = {
    Ask.SEND_MESSAGE: sends.send,
    Ask.SEND_MESSAGE_V2: sends.send,
    Ask.SEND_BATCH_MESSAGE: sends.send,
    Ask.POP_MESSAGE: pops.pop,
    Ask.PEEK_MESSAGE: pops.peek,
    Ask.NOTIFICATION: pops.notify,
    Ask.POLLING_INFO: pops.polling_info,
    Ask.ACK_MESSAGE: acks.acknowledge,
    Ask.BATCH_ACK_MESSAGE: acks.acknowledge_batch,
    Ask.CHANGE_MESSAGE_INVISIBLETIME: acks.change_invisible_time,
    Ask.QUERY_ASSIGNMENT: assignments.query,
    Ask.SET_MESSAGE_REQUEST_MODE: assignments.set_mode,
    Ask.SEND_REPLY_MESSAGE: replies.reply,
    Ask.SEND_REPLY_MESSAGE_V2: replies.reply,
    Ask.RECALL_MESSAGE: recalls.recall,
    Ask.PULL_MESSAGE: pulls.pull,
    Ask.LITE_PULL_MESSAGE: pulls.pull,
    Ask.QUERY_CONSUMER_OFFSET: pulls.query_offset,
    Ask.UPDATE_CONSUMER_OFFSET: pulls.update_offset,
    Ask.SEARCH_OFFSET_BY_TIMESTAMP: pulls.search_offset,
    Ask.GET_MAX_OFFSET: pulls.max_offset,
    Ask.GET_MIN_OFFSET: pulls.min_offset,
    Ask.GET_EARLIEST_MSG_STORETIME: pulls.earliest_time,
    Ask.QUERY_MESSAGE: lookups.query,
    Ask.VIEW_MESSAGE_BY_ID: lookups.view,
    Ask.CONSUMER_SEND_MSG_BACK: lookups.send_back,
    Ask.HEART_BEAT: members.heartbeat,
    Ask.UNREGISTER_CLIENT: members.unregister,
    Ask.GET_CONSUMER_LIST_BY_GROUP: members.consumer_list,
    Ask.CHECK_CLIENT_CONFIG: members.check_subscription,
    Ask.END_TRANSACTION: transactions.end,
    Ask.LOCK_BATCH_MQ: orders.lock,
    Ask.UNLOCK_BATCH_MQ: orders.unlock,
    Ask.GET_ROUTEINFO_BY_TOPIC: routes.route,
    Ask.GET_BROKER_CLUSTER_INFO: routes.cluster,
    Ask.GET_ALL_TOPIC_LIST_FROM_NAMESERVER: routes.topics,
    Ask.GET_TOPICS_BY_CLUSTER: routes.topics,
    **ADMIN_HANDLERS,
}


async def answer(call: Call) -> Command:
    """Returns the response to a request, whatever happens."""
    handler = HANDLERS.get(call.request.code)
    if handler is None:
        remark = f"request type {call.request.code} not supported"
        return call.reply(Reply.REQUEST_CODE_NOT_SUPPORTED, remark=remark)
    try:
        return await handler(call)
    except (BrokerError, AccountError, ProtocolViolation) as error:
        return refusal(call.request, error)
    except Exception as error:  # a connection boundary
        _log.exception("request_failed", extra={"request_code": call.request.code})
        return frames.answer(call.request, Reply.SYSTEM_ERROR, remark=f"Something went wrong ({type(error).__name__}).")


def refusal(request: Command, error: BrokerError | AccountError | ProtocolViolation) -> Command:
    """Returns the response that tells an error."""
    if isinstance(error, ProtocolViolation):
        return frames.answer(request, Reply.INVALID_PARAMETER, remark=f"Bad request: {error}.")
    return frames.answer(request, STATUS[ErrorCode(error.code)], remark=error.detail)
