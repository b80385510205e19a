"""From rows to what a carrier is told: a few queries for a whole batch of bookings."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.carriers.protocol import Booked, Consignment, GoodsLine, Place
from app.core.money import Money
from app.models import (
    Booking,
    BookingState,
    Carrier,
    CarrierGateway,
    FulfilmentNode,
    Order,
    Shipment,
    ShipmentLine,
    Tender,
    TenderState,
)
from app.orchestration.shipments.goods import lines_by_shipment


@dataclass(frozen=True, kw_only=True)
class Errand:
    """One call to make for a booking, with all that it needs: nothing of it is read again while it is made."""

    booking: Booking
    carrier: Carrier
    gateway: CarrierGateway
    consignment: Consignment
    has_label: bool

    @property
    def is_cancellation(self) -> bool:
        """Whether the booking is called off."""
        return self.booking.state is BookingState.CANCELLING

    @property
    def booked(self) -> Booked:
        """The booking as its carrier knows it."""
        return Booked(
            consignment=self.consignment,
            tracking_number=self.booking.tracking_number,
            booking_id=self.booking.carrier_booking_id,
        )


async def errands(
    session: AsyncSession,
    bookings: Sequence[Booking],
    *,
    control_numbers: Mapping[uuid.UUID, int],
    unknown: set[uuid.UUID],
) -> list[Errand]:
    """What to ask for each booking. `unknown` are those of which an earlier try has no recorded end."""
    ids = [booking.id for booking in bookings]
    found = await session.execute(
        select(Booking, Shipment, Order, FulfilmentNode, Carrier, CarrierGateway, Tender)
        .join(Shipment, col(Shipment.id) == col(Booking.shipment_id))
        .join(Order, col(Order.id) == col(Shipment.order_id))
        .join(FulfilmentNode, col(FulfilmentNode.id) == col(Shipment.node_id))
        .join(Carrier, col(Carrier.id) == col(Booking.carrier_id))
        .join(CarrierGateway, col(CarrierGateway.carrier_id) == col(Booking.carrier_id))
        .outerjoin(Tender, col(Tender.id) == col(Booking.tender_id))
        .where(col(Booking.id).in_(ids))
    )
    rows = {row[0].id: row for row in found.all()}
    lines = await lines_by_shipment(session, [row[1].id for row in rows.values()])
    return [
        _errand(
            *rows[booking.id],
            lines=lines[rows[booking.id][1].id],
            control_number=control_numbers.get(booking.id),
            is_unknown=booking.id in unknown,
        )
        for booking in bookings
        if booking.id in rows
    ]


def _errand(
    booking: Booking,
    shipment: Shipment,
    order: Order,
    node: FulfilmentNode,
    carrier: Carrier,
    gateway: CarrierGateway,
    tender: Tender | None,
    *,
    lines: Sequence[ShipmentLine],
    control_number: int | None,
    is_unknown: bool,
) -> Errand:
    price = tender.price_minor if tender is not None else shipment.actual_minor or shipment.estimated_minor
    consignment = Consignment(
        key=str(booking.id),
        reference=booking.reference,
        order_reference=order.reference,
        service=shipment.service,
        sender=sender_of(node),
        recipient=recipient_of(order),
        window_start=shipment.window_start,
        window_end=shipment.window_end,
        weight_kg=shipment.weight_kg,
        volume_l=shipment.volume_l,
        lines=tuple(GoodsLine(sku=one.sku, quantity=one.quantity, description=one.description) for one in lines),
        price=Money(minor=price, currency=shipment.currency),
        made_at=booking.created_at,
        attempt=max(1, booking.attempts),
        is_outcome_unknown=is_unknown,
        cash=None if order.cash_minor is None else Money(minor=order.cash_minor, currency=order.currency),
        instructions=order.instructions,
        skills=tuple(order.required_skills),
        respond_by=tender.respond_by if tender is not None and tender.state is TenderState.OFFERED else None,
        control_number=control_number,
    )
    return Errand(
        booking=booking,
        carrier=carrier,
        gateway=gateway,
        consignment=consignment,
        has_label=booking.label_key is not None,
    )


def sender_of(node: FulfilmentNode) -> Place:
    """Where a carrier fetches goods."""
    return Place(
        name=node.name,
        line1=node.line1,
        city=node.city,
        postal_code=node.postal_code,
        country=node.country,
        latitude=node.latitude,
        longitude=node.longitude,
    )


def recipient_of(order: Order) -> Place:
    """Where a carrier brings them."""
    return Place(
        name=order.recipient_name,
        line1=order.line1,
        line2=order.line2,
        city=order.city,
        region=order.region,
        postal_code=order.postal_code,
        country=order.country,
        latitude=order.latitude,
        longitude=order.longitude,
        phone=order.recipient_phone,
        email=order.recipient_email,
    )
