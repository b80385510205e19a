"""Allocations that may still change: whose they are, and what is there to choose from while nobody holds anything.

An allocation may change until its own fleet has planned it, or its carrier has agreed to it. One that a person chose
stays, and so does one that is shared by several nodes.
"""

import uuid
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date

from sqlalchemy import ColumnElement, and_, exists, false, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.models import (
    Allocation,
    Carrier,
    CarrierKind,
    Decision,
    DecisionKind,
    Order,
    OrderState,
    Shipment,
    ShipmentState,
)
from app.orchestration.allocations.limits import Loaded
from app.orchestration.allocations.rooms import Rooms
from app.orchestration.writing import one_of


async def movable(session: AsyncSession, *, limit: int) -> dict[uuid.UUID, tuple[Order, Allocation]]:
    """Order -> it and its allocation, of those that may still change, in the order of their keys."""
    found = await session.execute(
        select(Order, Allocation)
        .join(Shipment, col(Shipment.order_id) == col(Order.id))
        .join(Allocation, col(Allocation.id) == col(Shipment.allocation_id))
        .join(Carrier, col(Carrier.id) == col(Shipment.carrier_id))
        .where(_may_move(), _is_alone(), ~_by_hand())
        .order_by(col(Order.id))
        .limit(limit)
    )
    return {order.id: (order, allocation) for order, allocation in found.all()}


async def still_movable(session: AsyncSession, keys: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Those of these orders that may change. The caller has locked them."""
    found = await session.scalars(
        select(col(Order.id))
        .join(Shipment, col(Shipment.order_id) == col(Order.id))
        .join(Carrier, col(Carrier.id) == col(Shipment.carrier_id))
        .where(one_of(Order.id, keys), _may_move(), _is_alone(), ~_by_hand())
    )
    return set(found)


def _may_move() -> ColumnElement[bool]:
    is_unplanned = and_(col(Shipment.state) == ShipmentState.ASSIGNED, col(Carrier.kind) == CarrierKind.OWN_FLEET)
    return and_(
        col(Order.state) == OrderState.ALLOCATED,
        or_(col(Shipment.state) == ShipmentState.TENDERED, is_unplanned),
    )


def _is_alone() -> ColumnElement[bool]:
    live = (
        select(func.count())
        .where(col(Shipment.order_id) == col(Order.id), col(Shipment.state) != ShipmentState.CANCELLED)
        .correlate(Order)
        .scalar_subquery()
    )
    return live == 1


def _by_hand() -> ColumnElement[bool]:
    return exists().where(
        col(Decision.shipment_id) == col(Shipment.id),
        col(Decision.kind) == DecisionKind.ALLOCATION,
        col(Decision.automatic) == false(),
    )


def let_go(loaded: Loaded) -> Loaded:
    """The same while nobody holds anything: what standing allocations took is there again."""
    held = [demand.standing for demand in loaded.demands if demand.standing is not None]
    if not held:
        return loaded
    reserving = [demand.standing for demand in loaded.demands if demand.standing and not demand.is_collection]
    network = loaded.network
    available = {node: dict(of_node) for node, of_node in network.available.items()}
    for allocation in reserving:
        there = available.setdefault(allocation.node_id, {})
        for line in allocation.lines:
            there[line["sku"]] = there.get(line["sku"], 0) + line["quantity"]
    waiting = Counter((allocation.node_id, allocation.capacity_date) for allocation in held)
    return replace(
        loaded,
        network=replace(network, available=available),
        rooms=_rooms(loaded, held),
        waiting={key: count - waiting[key] for key, count in loaded.waiting.items()},
    )


def _rooms(loaded: Loaded, held: Sequence[Allocation]) -> Rooms:
    """What is left of days and contracts that have rows; the others are as empty as they were."""
    rooms, terms = loaded.rooms, loaded.network.terms
    of_nodes: Counter[tuple[uuid.UUID, date]] = Counter()
    of_carriers: Counter[tuple[uuid.UUID, date, str]] = Counter()
    of_contracts: Counter[uuid.UUID] = Counter()
    for allocation in held:
        carrier_id, day, service = allocation.carrier_id, allocation.capacity_date, allocation.service
        of_nodes[allocation.node_id, day] += 1
        of_carriers.update([(carrier_id, day, ""), (carrier_id, day, service)])
        if (known := terms.get((carrier_id, service))) is not None:
            of_contracts.update(contract.id for contract in known.contracts_on(day))
    return Rooms(
        carriers={key: left + of_carriers[key] for key, left in rooms.carriers.items()},
        nodes={key: left + of_nodes[key] for key, left in rooms.nodes.items()},
        contracts={key: left + of_contracts[key] for key, left in rooms.contracts.items()},
    )
