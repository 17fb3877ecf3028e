"""The bare ASGI app in front of Django: takes the hot routes, leaves everything else alone.

Owns: the order of a request's steps and who gets which error. Must not know: what a message is.
Called by: mqconsole.asgi. A stock Django request costs 25 times one of these (docs/adr/0003).
"""

import logging
from collections.abc import Awaitable, Callable

from accounts.errors import AccountError

from ...domain import limits
from ...domain.actor import Actor
from ...domain.errors import BrokerError, ErrorCode, Rejected
from . import deliveries, health, identity, metrics, requests, sends, transactions
from .exchange import Event, Exchange, Gone, Receive, Scope, Send
from .routes import Route, find

_log = logging.getLogger(__name__)

Handler = Callable[[Exchange, Actor, Route], Awaitable[None]]
_OWN_PATHS = health.PATHS | {metrics.PATH}
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_HANDLERS: dict[str, tuple[Handler, int]] = {
    "send": (sends.send, limits.SEND_REQUEST_BYTES),
    "batch": (sends.send_batch, limits.BATCH_REQUEST_BYTES),
    "request": (requests.ask, limits.SEND_REQUEST_BYTES),
    "reply": (requests.reply, limits.SEND_REQUEST_BYTES),
    "look": (requests.look, limits.SMALL_REQUEST_BYTES),
    "receive": (deliveries.receive, limits.SMALL_REQUEST_BYTES),
    "ack": (deliveries.acknowledge, limits.SMALL_REQUEST_BYTES),
    "nack": (deliveries.refuse, limits.SMALL_REQUEST_BYTES),
    "half": (transactions.prepare, limits.SEND_REQUEST_BYTES),
    "commit": (transactions.commit, limits.SMALL_REQUEST_BYTES),
    "rollback": (transactions.roll_back, limits.SMALL_REQUEST_BYTES),
    "checks": (transactions.poll, limits.SMALL_REQUEST_BYTES),
    "extend": (deliveries.extend, limits.SMALL_REQUEST_BYTES),
}


def in_front_of(app: App) -> App:
    """Returns an ASGI app that serves the hot routes itself and passes everything else to `app`."""

    async def front(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["raw_path"] in _OWN_PATHS:
            await _serve_own(Exchange(scope, receive, send))
            return
        route = find(scope["raw_path"]) if scope["type"] == "http" else None
        # A GET of .../messages is management's; so is what it says about any other verb on these paths.
        if route is None or scope["method"] != route.method:
            await _pass_on(app, scope, receive=receive, send=send)
        else:
            await _serve(Exchange(scope, receive, send), route)

    return front


async def _serve_own(exchange: Exchange) -> None:
    try:
        if exchange.scope["raw_path"] == metrics.PATH:
            await metrics.serve(exchange)
        else:
            await health.serve(exchange)
    except BrokerError as error:
        await exchange.problem(error)
    except Exception as error:  # a connection boundary
        _log.exception("request_failed", extra={"request_id": exchange.request_id})
        await exchange.problem(BrokerError(f"Something went wrong here ({type(error).__name__})."))


async def _serve(exchange: Exchange, route: Route) -> None:
    handler, limit = _HANDLERS[route.verb]
    try:
        exchange.check_size(limit)
        _check_type(exchange)
        if identity.is_signed(exchange):
            await exchange.read_body(limit)
            actor = await identity.prove(exchange)
        else:
            actor = await identity.prove(exchange)
            await exchange.read_body(limit)
        await handler(exchange, actor, route)
    except (BrokerError, AccountError) as error:
        await exchange.problem(error)
    except Gone:
        return
    except Exception as error:  # a connection boundary
        _log.exception("request_failed", extra={"request_id": exchange.request_id})
        await exchange.problem(BrokerError(f"Something went wrong here ({type(error).__name__})."))


async def _pass_on(app: App, scope: Scope, *, receive: Receive, send: Send) -> None:
    """Lets `app` answer, but never read more than a management request may have: Django would spool it all to disk."""
    if scope["type"] != "http":
        await app(scope, receive, send)
        return
    exchange = Exchange(scope, receive, send)
    try:
        exchange.check_size(limits.SEND_REQUEST_BYTES)
    except Rejected as error:
        await exchange.problem(error)
        return
    size = 0

    async def bounded() -> Event:
        nonlocal size
        event = await receive()
        size += len(event.get("body", b""))
        return {"type": "http.disconnect"} if size > limits.SEND_REQUEST_BYTES else event

    await app(scope, bounded, send)


def _check_type(exchange: Exchange) -> None:
    given = exchange.headers.get(b"content-type", b"application/json")
    if given == b"application/json":
        return
    content_type = given.partition(b";")[0].strip().lower()
    if content_type != b"application/json":
        raise Rejected("Send the body as application/json.", ErrorCode.UNSUPPORTED_MEDIA_TYPE)
