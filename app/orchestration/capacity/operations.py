"""Taking and giving back what shipments need of days: all of it or nothing, and never more than there is.

Locks node days, carrier days and contracts, in this order and each by key, after orders and stock. A day that has no
row yet is made: of a node from its opening hours, of a carrier or a service from its daily limit.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.errors import Conflict
from app.core.ids import new_id
from app.models import (
    Allocation,
    Carrier,
    CarrierCapacity,
    CarrierContract,
    CarrierService,
    FulfilmentNode,
    NodeCapacity,
)
from app.orchestration.carriers.documents import parse
from app.orchestration.nodes import policies as nodes

NodeDay = tuple[uuid.UUID, date]
CarrierDay = tuple[uuid.UUID, date, str]
Taken = NodeCapacity | CarrierCapacity | CarrierContract
# The name under which a carrier's limit over all its services is kept.
ALL_SERVICES = ""
_CARRIER_DAY = (col(CarrierCapacity.carrier_id), col(CarrierCapacity.date), col(CarrierCapacity.service))
Stored = TypeVar("Stored", FulfilmentNode, Carrier)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One shipment: it needs a place on a day of a node, of a carrier, of its service, and in their contracts."""

    node_id: uuid.UUID
    carrier_id: uuid.UUID
    service: str
    day: date

    @staticmethod
    def of(allocation: Allocation) -> "Claim":
        """What an allocation took."""
        return Claim(
            node_id=allocation.node_id,
            carrier_id=allocation.carrier_id,
            service=allocation.service,
            day=allocation.capacity_date,
        )


class Room:
    """The locked rows, and how much is left of each. Reads and changes memory only."""

    def __init__(self, rows: Mapping[Claim, Sequence[Taken]], names: Mapping[uuid.UUID, str]) -> None:
        self._rows = rows
        self._names = names

    def lacking(self, claims: Iterable[Claim]) -> str | None:
        """What the claims together find full, as a sentence; None: there is room for all."""
        wanted = Counter(row.id for claim in claims for row in self._rows[claim])
        for claim in self._rows:
            for row in self._rows[claim]:
                if row.id in wanted and (most := _most(row)) is not None and row.booked + wanted[row.id] > most:
                    return f"{self._named(row)} takes {most} shipments and has {row.booked} booked."
        return None

    def take(self, claims: Iterable[Claim]) -> None:
        """Books the claims. The caller has asked `lacking`."""
        for claim in claims:
            for row in self._rows[claim]:
                row.booked += 1

    def give_back(self, claims: Iterable[Claim]) -> None:
        """Undoes `take`."""
        for claim in claims:
            for row in self._rows[claim]:
                row.booked = max(0, row.booked - 1)

    def _named(self, row: Taken) -> str:
        if isinstance(row, NodeCapacity):
            return f"{self._names[row.node_id]} on {row.date}"
        if isinstance(row, CarrierContract):
            return f"Contract {row.reference}"
        service = f" {row.service}" if row.service else ""
        return f"{self._names[row.carrier_id]}{service} on {row.date}"


async def lock(session: AsyncSession, claims: Iterable[Claim]) -> Room:
    """The rows of these claims, locked and read afresh."""
    wanted = sorted(set(claims), key=lambda claim: (claim.node_id, claim.carrier_id, claim.service, claim.day))
    if not wanted:
        return Room({}, {})
    places = {node.id: node for node in await _by_ids(session, FulfilmentNode, {claim.node_id for claim in wanted})}
    carriers = {row.id: row for row in await _by_ids(session, Carrier, {claim.carrier_id for claim in wanted})}
    of_nodes = await _node_days(session, places, wanted)
    of_carriers = await _carrier_days(session, carriers, wanted)
    contracts = await _contracts(session, wanted)
    rows: dict[Claim, Sequence[Taken]] = {}
    for claim in wanted:
        days = [of_carriers.get((claim.carrier_id, claim.day, code)) for code in (ALL_SERVICES, claim.service)]
        rows[claim] = [
            of_nodes[claim.node_id, claim.day],
            *(row for row in days if row is not None),
            *(contract for contract in contracts if _counts_for(contract, claim)),
        ]
    names = {id: place.name for id, place in places.items()} | {id: row.name for id, row in carriers.items()}
    return Room(rows, names)


