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


class TransactionState(StrEnum):
    """Life of a half message. WAITING for its producer; DISCARDED after its last check, for a person to decide."""

    WAITING = "WAITING"
    DISCARDED = "DISCARDED"
    COMMITTED = "COMMITTED"
    ROLLED_BACK = "ROLLED_BACK"


class TransactionEvent(StrEnum):
    """What may happen to a half message. RECOVER_*: a person decides what was discarded."""

    COMMIT = "COMMIT"
    ROLL_BACK = "ROLL_BACK"
    DISCARD = "DISCARD"
    RECOVER_COMMIT = "RECOVER_COMMIT"
    RECOVER_ROLL_BACK = "RECOVER_ROLL_BACK"


T, X = TransactionState, TransactionEvent
# A repeated decision leads nowhere new, and is answered like the first.
TRANSACTION: dict[tuple[TransactionState, TransactionEvent], TransactionState] = {
    (T.WAITING, X.COMMIT): T.COMMITTED,
    (T.WAITING, X.ROLL_BACK): T.ROLLED_BACK,
    (T.WAITING, X.DISCARD): T.DISCARDED,
    (T.WAITING, X.RECOVER_COMMIT): T.COMMITTED,  # it was decided to recover while a check was under way
    (T.WAITING, X.RECOVER_ROLL_BACK): T.ROLLED_BACK,
    (T.DISCARDED, X.RECOVER_COMMIT): T.COMMITTED,
    (T.DISCARDED, X.RECOVER_ROLL_BACK): T.ROLLED_BACK,
    (T.COMMITTED, X.COMMIT): T.COMMITTED,
    (T.COMMITTED, X.RECOVER_COMMIT): T.COMMITTED,
    (T.ROLLED_BACK, X.ROLL_BACK): T.ROLLED_BACK,
    (T.ROLLED_BACK, X.RECOVER_ROLL_BACK): T.ROLLED_BACK,
}


def after_decision(state: TransactionState, event: TransactionEvent) -> TransactionState:
    """Returns the state after a decision. Raises Rejected TRANSACTION_DECIDED for one that comes too late."""
    following = TRANSACTION.get((state, event))
    if following is not None:
        return following
    if state == T.DISCARDED:
        detail = (
            "The transaction was discarded after its last check without an answer. A person may still commit it or roll"
            ' it back: in the console, or here with {"discarded": true}.'
        )
    else:
        word = "committed" if state == T.COMMITTED else "rolled back"
        detail = f"The transaction was {word} before; that is final."
    raise Rejected(detail, ErrorCode.TRANSACTION_DECIDED, state=state.value)
