"""Which event becomes which message, what it says of what follows, and what state a message may take next. Pure."""

from datetime import datetime, timedelta
from enum import StrEnum

from app.core.errors import Conflict
from app.models import MessageState, ShipmentState
from app.models.base import Json
from app.notifications.templates import NextStep

# The event's type, and the kinds of message it makes (app/notifications/templates.py knows their texts). The order is
# rated, not its shipments: the questionnaire is asked for once, when the order has ended.
KINDS_OF_EVENT = {
    "order.received": ("order_received",),
    "order.allocated": ("order_scheduled",),
    "order.cancelled": ("cancelled",),
    "order.completed": ("feedback_request",),
    "order.partially_completed": ("feedback_request",),
    "shipment.out_for_delivery": ("out_for_delivery",),
    "shipment.approaching": ("approaching",),
    "shipment.eta_changed": ("delay_expected",),
    "shipment.delivered": ("delivered",),
    "shipment.partially_delivered": ("partially_delivered",),
    "shipment.attempt_failed": ("delivery_failed",),
    "shipment.returning": ("returning",),
    "shipment.collected": ("collected",),
    "shipment.partially_collected": ("partially_collected",),
    "shipment.collection_failed": ("collection_failed",),
}


class MessageEvent(StrEnum):
    """What can become of a message."""

    SEND = "SEND"
    DELIVER = "DELIVER"
    READ = "READ"
    FAIL = "FAIL"
    SUPPRESS = "SUPPRESS"


NEXT = {
    (MessageState.QUEUED, MessageEvent.SEND): MessageState.SENT,
    (MessageState.QUEUED, MessageEvent.DELIVER): MessageState.DELIVERED,
    (MessageState.QUEUED, MessageEvent.READ): MessageState.READ,
    (MessageState.QUEUED, MessageEvent.FAIL): MessageState.FAILED,
    (MessageState.QUEUED, MessageEvent.SUPPRESS): MessageState.SUPPRESSED,
    (MessageState.SENT, MessageEvent.DELIVER): MessageState.DELIVERED,
    (MessageState.SENT, MessageEvent.FAIL): MessageState.FAILED,
    (MessageState.SENT, MessageEvent.READ): MessageState.READ,
    (MessageState.DELIVERED, MessageEvent.READ): MessageState.READ,
}

# What follows a failed attempt, by where the goods are afterwards.
NEXT_STEPS = {
    ShipmentState.ATTEMPT_FAILED: NextStep.RETRY,
    ShipmentState.RETURNING: NextStep.RETURN,
    ShipmentState.RETURNED: NextStep.RETURN,
    ShipmentState.CANCELLED: NextStep.GIVE_UP,
}

# Waits between attempts: a provider's short outage is bridged, and a long one ends in FAILED and an event.
RETRY_AFTER = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
)


def kinds_of(event_type: str, data: Json) -> tuple[str, ...]:
    """The kinds of message that an event makes. A new time is news only where it breaks the promise."""
    if event_type == "shipment.eta_changed" and not breaks_promise(data):
        return ()
    return KINDS_OF_EVENT.get(event_type, ())


def breaks_promise(data: Json) -> bool:
    """Whether a changed time of arrival falls behind the window, and the one told before did not."""
    end, eta, before = data.get("window", {}).get("end"), data.get("eta"), data.get("before")
    if end is None or eta is None:
        return False
    closes = datetime.fromisoformat(end)
    was_late = before is not None and datetime.fromisoformat(before) > closes
    return datetime.fromisoformat(eta) > closes and not was_late


def next_step(state: ShipmentState | None) -> NextStep:
    """What follows a failed attempt at a shipment that is in this state now."""
    return NextStep.UNKNOWN if state is None else NEXT_STEPS.get(state, NextStep.UNKNOWN)


def next_state(state: MessageState, event: MessageEvent) -> MessageState:
    """The state after `event`; refuses what the machine does not know."""
    try:
        return NEXT[state, event]
    except KeyError:
        raise Conflict("INVALID_STATE", f"A message that is {state} cannot {event}.") from None


def retry_after(attempts: int) -> timedelta | None:
    """How long to wait after so many failed attempts, or None to give up."""
    return RETRY_AFTER[attempts - 1] if attempts <= len(RETRY_AFTER) else None
