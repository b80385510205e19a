"""Where routes reload and rest: kept with the route, told to dispatchers and drivers, and part of every ETA."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from app.auth.principals import Principal, PrincipalKind
from app.core import clock
from app.core.database import Database
from app.core.ids import to_global
from app.models import JobKind, PauseKind, Route, Shipment, ShipmentState, Stop, StopState
from app.orchestration.routes import pauses
from tests.client import DISPATCHER, Client
from tests.factories.days import (
    PLAN,
    a_day_of_trips,
    device,
    driver_of,
    events,
    routes,
    stops,
)
from tests.factories.devices import event
from tests.factories.planning import NOON, orders, run
from tests.factories.settling import projected

TRIPS = {"maxTrips": 3, "reloadMinutes": 20}
LUNCH = {"lunch": {"minutes": 45, "fromMinute": 725, "toMinute": 735}}
RESTS = {"restAfterMinutes": 30, "restMinutes": 15}
SLOW_MORNING = {"traffic": [{"fromMinute": 0, "speedFactor": 0.3}, {"fromMinute": 730, "speedFactor": 1.0}]}
FOUR_KG_AN_HALF = 4.6

PAUSES = "pauses { kind start end afterStop driveSeconds driveMetres location { latitude } load { weightKg } }"
DAY = f"{{ viewer {{ driver {{ currentRoute {{ geometry stops {{ sequence }} {PAUSES} }} }} }} }}"


@pytest.fixture(autouse=True)
def _morning(monkeypatch: pytest.MonkeyPatch) -> None:
    """The routes are published and have not left."""
    monkeypatch.setattr(clock, "_clock", clock.starting_at(NOON - timedelta(hours=5), speed=1.0))


async def caller(database: Database, route: Route) -> Principal:
    driver = await driver_of(database, route)
    return Principal(kind=PrincipalKind.DRIVER, name=driver.name, key=driver.reference, driver_id=driver.id)


async def driver_day(client: Client, database: Database, route: Route) -> dict[str, Any]:
    data = await client.run(DAY, as_=await caller(database, route))
    found: dict[str, Any] = data["viewer"]["driver"]["currentRoute"]
    return found


def late_by(found: list[Stop]) -> list[float]:
    """How far each ETA is after the planned arrival, in seconds."""
    return [(stop.eta_expected - stop.planned_arrival).total_seconds() for stop in found if stop.eta_expected]


@pytest.mark.parametrize(
    ("planning", "kinds"),
    [
        ({**TRIPS, **LUNCH}, {"RELOAD", "BREAK"}),
        ({**TRIPS, **RESTS}, {"RELOAD", "REST"}),
        ({"maxTrips": 3, "setupSeconds": 120, **LUNCH, **SLOW_MORNING}, {"RELOAD", "BREAK"}),
    ],
    ids=["lunch", "rests", "parking, lunch and traffic"],
)
async def test_an_eta_is_the_planned_arrival_whatever_lies_on_the_way(
    database: Database, planning: dict[str, Any], kinds: set[str]
) -> None:
    await a_day_of_trips(database, 9, room_kg=FOUR_KG_AN_HALF, planning=planning)
    (route,) = await routes(database)
    planned = [pause.kind for pause in pauses.of(route)]
    assert (set(planned), planned.count(PauseKind.RELOAD)) == (kinds, 2)
    assert late_by(await stops(database, route)) == [0] * 9


async def test_the_driver_and_the_dispatcher_see_where_the_van_comes_back_and_when_lunch_is(
    client: Client, database: Database
) -> None:
    await a_day_of_trips(database, 6, room_kg=FOUR_KG_AN_HALF, planning={**TRIPS, **LUNCH})
    (route,) = await routes(database)
    found = await driver_day(client, database, route)
    reload = next(pause for pause in found["pauses"] if pause["kind"] == "RELOAD")
    lunch = next(pause for pause in found["pauses"] if pause["kind"] == "BREAK")
    assert (reload["afterStop"], reload["location"], reload["load"]) == (3, {"latitude": 38.72}, {"weightKg": 4.5})
    assert span(reload) == timedelta(minutes=20)
    assert (span(lunch), lunch["load"]) == (timedelta(minutes=45), None)
    assert reload["driveSeconds"] > 0
    ways = found["geometry"]["coordinates"]
    assert [at for at, place in enumerate(ways) if place == ways[0]] == [0, 4, 8]
    plan = f"query($id: ID!) {{ plan(id: $id) {{ routes {{ {PAUSES} }} }} }}"
    told = await client.run(plan, {"id": to_global("Plan", route.plan_id)}, as_=DISPATCHER)
    assert told["plan"]["routes"] == [{"pauses": found["pauses"]}]


def span(pause: dict[str, Any]) -> timedelta:
    return datetime.fromisoformat(pause["end"]) - datetime.fromisoformat(pause["start"])


async def test_a_reload_stays_before_its_trip_when_the_last_stop_before_it_is_skipped(
    client: Client, database: Database
) -> None:
    await a_day_of_trips(database, 6, room_kg=FOUR_KG_AN_HALF, planning=TRIPS)
    (route,) = await routes(database)
    on_road = await device(client, database, route)
    skipped = event(on_road.minute(6), skipped={"stopId": on_road.stop_id(2), "reason": "ACCESS_RESTRICTED"})
    await on_road.outcomes(on_road.start(), *on_road.visit(0, 2), *on_road.visit(1, 4), skipped)
    await projected(database)
    ahead = [stop for stop in await stops(database, route) if stop.state in (StopState.EN_ROUTE, StopState.PENDING)]
    (reload,) = pauses.of(route)
    assert [stop.sequence for stop in ahead] == [4, 5, 6]
    left = on_road.minute(6)
    assert ahead[0].eta_expected is not None
    assert ahead[0].eta_expected > left + timedelta(seconds=reload.seconds)
    between = [stop.planned_arrival - ahead[0].planned_arrival for stop in ahead]
    assert [stop.eta_expected - ahead[0].eta_expected for stop in ahead if stop.eta_expected] == between


async def test_once_the_van_is_at_a_stop_of_the_next_trip_the_reload_is_over(
    client: Client, database: Database
) -> None:
    await a_day_of_trips(database, 6, room_kg=FOUR_KG_AN_HALF, planning=TRIPS)
    (route,) = await routes(database)
    on_road = await device(client, database, route)
    visited = [each for number in range(4) for each in on_road.visit(number, 3 * number + 1)]
    await on_road.outcomes(on_road.start(), *visited)
    await projected(database)
    following = (await stops(database, route))[4]
    soon = clock.now() + timedelta(seconds=following.drive_seconds + 1)
    assert following.eta_expected is not None
    assert max(following.window_start or soon, following.eta_expected) <= max(following.window_start or soon, soon)


async def test_what_a_later_trip_brings_is_not_left_behind_when_only_the_first_is_scanned(
    client: Client, database: Database
) -> None:
    await a_day_of_trips(database, 6, room_kg=FOUR_KG_AN_HALF, planning=TRIPS)
    (route,) = await routes(database)
    on_road = await device(client, database, route)
    async with database.reading() as session:
        ordered = [stop.order_id for stop in await stops(database, route)]
        found = await session.scalars(select(Shipment).where(col(Shipment.order_id).in_(ordered)))
        barcodes = {shipment.order_id: shipment.reference for shipment in found}
    scan = event(
        on_road.minute(0),
        loadScanned={"routeId": on_road.route_id, "barcodes": [barcodes[ordered[0]], barcodes[ordered[1]]]},
    )
    await on_road.outcomes(scan, on_road.start(1))
    states = [stop.state for stop in await stops(database, route)]
    assert states == [StopState.EN_ROUTE, *[StopState.PENDING] * 4]  # the third was not scanned, and is left behind
    (started,) = await events(database, "route.started")
    assert started.data["leftBehind"] == [barcodes[ordered[2]]]
    async with database.reading() as session:
        known = set(await session.scalars(select(col(Shipment.state)).where(col(Shipment.order_id).in_(ordered[3:]))))
    assert known == {ShipmentState.OUT_FOR_DELIVERY}


async def test_a_late_order_joins_a_route_of_several_trips(client: Client, database: Database) -> None:
    await a_day_of_trips(database, 6, room_kg=FOUR_KG_AN_HALF + 1.5, planning=TRIPS)
    await orders(database, 1, prefix="B")
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    _, result = await run(database, JobKind.PLAN_ROUTES, PLAN)
    assert (result["joined"], result["unassigned"]) == (1, 0)
    (route,) = await routes(database)
    assert len(await stops(database, route)) == 7
    assert [pause.kind for pause in pauses.of(route)] == [PauseKind.RELOAD]
    assert late_by(await stops(database, route)) == [0] * 7
