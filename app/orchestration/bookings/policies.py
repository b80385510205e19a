"""Which event may follow which state of a booking, when it is tried again, what it is called. Pure."""

import base64
import re
import uuid
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

from app.core.errors import Conflict
from app.models import Booking, BookingState

BOOKING_FAILED = "BOOKING_FAILED"
CANCELLATION_FAILED = "BOOKING_CANCELLATION_FAILED"
LABEL_MISSING = "BOOKING_LABEL_MISSING"
MILESTONE_REFUSED = "CARRIER_MILESTONE_REFUSED"
BOOKING_UNANSWERED = "BOOKING_UNANSWERED"
FILE_UNACKNOWLEDGED = "EDI_FILE_UNACKNOWLEDGED"
FILE_REFUSED = "EDI_FILE_REFUSED"


class BookingEvent(StrEnum):
    """What can happen to a booking."""

    SEND = "sent"
    CONFIRM = "booked"
    DECLINE = "declined"
    FAIL = "failed"
    CALL_OFF = "called off"
    END = "cancelled"
    RETRY = "tried again"


State, Event = BookingState, BookingEvent

NEXT: Mapping[tuple[BookingState, BookingEvent], BookingState] = {
    (State.QUEUED, Event.SEND): State.SENT,
    (State.QUEUED, Event.CONFIRM): State.BOOKED,
    (State.QUEUED, Event.DECLINE): State.DECLINED,
    (State.QUEUED, Event.FAIL): State.FAILED,
    (State.QUEUED, Event.CALL_OFF): State.CANCELLING,
    (State.QUEUED, Event.END): State.CANCELLED,
    (State.SENT, Event.CONFIRM): State.BOOKED,
    (State.SENT, Event.DECLINE): State.DECLINED,
    (State.SENT, Event.FAIL): State.FAILED,
    (State.SENT, Event.CALL_OFF): State.CANCELLING,
    (State.BOOKED, Event.DECLINE): State.DECLINED,
    (State.BOOKED, Event.FAIL): State.FAILED,
    (State.BOOKED, Event.CALL_OFF): State.CANCELLING,
    (State.CANCELLING, Event.END): State.CANCELLED,
    (State.CANCELLING, Event.FAIL): State.FAILED,
    (State.FAILED, Event.RETRY): State.QUEUED,
}
# One such booking at most for a shipment and a carrier.
LIVE = frozenset({State.QUEUED, State.SENT, State.BOOKED})
# A call is due.
DUE = frozenset({State.QUEUED, State.CANCELLING})

# Waits between attempts: an hour's outage at the carrier is bridged, then a person has to look.
RETRY_AFTER = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(minutes=60),
)
LONGEST_WISH = timedelta(hours=2)
# A milestone from later than this is a carrier's wrong clock.
FUTURE = timedelta(hours=24)
# A notice about a shipment that nobody knows is given up.
NOTICE_WAITS = timedelta(hours=48)
# How long a file may lie without a 997, and a load without a 990.
ANSWER_WAITS = timedelta(hours=24)

# What an X12 element, a URL and a label can all hold (X12 element 145 takes 30 characters).
CARRIED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,24}")


def next_state(booking: Booking, event: BookingEvent) -> BookingState:
    """The state after `event`; refuses what the machine does not know."""
    found = NEXT.get((booking.state, event))
    if found is None:
        raise Conflict(
            "INVALID_STATE",
            f"Booking {booking.reference} is {booking.state.value} and cannot be {event.value}. Read it again.",
        )
    return found


def retry_after(attempts: int, *, wish_seconds: float | None) -> timedelta | None:
    """How long to wait after so many failed attempts, at least as long as the carrier asks; None to give up."""
    if attempts > len(RETRY_AFTER):
        return None
    wish = min(timedelta(seconds=wish_seconds or 0), LONGEST_WISH)
    return max(RETRY_AFTER[attempts - 1], wish)


def reference_of(shipment_reference: str, *, number: int, booking_id: uuid.UUID) -> str:
    """What the carrier calls the booking: the shipment's reference where every carrier can carry it.

    `number` counts the bookings of the shipment from 1.
    """
    if CARRIED.fullmatch(shipment_reference):
        return shipment_reference if number == 1 else f"{shipment_reference}-B{number}"
    return base64.b32encode(booking_id.bytes).decode().rstrip("=")
