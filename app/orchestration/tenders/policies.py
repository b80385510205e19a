"""Which event may follow which state of a tender. Pure: no clock, no database."""

from collections.abc import Mapping
from enum import StrEnum

from app.core.errors import Conflict
from app.models import Tender, TenderState


class TenderEvent(StrEnum):
    """What can happen to a tender."""

    OFFER = "offered"
    ACCEPT = "accepted"
    REJECT = "rejected"
    EXPIRE = "expired"
    WITHDRAW = "withdrawn"
    BREAK = "broken"


State, Event = TenderState, TenderEvent

# An accepted tender may still be withdrawn: its order can be cancelled until the goods are picked up.
NEXT: Mapping[tuple[TenderState, TenderEvent], TenderState] = {
    (State.QUEUED, Event.OFFER): State.OFFERED,
    (State.QUEUED, Event.WITHDRAW): State.WITHDRAWN,
    (State.QUEUED, Event.BREAK): State.ERRORED,
    (State.OFFERED, Event.ACCEPT): State.ACCEPTED,
    (State.OFFERED, Event.REJECT): State.REJECTED,
    (State.OFFERED, Event.EXPIRE): State.EXPIRED,
    (State.OFFERED, Event.WITHDRAW): State.WITHDRAWN,
    (State.OFFERED, Event.BREAK): State.ERRORED,
    (State.ACCEPTED, Event.WITHDRAW): State.WITHDRAWN,
}

OPEN = frozenset({State.QUEUED, State.OFFERED, State.ACCEPTED})
TERMINAL = frozenset({State.REJECTED, State.EXPIRED, State.WITHDRAWN, State.ERRORED})
# The answers after which a shipment goes to another carrier.
DECLINED = frozenset({State.REJECTED, State.EXPIRED, State.ERRORED})
# Why an offer was withdrawn: another carrier was faster; no goods were fetched in time; a person did not want it.
TAKEN, LATE, DISMISSED = "TAKEN_BY_ANOTHER", "NOT_PICKED_UP", "DISMISSED"


def next_state(tender: Tender, event: TenderEvent) -> TenderState:
    """The state after `event`; refuses what the machine does not know."""
    found = NEXT.get((tender.state, event))
    if found is None:
        raise Conflict(
            "INVALID_STATE",
            f"This tender is {tender.state.value} and can no longer be {event.value}. Read your open tenders again.",
            field="tenderId",
        )
    return found
