"""One order at a time, on a real database: decided at once, never oversold, by the prices of what is scarce."""

import asyncio
from datetime import timedelta

from sqlalchemy import func, select
from sqlmodel import col

from app.core import clock
from app.core.database import Database, Session
from app.models import (
    Allocation,
    BidPrice,
    CarrierCapacity,
    CarrierContract,
    CarrierService,
    Decision,
    InventoryLevel,
    InventoryMovement,
    NodeCapacity,
    Order,
    OrderState,
    Shipment,
)
from app.orchestration.allocations import deciding, queries
from app.orchestration.allocations.operations import Outcome
from app.orchestration.allocations.queries import Setting
from app.orchestration.allocations.verdicts import MOST_LOSERS
from tests.factories.planning import TOMORROW, a_network, orders, own_fleet, third_party

# As many connections as the pool has.
AT_ONCE = 20


async def setting_of(database: Database) -> Setting:
    async with database.reading() as session:
        return await queries.setting(session, now=clock.now())


async def decide(database: Database, order: Order, setting: Setting | None = None) -> Outcome:
    """One order in a transaction of its own, as a request would."""
    known = setting or await setting_of(database)

    async def work(session: Session) -> Outcome:
        found = await session.get(Order, order.id)
        assert found is not None
        return await deciding.decide(session, order=found, setting=known, now=clock.now())

    return await database.run(work)


async def all_at_once(database: Database, waiting: list[Order]) -> dict[Outcome, int]:
    setting, places = await setting_of(database), asyncio.Semaphore(AT_ONCE)

    async def one(order: Order) -> Outcome:
        async with places:
            return await decide(database, order, setting)

    outcomes = await asyncio.gather(*(one(order) for order in waiting))
    return {outcome: outcomes.count(outcome) for outcome in Outcome}


async def count(database: Database, state: OrderState) -> int:
    async with database.reading() as session:
        return int(await session.scalar(select(func.count()).where(col(Order.state) == state)) or 0)


async def test_two_hundred_at_once_for_the_last_fifty_pieces_end_with_fifty(database: Database) -> None:
    await a_network(database, carriers=[own_fleet()], on_hand=50)
    outcomes = await all_at_once(database, await orders(database, 200))
    assert {outcome: count for outcome, count in outcomes.items() if count} == {
        Outcome.ALLOCATED: 50,
        Outcome.UNALLOCATED: 150,
    }
    async with database.reading() as session:
        reserved = await session.scalar(select(col(InventoryLevel.reserved)).where(col(InventoryLevel.sku) == "APPLE"))
        ledger = await session.scalar(
            select(func.sum(col(InventoryMovement.reserved_delta))).where(col(InventoryMovement.sku) == "APPLE")
        )
        assert (reserved, ledger) == (50, 50)
        assert await session.scalar(select(func.count()).select_from(Shipment)) == 50
        reasons = await session.scalars(select(col(Order.unassigned)).where(col(Order.state) == OrderState.RECEIVED))
        assert {reason["code"] for reason in reasons if reason} == {"NO_STOCK"}


async def test_of_many_ways_each_nodes_and_each_carriers_best_is_told(database: Database) -> None:
    nodes = [f"N{number}" for number in range(8)]
    carriers = [third_party(f"c{number}") for number in range(6)]
    for number, carrier in enumerate(carriers):
        carrier.base_minor += 400 * number
    await a_network(database, carriers=carriers, nodes=nodes)
    (order,) = await orders(database, 1)
    assert await decide(database, order) is Outcome.ALLOCATED
    async with database.reading() as session:
        told = await session.scalar(select(Decision).where(col(Decision.order_id) == order.id))
    assert told is not None
    assert told.chosen is not None
    assert len(told.alternatives) == MOST_LOSERS
    ways = [told.chosen, *told.alternatives]
    assert {way["node"] for way in ways} == set(nodes)
    assert {way["carrier"] for way in ways} == {carrier.reference for carrier in carriers}
    costs = [way["costMinor"] for way in ways]
    assert costs == sorted(costs)


