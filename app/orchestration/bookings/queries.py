"""Reading bookings. Staff and integrations see them all, a carrier its own; nobody else sees any."""

import uuid
from collections.abc import Sequence

from sqlalchemy import ColumnElement, false, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import STAFF, Principal, PrincipalKind
from app.models import Booking

SEEING_ALL = STAFF | {PrincipalKind.INTEGRATION, PrincipalKind.SYSTEM}


def visible(viewer: Principal) -> ColumnElement[bool]:
    """Which bookings the viewer sees."""
    if viewer.kind in SEEING_ALL:
        return true()
    if viewer.kind is PrincipalKind.CARRIER:
        return col(Booking.carrier_id) == viewer.carrier_id
    return false()


async def newest_of_shipments(
    session: AsyncSession, viewer: Principal, shipment_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, Booking]:
    """The newest booking of each of these shipments."""
    found = await session.scalars(
        select(Booking).where(col(Booking.shipment_id).in_(shipment_ids), visible(viewer)).order_by(col(Booking.id))
    )
    return {booking.shipment_id: booking for booking in found}
