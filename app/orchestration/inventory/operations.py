"""Stock that orders take and give back: reserve, release, pick, deliver, put back, lose. All lines or none.

Each verb locks the levels in the order of (node, sku), changes them, and writes one line of the ledger per level, so
that the ledger's sum stays the level. Leaves out what warehouses report: that is stocktaking.py.
"""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import insert, select, tuple_
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.ids import new_id
from app.models import FulfilmentNode, InventoryLevel, InventoryMovement, MovementReason
from app.orchestration.inventory.policies import EFFECTS, Effect, InsufficientStock, shortage

# Node -> sku -> quantity.
LinesByNode = Mapping[uuid.UUID, Mapping[str, int]]
LevelKey = tuple[uuid.UUID, str]


async def reserve(
    session: AsyncSession,
    lines_by_node: LinesByNode,
    *,
    now: datetime,
    order_id: uuid.UUID | None = None,
    shipment_id: uuid.UUID | None = None,
) -> None:
    """Keeps stock for an order: reserved goes up. Refuses all with `InsufficientStock` where one line is short."""
    await _take(session, lines_by_node, MovementReason.RESERVE, now=now, order_id=order_id, shipment_id=shipment_id)


async def release(
    session: AsyncSession,
    lines_by_node: LinesByNode,
    *,
    now: datetime,
    order_id: uuid.UUID | None = None,
    shipment_id: uuid.UUID | None = None,
) -> None:
    """Gives a reservation up: reserved goes down."""
    await _take(session, lines_by_node, MovementReason.RELEASE, now=now, order_id=order_id, shipment_id=shipment_id)


async def pick(
    session: AsyncSession,
    lines_by_node: LinesByNode,
    *,
    now: datetime,
    order_id: uuid.UUID | None = None,
    shipment_id: uuid.UUID | None = None,
) -> None:
    """Reserved goods leave the node: on hand and reserved go down, in transit goes up."""
    await _take(session, lines_by_node, MovementReason.PICK, now=now, order_id=order_id, shipment_id=shipment_id)


async def deliver(
    session: AsyncSession,
    lines_by_node: LinesByNode,
    *,
    now: datetime,
    order_id: uuid.UUID | None = None,
    shipment_id: uuid.UUID | None = None,
) -> None:
    """Goods reached the door: in transit goes down."""
    await _take(session, lines_by_node, MovementReason.DELIVER, now=now, order_id=order_id, shipment_id=shipment_id)


async def put_back(
    session: AsyncSession,
    lines_by_node: LinesByNode,
    *,
    now: datetime,
    order_id: uuid.UUID | None = None,
    shipment_id: uuid.UUID | None = None,
) -> None:
    """Goods came back to the node: in transit goes down, on hand goes up."""
    await _take(session, lines_by_node, MovementReason.RETURN, now=now, order_id=order_id, shipment_id=shipment_id)


async def lose(
    session: AsyncSession,
    lines_by_node: LinesByNode,
    *,
    now: datetime,
    order_id: uuid.UUID | None = None,
    shipment_id: uuid.UUID | None = None,
) -> None:
    """Goods are gone on the way: in transit goes down."""
    await _take(session, lines_by_node, MovementReason.LOSS, now=now, order_id=order_id, shipment_id=shipment_id)


async def lock_levels(
    session: AsyncSession, keys: Collection[LevelKey], *, create: bool = False
) -> dict[LevelKey, InventoryLevel]:
    """The levels of these (node, sku), locked in that order and read afresh. `create` makes absent ones, at zero."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    if create:
        await session.execute(
            insert_or_skip(InventoryLevel).on_conflict_do_nothing(index_elements=["node_id", "sku"]),
            [{"id": new_id(), "node_id": node_id, "sku": sku} for node_id, sku in wanted],
        )
    found = await session.scalars(
        select(InventoryLevel)
        .where(tuple_(col(InventoryLevel.node_id), col(InventoryLevel.sku)).in_(wanted))
        .order_by(col(InventoryLevel.node_id), col(InventoryLevel.sku))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return {(level.node_id, level.sku): level for level in found}


async def _take(
    session: AsyncSession,
    lines_by_node: LinesByNode,
    reason: MovementReason,
    *,
    now: datetime,
    order_id: uuid.UUID | None,
    shipment_id: uuid.UUID | None,
) -> None:
    wanted = {
        (node_id, sku): quantity
        for node_id, lines in lines_by_node.items()
        for sku, quantity in lines.items()
        if quantity
    }
    if any(quantity < 0 for quantity in wanted.values()):
        raise ValueError(f"Stock cannot move by a negative quantity: {wanted}.")
    effect = EFFECTS[reason]
    levels = await lock_levels(session, wanted)
    await _check(session, wanted, levels, effect)
    for key, quantity in wanted.items():
        _change(levels[key], effect, quantity)
    if wanted:
        await session.execute(
            insert(InventoryMovement),
            [
                {
                    "id": new_id(),
                    "created_at": now,
                    "node_id": node_id,
                    "sku": sku,
                    "on_hand_delta": effect.on_hand * quantity,
                    "reserved_delta": effect.reserved * quantity,
                    "in_transit_delta": effect.in_transit * quantity,
                    "reason": reason,
                    "order_id": order_id,
                    "shipment_id": shipment_id,
                }
                for (node_id, sku), quantity in sorted(wanted.items())
            ],
        )


async def _check(
    session: AsyncSession, wanted: Mapping[LevelKey, int], levels: Mapping[LevelKey, InventoryLevel], effect: Effect
) -> None:
    """Refuses all lines where one is short, naming each that is."""
    short = [
        found
        for (node_id, sku), quantity in sorted(wanted.items())
        if (found := shortage(_level(levels, node_id, sku), wanted=quantity, effect=effect)) is not None
    ]
    if short:
        names = await _references(session, {found.node_id for found in short})
        raise InsufficientStock([replace(found, node=names.get(found.node_id, found.node)) for found in short])


def _level(levels: Mapping[LevelKey, InventoryLevel], node_id: uuid.UUID, sku: str) -> InventoryLevel:
    """The level, or an empty one that is not kept where the node never had the sku."""
    return levels.get((node_id, sku)) or InventoryLevel(node_id=node_id, sku=sku)


async def _references(session: AsyncSession, node_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    rows = await session.execute(
        select(col(FulfilmentNode.id), col(FulfilmentNode.reference)).where(col(FulfilmentNode.id).in_(node_ids))
    )
    return {row.id: row.reference for row in rows}


def _change(level: InventoryLevel, effect: Effect, quantity: int) -> None:
    level.on_hand += effect.on_hand * quantity
    level.reserved += effect.reserved * quantity
    level.in_transit += effect.in_transit * quantity
    level.version += 1
