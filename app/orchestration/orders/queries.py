"""Reading orders, narrowed to the viewer in one place."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, false, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import STAFF, Principal, PrincipalKind
from app.models import (
    Allocation,
    AllocationState,
    Carrier,
    FulfilmentNode,
    Order,
    OrderLine,
    OrderState,
    Route,
    Shipment,
    ShipmentState,
    Stop,
)
from app.orchestration import reading
from app.orchestration.paging import Page, page
from app.orchestration.writing import among

SEEING_ALL = STAFF | {PrincipalKind.INTEGRATION, PrincipalKind.SYSTEM}
_LINES = select(OrderLine).where(among(OrderLine.order_id, "orders")).order_by(col(OrderLine.sku))


@dataclass(frozen=True, kw_only=True)
class OrderCriteria:
    """What a list of orders is narrowed to; None and empty narrow nothing."""

    states: Sequence[OrderState] = ()
    node: str | None = None
    carrier: str | None = None
    window_from: datetime | None = None
    window_to: datetime | None = None
    reference_prefix: str | None = None
    search: str | None = None


def visible(viewer: Principal) -> ColumnElement[bool]:
    """Which orders the viewer sees."""
    if viewer.kind in SEEING_ALL:
        return true()
    if viewer.kind is PrincipalKind.DRIVER and viewer.driver_id is not None:
        return col(Order.id).in_(_orders_of_driver(viewer.driver_id))
    if viewer.kind is PrincipalKind.CARRIER and viewer.carrier_id is not None:
        return col(Order.id).in_(select(col(Shipment.order_id)).where(col(Shipment.carrier_id) == viewer.carrier_id))
    if viewer.kind is PrincipalKind.CUSTOMER and viewer.order_id is not None:
        return col(Order.id) == viewer.order_id
    return false()


async def by_ids(session: AsyncSession, viewer: Principal, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Order]:
    """The orders with these keys."""
    return await reading.by_id(session, select(Order).where(col(Order.id).in_(ids), visible(viewer)))


async def by_references(session: AsyncSession, viewer: Principal, references: Sequence[str]) -> dict[str, Order]:
    """The orders with these references."""
    found = await session.scalars(select(Order).where(col(Order.reference).in_(references), visible(viewer)))
    return {order.reference: order for order in found}


async def lines_of(
    session: AsyncSession, viewer: Principal, order_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, list[OrderLine]]:
    """The lines of these orders, by sku."""
    wanted = _LINES
    if viewer.kind not in SEEING_ALL:
        wanted = wanted.join(Order, col(Order.id) == col(OrderLine.order_id)).where(visible(viewer))
    found = await session.scalars(wanted, {"orders": list(order_ids)})
    lines: dict[uuid.UUID, list[OrderLine]] = {key: [] for key in order_ids}
    for line in found:
        lines[line.order_id].append(line)
    return lines


async def listed(session: AsyncSession, viewer: Principal, *, criteria: OrderCriteria, **arguments: Any) -> Page[Order]:
    """One page of the orders, newest first."""
    statement = _narrowed(select(Order).where(visible(viewer)), criteria)
    return await page(session, statement, key_columns=[Order.id], descending=True, **arguments)


def _orders_of_driver(driver_id: uuid.UUID) -> Select[uuid.UUID]:
    return (
        select(col(Stop.order_id))
        .join(Route, col(Route.id) == col(Stop.route_id))
        .where(col(Route.driver_id) == driver_id)
    )


def _narrowed(statement: Select[Order], criteria: OrderCriteria) -> Select[Order]:
    if criteria.states:
        statement = statement.where(col(Order.state).in_(criteria.states))
    if criteria.node is not None:
        statement = statement.where(_goes_by(Allocation.node_id, Shipment.node_id, FulfilmentNode, criteria.node))
    if criteria.carrier is not None:
        statement = statement.where(_goes_by(Allocation.carrier_id, Shipment.carrier_id, Carrier, criteria.carrier))
    if criteria.window_from is not None:
        statement = statement.where(col(Order.promised_end) > criteria.window_from)
    if criteria.window_to is not None:
        statement = statement.where(col(Order.promised_start) < criteria.window_to)
    if criteria.reference_prefix:
        statement = statement.where(col(Order.reference).startswith(criteria.reference_prefix, autoescape=True))
    if criteria.search and criteria.search.strip():
        statement = statement.where(_matches(criteria.search.strip()))
    return statement


def _goes_by(
    of_allocation: Any, of_shipment: Any, table: type[FulfilmentNode] | type[Carrier], reference: str
) -> ColumnElement[bool]:
    """Orders with a live allocation or shipment at the node, or by the carrier, of this reference."""
    wanted = select(col(table.id)).where(col(table.reference) == reference)
    allocated = select(col(Allocation.order_id)).where(
        col(of_allocation).in_(wanted), col(Allocation.state) != AllocationState.RELEASED
    )
    shipped = select(col(Shipment.order_id)).where(
        col(of_shipment).in_(wanted), col(Shipment.state) != ShipmentState.CANCELLED
    )
    return or_(col(Order.id).in_(allocated), col(Order.id).in_(shipped))


def _matches(text: str) -> ColumnElement[bool]:
    """Orders that hold the text in what a dispatcher would type."""
    columns = (Order.reference, Order.recipient_name, Order.line1, Order.postal_code, Order.recipient_phone)
    return or_(*(col(column).icontains(text, autoescape=True) for column in columns))
