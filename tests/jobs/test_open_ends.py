"""Couriers whose routes end with their last service: planned, joined, replanned and followed on a real database."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import update
from sqlmodel import col

from app.auth.principals import SYSTEM
from app.core import clock
from app.core.database import Database
from app.core.geo import Point
from app.models import JobKind, OrderKind, Route, Stop, StopKind, StopState, Vehicle
from app.orchestration.plans.homecoming import TURNAROUND
from app.orchestration.plans.pictures import picture
from app.orchestration.travel import drive_seconds
from tests.client import DISPATCHER, Client
from tests.documents import document
from tests.factories.days import PLAN, REPLAN, device, routes, searched, stops
from tests.factories.planning import NOON, a_network, orders, own_fleet, run
from tests.factories.tendering import rules

COURIER = {"vehicleKinds": {"courier": {"endsAnywhere": True}}}


@pytest.fixture(autouse=True)
def _morning(monkeypatch: pytest.MonkeyPatch) -> None:
    """The routes are published, and leave soon."""
    monkeypatch.setattr(clock, "_clock", clock.starting_at(NOON - timedelta(hours=5), speed=1.0))


async def a_day_of_couriers(database: Database, count: int, *, vans: int = 1) -> None:
    """The first vehicle is a courier's; others are vans."""
    await a_network(database, carriers=[own_fleet()], vans=vans)
    await rules(database, planning=COURIER)
    async with database.transaction() as session:
        first = col(Vehicle.registration) == "LIS-1"
        await session.execute(update(Vehicle).where(first).values(kind="courier", per_km_minor=0, fixed_minor=0))
    await orders(database, count)
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    await run(database, JobKind.PLAN_ROUTES, PLAN)


def end_of(stop: Stop) -> datetime:
    return stop.planned_arrival + timedelta(seconds=stop.service_seconds)


def place(stop: Stop) -> Point:
    return Point(latitude=stop.latitude, longitude=stop.longitude)


async def test_a_couriers_route_ends_with_its_last_service(client: Client, database: Database) -> None:
    await a_day_of_couriers(database, 4)
    (route,) = await routes(database)
    found = await stops(database, route)
    assert route.planned_end == end_of(found[-1])
    assert route.distance_metres == sum(stop.drive_metres for stop in found)
    driver = await device(client, database, route)
    day = await client.run(document("driver.graphql", "DriverDay"), {}, as_=driver.published.principal)
    way = day["viewer"]["driver"]["currentRoute"]["geometry"]["coordinates"]
    assert (len(way), way[-1]) == (5, [round(found[-1].longitude, 6), round(found[-1].latitude, 6)])
    async with database.reading() as session:
        drawn = await picture(session, SYSTEM, plan_id=route.plan_id)
    assert [each.comes_back for each in drawn.routes] == [False]


async def test_late_orders_join_a_couriers_route_and_move_its_end(client: Client, database: Database) -> None:
    await a_day_of_couriers(database, 2)
    (before,) = await routes(database)
    await orders(database, 2, prefix="LATE")
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    _, result = await run(database, JobKind.PLAN_ROUTES, PLAN)
    assert (result["joined"], result["plans"]) == (2, [])
    (route,) = await routes(database)
    found = await stops(database, route)
    assert (len(found), route.planned_end) == (4, end_of(found[-1]))
    assert route.planned_end > before.planned_end


async def test_the_rest_of_a_couriers_route_ends_at_its_last_door(client: Client, database: Database) -> None:
    await a_day_of_couriers(database, 4)
    (route,) = await routes(database)
    driver = await device(client, database, route)
    assert await driver.outcomes(driver.start(), *driver.visit(0, 5)) == ["RECORDED"] * 4
    _, answer, _ = await searched(database)
    (vehicle,) = answer.problem.vehicles
    (rest,) = answer.solution.routes
    assert (vehicle.end_location, rest.end_seconds) == (None, rest.stops[-1].departure_seconds)
    _, result = await run(database, JobKind.PLAN_ROUTES, REPLAN)
    assert (result["unassigned"], result["replanned"]["released"]) == (0, 0)
    after = await stops(database, route)
    assert [stop.state for stop in after] == [StopState.DEPARTED, StopState.EN_ROUTE, *[StopState.PENDING] * 2]


async def test_a_courier_drives_home_before_the_next_route(client: Client, database: Database) -> None:
    await a_day_of_couriers(database, 2)
    (first,) = await routes(database)
    driver = await device(client, database, first)
    assert await driver.outcomes(driver.start()) == ["RECORDED"]
    await orders(database, 2, prefix="LATE")
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    _, result = await run(database, JobKind.PLAN_ROUTES, PLAN)
    assert result["unassigned"] == 0
    first, second = await routes(database)
    last = (await stops(database, first))[-1]
    home = Point(latitude=driver.published.node.latitude, longitude=driver.published.node.longitude)
    way_home = timedelta(seconds=drive_seconds(place(last), home))
    assert way_home > timedelta(seconds=30)
    assert second.planned_start >= first.planned_end + way_home + TURNAROUND
    found, answer, _ = await searched(database)
    ends = {vehicle.id: vehicle.end_location for vehicle in answer.problem.vehicles}
    assert ends == {str(first.id): 0, str(second.id): None}
    assert set(found.routes) == {str(first.id), str(second.id)}


async def kinds_on(database: Database, route: Route) -> list[StopKind]:
    return [stop.kind for stop in await stops(database, route)]


async def test_goods_are_collected_by_vehicles_that_come_back(client: Client, database: Database) -> None:
    await a_day_of_couriers(database, 3, vans=2)
    (courier,) = await routes(database)
    assert courier.planned_end == end_of((await stops(database, courier))[-1])
    await orders(database, 1, prefix="B", kind=OrderKind.RETURN)
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    _, result = await run(database, JobKind.PLAN_ROUTES, PLAN)
    assert (result["joined"], result["unassigned"]) == (0, 0)
    courier, van = await routes(database)
    assert (await kinds_on(database, courier), await kinds_on(database, van)) == (
        [StopKind.DELIVERY] * 3,
        [StopKind.RETURN],
    )
    assert van.planned_end > end_of((await stops(database, van))[-1])


async def test_a_collection_that_only_couriers_could_make_says_why_it_waits(client: Client, database: Database) -> None:
    await a_day_of_couriers(database, 1)
    await orders(database, 1, prefix="B", kind=OrderKind.RETURN)
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    _, result = await run(database, JobKind.PLAN_ROUTES, PLAN)
    assert (result["joined"], result["unassigned"]) == (0, 1)
    (courier,) = await routes(database)
    assert await kinds_on(database, courier) == [StopKind.DELIVERY]
    read = await client.run(
        "query ($reference: String!) { orderByReference(reference: $reference) { unassigned { code } } }",
        {"reference": "B000"},
        as_=DISPATCHER,
    )
    # Before its route the courier's van comes back to the node, and could collect: not in this window.
    assert read["orderByReference"]["unassigned"]["code"] == "WINDOW_UNREACHABLE"
