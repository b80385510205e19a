"""Which event may follow which state of an exception, and which kinds there are. Pure."""

from collections.abc import Mapping
from enum import StrEnum

from app.core.errors import Conflict
from app.models import ExceptionCase, ExceptionState
from app.orchestration.policies.documents import PolicyDocument

UNALLOCATED = "ORDER_UNALLOCATED"
UNPLANNED = "SHIPMENT_UNPLANNED"
READER_FAILED = "READER_FAILED"
ALLOCATION_PROPOSED = "ALLOCATION_PROPOSED"
PREDICTED_LATE = "PREDICTED_LATE"
# What a person is asked before the platform acts ends with this.
PROPOSED = "_PROPOSED"


class ExceptionEvent(StrEnum):
    """What can happen to a case."""

    RESOLVE = "resolved"
    DISMISS = "dismissed"


NEXT: Mapping[tuple[ExceptionState, ExceptionEvent], ExceptionState] = {
    (ExceptionState.OPEN, ExceptionEvent.RESOLVE): ExceptionState.RESOLVED,
    (ExceptionState.OPEN, ExceptionEvent.DISMISS): ExceptionState.DISMISSED,
}


def is_opened(kind: str, policy: PolicyDocument) -> bool:
    """Whether a case of this kind is opened. Proposals always are: without one, nobody would ever decide."""
    return kind.endswith(PROPOSED) or policy.rule_of(kind).is_opened


def next_state(case: ExceptionCase, event: ExceptionEvent) -> ExceptionState:
    """The state after `event`; refuses what the machine does not know."""
    found = NEXT.get((case.state, event))
    if found is None:
        raise Conflict(
            "INVALID_STATE",
            f"This exception is {case.state.value} already and cannot be {event.value}. Read the board again.",
            field="exceptionId",
        )
    return found
