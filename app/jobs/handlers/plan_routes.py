"""Plans the own fleet's routes of one node or all, a day or several, and publishes them where the job asks for it.

Where it does, late orders first join the routes that are published already and have not left; the rest is planned. Or,
where it asks to replan, the rest of the published day is worked out anew first.

Load, solve in subprocesses here and on other machines, check, adopt: each node by itself, as soon as its answer is
there. A node whose day moved on meanwhile is planned again; one that an earlier attempt at this job has drafted is not.
One that fails does so alone, and the job's result says why.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from app.auth.principals import SYSTEM
from app.core import clock
from app.core.collecting import collector_paused
from app.core.database import Session
from app.core.errors import Conflict, NotFound, Refusal
from app.core.ids import to_global
from app.core.wording import counted
from app.jobs import planning, shares
from app.jobs.handlers import side_by_side
from app.jobs.handlers.replan import Rest, replan, total
from app.jobs.planning import LEAD, Wanted
from app.jobs.solving import RoutingTask
from app.jobs.tools import Tools
from app.models import FulfilmentNode, Job, Plan, PlanState
from app.models.base import Json
from app.orchestration.nodes import queries as nodes
from app.orchestration.plans import drafting, fleets, joining, operations, queries
from app.orchestration.plans.drafting import Answer
from app.orchestration.plans.elsewhere import Elsewhere
from app.orchestration.plans.loaded import Loaded
from app.solvers.routing.problem import RoutingProblem
from app.solvers.routing.solution import RoutingSolution
from app.solvers.stopping import StoppingRule

SHORTEST_SECONDS = 1.0
# What `seconds` are worth where there are parts: so many iterations a second on each of so many cores. They are counted
# and not timed, so that neither the number of workers nor their speed changes the plan; the time is only a safeguard.
REFERENCE_CORES = 2
ITERATIONS_A_SECOND = 15_000
LONGEST_FACTOR = 4.0
ATTEMPTS = 3


@dataclass
class Outcome:
    """What has been made so far, how many shipments joined published routes, and the nodes whose day moved on.

    `notes`: by node, what a dispatcher should know of its fleet; `elsewhere`: by node, its published routes.
    `refused`: why other nodes have no plan; those that the job was stopped before have the code STOPPED.
    `rests`: what became of days that were published already.
    `seconds` of the stages; checking and saving go on while other nodes are still being solved.
    """

    plans: list[Plan] = field(default_factory=list)
    joined: int = 0
    rests: list[Rest] = field(default_factory=list)
    moved_on: dict[str, str] = field(default_factory=dict)
    refused: dict[str, Refusal] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    elsewhere: dict[str, Elsewhere] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Adds what a block takes to the stage's seconds."""
        began = clock.stopwatch()
        yield
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + clock.stopwatch() - began, 2)


async def handle(job: Job, tools: Tools) -> Json:
    """Answers the plans that were made: their ids, routes, stops, and how much is on none."""
    wanted = Wanted.of(job.arguments)
    async with tools.database.reading() as session:
        earlier = await queries.of_job(session, job_id=job.id)
    outcome = Outcome(plans=[plan for plans in earlier.values() for plan in plans])
    if wanted.replan:
        with outcome.timed("replanning"):
            outcome.rests = await replan(job, tools, wanted, await _nodes(tools, wanted, published=True))
        outcome.elsewhere = {rest.node.reference: rest.elsewhere for rest in outcome.rests if rest.elsewhere}
    open_nodes = [node for node in await _nodes(tools, wanted) if node.id not in earlier]
    with collector_paused():
        for _ in range(ATTEMPTS):
            if wanted.publish and not wanted.replan:
                with outcome.timed("joining"):
                    outcome.joined += sum([await _join(tools, wanted, node, outcome) for node in open_nodes])
            open_nodes = await _plan(job, tools, wanted, open_nodes, outcome)
            if not open_nodes or tools.asked.is_set():
                break
    _require_any(outcome)
    plans = outcome.plans
    return {
        "plans": [_told(plan) for plan in plans],
        "unassigned": sum(len(plan.unassigned) for plan in plans),
        "joined": outcome.joined,
        **_replanned(wanted, outcome),
        "seconds": outcome.seconds,
        "movedOn": [{"node": node.reference, "detail": outcome.moved_on[node.reference]} for node in open_nodes],
        **_not_planned(outcome),
        "notes": [{"node": node, "detail": note} for node, notes in outcome.notes.items() for note in notes],
    }


