"""The part of a planning job that works a published day out anew: read, search, check, adopt, node by node."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta

from app.core import clock
from app.core.errors import Refusal
from app.jobs.handlers import side_by_side
from app.jobs.planning import LEAD, Wanted, posed, require_valid
from app.jobs.solving import RoutingTask
from app.jobs.tools import Tools
from app.models import FulfilmentNode, Job
from app.orchestration.plans import driverless, replanning
from app.orchestration.plans.drafting import Answer
from app.orchestration.plans.elsewhere import Elsewhere
from app.orchestration.plans.replanning import Replanned
from app.orchestration.plans.under_way import UnderWay, under_way
from app.solvers.stopping import StoppingRule

THREADS = 2
ATTEMPTS = 3
SHORTEST_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Rest:
    """What became of a node's published day: what was changed, why nothing was, and the routes that nobody drives.

    `elsewhere`: its routes as they go on, for what is on none of them.
    """

    node: FulfilmentNode
    changes: Replanned = field(default_factory=Replanned)
    refused: str | None = None
    without_driver: Sequence[str] = ()
    elsewhere: Elsewhere | None = None


async def replan(job: Job, tools: Tools, wanted: Wanted, nodes: Sequence[FulfilmentNode]) -> list[Rest]:
    """Each node with published routes, one after the other, with its share of the seconds."""
    seconds = max(SHORTEST_SECONDS, wanted.seconds / max(1, len(nodes)))
    rests = [await _node(job, tools, wanted, node, seconds=seconds) for node in nodes]
    return [rest for rest in rests if rest is not None]


def total(rests: Sequence[Rest]) -> dict[str, int]:
    """What all nodes come to, as the job's result tells it."""
    return {name.name: sum(getattr(rest.changes, name.name) for rest in rests) for name in fields(Replanned)}


async def _node(job: Job, tools: Tools, wanted: Wanted, node: FulfilmentNode, *, seconds: float) -> Rest | None:
    """The node's day, read and searched again where it moved on meanwhile; None where nothing is published."""
    refused: Refusal | None = None
    alone: Sequence[str] = ()
    for _ in range(ATTEMPTS):
        found = await _read(tools, wanted, node, seconds=seconds)
        if found is None:
            return None
        alone = sorted(found.routes[id].reference for id in found.without_driver)
        try:
            changes, elsewhere = await _searched(job, tools, found, seconds=seconds)
            return Rest(node=node, changes=changes, without_driver=alone, elsewhere=elsewhere)
        except Refusal as refusal:
            refused = refusal
            if refusal.code != "PLAN_OUTDATED":
                break
    return Rest(node=node, refused=None if refused is None else refused.message, without_driver=alone)


async def _read(tools: Tools, wanted: Wanted, node: FulfilmentNode, *, seconds: float) -> UnderWay | None:
    async with tools.database.reading() as session:
        now = clock.now()
        takes = timedelta(seconds=seconds * clock.speed())
        return await under_way(
            session, node=node, day=wanted.day, now=now, leave_after=now + takes + LEAD, absent=wanted.absent
        )


async def _searched(job: Job, tools: Tools, found: UnderWay, *, seconds: float) -> tuple[Replanned, Elsewhere | None]:
    problem = await posed(tools, found.loaded)
    if not problem.visits:
        await tools.database.run(lambda session: driverless.tell(session, found, now=clock.now()))
        return Replanned(), None
    stop = StoppingRule(seconds=seconds, threads=THREADS)
    task = RoutingTask(problem=problem, stop=stop, node=found.loaded.node.reference, job=str(job.id))
    (solution,) = [solution async for _, solution in side_by_side.solve(job, tools, [task])]
    if isinstance(solution, Refusal):
        raise solution
    answer = Answer(solution=solution, problem=problem)
    await asyncio.to_thread(require_valid, answer.problem, answer.solution)
    changes = await asyncio.to_thread(replanning.settled, found, answer)
    done = await tools.database.run(
        lambda session: replanning.adopt(session, found=found, problem=problem, changes=changes, now=clock.now())
    )
    driven = {route.vehicle_id: route.order for route in solution.routes}
    return done, Elsewhere(loaded=found.loaded, problem=problem, orders=driven)
