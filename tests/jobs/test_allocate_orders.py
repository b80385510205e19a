"""Allocation, from waiting orders to shipments, on a real database and with the real solver."""

import asyncio

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from app.auth.principals import Principal, PrincipalKind
from app.core import clock
from app.core.database import Database
from app.core.ids import to_global
from app.models import (
    Allocation,
    AllocationState,
    Carrier,
    CarrierCapacity,
    Decision,
    ExceptionCase,
    ExceptionState,
    InventoryLevel,
    InventoryMovement,
    Job,
    JobKind,
    JobState,
    Order,
    OrderLine,
    OrderState,
    Shipment,
    ShipmentState,
    Tender,
    TenderState,
)
from app.orchestration.allocations import problem
from app.orchestration.tenders import operations as tenders
from app.orchestration.tenders.cancellation import cancel
from tests.client import DISPATCHER, Client
from tests.documents import document
from tests.factories.planning import NOON, a_network, orders, own_fleet, run, third_party

KIND = JobKind.ALLOCATE_ORDERS


async def states(database: Database) -> dict[OrderState, int]:
    async with database.reading() as session:
        found = await session.execute(select(col(Order.state), func.count()).group_by(col(Order.state)))
        return {row[0]: row[1] for row in found.all()}


async def level(database: Database, sku: str = "APPLE") -> tuple[int, int]:
    """Reserved, and what the ledger says is."""
    async with database.reading() as session:
        reserved = await session.scalar(
            select(func.sum(col(InventoryLevel.reserved))).where(col(InventoryLevel.sku) == sku)
        )
        ledger = await session.scalar(
            select(func.sum(col(InventoryMovement.reserved_delta))).where(col(InventoryMovement.sku) == sku)
        )
        return int(reserved or 0), int(ledger or 0)


async def test_an_order_gets_the_cheapest_carrier_a_reservation_a_shipment_and_a_decision(database: Database) -> None:
    await a_network(database, carriers=[own_fleet(), third_party()])
    await orders(database, 1, quantity=3)
    _, result = await run(database, KIND, {})
    assert result == {
        "allocated": 1,
        "moved": 0,
        "unallocated": 0,
        "proposed": 0,
        "movedOn": 0,
        "unallocatedByCode": {},
    }
    assert await states(database) == {OrderState.ALLOCATED: 1}
    assert await level(database) == (3, 3)
    async with database.reading() as session:
        shipment = (await session.scalars(select(Shipment))).one()
        assert (shipment.reference, shipment.state) == ("A000/1", ShipmentState.ASSIGNED)
        decision = (await session.scalars(select(Decision))).one()
        assert decision.chosen is not None
        assert decision.chosen["carrier"] == "own"
        assert [(way["carrier"], way["rejectedBecause"]["code"]) for way in decision.alternatives] == [
            ("swift", "COSTS_MORE")
        ]
        capacity = (await session.scalars(select(CarrierCapacity))).one()
        assert capacity.booked == 1


async def test_two_hundred_orders_for_the_last_fifty_pieces_never_oversell(database: Database) -> None:
    await a_network(database, carriers=[own_fleet()], on_hand=50)
    await orders(database, 200)
    results = await asyncio.gather(run(database, KIND, {}), run(database, KIND, {}))
    assert sum(result["allocated"] for _, result in results) == 50
    assert await level(database) == (50, 50)
    assert await states(database) == {OrderState.ALLOCATED: 50, OrderState.RECEIVED: 150}
    await run(database, KIND, {})
    async with database.reading() as session:
        reasons = list(
            await session.scalars(select(col(Order.unassigned)).where(col(Order.state) == OrderState.RECEIVED))
        )
        assert {reason["code"] for reason in reasons if reason} == {"NO_STOCK"}
        opened = await session.scalar(select(func.count()).where(col(ExceptionCase.state) == ExceptionState.OPEN))
        assert opened == 150


async def test_a_second_run_of_the_same_job_reserves_nothing_twice(database: Database) -> None:
    await a_network(database, carriers=[own_fleet()])
    await orders(database, 5)
    job, _ = await run(database, KIND, {})
    _, again = await run(database, KIND, {}, job)
    assert again["allocated"] == 0
    assert await level(database) == (5, 5)


async def test_a_missing_skill_is_named_with_the_cheapest_way_out(database: Database) -> None:
    await a_network(database, carriers=[own_fleet()])
    await orders(database, 1, required_skills=["CHILLED"])
    await run(database, KIND, {})
    async with database.reading() as session:
        order = (await session.scalars(select(Order))).one()
        assert order.unassigned is not None
        assert order.unassigned["code"] == "SKILL_MISSING"
        assert order.unassigned["cheapestRelaxation"]["change"] == "Own with CHILLED"


