"""A day with goods to collect, and what it leaves in the database."""

from sqlalchemy import select, update
from sqlmodel import col

from app.core.database import Database
from app.models import (
    InventoryLevel,
    InventoryMovement,
    JobKind,
    MovementReason,
    Order,
    OrderKind,
    Shipment,
    Vehicle,
)
from tests.factories.days import PLAN
from tests.factories.planning import a_network, orders, own_fleet, run

R = "RECORDED"
RETURN = OrderKind.RETURN


async def a_day_of(
    database: Database, *, bring: int = 0, collect: int = 0, vans: int = 1, room_kg: float = 500, on_hand: int = 50
) -> None:
    """So many deliveries and returns of 1.5 kg each on published routes."""
    await a_network(database, carriers=[own_fleet()], vans=vans, on_hand=on_hand)
    async with database.transaction() as session:
        await session.execute(update(Vehicle).values(max_weight_kg=room_kg))
    await orders(database, bring)
    await orders(database, collect, prefix="B", sku="PEAR", kind=RETURN)
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    await run(database, JobKind.PLAN_ROUTES, PLAN)


async def shipments(database: Database) -> dict[str, Shipment]:
    async with database.reading() as session:
        return {row.reference: row for row in await session.scalars(select(Shipment))}


async def order_of(database: Database, reference: str) -> Order:
    async with database.reading() as session:
        return (await session.scalars(select(Order).where(col(Order.reference) == reference))).one()


async def stock(database: Database, sku: str) -> tuple[int, int, int]:
    async with database.reading() as session:
        level = (await session.scalars(select(InventoryLevel).where(col(InventoryLevel.sku) == sku))).one()
        return level.on_hand, level.reserved, level.in_transit


async def movements(database: Database, sku: str) -> list[tuple[MovementReason, int]]:
    """Without those of the first count."""
    async with database.reading() as session:
        found = await session.scalars(
            select(InventoryMovement)
            .where(col(InventoryMovement.sku) == sku, col(InventoryMovement.order_id).is_not(None))
            .order_by(col(InventoryMovement.id))
        )
        return [(row.reason, row.on_hand_delta) for row in found]
