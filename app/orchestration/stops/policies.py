"""Which event may follow which state of a stop, and what a visit's outcome is. Pure: no clock, no database."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from app.core.errors import Conflict, Refusal
from app.models import FailureReason, Stop, StopOutcome, StopState


class StopEvent(StrEnum):
    """What can happen to a stop."""

    HEAD_FOR = "HEAD_FOR"
    WAIT_AGAIN = "WAIT_AGAIN"
    ARRIVE = "ARRIVE"
    HAND_OVER = "HAND_OVER"
    FAIL = "FAIL"
    DEPART = "DEPART"
    SKIP = "SKIP"
    CANCEL = "CANCEL"


State, Event = StopState, StopEvent

# A driver may visit a later stop first: then the one that was next waits again (WAIT_AGAIN).
NEXT: Mapping[tuple[StopState, StopEvent], StopState] = {
    (State.PENDING, Event.HEAD_FOR): State.EN_ROUTE,
    (State.PENDING, Event.ARRIVE): State.ARRIVED,
    (State.PENDING, Event.SKIP): State.SKIPPED,
    (State.PENDING, Event.CANCEL): State.CANCELLED,
    (State.EN_ROUTE, Event.WAIT_AGAIN): State.PENDING,
    (State.EN_ROUTE, Event.ARRIVE): State.ARRIVED,
    (State.EN_ROUTE, Event.SKIP): State.SKIPPED,
    (State.EN_ROUTE, Event.CANCEL): State.CANCELLED,
    (State.ARRIVED, Event.HAND_OVER): State.ARRIVED,
    (State.ARRIVED, Event.FAIL): State.ARRIVED,
    (State.ARRIVED, Event.DEPART): State.DEPARTED,
}

TERMINAL = frozenset({State.DEPARTED, State.SKIPPED, State.CANCELLED})
# Not reached yet.
AHEAD = frozenset({State.PENDING, State.EN_ROUTE})
# The events that say how the visit ended: one of them, once.
ENDING = frozenset({Event.HAND_OVER, Event.FAIL})


def next_state(stop: Stop, event: StopEvent) -> StopState:
    """The state after `event`; refuses what the machine does not know, a second outcome, and to leave without one."""
    found = NEXT.get((stop.state, event))
    if found is None:
        allowed = ", ".join(known.value for state, known in NEXT if state is stop.state) or "nothing any more"
        raise Conflict(
            "INVALID_STATE",
            f"Stop {stop.sequence} is {stop.state.value}, so that {event.value} cannot happen to it."
            f" What can: {allowed}.",
        )
    if event in ENDING and stop.outcome is not None:
        raise Conflict("INVALID_STATE", f"Stop {stop.sequence} has ended already: it {stop.outcome.value}.")
    if event is Event.DEPART and stop.outcome is None:
        raise Conflict(
            "INVALID_STATE",
            f"Stop {stop.sequence} has no outcome yet. Record delivered or failed before departed.",
        )
    return found


def outcome_of(parts: Iterable[StopOutcome]) -> StopOutcome:
    """The outcome of a visit from those of its shipments."""
    found = set(parts)
    return found.pop() if len(found) == 1 else StopOutcome.PARTIAL


def check_note(reason: FailureReason, note: str | None) -> None:
    """Refuses OTHER where nobody says what it was."""
    if reason is FailureReason.OTHER and not (note or "").strip():
        raise Refusal(
            "NOTE_REQUIRED",
            "The reason OTHER says nothing by itself. Send a note that tells what happened.",
            field="note",
        )
