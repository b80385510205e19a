"""What carriers, nodes and contracts still take, by day: one statement, as every single order asks for all of it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import CompoundSelect, Date, bindparam, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.models import CarrierCapacity, CarrierContract, NodeCapacity

_SINCE = bindparam("since", type_=Date)
_OF_CARRIERS, _OF_NODES, _OF_CONTRACTS = range(3)
_STATEMENT: CompoundSelect[int, uuid.UUID, date, str, int] = union_all(
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


async def rooms(session: AsyncSession, *, since: date) -> Rooms:
    """What is left of the days from this one on."""
    carriers: dict[tuple[uuid.UUID, date, str], int] = {}
    nodes: dict[tuple[uuid.UUID, date], int] = {}
    contracts: dict[uuid.UUID, int] = {}
    for kind, key, day, service, left in (await session.execute(_STATEMENT, {"since": since})).all():
        if kind == _OF_CARRIERS:
            carriers[key, day, service] = left
        elif kind == _OF_NODES:
            nodes[key, day] = left
        else:
            contracts[key] = left
    return Rooms(carriers=carriers, nodes=nodes, contracts=contracts)
