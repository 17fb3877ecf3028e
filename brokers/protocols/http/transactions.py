"""What requests about transactions say.

Owns: their members. Must not know: who asks. Called by: doors.http.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ...domain import limits
from ...domain.errors import Rejected
from ...domain.messages import Outgoing
from . import messages

_POLL_MEMBERS = frozenset({"topics", "max", "wait_seconds", "client_id"})


@dataclass(frozen=True, slots=True)
class PollForm:
    """What a poll for checks asks for. Without `topics`, checks of every topic."""

    topics: tuple[str, ...]
    max_count: int
    wait: timedelta
    client_id: str


def parse_half(value: Mapping[str, Any], *, born_host: str) -> tuple[Outgoing, str]:  # Any: unchecked JSON
    """Returns the message and the producer group of a half send. Raises Rejected."""
    group = value.get("producer_group")
    if not isinstance(group, str) or not group:
        raise Rejected("Give producer_group: the name of the producers that are asked what became of the transaction.")
    rest = {name: member for name, member in value.items() if name != "producer_group"}
    return messages.parse_send(rest, born_host=born_host), group


def parse_decision(value: Mapping[str, Any]) -> bool:  # Any: unchecked JSON
    """Returns whether the decision is also meant for what was discarded. Raises Rejected."""
    messages.only_members(value, frozenset({"discarded"}))
    is_recovery = value.get("discarded", False)
    if not isinstance(is_recovery, bool):
        raise Rejected("discarded is true or false.")
    return is_recovery


def parse_poll(value: Mapping[str, Any]) -> PollForm:  # Any: unchecked JSON
    """Returns what a poll asks for. Raises Rejected."""
    messages.only_members(value, _POLL_MEMBERS)
    topics = value.get("topics")
    topics = [] if topics is None else topics
    is_list = isinstance(topics, list) and all(isinstance(name, str) and name for name in topics)
    if not is_list or len(topics) > limits.RECEIVE_TOPIC_COUNT:
        raise Rejected(f"topics is a list of at most {limits.RECEIVE_TOPIC_COUNT} names; leave it out for all topics.")
    count = messages.read_number(value, "max", low=1, high=limits.CHECK_POLL_COUNT)
    if count is not None and count != int(count):
        raise Rejected("max is a whole number.")
    wait = messages.read_number(value, "wait_seconds", low=0, high=limits.WAIT_SECONDS)
    client_id = messages.read_text(value, "client_id") or ""
    if len(client_id) > limits.CLIENT_ID_CHARS or not client_id.isprintable():
        raise Rejected(f"client_id has at most {limits.CLIENT_ID_CHARS} printable characters.")
    return PollForm(tuple(topics), 16 if count is None else int(count), timedelta(seconds=wait or 0), client_id)
