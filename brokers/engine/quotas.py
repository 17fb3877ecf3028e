"""Limits at work: tokens for sends and receives, full backlogs, connections, and how much of each is used.

Owns: which buckets pay for whom, and what happens without Redis. Must not know: event loops, wires.
Called by: dispatch.allowances, dispatch.connections, the broker worker (`sample_backlogs`), api and console (`usage`).

Without Redis each process keeps to the whole limit by itself: a limit may then be passed as many times over as there
are processes, and nobody is refused for a store that is away.
"""

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import inf

from django.db.models import F

from ..catalog import quotas as held
from ..catalog import snapshot
from ..domain import clock, quotas
from ..domain.buckets import Bucket
from ..domain.errors import TryLater
from ..domain.quotas import Quota, Scope
from ..leases import connections, tokens
from ..leases.connections import tell as tell_connections
from ..leases.tokens import Given, Order, Pool
from ..models import CatalogVersion, Instance
from ..store import backlog, session
from . import refusals

__all__ = ["Given", "Order", "Payer", "Terms", "sample_backlogs", "settle", "tell_connections", "terms"]

_log = logging.getLogger(__name__)

_local: dict[str, Bucket] = {}
_local_lock = threading.Lock()
_LOCAL_COUNT = 10_000


@dataclass(frozen=True, slots=True)
class Payer:
    """Whose tokens: an instance of an account, and a key of it (empty for a session)."""

    account_id: int
    instance_id: int
    instance: str
    key_id: str
    is_send: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for a payer: its buckets with the words for each, and what is refused whatever the buckets hold."""

    pools: tuple[Pool, ...]
    owners: tuple[tuple[Scope, Quota, int], ...]  # of each bucket: on whom, which limit, its value
    most_bytes: float
    most_bytes_scope: Scope
    is_full: bool

    @property
    def bounds(self) -> tuple[float, float]:
        """Returns how many messages and bytes one purse may hold: a twentieth of a second's, infinite without limit."""
        counts = [pool.rate for pool in self.pools if not pool.is_bytes]
        sizes = [pool.rate for pool in self.pools if pool.is_bytes]
        return max(min(counts, default=inf) / 20, 1.0), max(min(sizes, default=inf) / 20, 1.0)


def terms(payer: Payer) -> Terms:
    """Returns what holds for a payer now. Queries when the catalog changed."""
    limits = held.of(payer.account_id)
    wanted = quotas.SEND if payer.is_send else quotas.RECEIVE
    places = (
        (Scope.ACCOUNT, str(payer.account_id), limits.account),
        (Scope.INSTANCE, f"{payer.account_id}:i{payer.instance_id}", limits.instances.get(payer.instance_id, {})),
        (Scope.KEY, f"{payer.account_id}:k{payer.key_id}", limits.keys.get(payer.key_id, {})),
    )
    pools, owners = [], []
    most_bytes, most_bytes_scope = inf, Scope.ACCOUNT
    for scope, name, values in places:
        for quota in wanted:
            if quota in values:
                pools.append(_pool(f"{name}:{quota.value}", values[quota], quota in quotas.BYTES))
                owners.append((scope, quota, values[quota]))
        if values.get(Quota.MESSAGE_BYTES, inf) < most_bytes:
            most_bytes, most_bytes_scope = values[Quota.MESSAGE_BYTES], scope
    return Terms(
        tuple(pools),
        tuple(owners),
        most_bytes=most_bytes,
        most_bytes_scope=most_bytes_scope,
        is_full=payer.is_send and payer.instance_id in limits.full,
    )


def settle(orders: Sequence[Order]) -> list[Given]:
    """Returns what each order was given; without Redis, what this process' own buckets give."""
    paying = [order for order in orders if order.pools]
    try:
        given = iter(tokens.take(paying))
    except TryLater as error:
        _log.info("limits_without_redis", extra={"reason": str(error.code)})
        given = iter([_settle_here(order) for order in paying])
    return [_endless(order, next(given)) if order.pools else Given(inf, inf, 0.0, -1) for order in orders]


def pay_now(payer: Payer, sizes: Sequence[int]) -> None:
    """Pays for messages of these many bytes each straight from the buckets: for the console, where one is sent by hand.

    Raises: TryLater QUOTA_EXCEEDED or BACKLOG_FULL with `retry_after_seconds`; Rejected MESSAGE_TOO_LARGE.
    """
    agreed = terms(payer)
    if agreed.is_full:
        raise refusals.full(payer.instance)
    if max(sizes) > agreed.most_bytes:
        raise refusals.too_large(agreed.most_bytes_scope, agreed.most_bytes)
    if not agreed.pools:
        return
    (given,) = settle([Order(agreed.pools, count=(0.0, 1.0), size=(0.0, 1.0))])
    if given.count < 1 or given.size < 1:
        settle([Order(agreed.pools, count=(-given.count, 0.0), size=(-given.size, 0.0))])
        raise refusals.over(agreed.owners[given.slowest], given.wait_seconds, is_send=payer.is_send)
    settle([Order(agreed.pools, count=(len(sizes) - 1.0, 0.0), size=(sum(sizes) - 1.0, 0.0))])


