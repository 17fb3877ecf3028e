"""What senders and receivers may still do, without asking Redis for each message.

Owns: this process' purses, one for each instance, key and direction, and filling them before they are empty.
Must not know: wires, who set a limit. Called by: doors through `doors.allowance`; the desk runs `tend`.

A request that finds something in its purse costs two subtractions. Purses are filled from the shared buckets every
twentieth of a second, all in one round trip; one that is found empty is filled at once, and if the buckets are empty
too, it stays closed until they are not. All purses belong to the event loop's thread.
"""

import asyncio
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..catalog import snapshot
from ..domain import clock
from ..domain.buckets import Purse
from ..domain.errors import BrokerError, TryLater
from ..engine import quotas, refusals
from ..engine.quotas import Given, Order, Payer, Terms
from . import bridge

_log = logging.getLogger(__name__)

_ROUND_SECONDS = 0.05
_IDLE_ROUNDS = 40


@dataclass(slots=True)
class Open(Purse):
    """A purse in use and the terms it was opened on."""

    payer: Payer = field(kw_only=True)
    terms: Terms = field(kw_only=True)
    filling: "asyncio.Task[None] | None" = None


Key = tuple[int, str]
_sending: dict[Key, Open] = {}
_receiving: dict[Key, Open] = {}
_version: int | None = None


async def send(payer_of: snapshot.TopicEntry, key_id: str, *, count: int, size: int, largest: int) -> None:
    """Pays for `count` messages of `size` bytes in all, `largest` in one.

    Raises: TryLater QUOTA_EXCEEDED or BACKLOG_FULL with `retry_after_seconds`; Rejected MESSAGE_TOO_LARGE.
    """
    if send_now(payer_of, key_id, count=count, size=size, largest=largest):
        return
    purse = await _open(Payer(payer_of.account_id, payer_of.instance_id, payer_of.instance, key_id, is_send=True))
    if largest > purse.most_bytes:
        raise refusals.too_large(purse.terms.most_bytes_scope, purse.most_bytes)
    purse.count -= count
    purse.size -= size


def send_now(payer_of: snapshot.TopicEntry, key_id: str, *, count: int, size: int, largest: int) -> bool:
    """Pays as `send` if the purse has something; returns False, and pays nothing, when `send` has to be asked."""
    purse = _sending.get((payer_of.instance_id, key_id))
    if purse is None or purse.count <= 0 or purse.size <= 0 or largest > purse.most_bytes:
        return False
    purse.count -= count
    purse.size -= size
    return True


async def send_each(payer_of: snapshot.TopicEntry, key_id: str, sizes: Sequence[int]) -> list[BrokerError | None]:
    """Pays for messages of these many bytes each; returns Rejected MESSAGE_TOO_LARGE for each that may not be sent.

    Raises: TryLater as `send`, for all.
    """
    purse = _sending.get((payer_of.instance_id, key_id))
    if purse is None or purse.count <= 0 or purse.size <= 0:
        purse = await _open(Payer(payer_of.account_id, payer_of.instance_id, payer_of.instance, key_id, is_send=True))
    most = purse.most_bytes
    errors: list[BrokerError | None] = [
        refusals.too_large(purse.terms.most_bytes_scope, most) if size > most else None for size in sizes
    ]
    purse.count -= errors.count(None)
    purse.size -= sum(size for size, error in zip(sizes, errors, strict=True) if error is None)
    return errors


async def receive(payer_of: snapshot.GroupEntry, key_id: str, *, wait_seconds: float) -> None:
    """Returns when messages may be handed out, at once as a rule; pays nothing yet, see `received`.

    Raises: TryLater QUOTA_EXCEEDED when they may not, even after `wait_seconds`.
    """
    purse = _receiving.get((payer_of.instance_id, key_id))
    if purse is not None and purse.count > 0 and purse.size > 0:
        return
    payer = Payer(payer_of.account_id, payer_of.instance_id, payer_of.instance, key_id, is_send=False)
    deadline = clock.monotonic() + wait_seconds
    while True:
        try:
            await _open(payer)
            return
        except TryLater as error:
            pause = error.extra["retry_after_ms"] / 1000
            left = deadline - clock.monotonic()
            if left <= 0 or pause > left:
                raise
        await asyncio.sleep(pause)


