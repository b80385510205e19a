"""Planning, from assigned shipments to published routes, on a real database and with the real solver."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlmodel import col
from structlog.testing import capture_logs

from app.auth.principals import SYSTEM
from app.core import clock
from app.core.database import Database
from app.core.errors import Conflict, Refusal
from app.core.ids import to_global
from app.jobs import planning
from app.models import (
    Decision,
    DecisionKind,
    Driver,
    Event,
    FulfilmentNode,
    Job,
    JobKind,
    JobState,
    Plan,
    PlanState,
    Route,
    RouteState,
    Shipment,
    ShipmentState,
    Stop,
)
from app.models.jobs import SolverPart
from app.orchestration.plans import operations
from app.orchestration.plans.loaded import Loaded
from app.orchestration.plans.problem import pose
from app.orchestration.tenders.cancellation import cancel
from app.solvers.routing.problem import RoutingProblem
from tests.client import DISPATCHER, Client
from tests.documents import document
from tests.factories.planning import NOON, TOMORROW, a_network, orders, own_fleet, run

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
    assert {**second, "seconds": None} == {**first, "seconds": None}
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Plan)) == 1
        assert await session.scalar(select(func.count()).select_from(Stop)) == 6


async def test_drafts_of_a_day_stand_side_by_side_until_one_is_published(client: Client, database: Database) -> None:
    await an_allocated_day(database, 2)
    await run(database, JobKind.PLAN_ROUTES, ARGUMENTS)
    first = await the_plan(database)
    await run(database, JobKind.PLAN_ROUTES, ARGUMENTS)
    second = await the_plan(database)
    assert await plan_states(database) == [PlanState.DRAFT, PlanState.DRAFT]
    given = {"input": {"planId": to_global("Plan", first.id), "expectedVersion": 1}}
    answer = (await client.run(document("console.graphql", "PublishPlan"), given, as_=DISPATCHER))["publishPlan"]
    assert answer["userErrors"] == []
    assert await plan_states(database) == [PlanState.PUBLISHED, PlanState.SUPERSEDED]
    async with database.reading() as session:
        routes = list(await session.scalars(select(col(Route.state)).where(col(Route.plan_id) == second.id)))
        assert set(routes) == {RouteState.CANCELLED}
    late = {"input": {"planId": to_global("Plan", second.id), "expectedVersion": 2}}
    (error,) = (await client.run(document("console.graphql", "PublishPlan"), late, as_=DISPATCHER))["publishPlan"][
        "userErrors"
    ]
    assert (error["code"], "SUPERSEDED" in error["message"]) == ("INVALID_STATE", True)


async def plan_states(database: Database) -> list[PlanState]:
    async with database.reading() as session:
        return list(await session.scalars(select(col(Plan.state)).order_by(col(Plan.id))))


async def test_a_plan_that_the_day_has_overtaken_says_which_shipment_and_why(
    client: Client, database: Database
) -> None:
    await an_allocated_day(database, 1)
    await run(database, JobKind.PLAN_ROUTES, ARGUMENTS)
    plan = await the_plan(database)
    async with database.transaction() as session:
        await session.execute(update(Shipment).values(state=ShipmentState.OUT_FOR_DELIVERY))
    given = {"input": {"planId": to_global("Plan", plan.id), "expectedVersion": 1}}
    answer = (await client.run(document("console.graphql", "PublishPlan"), given, as_=DISPATCHER))["publishPlan"]
    assert [(error["code"], error["message"]) for error in answer["userErrors"]] == [
        (
            "PLAN_OUTDATED",
            "Shipment A000/1 is out for delivery since this plan was drafted, and cannot go on its routes."
            " Plan the routes again.",
        )
    ]
    assert await plan_states(database) == [PlanState.DRAFT]


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


async def test_late_orders_join_a_published_route_without_a_new_plan(database: Database) -> None:
    await an_allocated_day(database, 3)
    await run(database, JobKind.PLAN_ROUTES, {**ARGUMENTS, "publish": True})
    await orders(database, 1, prefix="LATE")
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    _, result = await run(database, JobKind.PLAN_ROUTES, {**ARGUMENTS, "publish": True})
    assert (result["joined"], result["plans"], result["unassigned"]) == (1, [], 0)
    assert await shipment_states(database) == {ShipmentState.PLANNED: 4}
    async with database.reading() as session:
        (route,) = await session.scalars(select(Route))
        stops = list(await session.scalars(select(Stop).order_by(col(Stop.sequence))))
        (event,) = await session.scalars(select(Event).where(col(Event.type) == "route.changed"))
        (decision,) = await session.scalars(select(Decision).where(col(Decision.kind) == DecisionKind.REROUTE))
    assert [stop.sequence for stop in stops] == [1, 2, 3, 4]
    assert [stop.planned_arrival for stop in stops] == sorted(stop.planned_arrival for stop in stops)
    assert (event.data["joined"], event.data["version"], route.version) == (["LATE000/1"], 2, 2)
    assert decision.chosen is not None
    assert (decision.chosen["route"], route.load_weight_kg) == (route.reference, 6.0)


async def test_late_orders_that_no_route_has_room_for_are_planned_as_usual(database: Database) -> None:
    await an_allocated_day(database, 3)
    await run(database, JobKind.PLAN_ROUTES, {**ARGUMENTS, "publish": True})
    async with database.transaction() as session:
        await session.execute(update(Route).values(state=RouteState.IN_PROGRESS))
    await orders(database, 1, prefix="LATE")
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    _, result = await run(database, JobKind.PLAN_ROUTES, {**ARGUMENTS, "publish": True})
    assert (result["joined"], len(result["plans"]), result["unassigned"]) == (0, 1, 0)
    assert await shipment_states(database) == {ShipmentState.PLANNED: 4}


async def test_two_plans_at_once_publish_every_shipment_once_and_neither_fails(database: Database) -> None:
    await an_allocated_day(database, 6, vans=3)
    arguments = {**ARGUMENTS, "publish": True}
    (_, first), (_, second) = await asyncio.gather(*(run(database, JobKind.PLAN_ROUTES, arguments) for _ in range(2)))
    assert (first["movedOn"], second["movedOn"]) == ([], [])
    assert sorted([len(first["plans"]), len(second["plans"])]) == [0, 1]
    assert await shipment_states(database) == {ShipmentState.PLANNED: 6}
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Stop)) == 6


async def test_all_nodes_are_planned_side_by_side_in_parts_that_are_gone_afterwards(database: Database) -> None:
    await two_allocated_nodes(database)
    job, result = await run(database, JobKind.PLAN_ROUTES, {**ARGUMENTS, "seconds": 2})
    assert (len(result["plans"]), result["unassigned"]) == (2, 0)
    async with database.reading() as session:
        parts = list(await session.scalars(select(Job).where(col(Job.parent_id) == job.id).order_by(col(Job.id))))
        assert [part.state for part in parts] == [JobState.SUCCEEDED, JobState.SUCCEEDED]
        assert sum((part.result or {})["stops"] for part in parts) == 6
        assert await session.scalar(select(func.count()).select_from(SolverPart)) == 0


async def test_a_horizon_of_days_becomes_a_plan_for_each_day(database: Database) -> None:
    await a_network(database, carriers=[own_fleet()])
    await orders(database, 2)
    later = NOON + timedelta(days=1)
    window: dict[str, Any] = {"requested_start": later, "requested_end": later + timedelta(hours=2)}
    promise: dict[str, Any] = {"promised_start": later, "promised_end": later + timedelta(hours=2)}
    await orders(database, 3, prefix="B", **window, **promise)
    await run(database, JobKind.ALLOCATE_ORDERS, {})
    _, result = await run(database, JobKind.PLAN_ROUTES, {**ARGUMENTS, "days": 2})
    assert [plan["date"] for plan in result["plans"]] == [str(TOMORROW), str(TOMORROW + timedelta(days=1))]
    assert result["unassigned"] == 0
    async with database.reading() as session:
        found = await session.execute(
            select(col(Plan.date), func.count(col(Stop.id)))
            .join(Route, col(Route.plan_id) == col(Plan.id))
            .join(Stop, col(Stop.route_id) == col(Route.id))
            .group_by(col(Plan.date))
            .order_by(col(Plan.date))
        )
        assert [tuple(row) for row in found.all()] == [(TOMORROW, 2), (TOMORROW + timedelta(days=1), 3)]


async def two_allocated_nodes(database: Database) -> None:
    """Three orders beside each of two nodes, 100 km apart."""
    near, far = await a_network(database, carriers=[own_fleet()], nodes=("LIS", "OPO"))
    async with database.transaction() as session:
        await session.execute(
            update(FulfilmentNode).where(col(FulfilmentNode.id) == far.id).values(latitude=near.latitude + 0.9)
        )
    await orders(database, 3, prefix="N")
    await orders(database, 3, prefix="F", latitude=near.latitude + 0.9)
    await run(database, JobKind.ALLOCATE_ORDERS, {})


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
    assert unassigned["detail"] == f"No van of LIS has a driver on shift on {TOMORROW}."
    assert unassigned["cheapestRelaxation"] == {
        "constraint": "FLEET",
        "change": "give an active van of LIS an active driver",
    }
    board = await client.run(document("console.graphql", "Board"), {"date": TOMORROW.isoformat()}, as_=DISPATCHER)
    (edge,) = board["board"]["attention"]["edges"]
    assert edge["node"]["kind"] == "SHIPMENT_UNPLANNED"


async def test_an_open_order_of_an_earlier_day_is_planned_on_the_later_one(database: Database) -> None:
    await an_allocated_day(database, 2)
    await open_since_yesterday(database)
    _, result = await run(database, JobKind.PLAN_ROUTES, ARGUMENTS)
    assert (len(result["plans"]), result["unassigned"], result["failed"]) == (1, 0, [])


async def open_since_yesterday(database: Database) -> None:
    """The first order's window is over on the day before the one that is planned, though not yet now."""
    start = NOON - timedelta(hours=28)
    async with database.transaction() as session:
        await session.execute(
            update(Shipment)
            .where(col(Shipment.reference) == "A000/1")
            .values(window_start=start, window_end=start + timedelta(hours=10))
        )