async def test_the_last_places_of_a_node_are_not_sold_twice(database: Database) -> None:
    (node,) = await a_network(database, carriers=[own_fleet()], on_hand=100)
    async with database.transaction() as session:
        session.add(NodeCapacity(node_id=node.id, date=TOMORROW, booked=0, daily_limit=2_400))
        stored = await session.get(type(node), node.id)
        assert stored is not None
        stored.throughput_per_hour, stored.closes_minute = 1, 600
    outcomes = await all_at_once(database, await orders(database, 30))
    assert outcomes[Outcome.ALLOCATED] == 10
    async with database.reading() as session:
        day = (await session.scalars(select(NodeCapacity))).one()
        assert (day.booked, day.daily_limit) == (10, 10)
        reasons = await session.scalars(select(col(Order.unassigned)).where(col(Order.state) == OrderState.RECEIVED))
        assert {reason["code"] for reason in reasons if reason} == {"NODE_FULL"}


async def test_the_last_places_of_a_carrier_its_service_and_its_contract_are_not_sold_twice(
    database: Database,
) -> None:
    carrier = third_party()
    await a_network(database, carriers=[carrier], on_hand=100)
    async with database.transaction() as session:
        session.add(CarrierService(carrier_id=carrier.id, code="STANDARD", document={"dailyLimit": 12}))
        session.add(
            CarrierContract(
                carrier_id=carrier.id,
                reference="2026",
                valid_from=TOMORROW - timedelta(days=9),
                valid_until=TOMORROW + timedelta(days=9),
                maximum_shipments=7,
            )
        )
    outcomes = await all_at_once(database, await orders(database, 30))
    assert outcomes[Outcome.ALLOCATED] == 7
    async with database.reading() as session:
        days = await session.execute(
            select(col(CarrierCapacity.service), col(CarrierCapacity.booked)).order_by(col(CarrierCapacity.service))
        )
        assert [tuple(row) for row in days.all()] == [("", 7), ("STANDARD", 7)]
        assert (await session.scalars(select(col(CarrierContract.booked)))).one() == 7


async def test_what_is_worth_more_elsewhere_is_left_to_others_and_the_decision_says_so(database: Database) -> None:
    near, far = await a_network(database, carriers=[own_fleet()], nodes=("LIS", "OPO"), on_hand=3)
    async with database.transaction() as session:
        session.add(
            BidPrice(resource=f"stock|{near.id}|APPLE", price_minor=120.0, capacity=3, at=clock.now(), expires_on=None)
        )
    (order,) = await orders(database, 1, latitude=38.72)
    assert await decide(database, order) is Outcome.ALLOCATED
    async with database.reading() as session:
        assert (await session.scalars(select(col(Allocation.node_id)))).one() == far.id
        decision = (await session.scalars(select(Decision))).one()
        assert decision.model_name == "bid-prices"
        lost = decision.alternatives[0]
        assert (lost["node"], lost["rejectedBecause"]["code"]) == ("LIS", "SCARCE")
        assert lost["scarcityMinor"] == 120
        assert lost["rejectedBecause"]["detail"] == (
            "It is 0.14 EUR cheaper for its distance, but 1 of the last 3 of APPLE at LIS is worth 1.20 EUR elsewhere"
            " today."
        )
        assert decision.detail["goods"]["weightKg"] == 1.5


async def test_a_decision_itemises_what_the_carrier_charges(database: Database) -> None:
    carrier = third_party()
    await a_network(database, carriers=[carrier])
    document = {
        "rates": {
            "baseMinor": 400,
            "brackets": [{"upToKg": 1, "minor": 50}, {"upToKg": 5, "minor": 90}],
            "surcharges": [{"code": "fuel", "percent": 10}],
        }
    }
    async with database.transaction() as session:
        session.add(CarrierService(carrier_id=carrier.id, code="STANDARD", document=document))
    (order,) = await orders(database, 1)
    assert await decide(database, order) is Outcome.ALLOCATED
    async with database.reading() as session:
        decision = (await session.scalars(select(Decision))).one()
        assert decision.chosen is not None
        assert decision.chosen["carriage"] == [
            {"component": "base", "amountMinor": 400},
            {"component": "weight", "amountMinor": 90},
            {"component": "fuel", "amountMinor": 49},
        ]
        shipment = (await session.scalars(select(Shipment))).one()
        assert (decision.chosen["priceMinor"], shipment.estimated_minor) == (539, 539)
    assert await count(database, OrderState.ALLOCATED) == 1
