"""Telling an EDI carrier in full what it has accepted: the offer named the area alone."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.carriers import documents
from app.carriers.edi.document import EdiDocument
from app.carriers.edi.load_tender import CHANGE, ORIGINAL, load_tender
from app.models import Booking, GatewayKind, InterchangeState
from app.orchestration.bookings import gateways, interchanges
from app.orchestration.bookings.consignments import errands

OFFERED, IN_FULL = f"204-{ORIGINAL}", f"204-{CHANGE}"


async def tell_in_full(session: AsyncSession, booking: Booking, *, now: datetime) -> None:
    """Queues the change that names recipient and street, once, where the offer that went out did not."""
    row = await gateways.of_carrier(session, booking.carrier_id)
    if row is None or row.kind is not GatewayKind.EDI or booking.tender_id is None:
        return
    document = documents.parse(EdiDocument, row.document)
    states = await interchanges.states_of(session, booking)
    was_offered = states.get(OFFERED, InterchangeState.QUEUED) is not InterchangeState.QUEUED
    if document.offers_tell_address or IN_FULL in states or not was_offered:
        return
    number = await gateways.next_control_number(session, row.id)
    (errand,) = await errands(session, [booking], control_numbers={booking.id: number}, unknown=set())
    await interchanges.queue_content(
        session,
        booking.carrier_id,
        code="204",
        purpose=IN_FULL,
        control_number=number,
        content=load_tender(document, errand.consignment, purpose=CHANGE, control_number=number),
        now=now,
        booking_id=booking.id,
    )
