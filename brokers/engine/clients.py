"""Who is connected and who works, as far as anybody can say.

Owns nothing of its own: doors and pages reach presence through here. Must not know: connections.
Called by: dispatch and the broker worker note; console and api read.
"""

from ..leases.fellows import forget as forget_fellows
from ..leases.fellows import note as note_fellows
from ..leases.fellows import others as other_fellows
from ..leases.memberships import PERIOD_MS as SAID_PERIOD_MS
from ..leases.memberships import forget as forget_said
from ..leases.memberships import note as note_said
from ..leases.memberships import of as said
from ..leases.presence import Seen, clients, forget, note
from ..leases.producers import Group as ProducerGroup
from ..leases.producers import Producer
from ..leases.producers import alive as producers
from ..leases.producers import forget as forget_producer
from ..leases.producers import note as note_producers
from ..leases.workers import alive as alive_workers
from ..leases.workers import forget as forget_worker
from ..leases.workers import note as note_worker

__all__ = [
    "SAID_PERIOD_MS",
    "Producer",
    "ProducerGroup",
    "Seen",
    "alive_workers",
    "clients",
    "forget",
    "forget_fellows",
    "forget_producer",
    "forget_said",
    "forget_worker",
    "note",
    "note_fellows",
    "note_producers",
    "note_said",
    "note_worker",
    "other_fellows",
    "producers",
    "said",
]
