"""Sending over HTTP: one message, or a batch with a result for each entry.

Owns: what the answers look like. Must not know: queues, commits. Called by: doors.http.app.
"""

from typing import Any

from ...catalog import snapshot
from ...dispatch import bridge, desk
from ...domain import clock, limits
from ...domain.actor import Actor
from ...domain.errors import BrokerError, Rejected
from ...engine.publish import Published
from ...engine.publish import Send as Sending
from ...protocols.http import messages, problems
from .. import allowance, permission
from .exchange import Exchange
from .routes import Route


async def send(exchange: Exchange, actor: Actor, route: Route) -> None:
    """Stores one message and answers 201 with its place."""
    topic = await topic_of(actor, route)
    message = messages.parse_send(messages.parse_json(exchange.body), born_host=exchange.peer)
    await allowance.require_send(actor, topic, (len(message.body),))
    (result,) = await (desk.started() or await desk.get()).publish([Sending(topic, message)])
    if isinstance(result, BrokerError):
        raise result
    await exchange.answer(201, _describe(result))


async def send_batch(exchange: Exchange, actor: Actor, route: Route) -> None:
    """Stores up to a thousand messages and answers 200 with one result an entry, in order."""
    topic = await topic_of(actor, route)
    if len(exchange.body) > limits.SEND_REQUEST_BYTES:
        entries = await bridge.run(_parse_batch, exchange.body, exchange.peer)
    else:
        entries = _parse_batch(exchange.body, exchange.peer)
    parsed = [at for at, entry in enumerate(entries) if not isinstance(entry, BrokerError)]
    errors = await allowance.require_sends(actor, topic, [len(entries[at].body) for at in parsed])
    for at, error in zip(parsed, errors, strict=True):
        entries[at] = error or entries[at]
    good = [Sending(topic, entry) for entry in entries if not isinstance(entry, BrokerError)]
    published = iter(await (desk.started() or await desk.get()).publish(good) if good else ())
    outcomes = [entry if isinstance(entry, BrokerError) else next(published) for entry in entries]
    language = exchange.language()
    results = [
        problems.entry(outcome, language) if isinstance(outcome, BrokerError) else {"ok": True, **_describe(outcome)}
        for outcome in outcomes
    ]
    await exchange.answer(200, {"results": results})


async def topic_of(actor: Actor, route: Route) -> snapshot.TopicEntry:
    """Returns the topic of a route that `actor` may send to. Raises Denied, NotFound."""
    await permission.require(actor, "mq:PUB", route.name, instance=route.instance)
    topic = snapshot.cached_topic(actor.account_id, route.instance, route.name)
    if topic is None:
        topic = await bridge.run(snapshot.topic, actor.account_id, route.instance, route.name)
    return topic


def _parse_batch(body: bytes, born_host: str) -> list[Any]:  # Any: Outgoing or Rejected
    entries: list[Any] = []
    for raw in messages.parse_batch(messages.parse_json(body)):
        try:
            entries.append(messages.parse_send(raw, born_host=born_host))
        except Rejected as error:
            entries.append(error)
    return entries


def _describe(result: Published) -> dict[str, Any]:  # Any: JSON values
    described: dict[str, Any] = {
        "message_id": result.message_id,
        "queue": result.queue,
        "offset": result.offset,
    }
    if result.deliver_at_ms is not None:
        described["deliver_at"] = clock.from_ms(result.deliver_at_ms)
    if result.duplicate:
        described["duplicate"] = True
    return described
