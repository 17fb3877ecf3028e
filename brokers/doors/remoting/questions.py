"""Requests: messages whose sender waits for a reply.

Owns: telling them from other messages, and sending them. Must not know: how replies travel.
Called by: doors.remoting.sends.
"""

from datetime import timedelta

from ...dispatch import desk
from ...dispatch.requests import PROCESS
from ...domain import limits, requests
from ...domain.errors import Rejected
from ...engine.publish import Published, Send
from ...engine.requests import Name, Question
from ...protocols.remoting import bodies
from .call import Call


def is_request(send: Send) -> bool:
    """Returns True if whoever sends this waits for a reply."""
    return requests.is_request(send.message.wire_properties)


async def ask(call: Call, send: Send) -> Published:
    """Sends a request; its replies are pushed to the client when they come (326).

    Raises: as `dispatch.requests.Requests.ask`; nothing was sent then.
    """
    given = send.message.wire_properties
    client_id = given[requests.REPLY_TO]
    if len(client_id) > limits.CLIENT_ID_CHARS:
        raise Rejected(f"{requests.REPLY_TO} has at most {limits.CLIENT_ID_CHARS} characters.")
    question = Question(
        name=Name(call.actor.account_id, requests.check_correlation_id(given[requests.CORRELATION_ID])),
        topic=send.topic,
        message=send.message,
        timeout=_time_to_live(given.get(requests.TIME_TO_LIVE_MS, "")),
        reply_to=client_id,
        asker=call.actor.name,
        user_id=call.actor.user_id,
        process=PROCESS,
        client_id=client_id,
        is_typed=send.is_typed,
    )
    call.members.askers.note(call.peer, call.actor.account_id, client_id)
    asked = await (await desk.get()).requests.ask(question)
    call.members.askers.follow(asked, call.peer)
    return asked.published


def _time_to_live(text: str) -> timedelta:
    milliseconds = bodies.whole({"TTL": text}, "TTL") if text else limits.REQUEST_DEFAULT_SECONDS * 1000
    return timedelta(milliseconds=min(max(milliseconds, 1), limits.REQUEST_SECONDS * 1000))