def _require_any(outcome: Outcome) -> None:
    """Where nothing came of the job but failures, it has failed."""
    failed = [(node, refusal) for node, refusal in outcome.refused.items() if refusal.code != side_by_side.STOPPED]
    if failed and not (outcome.plans or outcome.joined or outcome.rests or outcome.moved_on):
        node, first = failed[0]
        others = ", ".join(name for name, _ in failed[1:])
        also = f" Nor could these be planned: {others}." if others else ""
        raise Refusal(first.code, f"{node} could not be planned. {first.message}{also}")


def _not_planned(outcome: Outcome) -> Json:
    told = [
        (refusal.code == side_by_side.STOPPED, {"node": node, "code": refusal.code, "detail": refusal.message})
        for node, refusal in outcome.refused.items()
    ]
    return {
        "failed": [each for is_stopped, each in told if not is_stopped],
        "stopped": [each["node"] for is_stopped, each in told if is_stopped],
    }


async def _nodes(tools: Tools, wanted: Wanted, *, published: bool = False) -> list[FulfilmentNode]:
    async with tools.database.reading() as session:
        reference = wanted.node
        if reference is not None and reference not in await nodes.by_references(session, [reference]):
            raise NotFound("node", repr(reference), field="node")
        if published:
            return await queries.nodes_under_way(session, reference=reference)
        return await queries.nodes_to_plan(session, reference=reference)


async def _plan(
    job: Job, tools: Tools, wanted: Wanted, open_nodes: Sequence[FulfilmentNode], outcome: Outcome
) -> list[FulfilmentNode]:
    """Plans the nodes, and answers those whose day moved on meanwhile."""
    with outcome.timed("loading"):
        loaded = [each for node in open_nodes if (each := await _load(tools, wanted, node)).drops]
        outcome.notes |= {each.node.reference: fleets.sharing(each.crews) for each in loaded}
        problems = [await planning.posed(tools, each) for each in loaded]
    if not loaded:
        return []
    await tools.report(0.0, _planning(loaded))
    parts = [shares.split_up(problem) for problem in problems]
    owners = [number for number, group in enumerate(parts) for _ in group]
    found: list[dict[int, RoutingSolution | Refusal]] = [{} for _ in problems]
    named = [loaded[number].node.reference for number in owners]
    tasks = _tasks([part for group in parts for part in group], named, seconds=wanted.seconds, job=job)
    again = []
    async for index, solution in side_by_side.solve(job, tools, tasks):
        number = owners[index]
        found[number][index] = solution
        if len(found[number]) < len(parts[number]):
            continue
        node = loaded[number].node
        answers = [part for _, part in sorted(found[number].items())]
        try:
            answer = Answer(solution=_whole(parts[number], answers), problem=problems[number])
            answer = await _explained(answer, outcome.elsewhere.get(node.reference))
            with outcome.timed("checking and saving"):
                outcome.plans += await _adopt(job, tools, wanted, loaded[number], answer)
        except Conflict as refusal:
            outcome.moved_on[node.reference] = refusal.message
            again.append(node)
        except Refusal as refusal:
            outcome.refused[node.reference] = Refusal(refusal.code, _in_words(refusal.message, loaded[number]))
    return again


def _in_words(message: str, loaded: Loaded) -> str:
    """A solver's sentence with its visits by their orders, and its vehicles by their registrations."""
    for visit, drop in loaded.drops_by_id.items():
        message = message.replace(visit, drop.order.reference)
    for vehicle, van in loaded.vans_by_id.items():
        message = message.replace(vehicle, van.vehicle.registration)
    return message


async def _explained(answer: Answer, elsewhere: Elsewhere | None) -> Answer:
    """The answer with what published routes' vans say of the visits that it leaves out."""
    left = [each.visit_id for each in answer.solution.unserved]
    if elsewhere is None or not left:
        return answer
    reasons = await asyncio.to_thread(elsewhere.reasons, left)
    return replace(answer, elsewhere=reasons, other_vehicles=elsewhere.vehicles)


