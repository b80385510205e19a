"""A shipment's goods: its lines, how they move in stock, and how many of them were handed over."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.errors import Refusal
from app.models import InventoryMovement, MovementReason, OrderLine, Shipment, ShipmentLine
from app.orchestration import reading
from app.orchestration.inventory import operations as stock
from app.orchestration.inventory.operations import Goods
from app.orchestration.shipments import policies
from app.orchestration.shipments.policies import ShipmentEvent

Moves = list[tuple[MovementReason, Goods]]


async def lines_by_shipment(
    session: AsyncSession, shipment_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, list[ShipmentLine]]:
    """Shipment -> its lines, by sku."""
    return await reading.grouped(
        session,
        select(col(ShipmentLine.shipment_id), ShipmentLine)
        .where(col(ShipmentLine.shipment_id).in_(shipment_ids))
        .order_by(col(ShipmentLine.sku)),
        shipment_ids,
    )


async def move(
    session: AsyncSession,
    shipments: Sequence[Shipment],
    event: ShipmentEvent,
    lines: Mapping[uuid.UUID, Sequence[ShipmentLine]],
    delivered: Mapping[str, int] | None,
    *,
    collections: Collection[uuid.UUID] = (),
    now: datetime,
) -> None:
    """What the event does to the stock of all these shipments. `delivered`: what a partial delivery handed over.

    `collections`: the shipments whose goods come to the node.
    """
    skipped = await _picked_before(session, shipments) if event is ShipmentEvent.PICK_UP else frozenset[uuid.UUID]()
    moves: Moves = []
    for shipment in shipments:
        if shipment.id in collections:
            moves += _coming_in(shipment, event, lines[shipment.id], delivered)
        elif shipment.id not in skipped:
            moves += _moves(shipment, event, lines[shipment.id], delivered)
    for reason in dict.fromkeys(reason for reason, _ in moves):
        await stock.move(session, reason, [goods for why, goods in moves if why is reason], now=now)


def _moves(
    shipment: Shipment, event: ShipmentEvent, lines: Sequence[ShipmentLine], delivered: Mapping[str, int] | None
) -> Moves:
    whole = {line.sku: line.quantity for line in lines}
    if event is ShipmentEvent.DELIVER_PARTLY:
        handed_over = _checked_part(shipment, whole, delivered)
        rest = {sku: quantity - handed_over.get(sku, 0) for sku, quantity in whole.items()}
        parts = [(MovementReason.DELIVER, handed_over), (MovementReason.RETURN, rest)]
    else:
        parts = [(policies.MOVEMENT[event], whole)] if event in policies.MOVEMENT else []
    return [(reason, goods) for reason, quantities in parts for goods in _of(shipment, quantities)]


def _coming_in(
    shipment: Shipment, event: ShipmentEvent, lines: Sequence[ShipmentLine], collected: Mapping[str, int] | None
) -> Moves:
    """What was collected is stock once it is at the node."""
    if event is ShipmentEvent.COLLECT_PARTLY:
        _checked_part(shipment, {line.sku: line.quantity for line in lines}, collected)
    reason = policies.COLLECTION_MOVEMENT.get(event)
    quantities = {line.sku: line.delivered_quantity for line in lines if line.delivered_quantity}
    return [] if reason is None else [(reason, goods) for goods in _of(shipment, quantities)]


def _of(shipment: Shipment, quantities: Mapping[str, int]) -> list[Goods]:
    return stock.goods_of(shipment.node_id, quantities, order_id=shipment.order_id, shipment_id=shipment.id)


async def _picked_before(session: AsyncSession, shipments: Sequence[Shipment]) -> Collection[uuid.UUID]:
    """The shipments that go out for a second attempt: their goods are in transit already."""
    again = [shipment.id for shipment in shipments if shipment.attempt_count]
    if not again:
        return frozenset()
    found = await session.scalars(
        select(col(InventoryMovement.shipment_id)).where(
            col(InventoryMovement.shipment_id).in_(again),
            col(InventoryMovement.reason) == MovementReason.PICK,
        )
    )
    return frozenset(key for key in found if key is not None)


def _checked_part(
    shipment: Shipment, sent: Mapping[str, int], delivered: Mapping[str, int] | None
) -> Mapping[str, int]:
    """What a partial delivery handed over; refuses all, nothing, and what was never sent."""
    given = {sku: quantity for sku, quantity in (delivered or {}).items() if quantity}
    for sku, quantity in given.items():
        if not 0 < quantity <= sent.get(sku, 0):
            raise Refusal(
                "QUANTITY_NOT_SHIPPED",
                f"Shipment {shipment.reference} holds {sent.get(sku, 0)} of {sku}, so that {quantity} cannot be handed"
                " over. Send what was handed over.",
                field="items",
            )
    if not given or given == sent:
        raise Refusal(
            "NOT_PARTIAL",
            f"A partial delivery of {shipment.reference} hands over some of the goods, not all and not none."
            " Record a delivery or a failure instead.",
            field="items",
        )
    return given


def count_handed_over(lines: Sequence[ShipmentLine], delivered: Mapping[str, int] | None) -> None:
    """Counts what was handed over at the door on the lines of the shipment. `delivered` None: all of it."""
    for line in lines:
        line.delivered_quantity = line.quantity if delivered is None else delivered.get(line.sku, 0)


async def count_arrived(session: AsyncSession, shipment: Shipment, lines: Sequence[ShipmentLine]) -> None:
    """Counts what is where the order wants it, at the door or at the node, on the lines of the order."""
    for line in lines:
        await session.execute(
            update(OrderLine)
            .where(col(OrderLine.order_id) == shipment.order_id, col(OrderLine.sku) == line.sku)
            .values(delivered_quantity=col(OrderLine.delivered_quantity) + line.delivered_quantity)
        )
