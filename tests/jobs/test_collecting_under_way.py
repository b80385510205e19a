"""Collections on days under way: joined, replanned and moved, with vans that have left."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from app.core import clock
from app.core.database import Database
from app.core.errors import Conflict
from app.core.ids import to_global
from app.models import (
    JobKind,
    Route,
    RouteState,
    ShipmentState,
    Stop,
    StopKind,
    StopOutcome,
    StopState,
    Vehicle,
)
from app.orchestration.plans.published import order_of as order_of_route
from app.orchestration.plans.published import trips_of
from app.orchestration.plans.replanning import adopt, settled
from app.orchestration.plans.under_way import under_way
from app.solvers.routing.solution import PlannedReload
from tests.client import DISPATCHER, Client
from tests.documents import document
from tests.factories.collecting import RETURN, R, a_day_of, order_of, shipments, stock
from tests.factories.days import PLAN, REPLAN, a_day_of_trips, device, driver_of, events, routes, searched, stops
from tests.factories.devices import Device
from tests.factories.planning import NOON, TOMORROW, a_network, orders, own_fleet, run
from tests.factories.tendering import rules


@pytest.fixture(autouse=True)
def _morning(monkeypatch: pytest.MonkeyPatch) -> None:
    """The routes are published, and leave soon."""
    monkeypatch.setattr(clock, "_clock", clock.starting_at(NOON - timedelta(hours=5), speed=1.0))


async def test_where_pickups_come_last_no_delivery_goes_behind_one(client: Client, database: Database) -> None:
    await a_network(database, carriers=[own_fleet()], vans=1)
    await rules(database, planning={"pickupsLast": True})
    await orders(database, 3)
    await orders(database, 3, prefix="B", sku="PEAR", kind=RETURN)
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    await run(database, JobKind.PLAN_ROUTES, PLAN)
    (route,) = await routes(database)
    found = await stops(database, route)
    assert [stop.kind for stop in found] == [StopKind.DELIVERY] * 3 + [StopKind.RETURN] * 3
    wanted = {
        "stopId": to_global("Stop", found[0].id),
        "toRouteId": to_global("Route", route.id),
        "position": 6,
        "expectedVersion": route.version,
    }
    data = await client.run(document("console.graphql", "ReassignStop"), {"input": wanted}, as_=DISPATCHER)
    (error,) = data["reassignStop"]["userErrors"]
    assert (error["code"], "BACKHAUL" in error["message"]) == ("RULES_BROKEN", True)
    assert [stop.id for stop in await stops(database, route)] == [stop.id for stop in found]


async def a_van_on_the_road(client: Client, database: Database, *, bring: int = 3, **more: Any) -> tuple[Route, Device]:
    """It has left with its goods, and has made its first stop."""
    await a_day_of(database, bring=bring, **more)
    (route, *_) = await routes(database)
    driver = await device(client, database, route)
    assert await driver.outcomes(driver.start(), *driver.visit(0, 5)) == [R] * 4
    return route, driver


async def test_a_late_collection_joins_a_route_that_has_not_left(client: Client, database: Database) -> None:
    await a_day_of(database, bring=3)
    await orders(database, 1, prefix="LATE", sku="PEAR", kind=RETURN)
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    _, result = await run(database, JobKind.PLAN_ROUTES, PLAN)
    assert (result["joined"], result["plans"]) == (1, [])
    (route,) = await routes(database)
    assert [stop.kind for stop in await stops(database, route)].count(StopKind.RETURN) == 1


async def test_a_late_collection_joins_a_van_that_has_left(client: Client, database: Database) -> None:
    route, driver = await a_van_on_the_road(client, database)
    before = [stop.id for stop in await stops(database, route)]
    await orders(database, 1, prefix="LATE", sku="PEAR", kind=RETURN)
    await orders(database, 1, prefix="NEW")
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    _, result = await run(database, JobKind.PLAN_ROUTES, REPLAN)
    assert (result["replanned"]["joined"], result["replanned"]["changed"]) == (1, 1)
    found = await shipments(database)
    assert found["LATE000/1"].state is ShipmentState.PLANNED
    after = await stops(database, route)
    (joined,) = [stop for stop in after if stop.id not in before]
    assert (joined.kind, joined.state) == (StopKind.RETURN, StopState.PENDING)
    assert [stop.sequence for stop in after] == [1, 2, 3, 4]
    (again, *_) = await routes(database)
    assert (again.state, again.version > route.version, again.planned_start) == (
        RouteState.IN_PROGRESS,
        True,
        route.planned_start,
    )
    (changed,) = await events(database, "route.changed")
    assert changed.data["joined"] == ["LATE000/1"]
    driver.published.stops[:] = after
    rest = [each for number in range(1, 4) for each in driver.visit(number, 10 * number)]
    assert set(await driver.outcomes(*rest, driver.complete(55))) == {R}
    assert await stock(database, "PEAR") == (51, 0, 0)


async def test_a_collection_of_an_ill_driver_goes_with_a_van_that_has_left(client: Client, database: Database) -> None:
    await a_day_of(database, bring=6, collect=1, vans=2, room_kg=5.0)
    of_kinds = {route.id: [stop.kind for stop in await stops(database, route)] for route in await routes(database)}
    (ill,) = [route for route in await routes(database) if StopKind.RETURN in of_kinds[route.id]]
    (away,) = [route for route in await routes(database) if route.id != ill.id]
    on_road = await device(client, database, away)
    assert await on_road.outcomes(on_road.start(), *on_road.visit(0, 5)) == [R] * 4
    driver = await driver_of(database, ill)
    _, result = await run(database, JobKind.PLAN_ROUTES, {**REPLAN, "withoutDrivers": [driver.reference]})
    assert result["replanned"] == {"joined": 0, "moved": 1, "released": 3, "changed": 1, "cancelled": 1}
    kinds = [stop.kind for stop in await stops(database, away)]
    assert (len(kinds), kinds.count(StopKind.RETURN)) == (4, 1)
    (moved,) = await events(database, "shipment.replanned")
    assert moved.data["route"] == away.reference


async def test_a_van_that_went_on_gets_no_collection_and_the_day_is_read_again(
    client: Client, database: Database
) -> None:
    route, driver = await a_van_on_the_road(client, database)
    await orders(database, 1, prefix="LATE", sku="PEAR", kind=RETURN)
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    found, answer, changes = await searched(database)
    assert [len(drops) for drops in changes.joined.values()] == [1]
    await driver.outcomes(*driver.visit(1, 15))
    before = [(stop.id, stop.version) for stop in await stops(database, route)]
    with pytest.raises(Conflict, match=f"driver of route {route.reference} went on") as refused:
        await database.run(
            lambda session: adopt(session, found=found, problem=answer.problem, changes=changes, now=clock.now())
        )
    assert refused.value.code == "PLAN_OUTDATED"
    assert [(stop.id, stop.version) for stop in await stops(database, route)] == before
    assert (await shipments(database))["LATE000/1"].state is ShipmentState.ASSIGNED
    assert await events(database, "route.changed") == []


async def test_a_van_keeps_its_goods_where_an_answer_would_leave_them_for_a_collection(
    client: Client, database: Database
) -> None:
    route, _ = await a_van_on_the_road(client, database)
    await orders(database, 1, prefix="LATE", sku="PEAR", kind=RETURN)
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    found, answer, _ = await searched(database)
    late = str((await order_of(database, "LATE000")).id)
    (planned,) = answer.solution.routes
    heading_for = [stop for stop in planned.stops if stop.visit_id == str(found.stops[str(route.id)][0].order_id)]
    alone = replace(planned, stops=(*heading_for, *(stop for stop in planned.stops if stop.visit_id == late)))
    changes = settled(found, replace(answer, solution=replace(answer.solution, routes=(alone,))))
    assert (changes.routes, changes.joined, changes.released) == ({}, {}, [])


async def test_a_collection_joins_a_van_that_comes_back_for_more_only_where_its_trips_stay_as_they_are(
    client: Client, database: Database
) -> None:
    await a_day_of_trips(database, 6, room_kg=4.6, planning={"maxTrips": 3, "reloadMinutes": 20})
    (route,) = await routes(database)
    driver = await device(client, database, route)
    assert await driver.outcomes(driver.start(), *driver.visit(0, 5)) == [R] * 4
    await orders(database, 1, prefix="LATE", sku="PEAR", kind=RETURN)
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    found, answer, _ = await searched(database)
    (planned,) = answer.solution.routes
    by_visit = {stop.visit_id: stop for stop in planned.stops}
    first, second = trips_of(order_of_route(route, found.stops[str(route.id)]))
    late = str((await order_of(database, "LATE000")).id)

    def joined(*trips: list[str]) -> bool:
        stops = tuple(by_visit[visit] for trip in trips for visit in trip)
        reload = PlannedReload(
            after_stops=len(trips[0]), location=0, arrival_seconds=0, start_seconds=0, departure_seconds=0
        )
        other = replace(planned, stops=stops, reloads=(reload,))
        changes = settled(found, replace(answer, solution=replace(answer.solution, routes=(other,))))
        assert bool(changes.routes) is bool(changes.joined)
        return bool(changes.joined)

    assert (len(first), len(second)) == (2, 3)
    assert joined([*first, late], second)
    assert joined(first, [second[0], late, *second[1:]])
    assert not joined([*first, late], second[::-1])
    assert not joined([*first, late, *second], [])
    assert not joined([*first, second[0]], [late, *second[1:]])


async def test_collected_goods_take_room_on_the_rest_of_a_route(client: Client, database: Database) -> None:
    await a_day_of(database, bring=2, collect=1, room_kg=5.0)
    (route,) = await routes(database)
    driver = await device(client, database, route)
    found = await stops(database, route)
    (number,) = [at for at, stop in enumerate(found) if stop.kind is StopKind.RETURN]
    assert await driver.outcomes(driver.start(), *driver.visit(number, 5)) == [R] * 4
    async with database.reading() as session:
        node = await session.get_one(type(driver.published.node), route.node_id)
        now = clock.now()
        read = await under_way(session, node=node, day=TOMORROW, now=now, leave_after=now)
    assert read is not None
    (van,) = [van for van in read.loaded.vans if van.route_id == route.id]
    assert van.standing is not None
    assert van.standing.on_board == (1_500, 2_000)
    assert found[number].outcome is None
    (after,) = [stop for stop in await stops(database, route) if stop.kind is StopKind.RETURN]
    assert after.outcome is StopOutcome.SUCCEEDED


async def test_a_dispatcher_gives_a_collection_to_a_van_that_has_left_but_no_delivery(
    client: Client, database: Database
) -> None:
    await a_day_of(database, bring=3, collect=3, vans=2, room_kg=5.0)
    async with database.transaction() as session:
        await session.execute(update(Vehicle).values(max_weight_kg=500))
    await orders(database, 4, prefix="Z")
    await orders(database, 1, prefix="Y", sku="PEAR", kind=RETURN)
    async with database.transaction() as session:
        taken = select(col(Route.vehicle_id))
        await session.execute(update(Vehicle).where(col(Vehicle.id).in_(taken)).values(max_weight_kg=4.6))
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    await run(database, JobKind.PLAN_ROUTES, PLAN)
    async with database.transaction() as session:
        await session.execute(update(Vehicle).values(max_weight_kg=500))
    away, waiting = await routes(database)
    on_road = await device(client, database, away)
    assert await on_road.outcomes(on_road.start(), *on_road.visit(0, 5)) == [R] * 4
    kinds = {stop.kind: stop for stop in await stops(database, waiting)}
    reassign = document("console.graphql", "ReassignStop")

    async def moved(stop: Stop) -> dict[str, Any]:
        (route,) = [route for route in await routes(database) if route.id == waiting.id]
        wanted = {
            "stopId": to_global("Stop", stop.id),
            "toRouteId": to_global("Route", away.id),
            "expectedVersion": route.version,
        }
        answer: dict[str, Any] = (await client.run(reassign, {"input": wanted}, as_=DISPATCHER))["reassignStop"]
        return answer

    (error,) = (await moved(kinds[StopKind.DELIVERY]))["userErrors"]
    assert error["code"] == "VAN_HAS_LEFT"
    assert len(await stops(database, waiting)) == 5
    payload = await moved(kinds[StopKind.RETURN])
    assert payload["userErrors"] == []
    assert kinds[StopKind.RETURN].id in {stop.id for stop in await stops(database, away)}
