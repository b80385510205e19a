"""Which event may follow which state of a plan. Pure: no clock, no database."""

from collections.abc import Mapping
from enum import StrEnum

from app.core.errors import Conflict
from app.models import Plan, PlanState


class PlanEvent(StrEnum):
    """What can happen to a plan."""

    PUBLISH = "published"
    SUPERSEDE = "superseded"
    DISCARD = "discarded"


NEXT: Mapping[tuple[PlanState, PlanEvent], PlanState] = {
    (PlanState.DRAFT, PlanEvent.PUBLISH): PlanState.PUBLISHED,
    (PlanState.DRAFT, PlanEvent.SUPERSEDE): PlanState.SUPERSEDED,
    (PlanState.DRAFT, PlanEvent.DISCARD): PlanState.DISCARDED,
}


def next_state(plan: Plan, event: PlanEvent) -> PlanState:
    """The state after `event`; refuses what the machine does not know."""
    found = NEXT.get((plan.state, event))
    if found is None:
        raise Conflict(
            "INVALID_STATE",
            f"This plan is {plan.state.value} and can no longer be {event.value}. Plan the routes again.",
            field="planId",
        )
    return found


def check_version(plan: Plan, expected: int) -> None:
    """Refuses a version that moved on."""
    if plan.version != expected:
        raise Conflict(
            "STALE_VERSION",
            f"The plan is at version {plan.version}, not {expected}. Read it again before you publish it.",
            field="expectedVersion",
        )
