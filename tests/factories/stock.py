"""A small world to order from: a node, a carrier, products and stock."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import Database
from app.models import Carrier, FulfilmentNode, InventoryLevel, InventoryMovement, MovementReason, Product
from tests.factories.callers import a_carrier


def a_node(reference: str = "LIS", *, latitude: float = 38.72, longitude: float = -9.14) -> FulfilmentNode:
    return FulfilmentNode(
        reference=reference,
        name=f"Node {reference}",
        line1="Rua do Armazém 1",
        city="Lisboa",
        postal_code="1000-001",
        country="PT",
        latitude=latitude,
        longitude=longitude,
        time_zone="Europe/Lisbon",
        opens_minute=480,
        closes_minute=1200,
        cutoff_minute=840,
        throughput_per_hour=100,
    )


def a_product(sku: str = "APPLE") -> Product:
    return Product(sku=sku, description=sku.title(), weight_kg=1.5, volume_l=2.0)


async def stocked(session: AsyncSession, node: FulfilmentNode, sku: str, on_hand: int) -> InventoryLevel:
    """A level with the line of the ledger that explains it."""
    level = InventoryLevel(node_id=node.id, sku=sku, on_hand=on_hand)
    session.add(level)
    session.add(InventoryMovement(node_id=node.id, sku=sku, on_hand_delta=on_hand, reason=MovementReason.RECEIPT))
    await session.flush()
    return level


async def a_world(database: Database, *, on_hand: int = 50) -> tuple[FulfilmentNode, Carrier]:
    """Node LIS with APPLE and PEAR in stock, and carrier swift that reaches 20 km."""
    node, carrier = a_node(), a_carrier()
    async with database.transaction() as session:
        session.add_all([node, carrier, a_product("APPLE"), a_product("PEAR")])
        await session.flush()
        await stocked(session, node, "APPLE", on_hand)
        await stocked(session, node, "PEAR", on_hand)
    return node, carrier
