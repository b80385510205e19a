"""Reading allocations, and what an allocation run starts from."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import ColumnElement, false, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import STAFF, SYSTEM, Principal, PrincipalKind
from app.models import (
    Allocation,
    Carrier,
    CarrierCapacity,
    Order,
    OrderState,
    Shipment,
    Vehicle,
)
from app.orchestration.allocations.candidates import Demand, Network
from app.orchestration.allocations.problem import Loaded
from app.orchestration.carriers import queries as carriers
from app.orchestration.inventory import queries as stock
from app.orchestration.nodes import queries as nodes
from app.orchestration.orders import queries as orders
from app.orchestration.policies import queries as rules
from app.orchestration.shipments.policies import AT_NODE
from app.orchestration.tenders import queries as tenders

SEEING_ALL = STAFF | {PrincipalKind.INTEGRATION, PrincipalKind.SYSTEM}


def visible(viewer: Principal) -> ColumnElement[bool]:
    """Which allocations the viewer sees: a carrier its own, staff and integrations all."""
    if viewer.kind in SEEING_ALL:
        return true()
    if viewer.kind is PrincipalKind.CARRIER:
        return col(Allocation.carrier_id) == viewer.carrier_id
    return false()


async def by_ids(session: AsyncSession, viewer: Principal, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Allocation]:
    """The allocations with these keys."""
    found = await session.scalars(select(Allocation).where(col(Allocation.id).in_(ids), visible(viewer)))
    return {allocation.id: allocation for allocation in found}


async def of_orders(
    session: AsyncSession, viewer: Principal, order_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, list[Allocation]]:
    """The allocations of these orders, oldest first."""
    found = await session.scalars(
        select(Allocation).where(col(Allocation.order_id).in_(order_ids), visible(viewer)).order_by(col(Allocation.id))
    )
    answer: dict[uuid.UUID, list[Allocation]] = {key: [] for key in order_ids}
    for allocation in found:
        answer[allocation.order_id].append(allocation)
    return answer


async def waiting(
    session: AsyncSession, *, references: Sequence[str] | None, after: uuid.UUID | None, limit: int, now: datetime
) -> Loaded | None:
    """The next orders that wait, in the order of their keys, with all that they can be served from; None at the end."""
    statement = select(Order).where(col(Order.state) == OrderState.RECEIVED)
    if references is not None:
        statement = statement.where(col(Order.reference).in_(references))
    if after is not None:
        statement = statement.where(col(Order.id) > after)
    found = list(await session.scalars(statement.order_by(col(Order.id)).limit(limit)))
    if not found:
        return None
    keys = [order.id for order in found]
    lines = await orders.lines_of(session, SYSTEM, keys)
    declined = await tenders.declined_carriers(session, keys)
    policy = await rules.current_version(session)
    return Loaded(
        demands=[Demand(order=order, lines=lines[order.id], declined=declined.get(order.id, set())) for order in found],
        network=Network(
            nodes=await nodes.active(session),
            carriers=await carriers.active(session),
            available=await stock.available_by_node(session, {line.sku for key in keys for line in lines[key]}),
            fleets=await _fleets(session),
            policy=policy.document,
            now=now,
        ),
        room=await _room(session),
        handled=await _handled(session),
        policy_name=policy.name,
        policy_version=policy.version,
    )


async def _fleets(session: AsyncSession) -> set[tuple[uuid.UUID, uuid.UUID]]:
    found = await session.execute(
        select(col(Vehicle.carrier_id), col(Vehicle.node_id)).where(col(Vehicle.is_active)).distinct()
    )
    return {(carrier_id, node_id) for carrier_id, node_id in found.all()}


async def _room(session: AsyncSession) -> dict[tuple[uuid.UUID, date], int]:
    found = await session.scalars(
        select(CarrierCapacity)
        .join(Carrier, col(Carrier.id) == col(CarrierCapacity.carrier_id))
        .where(col(CarrierCapacity.service) == "")
    )
    return {(row.carrier_id, row.date): row.daily_limit - row.booked for row in found}


async def _handled(session: AsyncSession) -> dict[tuple[uuid.UUID, date], int]:
    """What each node still has to hand out, by day."""
    found = await session.execute(
        select(col(Allocation.node_id), col(Allocation.capacity_date), func.count())
        .join(Shipment, col(Shipment.allocation_id) == col(Allocation.id))
        .where(col(Shipment.state).in_(AT_NODE))
        .group_by(col(Allocation.node_id), col(Allocation.capacity_date))
    )
    return {(node_id, day): count for node_id, day, count in found.all()}
