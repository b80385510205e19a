"""Reading carriers. A carrier sees itself alone; staff, integrations, drivers and customers see all names."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, false, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import STAFF, Principal, PrincipalKind
from app.core.errors import NotFound, Refusal
from app.models import Carrier, CarrierCapacity, CarrierContract, CarrierService
from app.orchestration import reading
from app.orchestration.carriers.terms import ServiceTerms, terms
from app.orchestration.paging import Page, page

SEEING_ALL = STAFF | {
    PrincipalKind.INTEGRATION,
    PrincipalKind.DRIVER,
    PrincipalKind.CUSTOMER,
    PrincipalKind.SYSTEM,
}
SEEING_CAPACITY = STAFF | {PrincipalKind.SYSTEM}


def visible(viewer: Principal) -> ColumnElement[bool]:
    """Which carriers the viewer sees. A customer only ever asks for the carrier of its own shipment."""
    if viewer.kind in SEEING_ALL:
        return true()
    if viewer.kind is PrincipalKind.CARRIER:
        return col(Carrier.id) == viewer.carrier_id
    return false()


async def by_ids(session: AsyncSession, viewer: Principal, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Carrier]:
    """The carriers with these keys."""
    return await reading.by_id(session, select(Carrier).where(col(Carrier.id).in_(ids), visible(viewer)))


async def by_references(session: AsyncSession, references: Collection[str]) -> dict[str, Carrier]:
    """The carriers with these references, for operations."""
    found = await session.scalars(select(Carrier).where(col(Carrier.reference).in_(references)))
    return {carrier.reference: carrier for carrier in found}


async def active(session: AsyncSession) -> list[Carrier]:
    """Every carrier that works, by reference."""
    return list(await session.scalars(select(Carrier).where(col(Carrier.is_active)).order_by(col(Carrier.reference))))


async def services(session: AsyncSession, *, since: date) -> list[ServiceTerms]:
    """Every service of every carrier that works, complete, with the contracts that hold on `since` or later."""
    rows = await session.scalars(select(CarrierService).order_by(col(CarrierService.code)))
    contracts = await session.scalars(
        select(CarrierContract)
        .where(col(CarrierContract.valid_until) >= since)
        .order_by(col(CarrierContract.reference))
    )
    return terms(await active(session), rows, contracts)


async def listed(session: AsyncSession, viewer: Principal, **arguments: Any) -> Page[Carrier]:
    """One page of the carriers, by reference."""
    return await page(session, select(Carrier).where(visible(viewer)), key_columns=[Carrier.reference], **arguments)


async def capacities(
    session: AsyncSession, viewer: Principal, carrier_ids: Sequence[uuid.UUID]
) -> Mapping[uuid.UUID, list[CarrierCapacity]]:
    """The days of these carriers for which a limit was set or something is booked, by date."""
    statement = select(CarrierCapacity).where(
        col(CarrierCapacity.carrier_id).in_(carrier_ids), col(CarrierCapacity.service) == ""
    )
    if viewer.kind is PrincipalKind.CARRIER:
        statement = statement.where(col(CarrierCapacity.carrier_id) == viewer.carrier_id)
    elif viewer.kind not in SEEING_CAPACITY:
        statement = statement.where(false())
    found: dict[uuid.UUID, list[CarrierCapacity]] = {key: [] for key in carrier_ids}
    for row in await session.scalars(statement.order_by(col(CarrierCapacity.date))):
        found[row.carrier_id].append(row)
    return found


async def spoken_for(session: AsyncSession, actor: Principal, *, reference: str | None) -> Carrier:
    """The carrier that a call is about: a carrier's caller speaks for its own, staff name one by reference."""
    if actor.kind is PrincipalKind.CARRIER:
        named = col(Carrier.id) == actor.carrier_id
    elif reference is None:
        raise Refusal("CARRIER_NOT_NAMED", "Send the carrier's reference.", field="carrier")
    else:
        named = col(Carrier.reference) == reference
    if reference is not None:
        named = named & (col(Carrier.reference) == reference)
    carrier: Carrier | None = await session.scalar(select(Carrier).where(named))
    if carrier is None:
        raise NotFound("carrier", repr(reference), field="carrier")
    return carrier
