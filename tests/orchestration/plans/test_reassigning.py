"""A dispatcher moves stops of a published day, through the endpoint."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from app.connectors.roads.osrm import Osrm
from app.core import clock
from app.core.database import Database
from app.core.geo import Point, great_circle_metres
from app.core.ids import to_global
from app.jobs.travel import RoadTravel
from app.models import (
    ActorKind,
    Decision,
    DecisionKind,
    FulfilmentNode,
    Order,
    Route,
    RouteState,
    Shipment,
    Stop,
    StopState,
)
from app.orchestration.routes import pauses
from tests.client import DISPATCHER, Client
from tests.documents import document
from tests.factories.days import a_day, a_day_of_trips, device, events, routes, set_room, stops, use_planning
from tests.factories.planning import NOON
from tests.factories.roads import FACTOR, METRES_PER_SECOND, road_server

REASSIGN = document("console.graphql", "ReassignStop")


@pytest.fixture(autouse=True)
def _morning(monkeypatch: pytest.MonkeyPatch) -> None:
    """The routes are published and have not left."""
    monkeypatch.setattr(clock, "_clock", clock.starting_at(NOON - timedelta(hours=5), speed=1.0))


async def reassign(client: Client, stop: Stop, *, of: Route, to: Route, **more: Any) -> dict[str, Any]:
    """The payload."""
    wanted = {
        "stopId": to_global("Stop", stop.id),
        "toRouteId": to_global("Route", to.id),
        "expectedVersion": of.version,
        **more,
    }
    answer = await client.run(REASSIGN, {"input": wanted}, as_=DISPATCHER)
    found: dict[str, Any] = answer["reassignStop"]
    return found


def refusal(payload: dict[str, Any]) -> dict[str, Any]:
    assert payload["routes"] == []
    (error,) = payload["userErrors"]
    found: dict[str, Any] = error
    return found


async def test_a_stop_goes_to_another_van_where_it_costs_least_and_both_drivers_hear_of_it(
    client: Client, database: Database
) -> None:
    await a_day(database, 6, vans=2)
    await set_room(database, 500)
    first, second = await routes(database)
    moving, *staying = await stops(database, first)
    payload = await reassign(client, moving, of=first, to=second)
    assert payload == {
        "routes": [
            {"id": to_global("Route", first.id), "version": first.version + 1},
            {"id": to_global("Route", second.id), "version": second.version + 1},
        ],
        "userErrors": [],
    }
    left, more = await stops(database, first), await stops(database, second)
    assert [stop.id for stop in left] == [stop.id for stop in staying]
    assert moving.id in {stop.id for stop in more}
    assert ([stop.sequence for stop in left], [stop.sequence for stop in more]) == ([1, 2], [1, 2, 3, 4])
    assert [stop.planned_arrival for stop in more] == sorted(stop.planned_arrival for stop in more)
    first, second = await routes(database)
    assert (first.load_weight_kg, second.load_weight_kg) == (3.0, 6.0)
    changed = await events(database, "route.changed")
    assert {event.data["reason"] for event in changed} == {"REASSIGNED"}
    assert {event.actor_kind for event in changed} == {ActorKind.STAFF}
    async with database.reading() as session:
        why = (await session.scalars(select(Decision).where(col(Decision.kind) == DecisionKind.REROUTE))).one()
    assert (why.automatic, why.model_name, why.detail) == (False, "by-hand", {"before": first.reference})


async def test_a_stop_takes_the_place_that_is_wanted_on_its_own_route(client: Client, database: Database) -> None:
    await a_day(database, 3, vans=1)
    (route,) = await routes(database)
    one, two, three = await stops(database, route)
    payload = await reassign(client, one, of=route, to=route, position=3)
    assert [each["version"] for each in payload["routes"]] == [route.version + 1]
    assert [stop.id for stop in await stops(database, route)] == [two.id, three.id, one.id]
    error = refusal(await reassign(client, two, of=(await routes(database))[0], to=route, position=4))
    assert (error["code"], error["field"]) == ("POSITION_UNKNOWN", "position")
    assert "Name 1 to 3" in error["message"]


async def test_the_last_stop_of_a_route_ends_it(client: Client, database: Database) -> None:
    await a_day(database, 4, vans=2)
    await set_room(database, 500)
    (lone, others) = sorted(await routes(database), key=lambda route: route.load_weight_kg)
    (only,) = await stops(database, lone)
    payload = await reassign(client, only, of=lone, to=others)
    assert payload["userErrors"] == []
    states = {route.id: route.state for route in await routes(database)}
    assert states == {lone.id: RouteState.CANCELLED, others.id: RouteState.PUBLISHED}


async def test_each_rule_that_would_be_broken_is_named_and_nothing_has_changed(
    client: Client, database: Database
) -> None:
    await a_day(database, 6, vans=2)
    first, second = await routes(database)
    moving = (await stops(database, first))[0]
    async with database.transaction() as session:
        order = await session.get_one(Order, moving.order_id)
        order.required_skills = ["COLD"]
    error = refusal(await reassign(client, moving, of=first, to=second))
    assert (error["code"], error["field"]) == ("RULES_BROKEN", "toRouteId")
    assert f"SKILL at {order.reference} on {second.reference}" in error["message"]
    assert "(Dario) would carry 6 kg, 1 kg more than the 5 kg that it holds" in error["message"]
    assert "it needs COLD, which" in error["message"]
    assert f"CAPACITY on {second.reference}" in error["message"] or "CAPACITY at" in error["message"]
    assert [route.version for route in await routes(database)] == [first.version, second.version]
    assert await events(database, "route.changed") == []


async def test_a_window_that_would_be_missed_is_named(client: Client, database: Database) -> None:
    await a_day(database, 3, vans=1)
    (route,) = await routes(database)
    one, _, last = await stops(database, route)
    async with database.transaction() as session:
        await session.execute(
            update(Shipment)
            .where(col(Shipment.order_id) == one.order_id)
            .values(window_start=one.planned_arrival, window_end=one.planned_arrival + timedelta(minutes=1))
        )
        await session.execute(
            update(Shipment)
            .where(col(Shipment.order_id) == last.order_id)
            .values(window_start=last.planned_arrival + timedelta(hours=1))
        )
    error = refusal(await reassign(client, one, of=route, to=route, position=3))
    assert error["code"] == "RULES_BROKEN"
    assert "WINDOW at" in error["message"]
    assert "after its window" in error["message"]


async def test_goods_in_a_van_stay_in_it_and_a_van_that_has_left_takes_no_more(
    client: Client, database: Database
) -> None:
    await a_day(database, 6, vans=2)
    await set_room(database, 500)
    home, away = await routes(database)
    on_road = await device(client, database, away)
    await on_road.outcomes(on_road.start(), *on_road.visit(0, 5))
    (away,) = [route for route in await routes(database) if route.id == away.id]
    waiting = [stop for stop in await stops(database, away) if stop.state is StopState.PENDING]
    assert refusal(await reassign(client, waiting[0], of=away, to=home))["code"] == "GOODS_IN_VAN"
    at_node = (await stops(database, home))[0]
    assert refusal(await reassign(client, at_node, of=home, to=away))["code"] == "VAN_HAS_LEFT"
    begun = next(stop for stop in await stops(database, away) if stop.state is not StopState.PENDING)
    assert refusal(await reassign(client, begun, of=away, to=away))["code"] == "INVALID_STATE"


async def test_what_changed_since_it_was_read_is_refused(client: Client, database: Database) -> None:
    await a_day(database, 6, vans=2)
    await set_room(database, 500)
    first, second = await routes(database)
    one, two, _ = await stops(database, first)
    await reassign(client, one, of=first, to=second)
    error = refusal(await reassign(client, two, of=first, to=second))
    assert (error["code"], error["field"]) == ("STALE_VERSION", "expectedVersion")


async def test_a_route_of_another_day_or_none_is_refused(client: Client, database: Database) -> None:
    await a_day(database, 6, vans=2)
    first, second = await routes(database)
    stop = (await stops(database, first))[0]
    async with database.transaction() as session:
        await session.execute(update(Route).where(col(Route.id) == second.id).values(state=RouteState.CANCELLED))
    assert refusal(await reassign(client, stop, of=first, to=second))["code"] == "ROUTE_NOT_OPEN"
    gone = refusal(await reassign(client, stop, of=first, to=first, toRouteId=to_global("Route", stop.id)))
    assert (gone["code"], gone["field"]) == ("NOT_FOUND", "toRouteId")


async def test_a_moved_stop_is_timed_by_the_roads_that_the_plan_knows(client: Client, database: Database) -> None:
    await use_planning(database, {"traffic": [{"fromMinute": 0, "speedFactor": 0.5}]})
    with road_server() as roads:
        await a_day(database, 6, vans=1, room_kg=500, travel=RoadTravel(Osrm(roads.url).table))
    (route,) = await routes(database)
    one, *_ = await stops(database, route)
    payload = await reassign(client, one, of=route, to=route, position=3)
    assert payload["userErrors"] == []
    (after,) = await routes(database)
    async with database.reading() as session:
        node = await session.get_one(FulfilmentNode, route.node_id)
    home = Point(latitude=node.latitude, longitude=node.longitude)
    doors = [Point(latitude=stop.latitude, longitude=stop.longitude) for stop in await stops(database, route)]
    points = [home, *doors, home]
    metres = FACTOR * sum(great_circle_metres(start, end) for start, end in pairwise(points))
    served = sum(stop.service_seconds for stop in await stops(database, route))
    assert after.distance_metres == pytest.approx(metres, rel=0.01)
    assert after.duration_seconds >= served + 0.97 * metres / METRES_PER_SECOND / 0.5
    driven = sum(stop.drive_seconds for stop in (await stops(database, route))[1:])
    legs = FACTOR * sum(great_circle_metres(start, end) for start, end in pairwise(points[1:-1]))
    assert driven == pytest.approx(legs / METRES_PER_SECOND / 0.5, rel=0.03)


async def test_a_stop_moves_to_another_trip_of_a_route_and_the_reload_stays(client: Client, database: Database) -> None:
    await a_day_of_trips(database, 5, room_kg=4.6, planning={"maxTrips": 3, "reloadMinutes": 20})
    await set_room(database, 500)
    (route,) = await routes(database)
    (reload,) = pauses.of(route)
    late = (await stops(database, route))[4]
    error = refusal(await reassign(client, late, of=route, to=route, position=1))
    assert error["code"] == "RULES_BROKEN"  # it may not come before noon
    async with database.transaction() as session:
        opens, closes = NOON - timedelta(hours=2), NOON + timedelta(hours=4)
        await session.execute(update(Shipment).values(window_start=opens, window_end=closes))
    payload = await reassign(client, late, of=route, to=route, position=1)
    assert payload["userErrors"] == []
    (after,) = await routes(database)
    (stays,) = pauses.of(after)
    assert (reload.after_stop, stays.after_stop, stays.seconds) == (3, 4, 1_200)
    assert (await stops(database, route))[0].id == late.id


async def test_on_a_route_that_has_left_a_stop_stays_on_its_trip(client: Client, database: Database) -> None:
    await a_day_of_trips(database, 6, room_kg=4.6, planning={"maxTrips": 3, "reloadMinutes": 20})
    (route,) = await routes(database)
    on_road = await device(client, database, route)
    await on_road.outcomes(on_road.start(), *on_road.visit(0, 5))
    (route,) = await routes(database)
    last = (await stops(database, route))[-1]
    error = refusal(await reassign(client, last, of=route, to=route, position=1))
    assert (error["code"], error["field"]) == ("OTHER_TRIP", "position")
    payload = await reassign(client, last, of=route, to=route, position=4)
    assert payload["userErrors"] == []
    (after,) = await routes(database)
    assert [pause.after_stop for pause in pauses.of(after)] == [3]
    assert [stop.id for stop in await stops(database, route)].index(last.id) == 4
