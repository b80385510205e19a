"""What is left of goods, days and contracts: one statement, as every single order asks for all of it."""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import CompoundSelect, Date, bindparam, cast, literal, null, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.models import CarrierCapacity, CarrierContract, InventoryLevel, NodeCapacity
from app.orchestration.writing import among

# Node -> sku -> quantity above zero.
Available = Mapping[uuid.UUID, Mapping[str, int]]
_SINCE = bindparam("since", type_=Date)
_GOODS, _OF_CARRIERS, _OF_NODES, _OF_CONTRACTS = range(4)
_STATEMENT: CompoundSelect[int, uuid.UUID, date, str, int] = union_all(
    select(
        literal(_GOODS),
        col(InventoryLevel.node_id),
        cast(null(), Date),
        col(InventoryLevel.sku),
        col(InventoryLevel.on_hand) - col(InventoryLevel.reserved),
    ).where(among(InventoryLevel.sku, "skus"), col(InventoryLevel.on_hand) > col(InventoryLevel.reserved)),
    select(
        literal(_OF_CARRIERS),
        col(CarrierCapacity.carrier_id),
        col(CarrierCapacity.date),
        col(CarrierCapacity.service),
        col(CarrierCapacity.daily_limit) - col(CarrierCapacity.booked),
    ).where(col(CarrierCapacity.date) >= _SINCE),
    select(
        literal(_OF_NODES),
        col(NodeCapacity.node_id),
        col(NodeCapacity.date),
        literal(""),
        col(NodeCapacity.daily_limit) - col(NodeCapacity.booked),
    ).where(col(NodeCapacity.date) >= _SINCE),
    select(
        literal(_OF_CONTRACTS),
        col(CarrierContract.id),
        col(CarrierContract.valid_until),
        literal(""),
        col(CarrierContract.maximum_shipments) - col(CarrierContract.booked),
    ).where(col(CarrierContract.valid_until) >= _SINCE, col(CarrierContract.maximum_shipments).is_not(None)),
)


@dataclass(frozen=True, kw_only=True)
class Rooms:
    """Shipments still to book, by (carrier, day, service) and by (node, day), where a day has its own row.

    The service is "" for all of the carrier's together. `contracts`: what each contract with a maximum still takes.
    """

    carriers: Mapping[tuple[uuid.UUID, date, str], int] = field(default_factory=dict)
    nodes: Mapping[tuple[uuid.UUID, date], int] = field(default_factory=dict)
    contracts: Mapping[uuid.UUID, int] = field(default_factory=dict)


async def left(session: AsyncSession, skus: Collection[str], *, since: date) -> tuple[Available, Rooms]:
    """What can still be promised of these skus, and what is left of the days from this one on."""
    available: dict[uuid.UUID, dict[str, int]] = {}
    carriers: dict[tuple[uuid.UUID, date, str], int] = {}
    nodes: dict[tuple[uuid.UUID, date], int] = {}
    contracts: dict[uuid.UUID, int] = {}
    found = await session.execute(_STATEMENT, {"skus": list(skus), "since": since})
    for kind, key, day, name, amount in found.all():
        if kind == _GOODS:
            available.setdefault(key, {})[name] = amount
        elif kind == _OF_CARRIERS:
            carriers[key, day, name] = amount
        elif kind == _OF_NODES:
            nodes[key, day] = amount
        else:
            contracts[key] = amount
    return available, Rooms(carriers=carriers, nodes=nodes, contracts=contracts)
