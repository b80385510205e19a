"""Which event may follow which state of a job. Pure: no clock, no database."""

from collections.abc import Mapping
from enum import StrEnum

from app.core.errors import Conflict
from app.models import JobState


class JobEvent(StrEnum):
    """What can happen to a job."""

    START = "started"
    SUCCEED = "finished"
    FAIL = "failed"
    CANCEL = "cancelled"


# A running job is started again where its worker fell silent. A running part is cancelled with its parent's wish.
NEXT: Mapping[tuple[JobState, JobEvent], JobState] = {
    (JobState.QUEUED, JobEvent.START): JobState.RUNNING,
    (JobState.QUEUED, JobEvent.CANCEL): JobState.CANCELLED,
    (JobState.RUNNING, JobEvent.START): JobState.RUNNING,
    (JobState.RUNNING, JobEvent.SUCCEED): JobState.SUCCEEDED,
    (JobState.RUNNING, JobEvent.FAIL): JobState.FAILED,
    (JobState.RUNNING, JobEvent.CANCEL): JobState.CANCELLED,
}

TERMINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})


def next_state(state: JobState, event: JobEvent) -> JobState:
    """The state after `event`; refuses what the machine does not know."""
    found = NEXT.get((state, event))
    if found is None:
        raise Conflict("INVALID_STATE", f"A job that is {state.value} cannot be {event.value}.")
    return found