def sample_backlogs() -> int:
    """Writes down each instance's backlog and whether a limit of it is reached. Returns 0: there is never more to do.

    Effects: a transaction of its own; raises the catalog's version when a limit is reached or no more.
    """
    with session.transaction():
        if not backlog.is_alone():
            return 0
        waiting = backlog.look()
        of_account: dict[int, int] = {}
        rows = list(Instance.objects.values_list("pk", "name", "account_id", "backlog__is_full"))
        for instance_id, _, account_id, _ in rows:
            of_account[account_id] = of_account.get(account_id, 0) + waiting.get(instance_id, _NOTHING).size
        is_changed = False
        for instance_id, name, account_id, was_full in rows:
            limits, found = held.of(account_id), waiting.get(instance_id, _NOTHING)
            here = limits.instances.get(instance_id, {}).get(Quota.BACKLOG_BYTES, inf)
            everywhere = limits.account.get(Quota.BACKLOG_BYTES, inf)
            is_full = found.size >= here or of_account[account_id] >= everywhere
            backlog.keep(instance_id, found, is_full=is_full)
            if is_full != bool(was_full):
                is_changed = True
                _log.warning("backlog_limit", extra={"instance": name, "is_full": is_full, "bytes": found.size})
        if is_changed and not CatalogVersion.objects.update(number=F("number") + 1):
            CatalogVersion.objects.create(number=1)
    if is_changed:
        snapshot.forget()
    return 0


def usage(account_id: int) -> list[quotas.Usage]:
    """Returns every limit that holds or could be set in an account, and how much is used: account, instances, keys.

    A handful of queries and two round trips to Redis. A key is there if a limit was set on it.
    """
    limits = held.of(account_id)
    own = held.own(account_id)
    instances = dict(Instance.objects.filter(account_id=account_id).order_by("name").values_list("pk", "name"))
    places: list[tuple[Scope, str, int | None, Mapping[Quota, int]]] = [(Scope.ACCOUNT, "", None, limits.account)]
    places += [(Scope.INSTANCE, name, pk, limits.instances.get(pk, {})) for pk, name in instances.items()]
    places += [(Scope.KEY, name, None, limits.keys[name]) for name in sorted(limits.keys)]
    numbers = _numbers(account_id, places)
    return [
        quotas.Usage(
            scope=scope,
            name=name,
            quota=quota,
            value=values.get(quota),
            own=own.get((scope, name, quota)),
            ceiling=held.ceiling(quota),
            used=numbers.get((scope, name, quota)),
        )
        for scope, name, _, values in places
        for quota in Quota
        if scope in quotas.SCOPES[quota]
    ]


def forget() -> None:
    """Drops this process' own buckets. For tests."""
    with _local_lock:
        _local.clear()


_NOTHING = backlog.Waiting(0, 0)
_Place = tuple[Scope, str, int | None, Mapping[Quota, int]]


def _numbers(account_id: int, places: Sequence[_Place]) -> dict[tuple[Scope, str, Quota], float]:
    found: dict[tuple[Scope, str, Quota], float] = {}
    rates = [
        (scope, name, quota, _bucket_name(account_id, scope, pk if pk is not None else name))
        for scope, name, pk, values in places
        for quota in quotas.RATES
        if quota in values
    ]
    used = tokens.used([f"{bucket}:{quota.value}" for _, _, quota, bucket in rates])
    for (scope, name, quota, _), number in zip(rates, used or [], strict=False):
        found[scope, name, quota] = number
    counts = {quota: held.counts(account_id, quota) for quota in (Quota.TOPICS, Quota.GROUPS)}
    backlogs = held.backlogs(account_id)
    open_now = connections.total(account_id)
    for scope, name, pk, _ in places:
        if open_now is not None and scope in quotas.SCOPES[Quota.CONNECTIONS]:
            found[scope, name, Quota.CONNECTIONS] = open_now.get(name, 0)
        if scope == Scope.KEY:
            continue
        for quota, of_instances in counts.items():
            found[scope, name, quota] = sum(of_instances.values()) if pk is None else of_instances.get(pk, 0)
        looked = [row.byte_count for row in backlogs.values() if pk in (None, row.instance_id)]
        if looked:
            found[scope, name, Quota.BACKLOG_BYTES] = sum(looked)
    return found


def _bucket_name(account_id: int, scope: Scope, which: int | str) -> str:
    marks = {Scope.ACCOUNT: "", Scope.INSTANCE: f":i{which}", Scope.KEY: f":k{which}"}
    return f"{account_id}{marks[scope]}"


@lru_cache(maxsize=4096)
def _pool(name: str, value: int, is_bytes: bool) -> Pool:
    return Pool(name, float(value), max(value * quotas.BURST_SECONDS, 1.0), is_bytes)


def _endless(order: Order, given: Given) -> Given:
    """Returns the same with infinite messages or bytes where no bucket counts them."""
    kinds = {pool.is_bytes for pool in order.pools}
    return Given(
        given.count if False in kinds else inf,
        given.size if True in kinds else inf,
        given.wait_seconds,
        given.slowest,
    )


def _settle_here(order: Order) -> Given:
    now = clock.monotonic()
    wanted = [order.count[1], order.size[1]]
    with _local_lock:
        if len(_local) > _LOCAL_COUNT:
            _local.clear()
        buckets = []
        for pool in order.pools:
            bucket = _local.get(pool.name)
            if bucket is None or bucket.rate != pool.rate:
                bucket = Bucket.full(pool.rate, burst_seconds=quotas.BURST_SECONDS, now=now)
                _local[pool.name] = bucket
            charge = order.size[0] if pool.is_bytes else order.count[0]
            bucket.settle(charge, 0.0, now=now)
            wanted[pool.is_bytes] = min(wanted[pool.is_bytes], max(bucket.level, 0.0))
            buckets.append(bucket)
        for bucket, pool in zip(buckets, order.pools, strict=True):
            bucket.settle(0.0, wanted[pool.is_bytes], now=now)
        waits = [bucket.wait() for bucket in buckets]
    slowest = max(range(len(waits)), key=waits.__getitem__)
    return Given(wanted[0], wanted[1], waits[slowest], slowest if waits[slowest] > 0 else -1)
