"""When a published route's van, and what it brings back, is at the node again."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlmodel import col

from app.core.database import Database
from app.core.geo import Point
from app.models import FulfilmentNode, JobKind, Route, RouteState, Stop, StopState
from app.orchestration.plans.homecoming import TURNAROUND, homecomings
from app.orchestration.policies.documents import Planning
from app.orchestration.travel import drive_seconds
from tests.factories.days import PLAN
from tests.factories.planning import NOON, a_network, orders, own_fleet, run

EARLY, LATE = NOON - timedelta(hours=6), NOON + timedelta(hours=9)
COURIERS: dict[str, Any] = {"vehicle_kinds": {"van": {"ends_anywhere": True, "speed_factor": 0.5}}}


async def a_route(database: Database) -> Route:
    await a_network(database, carriers=[own_fleet()], vans=1)
    await orders(database, 2)
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    await run(database, JobKind.PLAN_ROUTES, PLAN)
    async with database.reading() as session:
        return (await session.scalars(select(Route))).one()


async def back(database: Database, now: datetime = EARLY, **rules: Any) -> datetime:
    async with database.reading() as session:
        node = (await session.scalars(select(FulfilmentNode))).one()
        (found,) = (await homecomings(session, node=node, planning=Planning(**rules), now=now)).values()
        return found


async def way_home(database: Database, sequence: int) -> timedelta:
    async with database.reading() as session:
        node = (await session.scalars(select(FulfilmentNode))).one()
        stop = (await session.scalars(select(Stop).where(col(Stop.sequence) == sequence))).one()
    places = [Point(latitude=each.latitude, longitude=each.longitude) for each in (stop, node)]
    return timedelta(seconds=round(drive_seconds(*places)))


async def set_off(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(update(Route).values(state=RouteState.IN_PROGRESS, started_at=EARLY))


async def change(database: Database, sequence: int, **values: Any) -> None:
    async with database.transaction() as session:
        await session.execute(update(Stop).where(col(Stop.sequence) == sequence).values(**values))


async def test_before_it_leaves_it_is_back_as_planned(database: Database) -> None:
    route = await a_route(database)
    await change(database, 2, eta_expected=LATE)
    assert await back(database) == route.planned_end + TURNAROUND


async def test_a_courier_drives_home_from_the_last_door_at_a_couriers_pace(database: Database) -> None:
    route = await a_route(database)
    async with database.reading() as session:
        last = (await session.scalars(select(Stop).where(col(Stop.sequence) == 2))).one()
    leaves = last.planned_arrival + timedelta(seconds=last.service_seconds)
    found = await back(database, **COURIERS)
    expected = max(route.planned_end, leaves + 2 * await way_home(database, 2)) + TURNAROUND
    assert abs(found - expected) <= timedelta(seconds=1)
    assert found > route.planned_end + TURNAROUND


async def test_once_it_is_late_it_is_back_late_and_never_sooner_than_planned(database: Database) -> None:
    route = await a_route(database)
    await set_off(database)
    await change(database, 2, eta_expected=LATE, service_seconds=300)
    assert await back(database) == LATE + timedelta(minutes=5) + await way_home(database, 2) + TURNAROUND
    await change(database, 2, eta_expected=EARLY)
    assert await back(database) == route.planned_end + TURNAROUND


async def test_whoever_still_stands_at_a_door_leaves_it_now_at_the_soonest(database: Database) -> None:
    await a_route(database)
    await set_off(database)
    await change(database, 1, state=StopState.DEPARTED, arrived_at=EARLY, departed_at=EARLY)
    await change(database, 2, state=StopState.ARRIVED, arrived_at=NOON)
    assert await back(database, now=LATE) == LATE + await way_home(database, 2) + TURNAROUND


async def test_from_the_last_door_on_only_the_way_home_is_left_and_a_skipped_door_does_not_count(
    database: Database,
) -> None:
    await a_route(database)
    await set_off(database)
    await change(database, 1, state=StopState.DEPARTED, arrived_at=NOON, departed_at=LATE)
    await change(database, 2, state=StopState.SKIPPED, eta_expected=LATE + timedelta(hours=1))
    assert await back(database, now=LATE + timedelta(hours=2)) == LATE + await way_home(database, 1) + TURNAROUND
