"""What an account, an instance and an access key may use, by name.

Owns: the list of limits, on whom each can be set, and its unit. Must not know: who set what, who counts.
Called by: catalog.quotas, engine.quotas, console, api.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Quota(StrEnum):
    """Stable names, as the API spells them."""

    SEND_RATE = "send_per_second"
    SEND_BYTES_RATE = "send_bytes_per_second"
    RECEIVE_RATE = "receive_per_second"
    RECEIVE_BYTES_RATE = "receive_bytes_per_second"
    TOPICS = "topics"
    GROUPS = "groups"
    BACKLOG_BYTES = "backlog_bytes"
    CONNECTIONS = "connections"
    MESSAGE_BYTES = "message_bytes"


class Scope(StrEnum):
    """On whom a limit is set. Every one that fits a request must be kept."""

    ACCOUNT = "account"
    INSTANCE = "instance"
    KEY = "key"


_ALL = frozenset(Scope)
_PLACES = frozenset({Scope.ACCOUNT, Scope.INSTANCE})

SCOPES: Mapping[Quota, frozenset[Scope]] = {
    Quota.SEND_RATE: _ALL,
    Quota.SEND_BYTES_RATE: _ALL,
    Quota.RECEIVE_RATE: _ALL,
    Quota.RECEIVE_BYTES_RATE: _ALL,
    Quota.TOPICS: _PLACES,
    Quota.GROUPS: _PLACES,
    Quota.BACKLOG_BYTES: _PLACES,
    Quota.CONNECTIONS: frozenset({Scope.ACCOUNT, Scope.KEY}),
    Quota.MESSAGE_BYTES: _ALL,
}

SEND = (Quota.SEND_RATE, Quota.SEND_BYTES_RATE)
RECEIVE = (Quota.RECEIVE_RATE, Quota.RECEIVE_BYTES_RATE)
RATES = frozenset(SEND + RECEIVE)
BYTES = frozenset({Quota.SEND_BYTES_RATE, Quota.RECEIVE_BYTES_RATE, Quota.BACKLOG_BYTES, Quota.MESSAGE_BYTES})

HIGHEST = 2**50  # a limit is a whole number; floats carry it exactly
NEAR_SHARE = 0.8  # from here on pages warn
# A bucket holds what flows in during this time: so much may come at once after a pause.
BURST_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Usage:
    """One limit and how much of it is used. `value` None: no limit; `used` None: nobody can say just now.

    `own` is what was set here, `ceiling` the most that may be set; None where there is none.
    """

    scope: Scope
    name: str
    quota: Quota
    value: int | None
    own: int | None
    ceiling: int | None
    used: float | None

    @property
    def share(self) -> float | None:
        """Returns how much of the limit is used, 1.0 when all of it is; None without a limit or a number."""
        if self.value is None or self.used is None:
            return None
        return self.used / self.value if self.value else 1.0

    @property
    def is_near(self) -> bool:
        """Returns True from four fifths of the limit on."""
        return self.share is not None and self.share >= NEAR_SHARE and self.quota != Quota.MESSAGE_BYTES

    @property
    def is_reached(self) -> bool:
        """Returns True when nothing is left."""
        return self.is_near and self.share is not None and self.share >= 1
