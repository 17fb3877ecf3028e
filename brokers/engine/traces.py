"""What clients traced of a message.

Owns: finding those records. Must not know: who may see them, pages. Called by: console.
Clients send them to RMQ_SYS_TRACE_TOPIC whatever their namespace is, so they are in the account's oldest instance.
"""

from ..catalog import snapshot
from ..domain import previews, traces
from ..domain.errors import NotFound
from ..domain.names import TRACE_TOPIC
from ..domain.traces import Trace
from . import pulls

_BODY_COUNT = 50


def home(account_id: int) -> str | None:
    """Returns the name of the instance that keeps an account's traces."""
    instances = snapshot.instances(account_id)
    return instances[0] if instances else None


def of_message(account_id: int, message_id: str) -> list[Trace]:
    """Returns the records about a message in the newest bodies that hold one, as they were sent."""
    instance = home(account_id)
    if instance is None:
        return []
    try:
        topic = snapshot.topic(account_id, instance, TRACE_TOPIC)
    except NotFound:
        return []
    found = []
    for body in reversed(pulls.find(topic, key=message_id, limit=_BODY_COUNT)):
        opened = previews.open_body(body.body, body.sys_flag)
        if not opened.problem:
            text = opened.content.decode(errors="replace")
            found += [one for one in traces.parse(text) if one.message_id == message_id]
    return found
