"""Booking what new shipments need of days, by limits that are known already: one statement for each kind of row.

Like operations.py it locks node days, carrier days and contracts, in this order and each by key. A row is checked as it
is changed, in the state that the change finds it in.
"""

import uuid
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id
from app.models import CarrierCapacity, CarrierContract, NodeCapacity
from app.orchestration.capacity.operations import ALL_SERVICES, CarrierDay, Claim
from app.orchestration.writing import arrays, given, table_of


@dataclass(frozen=True, kw_only=True)
class Place:
    """A claim, with the limits of days that have no row yet, and the contracts that it counts for.

    `service_limit` None: the service has none of its own.
    """

    claim: Claim
    node_limit: int
    carrier_limit: int
    service_limit: int | None = None
    contract_ids: Collection[uuid.UUID] = ()


async def book(session: AsyncSession, places: Sequence[Place]) -> bool:
    """Books all of them. False where one finds no room: what was booked till then is the caller's to take back."""
    return (
        await _book_nodes(session, places)
        and await _book_carriers(session, places)
        and await _book_contracts(session, places)
    )


_NODES, _CARRIERS, _CONTRACTS = (table_of(model) for model in (NodeCapacity, CarrierCapacity, CarrierContract))
_NODE_COLUMNS = ("id", "node_id", "date", "booked", "daily_limit")
_CARRIER_COLUMNS = ("id", "carrier_id", "date", "service", "booked", "daily_limit")
_CONTRACT_COLUMNS = ("id", "booked")


def _node_statement() -> Any:
    """A node's limit is what its hours allow now; they may have changed since the day's row was made."""
    wanted = given(_NODES, _NODE_COLUMNS)
    fitting = select(*wanted.c).where(wanted.c.booked <= wanted.c.daily_limit)
    new = insert(_NODES).from_select(_NODE_COLUMNS, fitting, include_defaults=False)
    booked = _NODES.c.booked + new.excluded.booked
    return new.on_conflict_do_update(
        index_elements=["node_id", "date"],
        set_={"booked": booked, "daily_limit": new.excluded.daily_limit},
        where=booked <= new.excluded.daily_limit,
    ).returning(_NODES.c.id)


def _carrier_statement() -> Any:
    """A carrier may have said otherwise for a day: the row's own limit counts, where there is a row."""
    wanted = given(_CARRIERS, _CARRIER_COLUMNS)
    keys = ("carrier_id", "date", "service")
    has_row = exists().where(*(_CARRIERS.c[key] == wanted.c[key] for key in keys))
    # What is put forward has to be a possible row, even where another is there.
    limit = func.greatest(wanted.c.daily_limit, wanted.c.booked)
    fitting = select(*(limit if each.name == "daily_limit" else each for each in wanted.c)).where(
        or_(wanted.c.booked <= wanted.c.daily_limit, has_row)
    )
    new = insert(_CARRIERS).from_select(_CARRIER_COLUMNS, fitting, include_defaults=False)
    booked = _CARRIERS.c.booked + new.excluded.booked
    return new.on_conflict_do_update(
        index_elements=list(keys), set_={"booked": booked}, where=booked <= _CARRIERS.c.daily_limit
    ).returning(_CARRIERS.c.id)


def _contract_statement() -> Any:
    wanted = given(_CONTRACTS, _CONTRACT_COLUMNS)
    locked = (
        select(_CONTRACTS.c.id)
        .where(_CONTRACTS.c.id == wanted.c.id)
        .order_by(_CONTRACTS.c.id)
        .with_for_update(key_share=True, of=_CONTRACTS)
        .cte("locked")
    )
    booked = _CONTRACTS.c.booked + wanted.c.booked
    return (
        update(_CONTRACTS)
        .where(_CONTRACTS.c.id == locked.c.id, _CONTRACTS.c.id == wanted.c.id)
        .where(or_(_CONTRACTS.c.maximum_shipments.is_(None), booked <= _CONTRACTS.c.maximum_shipments))
        .values(booked=booked)
        .returning(_CONTRACTS.c.id)
    )


_BOOK_NODES, _BOOK_CARRIERS, _BOOK_CONTRACTS = _node_statement(), _carrier_statement(), _contract_statement()


async def _book_nodes(session: AsyncSession, places: Sequence[Place]) -> bool:
    wanted = Counter((place.claim.node_id, place.claim.day) for place in places)
    limits = {(place.claim.node_id, place.claim.day): place.node_limit for place in places}
    rows = [
        {"id": new_id(), "node_id": key[0], "date": key[1], "booked": wanted[key], "daily_limit": limits[key]}
        for key in sorted(wanted)
    ]
    found = await session.scalars(_BOOK_NODES, arrays(_NODES, _NODE_COLUMNS, rows))
    return len(found.all()) == len(rows)


async def _book_carriers(session: AsyncSession, places: Sequence[Place]) -> bool:
    """The days of the carriers, and of those of their services that have a limit of their own."""
    wanted: Counter[CarrierDay] = Counter()
    limits: dict[CarrierDay, int] = {}
    for place in places:
        claim = place.claim
        for service, limit in ((ALL_SERVICES, place.carrier_limit), (claim.service, place.service_limit)):
            if limit is not None:
                wanted[claim.carrier_id, claim.day, service] += 1
                limits[claim.carrier_id, claim.day, service] = limit
    rows = [
        {
            "id": new_id(),
            "carrier_id": key[0],
            "date": key[1],
            "service": key[2],
            "booked": wanted[key],
            "daily_limit": limits[key],
        }
        for key in sorted(wanted)
    ]
    found = await session.scalars(_BOOK_CARRIERS, arrays(_CARRIERS, _CARRIER_COLUMNS, rows))
    return len(found.all()) == len(rows)


async def _book_contracts(session: AsyncSession, places: Sequence[Place]) -> bool:
    wanted = Counter(contract_id for place in places for contract_id in place.contract_ids)
    if not wanted:
        return True
    rows = [{"id": key, "booked": wanted[key]} for key in sorted(wanted)]
    found = await session.scalars(_BOOK_CONTRACTS, arrays(_CONTRACTS, _CONTRACT_COLUMNS, rows))
    return len(found.all()) == len(rows)
