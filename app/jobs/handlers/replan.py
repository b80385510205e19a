"""The part of a planning job that works a published day out anew: read, search, check, adopt, node by node."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta

from app.core import clock
from app.core.errors import Conflict
from app.jobs.handlers import side_by_side
from app.jobs.planning import LEAD, Wanted, posed, require_valid
from app.jobs.solving import RoutingTask
from app.jobs.tools import Tools
from app.models import FulfilmentNode, Job
from app.orchestration.plans import replanning
from app.orchestration.plans.drafting import Answer
from app.orchestration.plans.replanning import Replanned
from app.orchestration.plans.under_way import UnderWay, under_way
from app.solvers.stopping import StoppingRule

THREADS = 2


@dataclass(frozen=True, kw_only=True)
class Rest:
    """What became of a node's published day: what was changed, why nothing was, and the routes that nobody drives."""

    node: FulfilmentNode
    changes: Replanned = field(default_factory=Replanned)
    refused: str | None = None
    without_driver: Sequence[str] = ()


async def replan(job: Job, tools: Tools, wanted: Wanted, nodes: Sequence[FulfilmentNode]) -> list[Rest]:
    """Each node with published routes, one after the other, with its share of the seconds."""
    answers = []
    for node in nodes:
        found = await _read(tools, wanted, node)
        if found is not None:
            answers.append(await _node(job, tools, found, seconds=max(1.0, wanted.seconds / len(nodes))))
    return answers


def total(rests: Sequence[Rest]) -> dict[str, int]:
    """What all nodes come to, as the job's result tells it."""
    return {name.name: sum(getattr(rest.changes, name.name) for rest in rests) for name in fields(Replanned)}


async def _read(tools: Tools, wanted: Wanted, node: FulfilmentNode) -> UnderWay | None:
    async with tools.database.reading() as session:
        now = clock.now()
        takes = timedelta(seconds=wanted.seconds * clock.speed())
        return await under_way(
            session, node=node, day=wanted.day, now=now, leave_after=now + takes + LEAD, absent=wanted.absent
        )


async def _node(job: Job, tools: Tools, found: UnderWay, *, seconds: float) -> Rest:
    node = found.loaded.node
    alone = sorted(found.routes[id].reference for id in found.without_driver)
    problem = await posed(tools, found.loaded)
    if not problem.visits:
        return Rest(node=node, without_driver=alone)
    task = RoutingTask(problem=problem, stop=StoppingRule(seconds=seconds, threads=THREADS))
    solutions = [solution async for _, solution in side_by_side.solve(job, tools, [task])]
    answer = Answer(solution=solutions[0], problem=problem)
    await asyncio.to_thread(require_valid, answer.problem, answer.solution)
    try:
        changes = await asyncio.to_thread(replanning.settled, found, answer)
        changed = await tools.database.run(
            lambda session: replanning.adopt(session, found=found, answer=answer, changes=changes, now=clock.now())
        )
    except Conflict as refusal:
        return Rest(node=node, refused=refusal.message, without_driver=alone)
    return Rest(node=node, changes=changed, without_driver=alone)
