"""Who a client was before its connection ended, or its worker did: found again by what it asks.

Clients say every half minute who they are, and pull at once. A new connection knows nobody, yet a pull tells where it
comes from, as whom, and of Java's clients the instant at which the client was told to subscribe.
Owns: what is kept of a member, and which one a pull means. Must not know: members of this process, Redis.
Called by: doors.remoting.members.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass

import orjson

from ...protocols.remoting.bodies import Membership, Subscription


@dataclass(frozen=True, slots=True)
class Said:
    """What a member said of itself, from which address and as which user."""

    client_id: str
    ip: str
    user: str
    language: str
    version: int
    membership: Membership

    def subscription(self, topic: str) -> Subscription | None:
        """Returns what it reads of a topic, as it writes the topic's name."""
        return next((one for one in self.membership.subscriptions if one.topic == topic), None)


@dataclass(frozen=True, slots=True)
class Trace:
    """What a pull tells of its sender. `version`: of the subscription; 0 from clients that do not say."""

    ip: str
    user: str
    language: str
    topic: str
    version: int


def write(said: Said) -> bytes:
    """Returns it as bytes that `read` understands; the client id is kept beside them."""
    return orjson.dumps([said.ip, said.user, said.language, said.version, said.membership])


def find(kept: Mapping[str, bytes], trace: Trace, *, here: Container[str], anywhere: Container[str]) -> Said | None:
    """Returns the member a pull is from, or None when it may be several that do not read the same.

    Of several that do, it is one that is not known again yet, `here` by a connection or `anywhere` by what processes
    said last (one that died is believed for seconds): who is which matters to nobody who shares out queues by the list
    of all, and the next heartbeat puts it right.
    """
    found = [said for name in sorted(kept) if (said := _read(name, kept[name])) and _left(said, trace)]
    if not found or len({_terms(said) for said in found}) > 1:
        return None
    for known in (anywhere, here):
        for said in found:
            if said.client_id not in known:
                return said
    return found[0] if trace.version else None


def _left(said: Said, trace: Trace) -> bool:
    subscription = said.subscription(trace.topic)
    if subscription is None or trace.version not in {0, subscription.version}:
        return False
    return (said.ip, said.user, said.language) == (trace.ip, trace.user, trace.language)


def _terms(said: Said) -> tuple[object, ...]:
    topics = {(one.topic, one.expression_type, one.expression) for one in said.membership.subscriptions}
    return said.membership.is_broadcast, said.membership.is_push, frozenset(topics)


def _read(client_id: str, words: bytes) -> Said | None:
    try:
        ip, user, language, version, membership = orjson.loads(words)
        subscriptions = tuple(Subscription(**one) for one in membership.pop("subscriptions"))
        return Said(client_id, ip, user, language, version, Membership(**membership, subscriptions=subscriptions))
    except (ValueError, TypeError, KeyError, AttributeError):  # of a release that wrote it otherwise
        return None
