"""Reading shipments: what each viewer may see of them is said here once."""

import uuid
from collections.abc import Sequence

from sqlalchemy import ColumnElement, false, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import STAFF, Principal, PrincipalKind
from app.models import DeliveryAttempt, Order, Route, Shipment, ShipmentLine, Stop, StopShipment, Tender, TenderState
from app.orchestration import reading

SEEING_ALL = STAFF | {PrincipalKind.INTEGRATION, PrincipalKind.SYSTEM}


def visible(viewer: Principal) -> ColumnElement[bool]:
    """Which shipments the viewer sees: a driver those on its own routes, a customer its order's.

    A carrier sees its own and, as long as it may answer, those that it is offered.
    """
    if viewer.kind in SEEING_ALL:
        return true()
    if viewer.kind is PrincipalKind.CARRIER:
        offered = select(col(Tender.shipment_id)).where(
            col(Tender.carrier_id) == viewer.carrier_id, col(Tender.state) == TenderState.OFFERED
        )
        return (col(Shipment.carrier_id) == viewer.carrier_id) | col(Shipment.id).in_(offered)
    if viewer.kind is PrincipalKind.CUSTOMER:
        return col(Shipment.order_id) == viewer.order_id
    if viewer.kind is PrincipalKind.DRIVER:
        driven = (
            select(col(StopShipment.shipment_id))
            .join(Stop, col(Stop.id) == col(StopShipment.stop_id))
            .join(Route, col(Route.id) == col(Stop.route_id))
            .where(col(Route.driver_id) == viewer.driver_id)
        )
        return col(Shipment.id).in_(driven)
    return false()


async def by_ids(session: AsyncSession, viewer: Principal, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Shipment]:
    """The shipments with these keys."""
    return await reading.by_id(session, select(Shipment).where(col(Shipment.id).in_(ids), visible(viewer)))


async def offered_orders(
    session: AsyncSession, viewer: Principal, shipment_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, Order]:
    """The orders of the shipments that the viewer sees, by shipment: for what it must know to answer an offer."""
    return await reading.by_key(
        session,
        select(col(Shipment.id), Order)
        .join(Order, col(Order.id) == col(Shipment.order_id))
        .where(col(Shipment.id).in_(shipment_ids), visible(viewer)),
    )


async def of_orders(
    session: AsyncSession, viewer: Principal, order_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, list[Shipment]]:
    """The shipments of these orders, oldest first."""
    return await reading.grouped(
        session,
        select(col(Shipment.order_id), Shipment)
        .where(col(Shipment.order_id).in_(order_ids), visible(viewer))
        .order_by(col(Shipment.id)),
        order_ids,
    )


async def of_stops(
    session: AsyncSession, viewer: Principal, stop_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, list[Shipment]]:
    """The shipments that these stops serve, oldest first."""
    return await reading.grouped(
        session,
        select(col(StopShipment.stop_id), Shipment)
        .join(Shipment, col(Shipment.id) == col(StopShipment.shipment_id))
        .where(col(StopShipment.stop_id).in_(stop_ids), visible(viewer))
        .order_by(col(Shipment.id)),
        stop_ids,
    )


async def lines(
    session: AsyncSession, viewer: Principal, shipment_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, list[ShipmentLine]]:
    """The lines of these shipments, by sku."""
    return await reading.grouped(
        session,
        select(col(ShipmentLine.shipment_id), ShipmentLine)
        .join(Shipment, col(Shipment.id) == col(ShipmentLine.shipment_id))
        .where(col(ShipmentLine.shipment_id).in_(shipment_ids), visible(viewer))
        .order_by(col(ShipmentLine.sku)),
        shipment_ids,
    )


async def attempts(
    session: AsyncSession, viewer: Principal, shipment_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, list[DeliveryAttempt]]:
    """The attempts of these shipments, in order."""
    return await reading.grouped(
        session,
        select(col(DeliveryAttempt.shipment_id), DeliveryAttempt)
        .join(Shipment, col(Shipment.id) == col(DeliveryAttempt.shipment_id))
        .where(col(DeliveryAttempt.shipment_id).in_(shipment_ids), visible(viewer))
        .order_by(col(DeliveryAttempt.number)),
        shipment_ids,
    )
