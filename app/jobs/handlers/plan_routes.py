"""Plans the own fleet's routes of a day, node by node, and publishes them where the job asks for it.

Load, solve in a subprocess, check, adopt. A node that an earlier attempt at this job has drafted is not planned again.
"""

from datetime import date, timedelta
from functools import partial

from app.auth.principals import SYSTEM
from app.core import clock
from app.core.errors import Conflict, NotFound, Refusal
from app.core.ids import to_global
from app.jobs import solving
from app.jobs.tools import Tools
from app.models import FulfilmentNode, Job, Plan, PlanState
from app.models.base import Json
from app.orchestration.nodes import queries as nodes
from app.orchestration.plans import drafting, operations, queries
from app.orchestration.plans.drafting import Answer
from app.orchestration.plans.problem import Loaded, pose
from app.solvers.routing.checker import check

DEFAULT_SECONDS = 10.0
# From the decision to the van's leaving the yard.
LEAD = timedelta(minutes=5)
ATTEMPTS = 2


async def handle(job: Job, tools: Tools) -> Json:
    """Answers the plans that were made: their ids, routes, stops, and how much is on none."""
    day = date.fromisoformat(job.arguments["date"])
    seconds = float(job.arguments.get("seconds") or DEFAULT_SECONDS)
    async with tools.database.reading() as session:
        earlier = await queries.of_job(session, job_id=job.id)
    plans = list(earlier.values())
    found = [node for node in await _nodes(tools, job.arguments.get("node")) if node.id not in earlier]
    for number, node in enumerate(found):
        await tools.report(number / len(found), f"Planning {node.reference}.")
        plan = await _plan(tools, job, node, day=day, seconds=max(1.0, seconds / len(found)))
        if plan is not None:
            plans.append(plan)
    if job.arguments.get("publish"):
        await tools.report(0.95, f"Publishing {len(plans)} plans.")
        plans = [await _publish(tools, plan) for plan in plans]
    return {"plans": [_told(plan) for plan in plans], "unassigned": sum(len(plan.unassigned) for plan in plans)}


async def _nodes(tools: Tools, reference: str | None) -> list[FulfilmentNode]:
    async with tools.database.reading() as session:
        if reference is not None and reference not in await nodes.by_references(session, [reference]):
            raise NotFound("node", repr(reference), field="node")
        return await queries.nodes_to_plan(session, reference=reference)


async def _plan(tools: Tools, job: Job, node: FulfilmentNode, *, day: date, seconds: float) -> Plan | None:
    """The node's plan; None where there is nothing to plan. Tries again where the day moved on meanwhile."""
    for attempt in range(1, ATTEMPTS + 1):
        async with tools.database.reading() as session:
            now = clock.now()
            solving_takes = timedelta(seconds=seconds * clock.speed())
            loaded = await queries.to_plan(session, node=node, day=day, now=now, leave_after=now + solving_takes + LEAD)
        if not loaded.drops:
            return None
        answer = await _solve(loaded, seconds=seconds)
        try:
            return await tools.database.run(
                partial(
                    drafting.adopt,
                    loaded=loaded,
                    answer=answer,
                    job_id=job.id,
                    currency=tools.settings.currency,
                    now=clock.now(),
                )
            )
        except Conflict:
            if attempt == ATTEMPTS:
                raise
    raise AssertionError("unreachable: the last attempt returns or raises")


async def _solve(loaded: Loaded, *, seconds: float) -> Answer:
    problem = pose(loaded)
    solution = await solving.routing(problem, seconds=seconds)
    violations = check(problem, solution)
    if violations:
        first = violations[0]
        raise Refusal(
            "PLAN_INVALID",
            f"The solver's answer breaks {len(violations)} rules, first {first.code} on vehicle {first.vehicle_id}:"
            f" {first.detail}. Nothing was adopted; plan again.",
        )
    return Answer(solution=solution, road=problem.road)


async def _publish(tools: Tools, plan: Plan) -> Plan:
    """Publishes a draft; one that an earlier attempt published already stays as it is."""
    if plan.state is not PlanState.DRAFT:
        return plan
    return await tools.database.run(
        partial(operations.publish, plan_id=plan.id, expected_version=plan.version, actor=SYSTEM, now=clock.now())
    )


def _told(plan: Plan) -> Json:
    return {
        "planId": to_global("Plan", plan.id),
        "state": plan.state.value,
        "costMinor": plan.cost_minor,
        "distanceMetres": plan.distance_metres,
        "unassigned": len(plan.unassigned),
    }
