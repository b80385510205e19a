"""The reader `bookings`: what was decided about a shipment becomes a booking to make, or one to call off.

Most events concern no gateway at all, so a batch first asks, in three queries, which do.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
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
from app.orchestration.bookings import disclosing, policies
from app.orchestration.bookings.policies import BookingEvent

ASSIGNED, OFFERED, CANCELLED = "shipment.assigned", "tender.offered", "shipment.cancelled"
TENDER_ENDED = frozenset({"tender.rejected", "tender.expired", "tender.withdrawn"})
READ = TENDER_ENDED | {ASSIGNED, OFFERED, CANCELLED}
BOOKABLE = frozenset({ShipmentState.ASSIGNED, ShipmentState.PLANNED})


@dataclass(frozen=True, kw_only=True)
class Known:
    """What a batch may concern: carriers with a gateway, and the shipments and tenders that have a live booking."""

    gateways: dict[uuid.UUID, GatewayKind]
    shipments: set[uuid.UUID]
    tenders: set[uuid.UUID]


async def read(session: AsyncSession, events: Sequence[Event], now: datetime) -> None:
    """Takes the events over, each by the state that its shipment or tender has by now."""
    known = await _known(session, [event.subject_id for event in events])
    for event in events:
        await _take(session, event, known, now=now)


async def _known(session: AsyncSession, subject_ids: Sequence[uuid.UUID]) -> Known:
    found = await session.execute(
        select(col(CarrierGateway.carrier_id), col(CarrierGateway.kind)).where(col(CarrierGateway.is_active).is_(True))
    )
    live = await session.execute(
        select(col(Booking.shipment_id), col(Booking.tender_id)).where(
            col(Booking.shipment_id).in_(subject_ids) | col(Booking.tender_id).in_(subject_ids),
            col(Booking.state).in_(policies.LIVE),
        )
    )
    rows = live.all()
    return Known(
        gateways={row[0]: row[1] for row in found.all()},
        shipments={shipment_id for shipment_id, _ in rows},
        tenders={tender_id for _, tender_id in rows if tender_id is not None},
    )


async def _take(session: AsyncSession, event: Event, known: Known, *, now: datetime) -> None:
    subject_id, kind = event.subject_id, known.gateways.get(event.carrier_id or uuid.UUID(int=0))
    if event.type == ASSIGNED and (kind is not None or subject_id in known.shipments):
        await _book_assigned(session, event, known, now=now)
    elif event.type == OFFERED and kind is GatewayKind.EDI:
        await _book_offered(session, event, known, now=now)
    elif event.type == CANCELLED and subject_id in known.shipments:
        await _end(session, col(Booking.shipment_id) == subject_id, now=now)
    elif event.type in TENDER_ENDED and subject_id in known.tenders:
        await _end(session, col(Booking.tender_id) == subject_id, now=now)


async def _book_assigned(session: AsyncSession, event: Event, known: Known, *, now: datetime) -> None:
    """The carrier has it: its gateway books it, and whoever had it before is told that it is gone."""
    shipment = await session.get(Shipment, event.subject_id)
    if shipment is None or shipment.state not in BOOKABLE or shipment.carrier_id != event.carrier_id:
        return
    elsewhere = (col(Booking.shipment_id) == shipment.id) & (col(Booking.carrier_id) != shipment.carrier_id)
    await _end(session, elsewhere, now=now)
    if shipment.carrier_id not in known.gateways:
        return
    tender = await session.scalar(
        select(Tender).where(
            col(Tender.shipment_id) == shipment.id,
            col(Tender.carrier_id) == shipment.carrier_id,
            col(Tender.state) == TenderState.ACCEPTED,
        )
    )
    await _queue(session, shipment, shipment.carrier_id, tender, known, now=now)


async def _book_offered(session: AsyncSession, event: Event, known: Known, *, now: datetime) -> None:
    """An offer goes out by file where the carrier answers by file (204 and 990)."""
    tender = await session.get(Tender, event.subject_id)
    if tender is None or tender.state is not TenderState.OFFERED:
        return
    shipment = await session.get(Shipment, tender.shipment_id)
    if shipment is not None:
        await _queue(session, shipment, tender.carrier_id, tender, known, now=now)


async def _queue(
    session: AsyncSession,
    shipment: Shipment,
    carrier_id: uuid.UUID,
    tender: Tender | None,
    known: Known,
    *,
    now: datetime,
) -> None:
    """A booking that is due now; where the carrier has one of this shipment already, it is told the rest of it."""
    live = await session.scalar(
        select(Booking).where(
            col(Booking.shipment_id) == shipment.id,
            col(Booking.carrier_id) == carrier_id,
            col(Booking.state).in_(policies.LIVE),
        )
    )
    if live is not None:
        if shipment.state in BOOKABLE and shipment.carrier_id == carrier_id:
            await disclosing.tell_in_full(session, live, now=now)
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
    known.shipments.add(shipment.id)
    if tender is not None:
        known.tenders.add(tender.id)


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
