"""Which event becomes which message, and what state a message may take next. Pure."""

from datetime import timedelta

from app.core.errors import Conflict
from app.models import MessageState

# The event's type, and the kinds of message it makes (app/notifications/templates.py knows their texts).
KINDS_OF_EVENT = {
    "order.received": ("order_received",),
    "order.allocated": ("order_scheduled",),
    "order.cancelled": ("cancelled",),
    "shipment.out_for_delivery": ("out_for_delivery",),
    "shipment.approaching": ("approaching",),
    "shipment.delayed": ("delay_expected",),
    "shipment.delivered": ("delivered", "feedback_request"),
    "shipment.partially_delivered": ("partially_delivered", "feedback_request"),
    "shipment.attempt_failed": ("delivery_failed",),
    "shipment.returning": ("returning",),
}

NEXT = {
    (MessageState.QUEUED, "send"): MessageState.SENT,
    (MessageState.QUEUED, "fail"): MessageState.FAILED,
    (MessageState.QUEUED, "suppress"): MessageState.SUPPRESSED,
    (MessageState.SENT, "deliver"): MessageState.DELIVERED,
    (MessageState.SENT, "fail"): MessageState.FAILED,
    (MessageState.SENT, "read"): MessageState.READ,
    (MessageState.DELIVERED, "read"): MessageState.READ,
}

# Waits between attempts: a provider's short outage is bridged, and a long one ends in FAILED and an event.
RETRY_AFTER = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
)


def next_state(state: MessageState, event: str) -> MessageState:
    """The state after `event`; refuses what the machine does not know."""
    try:
        return NEXT[state, event]
    except KeyError:
        raise Conflict("INVALID_STATE", f"A message that is {state} cannot {event}.") from None


def retry_after(attempts: int) -> timedelta | None:
    """How long to wait after so many failed attempts, or None to give up."""
    return RETRY_AFTER[attempts - 1] if attempts <= len(RETRY_AFTER) else None
