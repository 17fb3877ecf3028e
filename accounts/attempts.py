"""How often somebody may try to sign in: each failure beyond a few doubles the wait.

Owns: the counts, in Redis. Must not know: passwords. Called by: people.

A wait, never a lock: a lock would let anybody shut anybody out. Counted per account name and network (an IPv6 /64 is
one network), and per account name from everywhere with a longer patience. An attempt counts as failed from its
beginning, so that a hundred at once do not all pass; beyond the free ones, one at a time holds the gate.
Without Redis nobody signs in: an attacker who can break Redis must not thereby get endless tries.
"""

import hashlib
import ipaddress
from contextlib import suppress
from functools import partial

import redis

from . import limits, volatile
from .errors import TryLater


def begin(account: str, name: str, source_ip: str) -> None:
    """Counts an attempt. Raises TryLater QUOTA_EXCEEDED while it has to wait, STORE_UNAVAILABLE without Redis."""
    for subject, free_count in _subjects(account, name, source_ip):
        try:
            wait_ms = volatile.use(partial(_enter, subject=subject, free_count=free_count))
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
    """Forgets the failures of this name from this network; the count from everywhere runs out by itself."""
    subject = _subjects(account, name, source_ip)[0][0]
    # The password was right: a count that stays only makes a later typing error slower.
    with suppress(volatile.Unavailable):
        volatile.use(lambda client: client.delete(f"{subject}:count", f"{subject}:gate"))


def _subjects(account: str, name: str, source_ip: str) -> list[tuple[str, int]]:
    who = f"{account}\n{name}"
    return [
        (_key(f"{who}\n{_network(source_ip)}"), limits.SIGN_IN_FREE_COUNT),
        (_key(who), limits.SIGN_IN_FREE_COUNT_ACCOUNT),
    ]


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


def _enter(client: redis.Redis, *, subject: str, free_count: int) -> int:
    """Returns 0 if the attempt may go on, else for how many milliseconds it has to wait."""
    with client.pipeline(transaction=True) as pipe:
        pipe.incr(f"{subject}:count")
        pipe.expire(f"{subject}:count", limits.SIGN_IN_MEMORY_SECONDS)
        count = int(pipe.execute()[0])
    if count <= free_count:
        return 0
    doublings = min(count - free_count - 1, 20)
    delay_ms = 1000 * min(limits.SIGN_IN_FIRST_WAIT_SECONDS << doublings, limits.SIGN_IN_LONGEST_WAIT_SECONDS)
    if client.set(f"{subject}:gate", b"1", nx=True, px=delay_ms):
        return 0
    client.decr(f"{subject}:count")  # it was not tried
    return max(1, int(client.pttl(f"{subject}:gate")))
