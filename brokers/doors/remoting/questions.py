"""Requests: messages whose sender waits for a reply.

Owns: telling them from other messages, and sending them. Must not know: how replies travel.
Called by: doors.remoting.sends.
"""

import asyncio
from datetime import timedelta

from ...dispatch import desk
from ...dispatch.requests import PROCESS
from ...domain import clock, limits, requests
from ...domain.errors import Rejected
from ...engine.publish import Published, Send
from ...engine.requests import Name, Question
from ...protocols.remoting import bodies
from ...protocols.remoting.frames import Command
from .call import Call

_FIRST_HASTY_VERSION = 412  # MQVersion V5_0_0_SNAPSHOT
# A send that is held is answered before the client's time is over: by three tenths of it, two seconds at most.
_HOLD_SHARE, _HOLD_SECONDS = 0.3, 2.0
_LOOK_SECONDS = 0.5


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
    delivered = call.members.askers.follow(asked, call.peer)
    if _takes_sent_for_answered(call.request):
        await _hold(call, delivered, seconds=_hold_seconds(question.timeout))
    return asked.published


def _takes_sent_for_answered(request: Command) -> bool:
    """Returns True for Java clients from 5.0 on: `request()` ends when the send is answered, reply or not.

    So the send of such a client is answered after its reply was pushed and taken, or shortly before its time is over.
    Source: apache/rocketmq pull request 4313, issues 9292 and 9319.
    """
    return request.language == "JAVA" and request.version >= _FIRST_HASTY_VERSION


def _hold_seconds(timeout: timedelta) -> float:
    seconds = timeout.total_seconds()
    return seconds - min(_HOLD_SHARE * seconds, _HOLD_SECONDS)


async def _hold(call: Call, delivered: "asyncio.Task[None]", *, seconds: float) -> None:
    deadline = clock.monotonic() + seconds
    while not call.peer.is_gone and (left := deadline - clock.monotonic()) > 0:
        done, _ = await asyncio.wait({delivered}, timeout=min(left, _LOOK_SECONDS))
        if done:
            return


def _time_to_live(text: str) -> timedelta:
    milliseconds = bodies.whole({"TTL": text}, "TTL") if text else limits.REQUEST_DEFAULT_SECONDS * 1000
    return timedelta(milliseconds=min(max(milliseconds, 1), limits.REQUEST_SECONDS * 1000))
