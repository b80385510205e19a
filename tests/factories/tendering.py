"""Carriers that want to be asked, and what becomes of the shipments that they are offered."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from app.auth.principals import Principal, PrincipalKind
from app.core import clock
from app.core.database import Database
from app.models import Carrier, CarrierCapacity, JobKind, Shipment, Tender
from app.orchestration.policies import operations as policies
from app.orchestration.tenders import operations
from tests.client import ADMINISTRATOR
from tests.factories.planning import a_network, orders, own_fleet, run, third_party


def caller(carrier: Carrier) -> Principal:
    """The carrier's portal."""
    return Principal(kind=PrincipalKind.CARRIER, name=carrier.name, key=carrier.reference, carrier_id=carrier.id)


def three(*, own: bool = False) -> list[Carrier]:
    """Three carriers that want to be asked, each dearer than the one before; and an own fleet, dearer still."""
    made = [third_party(name) for name in ("alfa", "beta", "gama")]
    for dearer, carrier in enumerate(made):
        carrier.base_minor = 500 + 100 * dearer
    if own:
        fleet = own_fleet()
        fleet.base_minor = 2_000
        made.append(fleet)
    return made


async def rules(database: Database, **changes: Any) -> None:
    """Changes the policy in force."""
    async with database.transaction() as session:
        await policies.update(
            session, name="standard", changes=changes, expected_version=None, actor=ADMINISTRATOR, now=clock.now()
        )


async def offered_to(database: Database, carriers: list[Carrier], count: int = 1, **changes: Any) -> None:
    """Orders that were allocated to the first carrier, by these rules."""
    await rules(database, **changes)
    await a_network(database, carriers=carriers)
    await orders(database, count)
    _, result = await run(database, JobKind.ALLOCATE_ORDERS, {})
    assert result["allocated"] == count


async def story(database: Database) -> list[tuple[str, str]]:
    """Each tender so far: carrier and state, in order of value."""
    async with database.reading() as session:
        found = await session.execute(
            select(col(Carrier.reference), col(Tender.state))
            .join(Carrier, col(Carrier.id) == col(Tender.carrier_id))
            .order_by(col(Tender.place), col(Tender.id))
        )
        return [(reference, state.value) for reference, state in found.all()]


async def tender_of(database: Database, carrier: Carrier) -> Tender:
    """The newest tender of a carrier."""
    async with database.reading() as session:
        found = await session.scalars(
            select(Tender).where(col(Tender.carrier_id) == carrier.id).order_by(col(Tender.id).desc()).limit(1)
        )
        return found.one()


async def reject(
    database: Database, carrier: Carrier, *, counter: int | None = None, now: datetime | None = None
) -> None:
    """The carrier declines its newest tender."""
    tender = await tender_of(database, carrier)
    async with database.transaction() as session:
        await operations.reject(
            session,
            tender_id=tender.id,
            reason="no van",
            counter_minor=counter,
            actor=caller(carrier),
            now=now or clock.now(),
        )


async def accept(database: Database, carrier: Carrier, now: datetime | None = None) -> None:
    """The carrier takes its newest tender."""
    tender = await tender_of(database, carrier)
    async with database.transaction() as session:
        await operations.accept(session, tender_id=tender.id, actor=caller(carrier), now=now or clock.now())


async def the_shipment(database: Database) -> Shipment:
    """The only one."""
    async with database.reading() as session:
        return (await session.scalars(select(Shipment))).one()


async def booked(database: Database) -> dict[str, int]:
    """How many shipments each carrier has booked."""
    async with database.reading() as session:
        found = await session.execute(
            select(col(Carrier.reference), col(CarrierCapacity.booked))
            .join(Carrier, col(Carrier.id) == col(CarrierCapacity.carrier_id))
            .where(col(CarrierCapacity.booked) > 0)
        )
        return {row[0]: row[1] for row in found.all()}
