"""Who is connected, as far as anybody can say. Owns nothing of its own: doors and pages reach presence through here.

Must not know: connections. Called by: dispatch notes, console and api read.
"""

from ..leases import presence
from ..leases.presence import Seen, clients, note

__all__ = ["Seen", "clients", "note", "presence"]