def _whole(parts: Sequence[RoutingProblem], answers: Sequence[RoutingSolution | Refusal]) -> RoutingSolution:
    """The node's answer. Refuses where a part has none, but for parts that were not begun while others were."""
    refusals = [answer for answer in answers if isinstance(answer, Refusal)]
    failed = [refusal for refusal in refusals if refusal.code != side_by_side.STOPPED]
    if failed or len(refusals) == len(answers):
        raise (failed or refusals)[0]
    return shares.joined(
        [
            shares.not_begun(part) if isinstance(answer, Refusal) else answer
            for part, answer in zip(parts, answers, strict=True)
        ]
    )


def _planning(loaded: Sequence[Loaded]) -> str:
    stops = counted(sum(len(each.drops) for each in loaded), "stop")
    return f"Planning {stops} at {counted(len(loaded), 'node')}."


async def _join(tools: Tools, wanted: Wanted, node: FulfilmentNode, outcome: Outcome) -> int:
    """Lets late orders join the day's published routes; what finds no place is planned as usual."""
    async with tools.database.reading() as session:
        now = clock.now()
        found = await joining.joinable(session, node=node, day=wanted.day, now=now, leave_after=now + LEAD)
    if found is None:
        return 0
    joined = await asyncio.to_thread(joining.places, found, await planning.posed(tools, found.loaded))
    if joined.elsewhere is not None:
        outcome.elsewhere[node.reference] = joined.elsewhere
    try:
        return await tools.database.run(
            lambda session: joining.adopt(session, found=found, joined=joined, now=clock.now())
        )
    except Conflict:
        return 0  # a route left, or was changed by somebody: the orders are planned as usual


async def _load(tools: Tools, wanted: Wanted, node: FulfilmentNode) -> Loaded:
    async with tools.database.reading() as session:
        now = clock.now()
        solving_takes = timedelta(seconds=wanted.seconds * clock.speed())
        return await queries.to_plan(
            session,
            node=node,
            day=wanted.day,
            days=wanted.days,
            now=now,
            leave_after=now + solving_takes + LEAD,
            absent=wanted.absent,
        )


def _tasks(problems: Sequence[RoutingProblem], nodes: Sequence[str], *, seconds: float, job: Job) -> list[RoutingTask]:
    """Each problem's share of the search, by its stops. A single problem has all cores for the time that was given."""
    if len(problems) == 1:
        stop = StoppingRule(seconds=max(SHORTEST_SECONDS, seconds), threads=REFERENCE_CORES)
        return [RoutingTask(problem=problems[0], stop=stop, node=nodes[0], job=str(job.id))]
    stops = sum(len(problem.visits) for problem in problems)
    tasks = []
    for problem, node in zip(problems, nodes, strict=True):
        share = max(SHORTEST_SECONDS, seconds * REFERENCE_CORES * len(problem.visits) / stops)
        stop = StoppingRule(iterations=round(share * ITERATIONS_A_SECOND), seconds=share * LONGEST_FACTOR)
        tasks.append(RoutingTask(problem=problem, stop=stop, node=node, job=str(job.id)))
    return tasks


async def _adopt(job: Job, tools: Tools, wanted: Wanted, loaded: Loaded, answer: Answer) -> list[Plan]:
    """Drafts, and publishes in the same transaction where that is wanted: nobody can come between."""
    await asyncio.to_thread(planning.require_valid, answer.problem, answer.solution)

    async def work(session: Session) -> list[Plan]:
        now = clock.now()
        plans = await drafting.adopt(
            session, loaded=loaded, answer=answer, job_id=job.id, currency=tools.settings.currency, now=now
        )
        for plan in plans:
            if wanted.publish and plan.state is PlanState.DRAFT:
                await operations.publish(session, plan_id=plan.id, expected_version=plan.version, actor=SYSTEM, now=now)
        return plans

    return await tools.database.run(work)


def _replanned(wanted: Wanted, outcome: Outcome) -> Json:
    if not wanted.replan:
        return {}
    return {
        "replanned": total(outcome.rests),
        "notReplanned": [
            {"node": rest.node.reference, "detail": rest.refused} for rest in outcome.rests if rest.refused
        ],
        "withoutDriver": [route for rest in outcome.rests for route in rest.without_driver],
    }


def _told(plan: Plan) -> Json:
    return {
        "planId": to_global("Plan", plan.id),
        "date": plan.date.isoformat(),
        "state": plan.state.value,
        "costMinor": plan.cost_minor,
        "distanceMetres": plan.distance_metres,
        "unassigned": len(plan.unassigned),
    }
