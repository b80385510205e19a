"""Goods that are collected at customers' doors, from the order to the shelf: real database, solver and driver."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from app.core import clock
from app.core.database import Database
from app.core.ids import to_global
from app.models import (
    Allocation,
    AllocationState,
    InventoryLevel,
    InventoryMovement,
    JobKind,
    MovementReason,
    Order,
    OrderKind,
    OrderLine,
    OrderState,
    ShipmentState,
    StopKind,
    StopState,
)
from tests.client import INTEGRATION, Client
from tests.documents import document
from tests.factories.collecting import R, a_day_of, movements, order_of, shipments, stock
from tests.factories.customers import Customer
from tests.factories.days import PLAN, device, events, routes, stops
from tests.factories.devices import event
from tests.factories.planning import NOON, a_network, orders, own_fleet, run, third_party
from tests.factories.settling import projected


@pytest.fixture(autouse=True)
def _morning(monkeypatch: pytest.MonkeyPatch) -> None:
    """The routes are published, and leave soon."""
    monkeypatch.setattr(clock, "_clock", clock.starting_at(NOON - timedelta(hours=5), speed=1.0))


def draft(**wanted: Any) -> dict[str, Any]:
    """A return as a shop sends it."""
    window = {"start": (NOON - timedelta(hours=2)).isoformat(), "end": (NOON + timedelta(hours=4)).isoformat()}
    return {
        "reference": "RMA-1",
        "kind": "RETURN",
        "recipient": {"name": "Rosa", "email": "rosa@example.com", "channels": ["EMAIL"]},
        "address": {
            "line1": "Rua Augusta 1",
            "city": "Lisboa",
            "postalCode": "1100-053",
            "country": "PT",
            "location": {"latitude": 38.715, "longitude": -9.14},
        },
        "lines": [{"sku": "PEAR", "quantity": 2, "weightKg": 1.0, "volumeL": 2.0}],
        "requestedWindow": window,
        **wanted,
    }


async def upsert(client: Client, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    data = await client.run(
        document("integration.graphql", "UpsertOrders"), {"input": {"orders": list(rows)}}, as_=INTEGRATION
    )
    found: list[dict[str, Any]] = data["upsertOrders"]["results"]
    return found


async def test_a_return_goes_from_the_shops_order_to_the_shelf(client: Client, database: Database) -> None:
    await a_network(database, carriers=[own_fleet()], vans=1, on_hand=0)
    (made,) = await upsert(client, draft())
    assert (made["outcome"], made["errors"]) == ("CREATED", [])
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    assert await stock(database, "PEAR") == (0, 0, 0)
    await run(database, JobKind.PLAN_ROUTES, PLAN)
    (route,) = await routes(database)
    (stop,) = await stops(database, route)
    assert (stop.kind, route.load_weight_kg, route.load_volume_l) == (StopKind.RETURN, 2.0, 4.0)
    driver = await device(client, database, route)
    day = await client.run(document("driver.graphql", "DriverDay"), {}, as_=driver.published.principal)
    assert day["viewer"]["driver"]["currentRoute"]["stops"][0]["kind"] == "RETURN"
    customer = Customer(client, await order_of(database, "RMA-1"))
    assert (await customer.page())["headline"].startswith("We collect your goods ")
    assert await driver.outcomes(driver.start()) == [R]
    await projected(database)
    found = (await shipments(database))["RMA-1/1"]
    assert (found.state, found.eta_expected is not None) == (ShipmentState.PLANNED, True)
    assert [told.subject_reference for told in await events(database, "shipment.approaching")] == ["RMA-1/1"]
    assert "driver's next stop" in (await customer.page())["headline"]
    assert await driver.outcomes(*driver.visit(0, 10)) == [R] * 3
    found = (await shipments(database))["RMA-1/1"]
    assert (found.state, found.attempt_count, found.delivered_at is not None) == (ShipmentState.RETURNING, 1, True)
    assert (await order_of(database, "RMA-1")).state is OrderState.IN_FULFILMENT
    assert await stock(database, "PEAR") == (0, 0, 0)
    assert (await customer.page())["headline"] == "We have collected your goods."
    assert await driver.outcomes(driver.complete(30)) == [R]
    assert (await shipments(database))["RMA-1/1"].state is ShipmentState.RETURNED
    assert await stock(database, "PEAR") == (2, 0, 0)
    assert await movements(database, "PEAR") == [(MovementReason.RECEIPT, 2)]
    read = await client.run(
        document("integration.graphql", "OrderByReference"), {"reference": "RMA-1"}, as_=INTEGRATION
    )
    assert (read["orderByReference"]["kind"], read["orderByReference"]["state"]) == ("RETURN", "COMPLETED")
    assert read["orderByReference"]["lines"] == [{"sku": "PEAR", "quantity": 2, "deliveredQuantity": 2}]
    titles = [line["title"] for line in (await customer.page())["timeline"]]
    assert {"Collection scheduled", "Collected", "Arrived"} <= set(titles)
    assert not {"Delivered", "On the way back", "Back at the sender"} & set(titles)


async def test_a_node_that_never_had_an_sku_takes_it_in(client: Client, database: Database) -> None:
    await a_day_of(database, collect=1)
    async with database.transaction() as session:
        await session.execute(update(OrderLine).values(sku="APPLE"))
    (route,) = await routes(database)
    driver = await device(client, database, route)
    async with database.transaction() as session:
        level = (await session.scalars(select(InventoryLevel).where(col(InventoryLevel.sku) == "PEAR"))).one()
        await session.execute(
            update(InventoryMovement).where(col(InventoryMovement.sku) == "PEAR").values(sku="PEAR-OLD")
        )
        await session.delete(level)
    assert await driver.outcomes(driver.start(), *driver.visit(0, 5), driver.complete(30)) == [R] * 5
    assert await stock(database, "PEAR") == (1, 0, 0)


async def test_a_mixed_route_brings_before_it_collects_and_shows_its_highest_load(
    client: Client, database: Database
) -> None:
    await a_day_of(database, bring=3, collect=3, room_kg=5.0)
    (route,) = await routes(database)
    assert route.load_weight_kg == 4.5
    assert (await stock(database, "APPLE"), await stock(database, "PEAR")) == ((50, 3, 0), (50, 0, 0))
    found = await stops(database, route)
    assert sorted(stop.kind.value for stop in found) == ["DELIVERY"] * 3 + ["RETURN"] * 3
    driver = await device(client, database, route)
    batch = [driver.start(), *(each for number in range(6) for each in driver.visit(number, 5 + 5 * number))]
    assert set(await driver.outcomes(*batch, driver.complete(50))) == {R}
    assert (await stock(database, "APPLE"), await stock(database, "PEAR")) == ((47, 0, 0), (53, 0, 0))
    states = [found.state for found in (await shipments(database)).values()]
    assert sorted(state.value for state in states) == ["DELIVERED"] * 3 + ["RETURNED"] * 3


async def test_a_part_of_the_goods_is_collected(client: Client, database: Database) -> None:
    await a_network(database, carriers=[own_fleet()], vans=1)
    await upsert(client, draft())
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    await run(database, JobKind.PLAN_ROUTES, PLAN)
    (route,) = await routes(database)
    driver = await device(client, database, route)
    shipment = to_global("Shipment", (await shipments(database))["RMA-1/1"].id)
    too_many = [{"shipmentId": shipment, "sku": "PEAR", "quantity": 3}]
    some = [{"shipmentId": shipment, "sku": "PEAR", "quantity": 1}]
    batch = [driver.start(), driver.arrive(0, 5), driver.deliver(0, 6, items=too_many)]
    assert await driver.outcomes(*batch) == [R, R, "QUANTITY_EXCEEDED"]
    assert (await shipments(database))["RMA-1/1"].state is ShipmentState.PLANNED
    assert await driver.outcomes(driver.deliver(0, 7, items=some), driver.depart(0, 8), driver.complete(30)) == [R] * 3
    assert (await order_of(database, "RMA-1")).state is OrderState.PARTIALLY_COMPLETED
    assert await stock(database, "PEAR") == (51, 0, 0)


async def test_what_could_not_be_collected_is_tried_again(client: Client, database: Database) -> None:
    await a_day_of(database, collect=1)
    (route,) = await routes(database)
    driver = await device(client, database, route)
    batch = [driver.start(), driver.arrive(0, 5), driver.fail(0, 6), driver.depart(0, 7), driver.complete(30)]
    assert await driver.outcomes(*batch) == [R] * 5
    (missed,) = (await shipments(database)).values()
    assert (missed.state, missed.attempt_count, missed.not_before is not None) == (
        ShipmentState.ATTEMPT_FAILED,
        1,
        True,
    )
    assert (await order_of(database, "B000")).state is OrderState.IN_FULFILMENT
    assert await stock(database, "PEAR") == (50, 0, 0)
    (told,) = await events(database, "shipment.collection_failed")
    assert told.data["reason"] == "NOT_HOME"
    assert await events(database, "shipment.attempt_failed") == []
    await run(database, JobKind.PLAN_ROUTES, PLAN)
    _, again = await routes(database)
    (stop,) = await stops(database, again)
    assert (await shipments(database))["B000/1"].state is ShipmentState.PLANNED
    assert missed.not_before is not None
    assert stop.planned_arrival >= missed.not_before


async def test_a_refused_collection_is_given_up_and_its_order_fails(client: Client, database: Database) -> None:
    await a_day_of(database, collect=1)
    (route,) = await routes(database)
    driver = await device(client, database, route)
    assert await driver.outcomes(driver.start(), driver.arrive(0, 5), driver.fail(0, 6, "REFUSED")) == [R] * 3
    assert (await shipments(database))["B000/1"].state is ShipmentState.CANCELLED
    assert (await order_of(database, "B000")).state is OrderState.FAILED
    (told,) = await events(database, "shipment.given_up")
    assert told.data["because"]["code"] == "NO_REATTEMPT"
    async with database.reading() as session:
        assert (await session.scalars(select(col(Allocation.state)))).one() is AllocationState.RELEASED
    assert await driver.outcomes(driver.depart(0, 7), driver.complete(30)) == [R] * 2
    assert (await stock(database, "PEAR"), await movements(database, "PEAR")) == ((50, 0, 0), [])


async def test_what_the_van_does_not_reach_waits_at_its_door(client: Client, database: Database) -> None:
    await a_day_of(database, collect=1)
    (route,) = await routes(database)
    driver = await device(client, database, route)
    assert await driver.outcomes(driver.start(), driver.complete(30)) == [R] * 2
    (stop,) = await stops(database, route)
    assert stop.state is StopState.SKIPPED
    assert (await shipments(database))["B000/1"].state is ShipmentState.ATTEMPT_FAILED


async def test_a_van_is_loaded_with_what_it_brings_alone(client: Client, database: Database) -> None:
    await a_day_of(database, bring=2, collect=1)
    (route,) = await routes(database)
    driver = await device(client, database, route)

    def scan(*barcodes: str) -> dict[str, Any]:
        return event(driver.minute(-5), loadScanned={"routeId": driver.route_id, "barcodes": list(barcodes)})

    assert await driver.outcomes(scan("A000/1", "B000/1")) == ["ITEM_UNKNOWN"]
    assert {found.state for found in (await shipments(database)).values()} == {ShipmentState.PLANNED}
    assert await driver.outcomes(scan("A000/1"), driver.start()) == [R, R]
    found = {reference: row.state for reference, row in (await shipments(database)).items()}
    assert found == {
        "A000/1": ShipmentState.OUT_FOR_DELIVERY,
        "A001/1": ShipmentState.ASSIGNED,
        "B000/1": ShipmentState.PLANNED,
    }
    states = {stop.order_id: stop.state for stop in await stops(database, route)}
    assert states[(await order_of(database, "B000")).id] in (StopState.PENDING, StopState.EN_ROUTE)


async def test_other_companies_are_not_asked_to_collect(client: Client, database: Database) -> None:
    await a_network(database, carriers=[third_party()])
    await orders(database, 1, kind=OrderKind.PICKUP)
    _, result = await run(database, JobKind.ALLOCATE_ORDERS, {})
    assert result["allocated"] == 0
    order = await order_of(database, "A000")
    assert (order.state, order.unassigned is not None) == (OrderState.RECEIVED, True)
    assert order.unassigned is not None
    assert "collects no goods at doors, and this is a PICKUP" in str(order.unassigned)
    assert await shipments(database) == {}


async def test_cash_is_not_taken_where_goods_are_collected(client: Client, database: Database) -> None:
    await a_network(database, carriers=[own_fleet()])
    (row,) = await upsert(client, draft(cashToCollect={"amount": "5.00", "currency": "EUR"}))
    (error,) = row["errors"]
    assert (error["code"], error["field"].endswith("cashToCollect")) == ("CASH_AT_COLLECTION", True)
    assert "cannot be taken for a RETURN" in error["message"]
    async with database.reading() as session:
        assert list(await session.scalars(select(Order))) == []


async def test_an_order_that_is_cancelled_needs_no_stock_back(client: Client, database: Database) -> None:
    await a_day_of(database, collect=1)
    data = await client.run(
        document("integration.graphql", "CancelOrder"),
        {"input": {"reference": "B000", "reason": "kept"}},
        as_=INTEGRATION,
    )
    assert data["cancelOrder"]["order"]["state"] == "CANCELLED"
    assert (await stock(database, "PEAR"), await movements(database, "PEAR")) == ((50, 0, 0), [])
    (route,) = await routes(database)
    assert await stops(database, route) == []
