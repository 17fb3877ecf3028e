"""Transactions over HTTP: half messages, decisions, and checks for producers that poll.

Owns: what the answers look like. Must not know: stores. Called by: doors.http.app.
"""

import asyncio
from typing import Any

from ...catalog import access, producers, snapshot
from ...catalog.snapshot import ProducerGroupEntry, TopicEntry
from ...dispatch import bridge, connections, desk
from ...domain import clock, transactions
from ...domain.actor import Actor
from ...domain.errors import BrokerError
from ...engine import clients
from ...engine.back_checks import Question
from ...engine.transactions import Decided, Decision, Half, decide_for_person, topic_of
from ...protocols.http import messages
from ...protocols.http import transactions as forms
from .. import allowance, permission
from .exchange import Exchange
from .routes import Route


async def prepare(exchange: Exchange, actor: Actor, route: Route) -> None:
    """Stores a half message and answers 201 with the id its decision must name."""
    await permission.require(actor, "mq:PUB", route.name, instance=route.instance)
    topic = snapshot.cached_topic(actor.account_id, route.instance, route.name)
    if topic is None:
        topic = await bridge.run(snapshot.topic, actor.account_id, route.instance, route.name)
    message, group_name = forms.parse_half(messages.parse_json(exchange.body), born_host=exchange.peer)
    await allowance.require_send(actor, topic, (len(message.body),))
    group = snapshot.cached_producer_group(actor.account_id, route.instance, group_name)
    if group is None:
        group = await bridge.run(producers.ensure, actor.account_id, route.instance, group_name)
    (result,) = await (await desk.get()).transactions.prepare([Half(topic, message, group)])
    if isinstance(result, BrokerError):
        raise result
    answer: dict[str, Any] = {  # Any: JSON values
        "transaction_id": str(result.id),
        "message_id": result.message_id,
        "queue": result.queue,
        "check_at": clock.from_ms(result.check_at_ms),
    }
    if result.duplicate:
        answer["duplicate"] = True
    await exchange.answer(201, answer)


async def commit(exchange: Exchange, actor: Actor, route: Route) -> None:
    """Makes a half message visible; answers 200 with its place."""
    await _decide(exchange, actor, route, is_commit=True)


async def roll_back(exchange: Exchange, actor: Actor, route: Route) -> None:
    """Makes sure that a half message is never seen."""
    await _decide(exchange, actor, route, is_commit=False)


async def poll(exchange: Exchange, actor: Actor, route: Route) -> None:
    """Answers 200 with checks that are due, as soon as there are some, or with none after the wait."""
    form = forms.parse_poll(messages.parse_json(exchange.body) if exchange.body else {})
    for name in form.topics or ("*",):
        await permission.require(actor, "mq:PUB", name, instance=route.instance)
    for name in form.topics:
        if snapshot.cached_topic(actor.account_id, route.instance, name) is None:
            await bridge.run(snapshot.topic, actor.account_id, route.instance, name)
    group = snapshot.cached_producer_group(actor.account_id, route.instance, route.name)
    if group is None:
        group = await bridge.run(producers.ensure, actor.account_id, route.instance, route.name)
    client = form.client_id or f"http-{exchange.peer}"
    seen = clients.Producer(client, "", "http", exchange.peer, actor.name, clock.now_ms())
    await bridge.run(clients.note_producers, [((actor.account_id, route.instance, route.name), seen)])
    async with connections.hold(actor, form.wait):
        gone = asyncio.ensure_future(exchange.hang_up())
        try:
            found = await _wait_for_checks(actor, group, form, client=client, gone=gone)
        finally:
            gone.cancel()
    await exchange.answer(200, {"checks": [_describe(question) for question in found]})


async def _wait_for_checks(
    actor: Actor, group: ProducerGroupEntry, form: forms.PollForm, *, client: str, gone: "asyncio.Future[None]"
) -> list[Question]:
    def shows(topic: TopicEntry) -> bool:
        if form.topics and topic.name not in form.topics:
            return False
        # Asked at every look: a right that goes while a poll waits is gone for it too.
        return access.may(actor, "mq:PUB", access.resource(actor.account_id, topic.instance, topic.name))

    line = (await desk.get()).transactions
    return await line.poll(
        group, shows, limit=form.max_count, client_id=client, wait=form.wait, is_gone=lambda: gone.done()
    )


async def _decide(exchange: Exchange, actor: Actor, route: Route, *, is_commit: bool) -> None:
    id = transactions.parse(route.name)
    is_recovery = forms.parse_decision(messages.parse_json(exchange.body) if exchange.body else {})
    topic = snapshot.cached_topic_by_id(id.topic_id)
    if topic is None or topic.account_id != actor.account_id or topic.instance != route.instance:
        topic = await bridge.run(topic_of, actor.account_id, route.instance, id)
    decision = Decision(id=id, is_commit=is_commit, by=actor.signature, is_recovery=is_recovery)
    if is_recovery:
        result: Decided | BrokerError = await bridge.run(decide_for_person, actor, topic, decision)
    else:
        await permission.require(actor, "mq:PUB", topic.name, instance=route.instance)
        (result,) = await (await desk.get()).transactions.decide([decision])
    if isinstance(result, BrokerError):
        raise result
    answer: dict[str, Any] = {  # Any: JSON values
        "transaction_id": str(result.id),
        "message_id": result.message_id,
        "state": result.state,
        "queue": result.queue,
        "offset": result.offset,
        "decided_at": clock.from_ms(result.decided_at_ms),
    }
    if result.deliver_at_ms is not None:
        answer["deliver_at"] = clock.from_ms(result.deliver_at_ms)
    await exchange.answer(200, answer)


def _describe(question: Question) -> dict[str, Any]:  # Any: JSON values
    described = messages.describe_message(question.message)
    del described["offset"]
    return {
        "transaction_id": str(question.id),
        "check": question.number,
        "topic": question.topic.name,
        "queue": question.queue,
        **described,
    }
