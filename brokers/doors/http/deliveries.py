"""Receiving over HTTP: long polls, acknowledgements, refusals, more time.

Owns: parked requests and what the answers look like. Must not know: leases, cursors. Called by: doors.http.app.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings

from ...catalog import snapshot
from ...catalog.snapshot import GroupEntry
from ...dispatch import bridge, connections, desk
from ...dispatch.readers import POLLING_MS, Place, Reader
from ...domain import clock, receipts
from ...domain.actor import Actor
from ...domain.errors import BrokerError, ErrorCode, Rejected
from ...domain.receipts import Receipt
from ...engine.clients import Seen
from ...engine.delivery import Delivery, ReceiveRequest, Subscription
from ...engine.settlement import Extension, Refusal
from ...protocols.http import messages, problems
from .. import allowance, permission, replying
from .exchange import Exchange
from .routes import Route

_KEY = settings.SECRET_KEY.encode()


async def receive(exchange: Exchange, actor: Actor, route: Route) -> None:
    """Answers 200 with messages as soon as there are some, or with none after the wait."""
    group = await _group(actor, route)
    form = messages.parse_receive(messages.parse_json(exchange.body))
    subscriptions = []
    for name, tags in form.topics:
        await permission.require(actor, "mq:SUB", name, instance=route.instance)
        topic = snapshot.cached_topic(actor.account_id, route.instance, name)
        if topic is None:
            topic = await bridge.run(snapshot.topic, actor.account_id, route.instance, name)
        subscriptions.append(Subscription(topic, tags))
    client_id = form.client_id or f"http-{exchange.peer}"
    request = ReceiveRequest(
        group=group,
        subscriptions=tuple(subscriptions),
        max_count=form.max_count,
        invisible=form.invisible or timedelta(seconds=group.invisible_seconds),
        client_id=client_id,
    )
    counter = desk.started() or await desk.get()
    counter.note_client(group.id, Seen(client_id, "http", exchange.peer, actor.name, clock.now_ms()))
    places = [Place(group.instance_id, subscription.topic.name) for subscription in subscriptions]
    async with connections.hold(actor, form.wait):
        await allowance.require_receive(actor, group, wait_seconds=form.wait.total_seconds())
        await counter.readers.note(places, Reader(group.id, client_id), lasting_ms=POLLING_MS)
        deliveries = await _claim(counter, exchange, request, wait=form.wait)
    if form.wait and deliveries:
        # What was claimed and is not handed out comes again when its lease ends.
        names = [route.name, *(name for name, _ in form.topics)]
        await permission.require_still(actor, "mq:SUB", names, instance=route.instance)
    allowance.note_received(actor, group, (len(one.message.body) for one in deliveries))
    await exchange.answer(200, {"messages": [_describe(delivery, group) for delivery in deliveries]})


async def acknowledge(exchange: Exchange, actor: Actor, route: Route) -> None:
    """Settles deliveries as done; one result a receipt."""
    group = await _group(actor, route)
    texts = messages.parse_receipts(messages.parse_json(exchange.body))
    good, outcomes = _decode(texts, group)
    if good:
        outcomes.update(zip(good, await (await desk.get()).acknowledge(list(good.values())), strict=True))
    await exchange.answer(200, {"results": _results(texts, outcomes, exchange.language())})


async def refuse(exchange: Exchange, actor: Actor, route: Route) -> None:
    """Counts deliveries as failed; one result a receipt."""
    group = await _group(actor, route)
    form = messages.parse_refusal(messages.parse_json(exchange.body))
    good, outcomes = _decode(form.receipts, group)
    refusals = [Refusal(receipt, form.error, form.delay) for receipt in good.values()]
    if refusals:
        outcomes.update(zip(good, await (await desk.get()).refuse(refusals), strict=True))
    await exchange.answer(200, {"results": _results(form.receipts, outcomes, exchange.language())})


async def extend(exchange: Exchange, actor: Actor, route: Route) -> None:
    """Gives deliveries more time; one result a receipt, with the new deadline."""
    group = await _group(actor, route)
    texts, asked = messages.parse_extension(messages.parse_json(exchange.body))
    invisible = asked or timedelta(seconds=group.invisible_seconds)
    good, outcomes = _decode(texts, group)
    extensions = [Extension(receipt, invisible) for receipt in good.values()]
    if extensions:
        outcomes.update(zip(good, await (await desk.get()).extend(extensions), strict=True))
    await exchange.answer(200, {"results": _results(texts, outcomes, exchange.language())})


async def _claim(counter: desk.Desk, exchange: Exchange, request: ReceiveRequest, *, wait: timedelta) -> list[Delivery]:
    if not wait:
        return await counter.receive(request, wait=wait)
    gone = asyncio.ensure_future(exchange.hang_up())
    claim = asyncio.ensure_future(counter.receive(request, wait=wait, is_gone=gone.done))
    try:
        await asyncio.wait({gone, claim}, return_when=asyncio.FIRST_COMPLETED)
        if not claim.done():
            claim.cancel()  # what it may be claiming right now is given back (dispatch.desk)
        return await claim if not claim.cancelled() and claim.done() else []
    finally:
        gone.cancel()


async def _group(actor: Actor, route: Route) -> GroupEntry:
    await permission.require(actor, "mq:SUB", route.name, instance=route.instance)
    group = snapshot.cached_group(actor.account_id, route.instance, route.name)
    if group is None:
        group = await bridge.run(snapshot.group, actor.account_id, route.instance, route.name)
    return group


Outcome = int | BrokerError | None


def _decode(texts: Sequence[str], group: GroupEntry) -> tuple[dict[str, Receipt], dict[str, Outcome]]:
    """Splits receipts into the good ones, each once, and the errors of the others."""
    good: dict[str, Receipt] = {}
    bad: dict[str, Outcome] = {}
    for text in texts:
        try:
            receipt = receipts.decode(text, _KEY)
            if receipt.group_id != group.id:
                raise Rejected(
                    f"This receipt was given to another group, not to {group.name!r}.", ErrorCode.INVALID_RECEIPT
                )
            good[text] = receipt
        except Rejected as error:
            bad[text] = error
    return good, bad


def _results(
    texts: Sequence[str], outcomes: dict[str, Outcome], language: str
) -> list[dict[str, Any]]:  # Any: JSON values
    results: list[dict[str, Any]] = []
    for text in texts:
        outcome = outcomes[text]
        if isinstance(outcome, BrokerError):
            results.append({**problems.entry(outcome, language), "receipt": text})
        elif outcome is None:
            results.append({"ok": True, "receipt": text})
        else:
            results.append({"ok": True, "receipt": text, "invisible_until": clock.from_ms(outcome)})
    return results


def _describe(delivery: Delivery, group: GroupEntry) -> dict[str, Any]:  # Any: JSON values
    reply_to = replying.address_for(
        delivery.message, topic=delivery.topic, group=group, client_id=delivery.receipt.client_id
    )
    return {
        **messages.describe_message(delivery.message),
        **({} if reply_to is None else {"reply_to": reply_to}),
        "topic": delivery.topic,
        "queue": delivery.queue,
        "attempt": delivery.attempt,
        "receipt": receipts.encode(delivery.receipt, _KEY),
        "invisible_until": clock.from_ms(delivery.invisible_until_ms),
    }