async def test_no_single_node_has_everything_so_two_nodes_share_the_order(database: Database) -> None:
    await a_network(database, carriers=[own_fleet()], nodes=("LIS", "OPO"), on_hand=5)
    await orders(database, 1, quantity=5)
    async with database.transaction() as session:
        order = (await session.scalars(select(Order))).one()
        session.add(OrderLine(order_id=order.id, sku="PEAR", quantity=5, weight_kg=1, volume_l=1))
        found = await session.scalars(select(InventoryLevel).where(col(InventoryLevel.sku) == "PEAR"))
        first_pears, _ = found
        first_pears.on_hand = 0
        other = await session.scalars(
            select(InventoryLevel).where(
                col(InventoryLevel.sku) == "APPLE", col(InventoryLevel.node_id) != first_pears.node_id
            )
        )
        other.one().on_hand = 0
    await run(database, KIND, {})
    assert (await level(database))[0] == 5
    assert (await level(database, "PEAR"))[0] == 5
    assert await states(database) == {OrderState.ALLOCATED: 1}
    async with database.reading() as session:
        references = list(await session.scalars(select(col(Shipment.reference)).order_by(col(Shipment.reference))))
        assert references == ["A000/1", "A000/2"]


async def test_a_batch_that_is_worked_out_in_pieces_is_one_problem_with_one_proof(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(problem, "WAYS_AT_ONCE", 1)
    await a_network(database, carriers=[own_fleet(), third_party()], nodes=("LIS", "OPO"), on_hand=8)
    await orders(database, 12)
    await orders(database, 3, prefix="B", quantity=3)
    await orders(database, 3, prefix="C", sku="PEAR", required_skills=["CHILLED"])
    _, result = await run(database, KIND, {})
    assert result["unallocatedByCode"] == {"SKILL_MISSING": 3, "NO_STOCK": 2}
    assert await level(database) == (15, 15)
    async with database.reading() as session:
        decisions = list(await session.scalars(select(Decision)))
        assert len({(each.objective_minor, each.bound_minor, each.gap) for each in decisions}) == 1
        assert decisions[0].gap == 0.0
        for each in decisions:
            order = await session.get_one(Order, each.order_id)
            assert each.detail["goods"]["latitude"] == order.latitude
            assert len(each.alternatives) == (3 if each.chosen else 4)
            if each.chosen:
                assert each.chosen["costMinor"] == sum(part["amountMinor"] for part in each.chosen["breakdown"])


async def test_who_got_nothing_hears_of_the_way_that_came_furthest_first(database: Database) -> None:
    await a_network(database, carriers=[own_fleet(), third_party()], nodes=("LIS", "OPO"))
    await orders(database, 1, required_skills=["CHILLED"])
    async with database.transaction() as session:
        swift = (await session.scalars(select(Carrier).where(col(Carrier.reference) == "swift"))).one()
        swift.services = ["EXPRESS"]
        levels = await session.scalars(select(InventoryLevel).where(col(InventoryLevel.sku) == "APPLE"))
        levels.first().on_hand = 0  # type: ignore[union-attr]  # there are two
    await run(database, KIND, {})
    async with database.reading() as session:
        decision = (await session.scalars(select(Decision))).one()
        codes = [way["rejectedBecause"]["code"] for way in decision.alternatives]
        assert codes == ["SKILL_MISSING", "SERVICE_NOT_OFFERED", "NO_STOCK"]


async def test_a_rejected_tender_goes_to_the_next_carrier_and_the_last_one_frees_everything(
    client: Client, database: Database
) -> None:
    swift = third_party()
    await a_network(database, carriers=[swift, third_party("other")])
    await orders(database, 1)
    await run(database, KIND, {})
    async with database.reading() as session:
        tender = (await session.scalars(select(Tender))).one()
        assert tender.state is TenderState.OFFERED
    caller = Principal(kind=PrincipalKind.CARRIER, name="c", key="carrier:c", carrier_id=tender.carrier_id)
    variables = {"input": {"tenderId": to_global("Tender", tender.id), "reason": "no van free"}}
    answer = await client.run(document("carrier.graphql", "RejectTender"), variables, as_=caller)
    assert answer["rejectTender"] == {
        "tender": {"id": variables["input"]["tenderId"], "state": "REJECTED"},
        "userErrors": [],
    }
    assert await states(database) == {OrderState.ALLOCATED: 1}
    assert await level(database) == (1, 1)
    async with database.reading() as session:
        second = (await session.scalars(select(Tender).where(col(Tender.state) == TenderState.OFFERED))).one()
        assert second.carrier_id != tender.carrier_id
    last = Principal(kind=PrincipalKind.CARRIER, name="d", key="carrier:d", carrier_id=second.carrier_id)
    variables["input"]["tenderId"] = to_global("Tender", second.id)
    await client.run(document("carrier.graphql", "RejectTender"), variables, as_=last)
    assert await states(database) == {OrderState.RECEIVED: 1}
    assert await level(database) == (0, 0)
    async with database.reading() as session:
        shipment = (await session.scalars(select(Shipment))).one()
        assert shipment.state is ShipmentState.CANCELLED
        waiting = await session.scalars(select(Job).where(col(Job.state) == JobState.QUEUED, col(Job.arguments) == {}))
        assert len(list(waiting)) == 1


async def test_an_offer_that_nobody_answers_expires_and_the_last_carrier_gone_is_explained(database: Database) -> None:
    await a_network(database, carriers=[third_party()])
    await orders(database, 1)
    await run(database, KIND, {})
    assert await database.run(lambda session: tenders.expire_due(session, now=NOON)) == 1
    assert await database.run(lambda session: tenders.expire_due(session, now=NOON)) == 0
    await run(database, KIND, {})
    async with database.reading() as session:
        order = (await session.scalars(select(Order))).one()
        assert order.unassigned is not None
        assert (order.state, order.unassigned["code"]) == (OrderState.RECEIVED, "CARRIER_DECLINED")


async def test_a_carrier_accepts_and_reports_in_the_wrong_order_and_twice(client: Client, database: Database) -> None:
    await a_network(database, carriers=[third_party()])
    await orders(database, 1)
    await run(database, KIND, {})
    async with database.reading() as session:
        tender = (await session.scalars(select(Tender))).one()
    caller = Principal(kind=PrincipalKind.CARRIER, name="Swift", key="carrier:swift", carrier_id=tender.carrier_id)
    desk = await client.run(document("carrier.graphql", "CarrierDesk"), {"first": 10}, as_=caller)
    (edge,) = desk["viewer"]["carrier"]["tenders"]["edges"]
    assert edge["node"]["shipment"]["reference"] == "A000/1"
    accepted = await client.run(
        document("carrier.graphql", "AcceptTender"), {"input": {"tenderId": edge["node"]["id"]}}, as_=caller
    )
    assert accepted["acceptTender"]["tender"]["shipment"]["state"] == "ASSIGNED"
    now = clock.now()
    shipment = {"shipmentId": edge["node"]["shipment"]["id"]}
    events = [
        {"eventId": "2", "kind": "DELIVERED", "at": now.isoformat(), "receivedBy": "Rosa", **shipment},
        {"eventId": "1", "kind": "PICKED_UP", "at": NOON.isoformat(), **shipment},
        {"eventId": "2", "kind": "DELIVERED", "at": now.isoformat(), **shipment},
        {"eventId": "3", "kind": "DELIVERED", "at": now.isoformat(), "carrierTrackingNumber": "unknown"},
    ]
    answer = await client.run(
        document("carrier.graphql", "ReportShipmentEvents"), {"input": {"events": events}}, as_=caller
    )
    results = answer["reportShipmentEvents"]["results"]
    assert [result["outcome"] for result in results] == ["RECORDED", "RECORDED", "DUPLICATE", "REFUSED"]
    assert results[0]["shipment"]["state"] == "DELIVERED"
    assert results[3]["errors"][0]["code"] == "NOT_FOUND"
    assert await states(database) == {OrderState.COMPLETED: 1}
    assert await level(database) == (0, 0)


async def test_why_this_choice_names_what_was_chosen_and_what_lost(client: Client, database: Database) -> None:
    await a_network(database, carriers=[own_fleet(), third_party()])
    await orders(database, 1)
    await run(database, KIND, {})
    answer = await client.run(document("console.graphql", "WhyThisChoice"), {"reference": "A000"}, as_=DISPATCHER)
    (decision,) = answer["orderByReference"]["decisions"]
    assert decision["chosen"]["carrier"] == {"reference": "own"}
    assert decision["alternatives"][0]["rejectedBecause"]["code"] == "COSTS_MORE"
    assert answer["orderByReference"]["unassigned"] is None


async def test_cancelling_a_shipment_gives_stock_and_capacity_back(database: Database) -> None:
    await a_network(database, carriers=[own_fleet()])
    await orders(database, 1)
    await run(database, KIND, {})
    async with database.transaction() as session:
        shipment = (await session.scalars(select(Shipment))).one()
        await cancel(session, shipment, actor=DISPATCHER, now=clock.now())
    assert await level(database) == (0, 0)
    async with database.reading() as session:
        assert (await session.scalars(select(CarrierCapacity))).one().booked == 0
        assert (await session.scalars(select(Allocation))).one().state is AllocationState.RELEASED
