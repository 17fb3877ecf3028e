"""Which hot route a path is.

Owns: the spelling of the hot paths. Must not know: what the routes do. Called by: doors.http.app.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

_HOT = re.compile(
    rb"/api/v1/instances/([^/]+)/(?:topics/([^/]+)/messages(:batch|:request)?"
    rb"|groups/([^/]+)/messages:(receive|ack|nack|extend)|requests/([^/:]+)(:reply)?)"
)


@dataclass(frozen=True, slots=True)
class Route:
    """A hot route: the verb, and the names in its path, decoded."""

    verb: str
    instance: str
    name: (
        str  # of the topic (send, batch, request), the group (receive, ack, nack, extend) or the request (reply, look)
    )

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
    instance, topic, of_topic, group, of_group, request, of_request = match.groups()
    if topic is not None:
        return Route(of_topic[1:].decode() if of_topic else "send", _name(instance), _name(topic))
    if request is not None:
        return Route("reply" if of_request else "look", _name(instance), _name(request))
    return Route(of_group.decode(), _name(instance), _name(group))


def _name(raw: bytes) -> str:
    return unquote(raw.decode("ascii", "replace"), errors="replace")
