"""Which event may follow which state of a shipment, and what each does to stock. Pure: no clock, no database."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from app.core.errors import Conflict
from app.models import AttemptOutcome, MovementReason, Shipment, ShipmentState


class ShipmentEvent(StrEnum):
    """What can happen to a shipment."""

    TENDER = "TENDER"
    ASSIGN = "ASSIGN"
    PLAN = "PLAN"
    UNPLAN = "UNPLAN"
    PICK_UP = "PICK_UP"
    DEPART = "DEPART"
    DELIVER = "DELIVER"
    DELIVER_PARTLY = "DELIVER_PARTLY"
    FAIL = "FAIL"
    SEND_BACK = "SEND_BACK"
    RETURN = "RETURN"
    LOSE = "LOSE"
    CANCEL = "CANCEL"
    COLLECT = "COLLECT"
    COLLECT_PARTLY = "COLLECT_PARTLY"
    MISS = "MISS"
    GIVE_UP = "GIVE_UP"


State, Event = ShipmentState, ShipmentEvent

# What an accepted carrier does not fetch is tendered again. A failed attempt goes round again: planned anew by an own
# fleet, or out once more by a 3PL. What is collected (COLLECT, MISS, GIVE_UP) stays PLANNED until the van is at its
# door: there is nothing to load. From the door it comes to the node as what goes back does.
NEXT: Mapping[tuple[ShipmentState, ShipmentEvent], ShipmentState] = {
    (State.PENDING, Event.TENDER): State.TENDERED,
    (State.PENDING, Event.ASSIGN): State.ASSIGNED,
    (State.PENDING, Event.CANCEL): State.CANCELLED,
    (State.TENDERED, Event.ASSIGN): State.ASSIGNED,
    (State.TENDERED, Event.CANCEL): State.CANCELLED,
    (State.ASSIGNED, Event.TENDER): State.TENDERED,
    (State.ASSIGNED, Event.PLAN): State.PLANNED,
    (State.ASSIGNED, Event.PICK_UP): State.PICKED_UP,
    (State.ASSIGNED, Event.CANCEL): State.CANCELLED,
    (State.PLANNED, Event.UNPLAN): State.ASSIGNED,
    (State.PLANNED, Event.PICK_UP): State.PICKED_UP,
    (State.PLANNED, Event.CANCEL): State.CANCELLED,
    (State.PICKED_UP, Event.DEPART): State.OUT_FOR_DELIVERY,
    (State.PICKED_UP, Event.SEND_BACK): State.RETURNING,
    (State.PICKED_UP, Event.LOSE): State.LOST,
    (State.OUT_FOR_DELIVERY, Event.DELIVER): State.DELIVERED,
    (State.OUT_FOR_DELIVERY, Event.DELIVER_PARTLY): State.PARTIALLY_DELIVERED,
    (State.OUT_FOR_DELIVERY, Event.FAIL): State.ATTEMPT_FAILED,
    (State.OUT_FOR_DELIVERY, Event.SEND_BACK): State.RETURNING,
    (State.OUT_FOR_DELIVERY, Event.LOSE): State.LOST,
    (State.ATTEMPT_FAILED, Event.PLAN): State.PLANNED,
    (State.ATTEMPT_FAILED, Event.DEPART): State.OUT_FOR_DELIVERY,
    (State.ATTEMPT_FAILED, Event.SEND_BACK): State.RETURNING,
    (State.ATTEMPT_FAILED, Event.LOSE): State.LOST,
    (State.RETURNING, Event.RETURN): State.RETURNED,
    (State.RETURNING, Event.LOSE): State.LOST,
    (State.PLANNED, Event.COLLECT): State.RETURNING,
    (State.PLANNED, Event.COLLECT_PARTLY): State.RETURNING,
    (State.PLANNED, Event.MISS): State.ATTEMPT_FAILED,
    (State.ATTEMPT_FAILED, Event.GIVE_UP): State.CANCELLED,
}

TERMINAL = frozenset({State.DELIVERED, State.PARTIALLY_DELIVERED, State.RETURNED, State.LOST, State.CANCELLED})
DELIVERED = frozenset({State.DELIVERED, State.PARTIALLY_DELIVERED})
# The goods have not left the node, or the door where they are collected.
AT_NODE = frozenset({State.PENDING, State.TENDERED, State.ASSIGNED, State.PLANNED})

# The entry that each event makes in the log, and the sentence of it.
LOG_TYPE: Mapping[ShipmentEvent, str] = {
    Event.TENDER: "shipment.tendered",
    Event.ASSIGN: "shipment.assigned",
    Event.PLAN: "shipment.planned",
    Event.UNPLAN: "shipment.unplanned",
    Event.PICK_UP: "shipment.picked_up",
    Event.DEPART: "shipment.out_for_delivery",
    Event.DELIVER: "shipment.delivered",
    Event.DELIVER_PARTLY: "shipment.partially_delivered",
    Event.FAIL: "shipment.attempt_failed",
    Event.SEND_BACK: "shipment.returning",
    Event.RETURN: "shipment.returned",
    Event.LOSE: "shipment.lost",
    Event.CANCEL: "shipment.cancelled",
    Event.COLLECT: "shipment.collected",
    Event.COLLECT_PARTLY: "shipment.partially_collected",
    Event.MISS: "shipment.collection_failed",
    Event.GIVE_UP: "shipment.given_up",
}

# What an event does to all of the shipment's goods. A partial delivery splits them, and is told apart in operations.py.
MOVEMENT: Mapping[ShipmentEvent, MovementReason] = {
    Event.PICK_UP: MovementReason.PICK,
    Event.DELIVER: MovementReason.DELIVER,
    Event.RETURN: MovementReason.RETURN,
    Event.LOSE: MovementReason.LOSS,
    Event.CANCEL: MovementReason.RELEASE,
}
# The same where goods are collected: none of them is reserved, and what reaches the node is stock from then on.
COLLECTION_MOVEMENT: Mapping[ShipmentEvent, MovementReason] = {Event.RETURN: MovementReason.RECEIPT}

# The events that end a visit to the door.
ATTEMPT: Mapping[ShipmentEvent, AttemptOutcome] = {
    Event.DELIVER: AttemptOutcome.SUCCEEDED,
    Event.DELIVER_PARTLY: AttemptOutcome.PARTIAL,
    Event.FAIL: AttemptOutcome.FAILED,
    Event.COLLECT: AttemptOutcome.SUCCEEDED,
    Event.COLLECT_PARTLY: AttemptOutcome.PARTIAL,
    Event.MISS: AttemptOutcome.FAILED,
}

# The attempts that failed, and the events that bring goods where their order wants them: to the door, or to the node.
MISSED = frozenset({Event.FAIL, Event.MISS})
ARRIVING = frozenset({Event.DELIVER, Event.DELIVER_PARTLY})
COLLECTION_ARRIVING = frozenset({Event.RETURN})


def last_resort(*, is_collection: bool) -> ShipmentEvent:
    """What happens after a failed attempt when there is no other: goods go back, or are not fetched any more."""
    return Event.GIVE_UP if is_collection else Event.SEND_BACK


def next_state(shipment: Shipment, event: ShipmentEvent) -> ShipmentState:
    """The state after `event`; refuses what the machine does not know."""
    found = NEXT.get((shipment.state, event))
    if found is None:
        allowed = ", ".join(known.value for state, known in NEXT if state is shipment.state) or "nothing any more"
        raise Conflict(
            "INVALID_STATE",
            f"Shipment {shipment.reference} is {shipment.state.value}, so that {event.value} cannot happen to it."
            f" What can: {allowed}.",
        )
    return found


def lateness_risk(shipment: Shipment, *, now: datetime) -> float | None:
    """The probability that it comes after its window's end, by a straight line through its ETA's interval.

    None where there is no ETA; 1 or 0 where it has come.
    """
    if shipment.delivered_at is not None:
        return float(shipment.delivered_at > shipment.window_end)
    if shipment.state not in TERMINAL and now > shipment.window_end:
        return 1.0
    if shipment.eta_expected is None or shipment.state in TERMINAL:
        return None
    earliest = shipment.eta_earliest or shipment.eta_expected
    latest = shipment.eta_latest or shipment.eta_expected
    if latest <= earliest:
        return float(shipment.eta_expected > shipment.window_end)
    late = (latest - shipment.window_end).total_seconds() / (latest - earliest).total_seconds()
    return min(1.0, max(0.0, late))
