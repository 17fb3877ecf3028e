"""Why a group does not get on, in the order in which somebody who was woken up wants to know it.

Owns: which facts are obstacles, and what of them a reader may see. Must not know: HTML. Called by: the group's page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from brokers.catalog import access
from brokers.domain import clock
from brokers.domain.actor import Actor
from brokers.engine import dead_letters, setbacks
from brokers.engine.clients import Seen
from brokers.engine.dead_letters import Failures
from brokers.engine.offsets import GroupProgress, QueueRow
from brokers.engine.setbacks import Setback
from brokers.models import Group

# Dead letters looked at for what they died of: the page shows it anew every few seconds.
DEATHS_SEEN = 1000
# A client that waits for messages asks again within this time.
SILENT_MS = 90_000


@dataclass(frozen=True, slots=True)
class Blockage:
    """A queue of an ordered group whose first message failed: those behind it wait for it."""

    queue: int
    lag: int
    next_at: datetime | None
    setback: Setback


@dataclass(frozen=True, slots=True)
class Obstacles:
    """What holds a group up. `silence`: nobody asks for what waits; `last_seen` is then who asked last, if known."""

    silence: bool
    last_seen: Seen | None
    blockages: tuple[Blockage, ...]
    retrying: int
    retry: Setback | None
    dead: int
    dead_since: datetime | None
    deaths: Failures | None

    def __bool__(self) -> bool:
        return bool(self.silence or self.blockages or self.retrying or self.dead)


def of_group(
    actor: Actor, group: Group, progress: GroupProgress, *, queues: Sequence[QueueRow], clients: Sequence[Seen] | None
) -> Obstacles:
    """Returns what holds `group` up, as far as `actor` may know it, in at most five queries."""
    may_read_dead = access.may(
        actor, "mq:QueryDLQMessage", access.resource(actor.account_id, group.instance.name, group.name)
    )
    shows = access.filter_of(actor, group.instance.name, "mq:QueryMessage")
    is_silent = _is_silent(group, progress, clients)
    retry = setbacks.of_retries(group) if progress.retrying else None
    return Obstacles(
        silence=is_silent,
        last_seen=clients[0] if is_silent and clients else None,
        blockages=tuple(one for one in _blockages(group, queues) if shows is None or shows(one.setback.topic)),
        retrying=progress.retrying,
        retry=retry if retry is not None and (shows is None or shows(retry.topic)) else None,
        dead=progress.dead,
        dead_since=dead_letters.waiting_since(group) if progress.dead else None,
        deaths=dead_letters.failures(group, most=DEATHS_SEEN) if progress.dead and may_read_dead else None,
    )


def _is_silent(group: Group, progress: GroupProgress, clients: Sequence[Seen] | None) -> bool:
    """Returns True if messages wait, none is out, and nobody has asked lately; False when that is not known."""
    if group.paused or not progress.lag or progress.in_flight != 0 or clients is None:
        return False
    return not clients or clients[0].last_seen_ms < clock.now_ms() - SILENT_MS


def _blockages(group: Group, queues: Sequence[QueueRow]) -> list[Blockage]:
    if group.order != Group.Order.FIFO:
        return []
    by_queue = {row.queue_id: row for row in queues}
    return [
        Blockage(row.queue, row.lag, row.blocked_until, setback)
        for setback in setbacks.at_heads(group, queues)
        for row in [by_queue[setback.queue_id]]
    ]
