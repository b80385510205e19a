"""Who has been at a door before, and which kinds of goods an order holds: from rows to the plan."""

from datetime import timedelta

from sqlalchemy import select, update
from sqlmodel import col

from app.auth.principals import SYSTEM
from app.core import clock
from app.core.database import Database
from app.models import (
    Driver,
    FulfilmentNode,
    JobKind,
    Product,
    Route,
    RouteState,
    Stop,
    StopOutcome,
    StopState,
    Vehicle,
)
from app.models.base import Json
from app.orchestration.plans.acquaintance import REMEMBERED, acquainted
from app.orchestration.plans.loaded import Drop
from app.orchestration.policies import operations as policies
from app.orchestration.policies.documents import Planning
from app.orchestration.policies.queries import STANDARD
from tests.factories.planning import TOMORROW, a_network, orders, own_fleet, run

PLAN = {"date": TOMORROW.isoformat(), "seconds": 1, "publish": True}


async def use(database: Database, planning: Json) -> None:
    """The policy with these rules of the fleet."""
    await database.run(
        lambda session: policies.update(
            session, name=STANDARD, expected_version=None, changes={"planning": planning}, actor=SYSTEM, now=clock.now()
        )
    )


async def driven_by(database: Database) -> dict[str, str]:
    """Order -> the driver of the route that brings it."""
    async with database.reading() as session:
        found = await session.execute(
            select(col(Stop.order_id), col(Driver.reference))
            .join(Route, col(Route.id) == col(Stop.route_id))
            .join(Driver, col(Driver.id) == col(Route.driver_id))
            .where(col(Route.state) == RouteState.PUBLISHED)
        )
        return {str(row[0]): row[1] for row in found.all()}


async def become_past(database: Database, *, ago: timedelta) -> None:
    """Every route was driven, by its driver, that long ago."""
    async with database.transaction() as session:
        await session.execute(
            update(Stop).values(state=StopState.DEPARTED, outcome=StopOutcome.SUCCEEDED, arrived_at=clock.now() - ago)
        )
        span = {"planned_start": clock.now() - ago, "planned_end": clock.now() - ago + timedelta(hours=1)}
        await session.execute(update(Route).values(state=RouteState.COMPLETED, started_at=clock.now() - ago, **span))


async def swap_drivers(database: Database) -> None:
    """Each driver of the two has the other's van, so that habit alone does not bring them to the same doors."""
    async with database.transaction() as session:
        first, second = list(await session.scalars(select(Driver).order_by(col(Driver.reference))))
        first.vehicle_id, second.vehicle_id = second.vehicle_id, first.vehicle_id


async def two_days(database: Database, *, ago: timedelta) -> tuple[dict[float, str], dict[float, str]]:
    """Latitude of a door -> its driver, on a past day and again, when drivers have each other's vans."""
    await a_network(database, carriers=[own_fleet()], vans=2)
    async with database.transaction() as session:
        await session.execute(update(Vehicle).values(max_weight_kg=5.0))
    days = []
    for prefix in ("OLD", "NEW"):
        made = await orders(database, 6, prefix=prefix)
        await run(database, JobKind.ALLOCATE_ORDERS, {})
        await run(database, JobKind.PLAN_ROUTES, PLAN)
        found = await driven_by(database)
        days.append({order.latitude: found[str(order.id)] for order in made})
        if prefix == "OLD":
            await become_past(database, ago=ago)
            await swap_drivers(database)
    return days[0], days[1]


async def test_drivers_come_back_to_the_doors_that_they_know(database: Database) -> None:
    await use(database, {"familiarityMinor": 5_000})
    before, after = await two_days(database, ago=timedelta(days=7))
    assert set(before.values()) == {"D-LIS-1", "D-LIS-2"}
    assert after == before


async def test_who_was_there_long_ago_is_forgotten(database: Database) -> None:
    await use(database, {"familiarityMinor": 5_000})
    await a_network(database, carriers=[own_fleet()], vans=1)
    made = await orders(database, 1)
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    await run(database, JobKind.PLAN_ROUTES, PLAN)
    for ago, drivers in ((REMEMBERED - timedelta(hours=1), 1), (REMEMBERED + timedelta(hours=1), 0)):
        await become_past(database, ago=ago)
        async with database.reading() as session:
            node = (await session.scalars(select(FulfilmentNode))).one()
            drop = Drop(order=made[0], shipments=[])
            (known,) = await acquainted(
                session, node=node, drops=[drop], rules=Planning(familiarity_minor=1), now=clock.now()
            )
        assert len(known.known_to) == drivers


async def test_food_and_chemicals_never_ride_in_one_van(database: Database) -> None:
    await use(database, {"neverTogether": [["FOOD", "CHEMICALS"]]})
    await a_network(database, carriers=[own_fleet()], vans=2)
    async with database.transaction() as session:
        for sku, kind in (("APPLE", "FOOD"), ("PEAR", "CHEMICALS")):
            await session.execute(update(Product).where(col(Product.sku) == sku).values(goods_kind=kind))
    food = await orders(database, 3)
    chemicals = await orders(database, 3, sku="PEAR", prefix="C")
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    _, result = await run(database, JobKind.PLAN_ROUTES, PLAN)
    assert result["unassigned"] == 0
    found = await driven_by(database)
    with_food, with_chemicals = ({found[str(order.id)] for order in group} for group in (food, chemicals))
    assert (len(with_food), len(with_chemicals), with_food & with_chemicals) == (1, 1, set())
    late = await orders(database, 1, sku="PEAR", prefix="LATE")
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    _, result = await run(database, JobKind.PLAN_ROUTES, PLAN)
    assert (result["joined"], {(await driven_by(database))[str(late[0].id)]}) == (1, with_chemicals)
