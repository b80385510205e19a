"""Asking carriers how their shipments fare: which bookings are due, and what was answered."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.carriers import gateways
from app.carriers.protocol import CarrierEvent
from app.models import Booking, BookingState, CarrierGateway, NoticeSource, Shipment
from app.orchestration.bookings import notices
from app.orchestration.bookings.consignments import Errand, errands
from app.orchestration.shipments.policies import TERMINAL

# One that nobody could ask is asked again after this long.
LEASE = timedelta(minutes=5)


def track_after(gateway: CarrierGateway) -> timedelta | None:
    """How long after a look the next one is due; None where the carrier is not asked."""
    minutes = gateways.track_every_minutes(gateway.kind, gateway.document)
    return None if minutes is None else timedelta(minutes=minutes)


async def claim_due(session: AsyncSession, *, now: datetime, limit: int) -> list[Errand]:
    """Takes the bookings that are to be asked about; of those that have ended it never asks again."""
    rows = await session.execute(
        select(Booking, Shipment)
        .join(Shipment, col(Shipment.id) == col(Booking.shipment_id))
        .where(col(Booking.state) == BookingState.BOOKED, col(Booking.track_due_at) <= now)
        .order_by(col(Booking.track_due_at))
        .limit(limit)
        .with_for_update(key_share=True, skip_locked=True, of=Booking)
    )
    due = []
    for booking, shipment in rows.all():
        has_ended = shipment.state in TERMINAL or shipment.carrier_id != booking.carrier_id
        booking.track_due_at = None if has_ended else now + LEASE
        if not has_ended:
            due.append(booking)
    await session.flush()
    return await errands(session, due, control_numbers={}, unknown=set())


async def record(session: AsyncSession, errand: Errand, events: Sequence[CarrierEvent], *, now: datetime) -> None:
    """Takes over what the carrier answered, and sets when it is asked next."""
    await notices.take(session, errand.carrier, events, source=NoticeSource.POLL, now=now)
    after = track_after(errand.gateway)
    await session.execute(
        update(Booking)
        .where(col(Booking.id) == errand.booking.id, col(Booking.state) == BookingState.BOOKED)
        .values(track_due_at=None if after is None else now + after)
    )