def received(payer_of: snapshot.GroupEntry, key_id: str, *, count: int, size: int) -> None:
    """Pays for messages that were handed out; the purse may be in debt for them."""
    purse = _receiving.get((payer_of.instance_id, key_id))
    if purse is not None:
        purse.count -= count
        purse.size -= size


async def tend() -> None:
    """Keeps purses filled, for ever; gives everything back when a limit changed, and what nobody uses."""
    _sending.clear()
    _receiving.clear()
    while True:
        try:
            await _round()
        except BrokerError as error:  # a loop boundary: purses are filled when they are found empty
            _log.info("limits_round_failed", extra={"code": str(error.code)})
        await asyncio.sleep(_ROUND_SECONDS)


async def _round() -> None:
    global _version
    version = snapshot.version()
    is_changed = version != _version
    _version = version
    orders: list[Order] = []
    filled: list[Open | None] = []
    everything = [(purses, key) for purses in (_sending, _receiving) for key in purses]
    for purses, key in everything:
        purse = purses[key]
        if is_changed or purse.idle_rounds > _IDLE_ROUNDS:
            del purses[key]
            order, one = _closing(purse), None
        else:
            order, one = _order(purse), purse
        if purse.terms.pools and any((*order.count, *order.size)):
            orders.append(order)
            filled.append(one)
    if orders:
        for one, order, given in zip(filled, orders, await bridge.run(quotas.settle, orders), strict=True):
            if one is not None:
                _fill(one, order, given)


async def _open(payer: Payer) -> Open:
    """Returns a purse with something in it. Raises as `send`."""
    purses = _sending if payer.is_send else _receiving
    key = (payer.instance_id, payer.key_id)
    while True:
        purse = purses.get(key)
        if purse is None:
            terms = await bridge.run(quotas.terms, payer)
            purse = purses.setdefault(key, Open(payer=payer, terms=terms, most_bytes=terms.most_bytes))
        if purse.terms.is_full:
            raise refusals.full(purse.payer.instance)
        if purse.count > 0 and purse.size > 0:
            return purse
        if purse.closed_until > clock.monotonic():
            raise _over(purse)
        if purse.filling is None:
            purse.filling = asyncio.ensure_future(_fill_now(purse))
        # Others who wait for the same filling may spend all of it first; then it is filled again, or is closed by now.
        await asyncio.shield(purse.filling)


async def _fill_now(purse: Open) -> None:
    try:
        order = _order(purse)
        (given,) = await bridge.run(quotas.settle, [order])
        _fill(purse, order, given)
    finally:
        purse.filling = None


def _order(purse: Open) -> Order:
    count, size = purse.ask(*purse.terms.bounds)
    return Order(purse.terms.pools, count, size)


def _closing(purse: Open) -> Order:
    return Order(
        purse.terms.pools,
        count=(0.0 if math.isinf(purse.count) else -purse.count, 0.0),
        size=(0.0 if math.isinf(purse.size) else -purse.size, 0.0),
    )


def _fill(purse: Open, order: Order, given: Given) -> None:
    purse.fill(given.count, given.size, paid=(order.count[0], order.size[0]))
    if purse.count <= 0 or purse.size <= 0:
        # Without a wait the buckets have more: this much was only spent while they were asked.
        purse.closed_until = clock.monotonic() + given.wait_seconds
        purse.blame = given.slowest


def _over(purse: Open) -> TryLater:
    owner = purse.terms.owners[max(purse.blame, 0)]
    return refusals.over(owner, purse.closed_until - clock.monotonic(), is_send=purse.payer.is_send)
