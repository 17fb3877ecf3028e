"""Asking and answering over HTTP.

Owns: parked requests and what the answers look like. Must not know: how replies travel. Called by: doors.http.app.
"""

import asyncio
from datetime import timedelta
from typing import Any

from ...dispatch import connections, desk
from ...dispatch.requests import PROCESS, Asked
from ...domain import clock
from ...domain.actor import Actor
from ...domain.errors import BrokerError, ErrorCode, NotFound
from ...domain.messages import check
from ...domain.requests import Reply, check_correlation_id, new_correlation_id
from ...engine.requests import Look, Name, Question
from ...protocols.http import messages, requests
from .. import allowance, permission, replying
from . import sends
from .exchange import Exchange
from .routes import Route

_STATES = {"OPEN": "OPEN", "ANSWERED": "ANSWERED", "TIMEOUT": "TIMED_OUT", "GONE": "ABANDONED"}


async def ask(exchange: Exchange, actor: Actor, route: Route) -> None:
    """Sends a request: answers 200 with the replies when they are there, or 202 at once when `async`."""
    topic = await sends.topic_of(actor, route)
    form = requests.parse_request(messages.parse_json(exchange.body), born_host=exchange.peer)
    await allowance.require_send(actor, topic, (len(form.message.body),))
    question = Question(
        name=Name(actor.account_id, new_correlation_id()),
        topic=topic,
        message=form.message,
        timeout=form.timeout,
        max_replies=form.max_replies,
        reply_to=f"http:{actor.name}",
        asker=actor.name,
        user_id=actor.user_id,
        process=PROCESS,
        is_kept=form.is_async,
    )
    counter = desk.started() or await desk.get()
    async with connections.hold(actor, timedelta() if form.is_async else form.timeout):
        asked = await counter.requests.ask(question)
        if form.is_async:
            await exchange.answer(202, _about(asked))
            return
        try:
            replies = await _replies(counter, exchange, asked)
        except BrokerError as error:
            error.extra.update(_about(asked))
            raise
    if replies is None:
        return
    await permission.require_still(actor, "mq:PUB", [topic.name], instance=route.instance)
    described = [requests.describe_reply(reply) for reply in replies]
    is_complete = len(replies) >= form.max_replies
    await exchange.answer(200, {**_about(asked), "replies": described, "complete": is_complete})


async def reply(exchange: Exchange, actor: Actor, route: Route) -> None:
    """Answers a request that was received: 200 when the reply was taken for whoever waits."""
    form = requests.parse_reply(messages.parse_json(exchange.body), born_host=exchange.peer)
    address = replying.open_address(form.reply_to, correlation_id=route.name)
    message = form.message
    check(message)
    given = Reply(
        body=message.body,
        properties=message.properties,
        tag=message.tag,
        keys=message.keys,
        client_id=address.client_id,
        born_at_ms=message.born_at_ms,
        born_host=exchange.peer,
    )
    await replying.reply(actor, address, given, instance=route.instance)
    await exchange.answer(200, {"correlation_id": address.correlation_id})


async def look(exchange: Exchange, actor: Actor, route: Route) -> None:
    """Answers 200 with how a request of this user stands; waits for a reply when asked to."""
    wait, after = requests.parse_wait(exchange.scope["query_string"])
    name = Name(actor.account_id, check_correlation_id(route.name))
    counter = desk.started() or await desk.get()
    seen = await counter.requests.look(name, after=after)
    _check_owner(seen, actor)
    if wait and seen.is_open and not seen.replies:
        async with connections.hold(actor, timedelta(seconds=wait)):
            waiting = asyncio.ensure_future(counter.requests.look(name, wait_seconds=wait, after=after))
            if not await _unless_gone(exchange, waiting):
                return
        seen = waiting.result()
        await permission.require_still(actor, "mq:PUB", [], instance=route.instance)
        _check_owner(seen, actor)
    await exchange.answer(200, _describe(seen, name))


async def _replies(counter: desk.Desk, exchange: Exchange, asked: Asked) -> list[Reply] | None:
    """Returns the replies, or None when whoever asked hung up."""
    waiting = asyncio.ensure_future(counter.requests.replies(asked))
    return waiting.result() if await _unless_gone(exchange, waiting) else None


async def _unless_gone(exchange: Exchange, waiting: "asyncio.Future[Any]") -> bool:  # Any: whatever it waits for
    """Waits until `waiting` is done, and returns True; False when the client hung up first: it is cancelled then."""
    gone = asyncio.ensure_future(exchange.hang_up())
    try:
        await asyncio.wait({gone, waiting}, return_when=asyncio.FIRST_COMPLETED)
        return waiting.done()
    finally:
        gone.cancel()
        if not waiting.done():
            waiting.cancel()


def _check_owner(seen: Look, actor: Actor) -> None:
    """Raises NotFound unless `actor` asked: what others asked looks like nothing."""
    standing = seen.standing
    if standing is None or (standing.user_id != actor.user_id and not actor.is_root):
        raise NotFound(
            "There is no such request: you never asked it, or its time was over long ago.",
            ErrorCode.REQUEST_NOT_FOUND,
        )


def _about(asked: Asked) -> dict[str, Any]:  # Any: JSON values
    return {
        "correlation_id": asked.question.name.correlation_id,
        "message_id": asked.published.message_id,
    }


def _describe(seen: Look, name: Name) -> dict[str, Any]:  # Any: JSON values
    assert seen.standing is not None
    standing = seen.standing
    return {
        "correlation_id": name.correlation_id,
        "message_id": standing.message_id,
        "state": _STATES[standing.state],
        "asked_at": clock.from_ms(standing.asked_at_ms),
        "deadline": clock.from_ms(standing.deadline_ms),
        "replies": [requests.describe_reply(reply) for reply in seen.replies],
        "complete": standing.got >= standing.most,
    }