async def test_a_node_whose_problem_is_refused_fails_alone_and_says_why(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await two_allocated_nodes(database)
    contradictory(monkeypatch, node="OPO")
    with capture_logs() as logs:
        job, result = await run(database, JobKind.PLAN_ROUTES, {**ARGUMENTS, "seconds": 2})
    assert (len(result["plans"]), result["unassigned"], result["stopped"]) == (1, 0, [])
    (failed,) = result["failed"]
    assert (failed["node"], failed["code"]) == ("OPO", "SOLVER_FAILED")
    assert failed["detail"].startswith("The problem contradicts itself: Visit F000 has ")
    assert "Traceback" not in failed["detail"]
    assert "Start the job again" not in failed["detail"]
    (told,) = [each for each in logs if each["event"] == "the solver failed"]
    assert (told["node"], told["job"]) == ("OPO", str(job.id))
    assert "Traceback" in told["failure"]


async def test_a_job_of_which_nothing_came_but_failures_fails(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await an_allocated_day(database, 1)
    contradictory(monkeypatch, node="LIS")
    with pytest.raises(Refusal, match=r"^LIS could not be planned\. The problem contradicts itself: Visit A000 has"):
        await run(database, JobKind.PLAN_ROUTES, ARGUMENTS)
    assert await shipment_states(database) == {ShipmentState.ASSIGNED: 1}


def contradictory(monkeypatch: pytest.MonkeyPatch, *, node: str) -> None:
    """The node's visits take less than no time."""

    def posed(loaded: Loaded) -> RoutingProblem:
        problem = pose(loaded)
        if loaded.node.reference != node:
            return problem
        return replace(problem, visits=tuple(replace(visit, service_seconds=-1) for visit in problem.visits))

    monkeypatch.setattr(planning, "pose", posed)


async def test_nodes_that_were_not_begun_when_the_job_was_stopped_wait_and_are_named(database: Database) -> None:
    await two_allocated_nodes(database)
    asked = asyncio.Event()
    asked.set()
    _, result = await run(database, JobKind.PLAN_ROUTES, {**ARGUMENTS, "seconds": 2}, asked=asked)
    assert (result["plans"], result["failed"], result["stopped"]) == ([], [], ["LIS", "OPO"])
    assert await shipment_states(database) == {ShipmentState.ASSIGNED: 6}
    async with database.reading() as session:
        assert set(await session.scalars(select(col(Job.state)).where(col(Job.parent_id).is_not(None)))) == {
            JobState.CANCELLED
        }
