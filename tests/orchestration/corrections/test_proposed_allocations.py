"""Where the policy only proposes, a person decides which node and carrier an order gets."""

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from app.core import clock
from app.core.database import Database
from app.core.errors import Refusal
from app.models import (
    Allocation,
    AllocationState,
    Carrier,
    Decision,
    ExceptionCase,
    ExceptionState,
    InventoryLevel,
    JobKind,
    Order,
    OrderState,
    Shipment,
    ShipmentState,
)
from app.orchestration.cancellations import operations as cancellation
from app.orchestration.corrections import operations as corrections
from tests.client import DISPATCHER
from tests.factories.planning import a_network, orders, own_fleet, run, third_party
from tests.factories.tendering import booked, rules, story

KIND = JobKind.ALLOCATE_ORDERS


async def proposed(database: Database, *carriers: Carrier) -> ExceptionCase:
    """The case that asks for the only order's allocation."""
    await rules(database, autonomy={"ALLOCATION": {"mode": "PROPOSE"}})
    await a_network(database, carriers=carriers)
    await orders(database, 1, quantity=3)
    _, result = await run(database, KIND, {})
    assert (result["proposed"], result["allocated"]) == (1, 0)
    return await the_case(database)


async def the_case(database: Database) -> ExceptionCase:
    async with database.reading() as session:
        found = await session.scalars(select(ExceptionCase).where(col(ExceptionCase.state) == ExceptionState.OPEN))
        return found.one()


async def resolve(database: Database, case: ExceptionCase, *, accept: bool) -> None:
    async with database.transaction() as session:
        await corrections.resolve(session, case_id=case.id, accept=accept, note=None, actor=DISPATCHER, now=clock.now())


async def reserved(database: Database) -> int:
    async with database.reading() as session:
        return int(await session.scalar(select(func.sum(col(InventoryLevel.reserved)))) or 0)


async def the_order(database: Database) -> Order:
    async with database.reading() as session:
        return (await session.scalars(select(Order))).one()


async def test_a_proposal_holds_nothing_and_is_asked_once_until_a_person_agrees(database: Database) -> None:
    case = await proposed(database, own_fleet(), third_party())
    assert (case.kind, (case.suggestion or {})["summary"]) == (
        "ALLOCATION_PROPOSED",
        f"Send A000 from Node LIS by Own, at a cost of {(await cost(database)) / 100:.2f} EUR.",
    )
    assert (await reserved(database), await booked(database)) == (0, {})
    _, again = await run(database, KIND, {})
    assert (again["proposed"], again["allocated"]) == (0, 0)
    await resolve(database, case, accept=True)
    assert (await reserved(database), await booked(database)) == (3, {"own": 1})
    async with database.reading() as session:
        shipment = (await session.scalars(select(Shipment))).one()
        decision = (await session.scalars(select(Decision))).one()
        allocation = (await session.scalars(select(Allocation))).one()
    assert (shipment.reference, shipment.state) == ("A000/1", ShipmentState.ASSIGNED)
    assert (decision.shipment_id, decision.automatic, decision.overridden_by) == (shipment.id, False, None)
    assert (allocation.state, shipment.allocation_id) == (AllocationState.COMMITTED, allocation.id)
    assert (await the_order(database)).state is OrderState.ALLOCATED


async def cost(database: Database) -> int:
    async with database.reading() as session:
        return (await session.scalars(select(Allocation))).one().cost_minor


async def test_a_carrier_that_a_person_does_not_want_is_not_proposed_again(database: Database) -> None:
    case = await proposed(database, own_fleet(), third_party())
    await resolve(database, case, accept=False)
    async with database.reading() as session:
        assert (await session.scalars(select(Decision))).one().overridden_by == "Dora"
    await run(database, KIND, {})
    second = await the_case(database)
    assert "by Swift" in (second.suggestion or {})["summary"]
    await resolve(database, second, accept=True)
    assert await story(database) == [("swift", "OFFERED")]


async def test_what_went_to_another_meanwhile_is_refused_and_nothing_is_taken(database: Database) -> None:
    case = await proposed(database, own_fleet())
    async with database.transaction() as session:
        level = (await session.scalars(select(InventoryLevel).where(col(InventoryLevel.sku) == "APPLE"))).one()
        level.on_hand = 2
    with pytest.raises(Refusal):
        await resolve(database, case, accept=True)
    assert (await reserved(database), await booked(database)) == (0, {})
    assert (await the_case(database)).id == case.id


async def test_an_order_that_is_cancelled_takes_its_proposal_along(database: Database) -> None:
    await proposed(database, own_fleet())
    async with database.transaction() as session:
        await cancellation.cancel(session, reference="A000", reason="no more", actor=DISPATCHER, now=clock.now())
    async with database.reading() as session:
        assert (await session.scalars(select(ExceptionCase))).one().state is ExceptionState.RESOLVED
        assert (await session.scalars(select(Allocation))).one().state is AllocationState.RELEASED


async def test_a_sure_choice_is_made_without_asking(database: Database) -> None:
    await rules(database, autonomy={"ALLOCATION": {"mode": "ACT_ABOVE_CONFIDENCE", "confidence": 0.9}})
    await a_network(database, carriers=[own_fleet()])
    await orders(database, 1)
    _, result = await run(database, KIND, {})
    assert (result["proposed"], result["allocated"]) == (0, 1)
