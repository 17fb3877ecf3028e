"""Which hot route a path is.

Owns: the spelling of the hot paths. Must not know: what the routes do. Called by: doors.http.app.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

_HOT = re.compile(
    rb"/api/v1/instances/([^/]+)/(?:topics/([^/]+)/messages(:batch|:half|:request)?"
    rb"|groups/([^/]+)/messages:(receive|ack|nack|extend)"
    rb"|transactions/([^/:]+):(commit|rollback)"
    rb"|producer-groups/([^/:]+):(checks)"
    rb"|requests/([^/:]+)(:reply)?)"
)


@dataclass(frozen=True, slots=True)
class Route:
    """A hot route: the verb, and the names in its path, decoded."""

    verb: str
    instance: str
    name: str  # of the topic (send, batch, half, request), group, transaction, producer group or request

    @property
    def method(self) -> str:
        """Returns the one method the route is for."""
        return "GET" if self.verb == "look" else "POST"


@lru_cache(maxsize=4096)
def find(raw_path: bytes) -> Route | None:
    """Returns the hot route of a path as sent, or None when Django should see it."""
    match = _HOT.fullmatch(raw_path)
    if match is None:
        return None
    instance, topic, kind, *others = match.groups()
    if topic is not None:
        return Route(kind[1:].decode() if kind else "send", _name(instance), _name(topic))
    name, verb = next((name, verb) for name, verb in zip(others[::2], others[1::2], strict=True) if name is not None)
    return Route(verb.decode().lstrip(":") if verb else "look", _name(instance), _name(name))


def _name(raw: bytes) -> str:
    return unquote(raw.decode("ascii", "replace"), errors="replace")
