"""Queues that one member of a group has to itself while it consumes them in order.

Owns nothing of its own: doors reach the locks through here. Must not know: wires. Called by: doors.
"""

from ..leases.queue_locks import lock, unlock

__all__ = ["lock", "unlock"]
