"""How often somebody may try to sign in: each failure beyond a few doubles the wait.

Owns: the counts, in Redis. Must not know: passwords. Called by: people, second_factors.

A wait, never a lock: a lock would let anybody shut anybody out. Three things are counted (an IPv6 /64 is one network):
a name from one network; all names from one network, for somebody who tries one password on everybody; and, with a
longer patience, a name from everywhere. The last does not hold up a network from which that person signed in lately, so
that strangers cannot keep people out of their own office.

An attempt counts as failed from its beginning, so that a hundred at once do not all pass; beyond the free ones, one at
a time holds the gate. Without Redis nobody signs in: who can break Redis must not thereby get endless tries.
"""

import hashlib
import ipaddress
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import redis

from . import limits, volatile
from .errors import TryLater


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is counted: a key in Redis, and how many failures are free."""

    key: str
    free_count: int


def begin(account: str, name: str, source_ip: str) -> None:
    """Counts an attempt. Raises TryLater QUOTA_EXCEEDED while it has to wait, STORE_UNAVAILABLE without Redis."""
    try:
        wait_ms = volatile.use(partial(_enter_all, account=account, name=name, source_ip=source_ip))
    except volatile.Unavailable:
        raise TryLater(
            "Signing in is closed while Redis cannot be reached, because failed attempts could not be counted."
            " Access keys still work. Try again soon.",
            retry_after_seconds=2,
        ) from None
    if wait_ms > 0:
        seconds = -(-wait_ms // 1000)
        raise TryLater(
            f"Too many failed attempts. Wait {seconds} seconds, then try again.",
            "QUOTA_EXCEEDED",
            retry_after_seconds=seconds,
        )


def succeed(account: str, name: str, source_ip: str) -> None:
    """Forgets the failures of this name from this network, and remembers the network as one of that person's."""
    # The password was right: a count that stays only makes a later typing error slower.
    with suppress(volatile.Unavailable):
        volatile.use(partial(_forget, account=account, name=name, source_ip=source_ip))


def _enter_all(client: redis.Redis, *, account: str, name: str, source_ip: str) -> int:
    """Returns 0 if the attempt may go on, else for how many milliseconds it has to wait."""
    own, network, everywhere = _subjects(account, name, source_ip)
    subjects = [own, network]
    if not client.exists(f"{own.key}:known"):
        subjects.append(everywhere)
    entered: list[_Subject] = []
    for subject in subjects:
        wait_ms = _enter(client, subject)
        if wait_ms > 0:
            for other in entered:  # it was not tried
                client.decr(f"{other.key}:count")
            return wait_ms
        entered.append(subject)
    return 0


def _enter(client: redis.Redis, subject: _Subject) -> int:
    with client.pipeline(transaction=True) as pipe:
        pipe.incr(f"{subject.key}:count")
        pipe.expire(f"{subject.key}:count", limits.SIGN_IN_MEMORY_SECONDS)
        count = int(pipe.execute()[0])
    if count <= subject.free_count:
        return 0
    doublings = min(count - subject.free_count - 1, 20)
    delay_ms = 1000 * min(limits.SIGN_IN_FIRST_WAIT_SECONDS << doublings, limits.SIGN_IN_LONGEST_WAIT_SECONDS)
    if client.set(f"{subject.key}:gate", b"1", nx=True, px=delay_ms):
        return 0
    client.decr(f"{subject.key}:count")  # it was not tried
    return max(1, int(client.pttl(f"{subject.key}:gate")))


def _forget(client: redis.Redis, *, account: str, name: str, source_ip: str) -> None:
    own, network, everywhere = _subjects(account, name, source_ip)
    with client.pipeline(transaction=True) as pipe:
        pipe.delete(f"{own.key}:count", f"{own.key}:gate")
        pipe.set(f"{own.key}:known", b"1", ex=limits.SIGN_IN_KNOWN_SECONDS)
        for shared in (network, everywhere):
            pipe.decr(f"{shared.key}:count")
            pipe.expire(f"{shared.key}:count", limits.SIGN_IN_MEMORY_SECONDS)
        pipe.execute()


def _subjects(account: str, name: str, source_ip: str) -> tuple[_Subject, _Subject, _Subject]:
    who, network = f"{account}\n{name}", _network(source_ip)
    return (
        _Subject(_key(f"{who}\n{network}"), limits.SIGN_IN_FREE_COUNT),
        _Subject(_key(f"\n{network}"), limits.SIGN_IN_FREE_COUNT_NETWORK),
        _Subject(_key(who), limits.SIGN_IN_FREE_COUNT_ACCOUNT),
    )


def _key(text: str) -> str:
    # Hashed, so that whatever is typed has one length and names nobody in Redis.
    return f"{volatile.PREFIX}sign-in:{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:32]}"


def _network(source_ip: str) -> str:
    try:
        address = ipaddress.ip_address(source_ip)
    except ValueError:
        return source_ip
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
