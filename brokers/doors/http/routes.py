"""Which hot route a path is.

Owns: the spelling of the hot paths. Must not know: what the routes do. Called by: doors.http.app.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

_HOT = re.compile(
    rb"/api/v1/instances/([^/]+)/(?:topics/([^/]+)/messages(:batch)?|groups/([^/]+)/messages:(receive|ack|nack|extend))"
)


@dataclass(frozen=True, slots=True)
class Route:
    """A hot route: the verb, and the names in its path, decoded."""

    verb: str
    instance: str
    name: str  # of the topic (send, batch) or the group (receive, ack, nack, extend)


@lru_cache(maxsize=4096)
def find(raw_path: bytes) -> Route | None:
    """Returns the hot route of a path as sent, or None when Django should see it."""
    match = _HOT.fullmatch(raw_path)
    if match is None:
        return None
    instance, topic, batch, group, verb = match.groups()
    if topic is not None:
        return Route("batch" if batch else "send", _name(instance), _name(topic))
    return Route(verb.decode(), _name(instance), _name(group))


def _name(raw: bytes) -> str:
    return unquote(raw.decode("ascii", "replace"), errors="replace")
