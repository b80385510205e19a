"""What time alone makes a case of: files without an acknowledgement, loads without an answer, notices of nobody."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.models import (
    Booking,
    BookingState,
    Carrier,
    CarrierGateway,
    Interchange,
    InterchangeState,
    Severity,
    Shipment,
)
from app.orchestration.bookings import notices, policies
from app.orchestration.bookings.interchanges import ACKNOWLEDGEMENT
from app.orchestration.events import subjects
from app.orchestration.events.log import Subject
from app.orchestration.exceptions import operations as exceptions
from app.orchestration.exceptions.operations import Trouble

BATCH = 100
UNANSWERED, UNACKNOWLEDGED = "UNANSWERED", "UNACKNOWLEDGED"


async def watch(session: AsyncSession, *, now: datetime) -> None:
    """Opens a case about each, once."""
    await notices.give_up_overdue(session, now=now)
    await _unanswered(session, now=now)
    await _unacknowledged(session, now=now)


async def _unanswered(session: AsyncSession, *, now: datetime) -> None:
    """A load that was assigned by file and has no 990. An offer has its own end, and is not waited for here."""
    found = await session.execute(
        select(Booking, Shipment)
        .join(Shipment, col(Shipment.id) == col(Booking.shipment_id))
        .where(
            col(Booking.state) == BookingState.SENT,
            col(Booking.tender_id).is_(None),
            col(Booking.error_code).is_(None),
            col(Booking.created_at) < now - policies.ANSWER_WAITS,
        )
        .limit(BATCH)
        .with_for_update(key_share=True, skip_locked=True, of=Booking)
    )
    for booking, shipment in found.all():
        booking.error_code = UNANSWERED
        subject = subjects.of_shipment(shipment, carrier_id=booking.carrier_id)
        told = f"The carrier has not answered {booking.reference} for {_hours(policies.ANSWER_WAITS)} hours."
        await _open(session, policies.BOOKING_UNANSWERED, subject, f"{told} Ask whether it will come.", now=now)


async def _unacknowledged(session: AsyncSession, *, now: datetime) -> None:
    """A file of ours that lies in the carrier's folder, or was fetched, and has no 997."""
    found = await session.execute(
        select(Interchange, Carrier)
        .join(Carrier, col(Carrier.id) == col(Interchange.carrier_id))
        .join(CarrierGateway, col(CarrierGateway.carrier_id) == col(Carrier.id))
        .where(
            col(Interchange.state) == InterchangeState.WRITTEN,
            col(Interchange.purpose) != ACKNOWLEDGEMENT,
            col(Interchange.errors) == [],
            col(Interchange.created_at) < now - policies.ANSWER_WAITS,
            col(CarrierGateway.is_active).is_(True),
        )
        .limit(BATCH)
        .with_for_update(key_share=True, skip_locked=True, of=Interchange)
    )
    for interchange, carrier in found.all():
        interchange.errors = [{"fault": UNACKNOWLEDGED}]
        subject = subjects.of_carrier(carrier)
        told = f"{carrier.name} has not acknowledged {interchange.file_name} for {_hours(policies.ANSWER_WAITS)} hours."
        await _open(
            session, policies.FILE_UNACKNOWLEDGED, subject, f"{told} See whether its files are fetched.", now=now
        )


async def _open(session: AsyncSession, kind: str, subject: Subject, summary: str, *, now: datetime) -> None:
    suggestion = {"action": "INSPECT", "summary": summary}
    await exceptions.open_case(
        session, Trouble(kind=kind, severity=Severity.WARNING, subject=subject, suggestion=suggestion), now=now
    )


def _hours(span: timedelta) -> int:
    return round(span.total_seconds() / 3600)