async def take(session: AsyncSession, claims: Sequence[Claim]) -> None:
    """Books all claims, or refuses all with CAPACITY_EXCEEDED."""
    room = await lock(session, claims)
    if (lacking := room.lacking(claims)) is not None:
        raise Conflict("CAPACITY_EXCEEDED", f"{lacking} Choose another day, node or carrier.")
    room.take(claims)


async def give_back(session: AsyncSession, claims: Sequence[Claim]) -> None:
    """Gives the claims back."""
    (await lock(session, claims)).give_back(claims)


def _most(row: Taken) -> int | None:
    return row.maximum_shipments if isinstance(row, CarrierContract) else row.daily_limit


def _counts_for(contract: CarrierContract, claim: Claim) -> bool:
    return (
        contract.carrier_id == claim.carrier_id
        and contract.valid_from <= claim.day <= contract.valid_until
        and (not contract.services or claim.service in contract.services)
    )


async def _by_ids(session: AsyncSession, table: type[Stored], ids: set[uuid.UUID]) -> list[Stored]:
    return list(await session.scalars(select(table).where(col(table.id).in_(ids))))


async def _node_days(
    session: AsyncSession, places: Mapping[uuid.UUID, FulfilmentNode], claims: Sequence[Claim]
) -> dict[NodeDay, NodeCapacity]:
    wanted = sorted({(claim.node_id, claim.day) for claim in claims})
    limits = {key: nodes.daily_throughput(places[key[0]], key[1]) for key in wanted}
    await session.execute(
        insert(NodeCapacity).on_conflict_do_nothing(index_elements=["node_id", "date"]),
        [
            {"id": new_id(), "node_id": node_id, "date": day, "booked": 0, "daily_limit": limits[node_id, day]}
            for node_id, day in wanted
        ],
    )
    found = await session.scalars(
        select(NodeCapacity)
        .where(tuple_(col(NodeCapacity.node_id), col(NodeCapacity.date)).in_(wanted))
        .order_by(col(NodeCapacity.node_id), col(NodeCapacity.date))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    days = {(row.node_id, row.date): row for row in found}
    for key, row in days.items():
        # Hours and throughput may have changed since the day's row was made.
        row.daily_limit = max(row.booked, limits[key])
    return days


async def _carrier_days(
    session: AsyncSession, carriers: Mapping[uuid.UUID, Carrier], claims: Sequence[Claim]
) -> dict[CarrierDay, CarrierCapacity]:
    """The days of the carriers, and of those of their services that have a limit of their own."""
    limits: dict[CarrierDay, int] = {
        (claim.carrier_id, claim.day, ALL_SERVICES): carriers[claim.carrier_id].daily_limit for claim in claims
    }
    own = await _service_limits(session, set(carriers))
    for claim in claims:
        if (limit := own.get((claim.carrier_id, claim.service))) is not None:
            limits[claim.carrier_id, claim.day, claim.service] = limit
    wanted = sorted(limits)
    await session.execute(
        insert(CarrierCapacity).on_conflict_do_nothing(index_elements=["carrier_id", "date", "service"]),
        [
            {"id": new_id(), "carrier_id": key[0], "date": key[1], "service": key[2], "daily_limit": limits[key]}
            for key in wanted
        ],
    )
    found = await session.scalars(
        select(CarrierCapacity)
        .where(
            tuple_(col(CarrierCapacity.carrier_id), col(CarrierCapacity.date), col(CarrierCapacity.service)).in_(wanted)
        )
        .order_by(*_CARRIER_DAY)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return {(row.carrier_id, row.date, row.service): row for row in found}


async def _service_limits(session: AsyncSession, carrier_ids: set[uuid.UUID]) -> dict[tuple[uuid.UUID, str], int]:
    found = await session.scalars(select(CarrierService).where(col(CarrierService.carrier_id).in_(carrier_ids)))
    limits = {(row.carrier_id, row.code): parse(row.document).daily_limit for row in found}
    return {key: limit for key, limit in limits.items() if limit is not None}


async def _contracts(session: AsyncSession, claims: Sequence[Claim]) -> list[CarrierContract]:
    found = await session.scalars(
        select(CarrierContract)
        .where(
            col(CarrierContract.carrier_id).in_({claim.carrier_id for claim in claims}),
            col(CarrierContract.valid_from) <= max(claim.day for claim in claims),
            col(CarrierContract.valid_until) >= min(claim.day for claim in claims),
        )
        .order_by(col(CarrierContract.id))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return list(found)
