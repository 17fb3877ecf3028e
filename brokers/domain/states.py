"""State machines as tables: state × event → state.

Owns: which change is allowed. Must not know: who stores the state. Called by: engine, catalog.
"""

from enum import StrEnum

from .errors import ErrorCode, Rejected


class OperationState(StrEnum):
    """Life of a long operation."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    SUCCEEDED = "SUCCEEDED"
    PARTIAL = "PARTIAL"  # finished, but some entries failed or were skipped
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"


class OperationEvent(StrEnum):
    """What may happen to an operation."""

    START = "START"
    PAUSE = "PAUSE"
    RESUME = "RESUME"
    CANCEL = "CANCEL"
    FINISH = "FINISH"
    FINISH_PARTLY = "FINISH_PARTLY"
    BREAK = "BREAK"


S, E = OperationState, OperationEvent
OPERATION: dict[tuple[OperationState, OperationEvent], OperationState] = {
    (S.QUEUED, E.START): S.RUNNING,
    (S.QUEUED, E.PAUSE): S.PAUSED,
    (S.QUEUED, E.CANCEL): S.CANCELLED,
    (S.RUNNING, E.START): S.RUNNING,  # taken over after its worker died
    (S.RUNNING, E.PAUSE): S.PAUSED,
    (S.RUNNING, E.CANCEL): S.CANCELLED,
    (S.RUNNING, E.FINISH): S.SUCCEEDED,
    (S.RUNNING, E.FINISH_PARTLY): S.PARTIAL,
    (S.RUNNING, E.BREAK): S.FAILED,
    (S.PAUSED, E.RESUME): S.QUEUED,
    (S.PAUSED, E.CANCEL): S.CANCELLED,
    (S.FAILED, E.RESUME): S.QUEUED,
}


def next_operation_state(state: OperationState, event: OperationEvent) -> OperationState:
    """Returns the state after `event`. Raises Rejected CONFLICT for a pair that is not in the table."""
    after = OPERATION.get((state, event))
    if after is None:
        raise Rejected(f"An operation that is {state} cannot {event.lower()}.", ErrorCode.CONFLICT)
    return after


class DeadLetterState(StrEnum):
    """Whether a dead letter still waits for somebody."""

    DEAD = "DEAD"
    REPLAYED = "REPLAYED"
