"""A day that is planned and published, and what became of it."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select, update
from sqlmodel import col

from app.auth.principals import SYSTEM
from app.core import clock
from app.core.database import Database
from app.jobs.travel import RoadTravel
from app.models import Driver, Event, FulfilmentNode, JobKind, Route, Stop, StopState, Vehicle
from app.orchestration.plans.drafting import Answer
from app.orchestration.plans.problem import pose
from app.orchestration.plans.replanning import Settled, settled
from app.orchestration.plans.under_way import UnderWay, under_way
from app.orchestration.policies import operations as policies
from app.orchestration.policies.queries import STANDARD
from app.solvers.routing.engine import solve
from app.solvers.stopping import StoppingRule
from tests.client import Client
from tests.factories.devices import Device
from tests.factories.planning import NOON, TOMORROW, a_network, orders, own_fleet, run
from tests.factories.routes import PublishedRoute

PLAN = {"date": TOMORROW.isoformat(), "seconds": 1, "publish": True}
REPLAN = {**PLAN, "replan": True}
# Three orders weigh 4.5 kg.
ROOM_FOR_THREE_KG = 5.0


async def a_day(
    database: Database,
    count: int,
    *,
    vans: int,
    room_kg: float = ROOM_FOR_THREE_KG,
    travel: RoadTravel | None = None,
) -> None:
    """So many orders on published routes, three on each; the vans have more room afterwards."""
    await a_network(database, carriers=[own_fleet()], vans=vans)
    async with database.transaction() as session:
        await session.execute(update(Vehicle).values(max_weight_kg=room_kg))
    await orders(database, count)
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    await run(database, JobKind.PLAN_ROUTES, PLAN, travel=travel)


async def set_room(database: Database, room_kg: float) -> None:
    async with database.transaction() as session:
        await session.execute(update(Vehicle).values(max_weight_kg=room_kg))


async def routes(database: Database) -> list[Route]:
    async with database.reading() as session:
        return list(await session.scalars(select(Route).order_by(col(Route.reference))))


async def stops(database: Database, route: Route) -> list[Stop]:
    """Those that the route still has, or had."""
    async with database.reading() as session:
        found = await session.scalars(
            select(Stop)
            .where(col(Stop.route_id) == route.id, col(Stop.state) != StopState.CANCELLED)
            .order_by(col(Stop.sequence))
        )
        return list(found)


async def driver_of(database: Database, route: Route) -> Driver:
    async with database.reading() as session:
        return (await session.scalars(select(Driver).where(col(Driver.id) == route.driver_id))).one()


async def device(client: Client, database: Database, route: Route) -> Device:
    async with database.reading() as session:
        node = await session.get_one(FulfilmentNode, route.node_id)
        vehicle = await session.get_one(Vehicle, route.vehicle_id)
    driver, ahead = await driver_of(database, route), await stops(database, route)
    return Device(client, PublishedRoute(node=node, vehicle=vehicle, driver=driver, route=route, stops=ahead))


async def events(database: Database, type: str) -> list[Event]:
    async with database.reading() as session:
        return list(await session.scalars(select(Event).where(col(Event.type) == type).order_by(col(Event.position))))


async def searched(database: Database) -> tuple[UnderWay, Answer, Settled]:
    """The day as it is, and what a search would change of it."""
    async with database.reading() as session:
        node, now = (await session.scalars(select(FulfilmentNode))).one(), clock.now()
        found = await under_way(session, node=node, day=TOMORROW, now=now, leave_after=now + timedelta(minutes=5))
    assert found is not None
    problem = pose(found.loaded)
    answer = Answer(solution=solve(problem, stop=StoppingRule(iterations=2_000), seed=1), problem=problem)
    return found, answer, settled(found, answer)


async def use_planning(database: Database, planning: dict[str, Any]) -> None:
    """These rules of the fleet are in force."""
    async with database.transaction() as session:
        await policies.update(
            session, name=STANDARD, expected_version=None, changes={"planning": planning}, actor=SYSTEM, now=clock.now()
        )


async def a_day_of_trips(database: Database, count: int, *, room_kg: float, planning: dict[str, Any]) -> None:
    """So many orders of 1.5 kg and ten minutes on one van's published route, three before a quarter to eleven and the
    others from noon on. It comes back for more as the policy allows.
    """
    await use_planning(database, planning)
    await a_network(database, carriers=[own_fleet()], vans=1)
    await set_room(database, room_kg)
    late, closes = NOON + timedelta(hours=4), NOON - timedelta(minutes=75)
    opens = NOON - timedelta(hours=2)
    for prefix, number, start, end in (("A", 3, opens, closes), ("C", count - 3, NOON, late)):
        window: dict[str, Any] = {
            "promised_start": start,
            "requested_start": start,
            "promised_end": end,
            "requested_end": end,
        }
        await orders(database, number, prefix=prefix, service_seconds=600, **window)
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    await run(database, JobKind.PLAN_ROUTES, PLAN)
