"""What a plan comes to: money only, its routes as they are now, and how late it is."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from app.core import clock
from app.core.database import Database
from app.core.ids import to_global
from app.models import JobKind, Route, RouteState, Stop
from app.orchestration.plans.totals import money
from app.solvers.routing.problem import TimeWindow, Vehicle
from app.solvers.routing.solution import Route as Timed
from tests.client import DISPATCHER, Client
from tests.factories.days import PLAN, a_day, routes, set_room
from tests.factories.planning import NOON, orders, run
from tests.factories.routes import PLAIN, a_published_route

FIGURES = "cost { amount } distanceMetres durationSeconds lateness { stops totalSeconds worstSeconds }"


@pytest.fixture(autouse=True)
def _morning(monkeypatch: pytest.MonkeyPatch) -> None:
    """The routes are published and have not left."""
    monkeypatch.setattr(clock, "_clock", clock.starting_at(NOON - timedelta(hours=5), speed=1.0))


async def figures(client: Client, route: Route) -> dict[str, Any]:
    """What the console reads of the route's plan."""
    text = f"query($id: ID!) {{ plan(id: $id) {{ {FIGURES} }} }}"
    answer = await client.run(text, {"id": to_global("Plan", route.plan_id)}, as_=DISPATCHER)
    found: dict[str, Any] = answer["plan"]
    return found


def test_wishes_are_no_money() -> None:
    vehicle = Vehicle(
        id="V1",
        start_location=0,
        end_location=0,
        shift=TimeWindow(start_seconds=0, end_seconds=36_000),
        capacities=(1,),
        fixed_cost=1_000,
        cost_per_metre=0.03,
        cost_per_second=0.5,
        regular_seconds=3_000,
        overtime_cost_per_second=0.25,
    )
    timed = Timed(
        vehicle_id="V1",
        stops=(),
        start_seconds=0,
        end_seconds=3_600,
        load=(1,),
        distance_metres=10_000,
        duration_seconds=3_600,
        cost=-7_000.0,
        price=-10_000.0,
        late_cost=50.0,
    )
    assert money(vehicle, timed) == 1_000 + 300 + 1_800 + 150


async def test_a_plan_is_what_its_routes_are_after_a_late_order_joined(client: Client, database: Database) -> None:
    await a_day(database, 3, vans=1)
    (route,) = await routes(database)
    before = await figures(client, route)
    await set_room(database, 500)
    await orders(database, 1, prefix="B", latitude=38.80)
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    _, result = await run(database, JobKind.PLAN_ROUTES, PLAN)
    assert result["joined"] == 1
    (route,) = await routes(database)
    after = await figures(client, route)
    assert after["distanceMetres"] == route.distance_metres > before["distanceMetres"]
    assert after["durationSeconds"] == route.duration_seconds
    assert after["cost"] == {"amount": f"{route.cost_minor / 100:.2f}"}


async def test_a_plan_says_how_late_it_is_and_counts_no_route_that_was_cancelled(client: Client) -> None:
    found = await a_published_route(client.database, PLAIN, PLAIN, PLAIN)
    other = await a_published_route(client.database, PLAIN, name="R2")
    on_time = await figures(client, found.route)
    assert on_time["lateness"] == {"stops": 0, "totalSeconds": 0, "worstSeconds": 0}
    async with client.database.transaction() as session:
        for stop, minutes in zip(found.stops, (10, 30, -5), strict=True):
            ends = stop.planned_arrival - timedelta(minutes=minutes)
            await session.execute(update(Stop).where(col(Stop.id) == stop.id).values(window_end=ends))
        figured = {"cost_minor": 8_699, "distance_metres": 47_900, "duration_seconds": 3_600}
        await session.execute(update(Route).where(col(Route.id) == found.route.id).values(**figured))
        values = {"plan_id": found.route.plan_id, "state": RouteState.CANCELLED, "cost_minor": 5_000}
        await session.execute(update(Route).where(col(Route.id) == other.route.id).values(**values))
    assert await figures(client, found.route) == {
        "cost": {"amount": "86.99"},
        "distanceMetres": 47_900,
        "durationSeconds": 3_600,
        "lateness": {"stops": 2, "totalSeconds": 2_400, "worstSeconds": 1_800},
    }
    text = f"query($id: ID!) {{ comparePlans(first: $id, second: $id) {{ first {{ {FIGURES} }} }} }}"
    same = await client.run(text, {"id": to_global("Plan", found.route.plan_id)}, as_=DISPATCHER)
    assert same["comparePlans"]["first"] == await figures(client, found.route)
