"""Cancelling an order gives back everything that was made for it, or refuses and gives back nothing."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.database import Database
from app.core.errors import Refusal
from app.models import (
    Allocation,
    AllocationState,
    Carrier,
    CarrierCapacity,
    Event,
    FulfilmentNode,
    InventoryLevel,
    MovementReason,
    Order,
    OrderLine,
    OrderState,
    Shipment,
    ShipmentState,
)
from app.orchestration.cancellations import operations as cancellation
from app.orchestration.capacity import operations as capacity
from app.orchestration.capacity.operations import Claim
from app.orchestration.inventory import operations as stock
from app.orchestration.shipments import operations as shipments
from app.orchestration.shipments.policies import ShipmentEvent
from tests.client import INTEGRATION
from tests.factories.callers import an_order
from tests.factories.stock import a_world

NOW = datetime(2030, 5, 17, 9, tzinfo=UTC)
DAY = date(2030, 5, 17)


async def an_allocated_order(session: AsyncSession, node: FulfilmentNode, carrier: Carrier) -> Allocation:
    """Order 4711 of three apples, committed, reserved and booked; no shipment yet."""
    order = an_order()
    order.state = OrderState.ALLOCATED
    session.add(order)
    await session.flush()
    allocation = Allocation(
        order_id=order.id,
        node_id=node.id,
        carrier_id=carrier.id,
        service="STANDARD",
        window_start=NOW,
        window_end=NOW + timedelta(hours=4),
        state=AllocationState.COMMITTED,
        lines=[{"sku": "APPLE", "quantity": 3}],
        currency="EUR",
        capacity_date=DAY,
    )
    session.add_all([OrderLine(order_id=order.id, sku="APPLE", quantity=3, weight_kg=1.0, volume_l=1.0), allocation])
    await session.flush()
    goods = stock.goods_of(node.id, {"APPLE": 3}, order_id=order.id)
    await stock.move(session, MovementReason.RESERVE, goods, now=NOW)
    await capacity.take(session, [Claim.of(allocation)])
    return allocation


async def a_shipment(session: AsyncSession, allocation: Allocation) -> Shipment:
    order = (await session.scalars(select(Order))).one()
    lines = list(await session.scalars(select(OrderLine)))
    return await shipments.create(
        session,
        order=order,
        allocation=allocation,
        lines=lines,
        quantities={"APPLE": 3},
        number=1,
        actor=INTEGRATION,
        now=NOW,
    )


async def standing(database: Database) -> dict[str, Any]:
    async with database.reading() as session:
        level = (await session.scalars(select(InventoryLevel).where(col(InventoryLevel.sku) == "APPLE"))).one()
        return {
            "stock": (level.on_hand, level.reserved, level.in_transit),
            "booked": await session.scalar(select(col(CarrierCapacity.booked))),
            "order": await session.scalar(select(col(Order.state))),
            "allocation": await session.scalar(select(col(Allocation.state))),
            "shipments": list(await session.scalars(select(col(Shipment.state)))),
        }


@pytest.mark.parametrize("is_shipped", [True, False])
async def test_stock_and_capacity_are_given_back_once(database: Database, is_shipped: bool) -> None:
    node, carrier = await a_world(database, on_hand=10)
    async with database.transaction() as session:
        allocation = await an_allocated_order(session, node, carrier)
        if is_shipped:
            await a_shipment(session, allocation)
    async with database.transaction() as session:
        await cancellation.cancel(session, reference="4711", reason="too late", actor=INTEGRATION, now=NOW)
    assert await standing(database) == {
        "stock": (10, 0, 0),
        "booked": 0,
        "order": OrderState.CANCELLED,
        "allocation": AllocationState.RELEASED,
        "shipments": [ShipmentState.CANCELLED] if is_shipped else [],
    }
    async with database.reading() as session:
        told = list(await session.scalars(select(col(Event.type)).order_by(col(Event.position))))
    assert told.count("order.cancelled") == 1
    assert told.count("shipment.cancelled") == int(is_shipped)


async def test_goods_on_their_way_can_not_be_cancelled(database: Database) -> None:
    node, carrier = await a_world(database, on_hand=10)
    async with database.transaction() as session:
        shipment = await a_shipment(session, await an_allocated_order(session, node, carrier))
        for event in (ShipmentEvent.ASSIGN, ShipmentEvent.PLAN, ShipmentEvent.PICK_UP):
            shipment = await shipments.advance(session, shipment, event, actor=INTEGRATION, now=NOW)
    before = await standing(database)
    assert before["order"] is OrderState.IN_FULFILMENT
    with pytest.raises(Refusal, match="Order 4711 is IN_FULFILMENT and can no longer be cancelled") as refusal:
        async with database.transaction() as session:
            await cancellation.cancel(session, reference="4711", reason="too late", actor=INTEGRATION, now=NOW)
    assert refusal.value.code == "INVALID_STATE"
    assert await standing(database) == before
