"""The reader `bookings`: what was decided about a shipment becomes a booking to make, or one to call off."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.ids import new_id
from app.models import (
    Booking,
    BookingState,
    CarrierGateway,
    Event,
    GatewayKind,
    Shipment,
    ShipmentState,
    Tender,
    TenderState,
)
from app.orchestration.bookings import policies
from app.orchestration.bookings.policies import BookingEvent

BOOKABLE = frozenset({ShipmentState.ASSIGNED, ShipmentState.PLANNED})


async def read(session: AsyncSession, events: Sequence[Event], now: datetime) -> None:
    """Takes the events over, each by the state that its shipment or tender has by now."""
    for event in events:
        if (handle := HANDLERS.get(event.type)) is not None:
            await handle(session, event, now)


async def _book_assigned(session: AsyncSession, event: Event, now: datetime) -> None:
    """The carrier has it: its gateway books it."""
    shipment = await session.get(Shipment, event.subject_id)
    if shipment is None or shipment.state not in BOOKABLE or shipment.carrier_id != event.carrier_id:
        return
    elsewhere = (col(Booking.shipment_id) == shipment.id) & (col(Booking.carrier_id) != shipment.carrier_id)
    await _end(session, elsewhere, now=now)
    if await _gateway(session, shipment) is None:
        return
    tender = await session.scalar(
        select(Tender).where(
            col(Tender.shipment_id) == shipment.id,
            col(Tender.carrier_id) == shipment.carrier_id,
            col(Tender.state) == TenderState.ACCEPTED,
        )
    )
    await _queue(session, shipment, tender, carrier_gateway=None, now=now)


async def _book_offered(session: AsyncSession, event: Event, now: datetime) -> None:
    """An offer goes out by file where the carrier answers by file (204 and 990)."""
    tender = await session.get(Tender, event.subject_id)
    if tender is None or tender.state is not TenderState.OFFERED:
        return
    shipment = await session.get(Shipment, tender.shipment_id)
    gateway = await session.scalar(
        select(CarrierGateway).where(
            col(CarrierGateway.carrier_id) == tender.carrier_id,
            col(CarrierGateway.kind) == GatewayKind.EDI,
            col(CarrierGateway.is_active).is_(True),
        )
    )
    if shipment is not None and gateway is not None:
        await _queue(session, shipment, tender, carrier_gateway=gateway, now=now)


async def _gateway(session: AsyncSession, shipment: Shipment) -> CarrierGateway | None:
    found: CarrierGateway | None = await session.scalar(
        select(CarrierGateway).where(
            col(CarrierGateway.carrier_id) == shipment.carrier_id, col(CarrierGateway.is_active).is_(True)
        )
    )
    return found


async def _queue(
    session: AsyncSession,
    shipment: Shipment,
    tender: Tender | None,
    *,
    carrier_gateway: CarrierGateway | None,
    now: datetime,
) -> None:
    """A booking that is due now, where the carrier has none of this shipment that lives."""
    carrier_id = shipment.carrier_id if carrier_gateway is None else carrier_gateway.carrier_id
    live = await session.scalar(
        select(col(Booking.id)).where(
            col(Booking.shipment_id) == shipment.id,
            col(Booking.carrier_id) == carrier_id,
            col(Booking.state).in_(policies.LIVE),
        )
    )
    if live is not None:
        return
    count = await session.scalar(select(func.count()).where(col(Booking.shipment_id) == shipment.id))
    booking_id = new_id()
    await session.execute(
        insert(Booking)
        .values(
            id=booking_id,
            created_at=now,
            shipment_id=shipment.id,
            carrier_id=carrier_id,
            tender_id=None if tender is None else tender.id,
            reference=policies.reference_of(shipment.reference, number=int(count or 0) + 1, booking_id=booking_id),
            state=BookingState.QUEUED,
            attempts=0,
            version=0,
        )
        .on_conflict_do_nothing()
    )


async def _end_shipments(session: AsyncSession, event: Event, now: datetime) -> None:
    """The shipment is off: whoever has it is told."""
    await _end(session, col(Booking.shipment_id) == event.subject_id, now=now)


async def _end_tenders(session: AsyncSession, event: Event, now: datetime) -> None:
    """The offer is over: the carrier that was asked by file is told."""
    await _end(session, col(Booking.tender_id) == event.subject_id, now=now)


async def _end(session: AsyncSession, which: ColumnElement[bool], *, now: datetime) -> None:
    found = await session.scalars(
        select(Booking)
        .where(which, col(Booking.state).in_(policies.LIVE))
        .order_by(col(Booking.id))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    for booking in found:
        never_sent = booking.state is BookingState.QUEUED and not booking.attempts
        if never_sent:
            booking.ended_at = now
        elif booking.leased_until is None:
            booking.attempts = 0
        booking.state = policies.next_state(booking, BookingEvent.END if never_sent else BookingEvent.CALL_OFF)
        booking.version += 1


Handler = Callable[[AsyncSession, Event, datetime], Awaitable[None]]
HANDLERS: Mapping[str, Handler] = {
    "shipment.assigned": _book_assigned,
    "tender.offered": _book_offered,
    "shipment.cancelled": _end_shipments,
    "tender.rejected": _end_tenders,
    "tender.expired": _end_tenders,
    "tender.withdrawn": _end_tenders,
}
