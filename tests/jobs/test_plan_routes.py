"""Planning, from assigned shipments to published routes, on a real database and with the real solver."""

import asyncio

from sqlalchemy import func, select
from sqlmodel import col

from app.auth.principals import SYSTEM
from app.core import clock
from app.core.database import Database
from app.core.errors import Conflict
from app.core.ids import to_global
from app.models import Driver, JobKind, Plan, PlanState, Route, RouteState, Shipment, ShipmentState, Stop
from app.orchestration.plans import operations
from app.orchestration.shipments.cancellation import cancel
from tests.client import DISPATCHER, Client
from tests.documents import document
from tests.factories.planning import TOMORROW, a_network, orders, own_fleet, run

ARGUMENTS = {"date": TOMORROW.isoformat(), "seconds": 1}


async def an_allocated_day(database: Database, count: int = 6, *, vans: int = 2) -> None:
    await a_network(database, carriers=[own_fleet()], vans=vans)
    await orders(database, count)
    await run(database, JobKind.ALLOCATE_ORDERS, {})


async def the_plan(database: Database) -> Plan:
    async with database.reading() as session:
        return (await session.scalars(select(Plan).order_by(col(Plan.id).desc()).limit(1))).one()


async def shipment_states(database: Database) -> dict[ShipmentState, int]:
    async with database.reading() as session:
        found = await session.execute(select(col(Shipment.state), func.count()).group_by(col(Shipment.state)))
        return {row[0]: row[1] for row in found.all()}


async def test_a_draft_is_read_and_published_through_the_console(client: Client, database: Database) -> None:
    await an_allocated_day(database)
    _, result = await run(database, JobKind.PLAN_ROUTES, ARGUMENTS)
    (told,) = result["plans"]
    assert (told["state"], result["unassigned"]) == ("DRAFT", 0)
    assert await shipment_states(database) == {ShipmentState.ASSIGNED: 6}
    read = (await client.run(document("console.graphql", "RoutePlan"), {"id": told["planId"]}, as_=DISPATCHER))["plan"]
    assert sum(len(route["stops"]) for route in read["routes"]) == 6
    assert read["routes"][0]["reference"] == f"R-{TOMORROW:%Y%m%d}-LIS-01"
    publish = document("console.graphql", "PublishPlan")
    stale = {"input": {"planId": told["planId"], "expectedVersion": 7}}
    (error,) = (await client.run(publish, stale, as_=DISPATCHER))["publishPlan"]["userErrors"]
    assert error["code"] == "STALE_VERSION"
    assert "version 1, not 7" in error["message"]
    good = {"input": {"planId": told["planId"], "expectedVersion": 1}}
    answer = (await client.run(publish, good, as_=DISPATCHER))["publishPlan"]
    assert answer == {"plan": {"id": told["planId"], "state": "PUBLISHED", "version": 2}, "userErrors": []}
    assert await shipment_states(database) == {ShipmentState.PLANNED: 6}
    board = await client.run(document("console.graphql", "Board"), {"date": TOMORROW.isoformat()}, as_=DISPATCHER)
    assert board["board"]["orders"]["byState"] == [{"state": "ALLOCATED", "count": 6}]
    assert board["board"]["routes"]["total"] == len(read["routes"])


async def test_the_same_job_again_after_a_kill_makes_no_second_plan(database: Database) -> None:
    await an_allocated_day(database)
    job, first = await run(database, JobKind.PLAN_ROUTES, {**ARGUMENTS, "publish": True})
    _, second = await run(database, JobKind.PLAN_ROUTES, {}, job)
    assert second == first
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Plan)) == 1
        assert await session.scalar(select(func.count()).select_from(Stop)) == 6


async def test_a_new_draft_supersedes_the_last_and_its_routes(database: Database) -> None:
    await an_allocated_day(database, 2)
    await run(database, JobKind.PLAN_ROUTES, ARGUMENTS)
    old = await the_plan(database)
    await run(database, JobKind.PLAN_ROUTES, ARGUMENTS)
    async with database.reading() as session:
        assert (await session.get_one(Plan, old.id)).state is PlanState.SUPERSEDED
        routes = list(await session.scalars(select(col(Route.state)).where(col(Route.plan_id) == old.id)))
        assert set(routes) == {RouteState.CANCELLED}


async def test_only_one_of_two_publications_at_once_wins(database: Database) -> None:
    await an_allocated_day(database, 2)
    await run(database, JobKind.PLAN_ROUTES, ARGUMENTS)
    plan = await the_plan(database)

    async def publish() -> str:
        try:
            await database.run(
                lambda session: operations.publish(
                    session, plan_id=plan.id, expected_version=1, actor=SYSTEM, now=clock.now()
                )
            )
        except Conflict as refusal:
            return refusal.code
        return "PUBLISHED"

    assert sorted(await asyncio.gather(publish(), publish())) == ["PUBLISHED", "STALE_VERSION"]


async def test_what_was_cancelled_since_the_draft_is_not_driven(database: Database) -> None:
    await an_allocated_day(database, 2)
    await run(database, JobKind.PLAN_ROUTES, ARGUMENTS)
    plan = await the_plan(database)
    async with database.transaction() as session:
        shipment = (await session.scalars(select(Shipment).order_by(col(Shipment.reference)).limit(1))).one()
        await cancel(session, shipment, actor=DISPATCHER, now=clock.now())
    await database.run(
        lambda session: operations.publish(session, plan_id=plan.id, expected_version=1, actor=SYSTEM, now=clock.now())
    )
    assert await shipment_states(database) == {ShipmentState.CANCELLED: 1, ShipmentState.PLANNED: 1}
    async with database.reading() as session:
        stops = list(await session.scalars(select(col(Stop.state)).order_by(col(Stop.state))))
        assert sorted(state.value for state in stops) == ["CANCELLED", "PENDING"]


async def test_late_orders_join_by_a_second_plan_of_what_is_left(database: Database) -> None:
    await an_allocated_day(database, 3)
    await run(database, JobKind.PLAN_ROUTES, {**ARGUMENTS, "publish": True})
    await orders(database, 1, prefix="LATE")
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    _, result = await run(database, JobKind.PLAN_ROUTES, {**ARGUMENTS, "publish": True})
    assert result["unassigned"] == 0
    assert await shipment_states(database) == {ShipmentState.PLANNED: 4}


async def test_without_a_van_every_shipment_is_explained(client: Client, database: Database) -> None:
    await an_allocated_day(database, 1)
    async with database.transaction() as session:
        for driver in await session.scalars(select(Driver)):
            driver.is_active = False
    _, result = await run(database, JobKind.PLAN_ROUTES, {**ARGUMENTS, "publish": True})
    assert result["unassigned"] == 1
    plan = await the_plan(database)
    read = await client.run(
        document("console.graphql", "RoutePlan"), {"id": to_global("Plan", plan.id)}, as_=DISPATCHER
    )
    (unassigned,) = read["plan"]["unassigned"]
    assert unassigned["shipment"] == {"reference": "A000/1"}
    assert unassigned["code"] == "NO_VEHICLE_ALLOWED"
    board = await client.run(document("console.graphql", "Board"), {"date": TOMORROW.isoformat()}, as_=DISPATCHER)
    (edge,) = board["board"]["attention"]["edges"]
    assert edge["node"]["kind"] == "SHIPMENT_UNPLANNED"
