"""Asking without waiting, for callers that have no event loop.

Owns: the order of a request's steps. Must not know: pages. Called by: console. Doors ask through `dispatch.requests`.
"""

from ..domain import clock
from ..domain.errors import BrokerError
from . import publish, requests
from .publish import Published
from .requests import Look, Name, Question


def ask(question: Question) -> Published:
    """Sends a request whose replies are kept for whoever looks.

    Raises: what `requests.open_all` and `publish.publish` refuse it with: nothing was sent then.
    """
    (refusal,) = requests.open_all([question])
    if refusal is not None:
        raise refusal
    try:
        (published,) = publish.publish([question.send])
    except BrokerError:
        requests.abandon([question.name])
        raise
    if isinstance(published, BrokerError):
        requests.abandon([question.name])
        raise published
    return published


def look(name: Name) -> Look:
    """Returns how a request stands, ended if its time is over. Raises TryLater LEASES_UNAVAILABLE."""
    seen = requests.look(name)
    if seen.is_open and seen.standing is not None and seen.standing.deadline_ms < clock.now_ms():
        requests.time_out([name])
        seen = requests.look(name)
    return seen
