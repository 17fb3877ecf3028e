"""Which request is answered by whom.

Owns: that table. Must not know: sockets. Called by: doors.remoting.connection.
"""

from collections.abc import Callable

from ...protocols.remoting.codes import Ask, Reply
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
    refusals,
    replies,
    routes,
    sends,
    transactions,
)
from .admin import HANDLERS as ADMIN_HANDLERS
from .call import Beginner, Call, Handler

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


# Requests that as a rule wait for nothing but one commit: each can be begun without a task of its own.
BEGINNERS: dict[int, Beginner] = {
    Ask.SEND_MESSAGE: sends.begin,
    Ask.SEND_MESSAGE_V2: sends.begin,
    Ask.SEND_BATCH_MESSAGE: sends.begin,
}


async def answer(call: Call) -> Command:
    """Returns the response to a request, whatever happens."""
    handler = HANDLERS.get(call.request.code)
    if handler is None:
        remark = f"request type {call.request.code} not supported"
        return call.reply(Reply.REQUEST_CODE_NOT_SUPPORTED, remark=remark)
    try:
        return await handler(call)
    except Exception as error:  # a connection boundary
        return refusals.response(call.request, error)


def begin(call: Call, hear: Callable[[Command], None]) -> bool:
    """Begins a request of `BEGINNERS`: `hear` gets the response, at once or later.

    Returns False when something has to be waited for first; nothing was done then, and `answer` does all of it.
    """
    try:
        return BEGINNERS[call.request.code](call, hear)
    except Exception as error:  # a connection boundary
        hear(refusals.response(call.request, error))
        return True
