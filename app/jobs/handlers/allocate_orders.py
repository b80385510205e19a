"""Allocates the orders that wait, or those that the job names, a batch at a time.

Load, ask carriers for quotes, solve in a subprocess, adopt: each order is adopted by its version, so that a second run
after a kill finds what is left and repeats nothing.
"""

import uuid
from collections import Counter
from collections.abc import Sequence
from functools import partial
from math import floor

from app.core import clock
from app.jobs import quoting, solving
from app.jobs.tools import Tools
from app.models import DecisionKind, Job
from app.models.base import Json
from app.orchestration.allocations import operations, prices, queries
from app.orchestration.allocations.forecast import forecast, scaled
from app.orchestration.allocations.operations import Outcome
from app.orchestration.allocations.problem import SMALL_BATCH, Loaded, pose
from app.orchestration.allocations.telling import FEW_ALTERNATIVES, MOST_ALTERNATIVES, Source
from app.orchestration.allocations.verdicts import Verdict, verdicts

ORDERS_A_SOLVE = 1_000
ORDERS_A_TRANSACTION = 500
SOLVE_SECONDS = 20.0
PRICE_SECONDS = 3.0


async def handle(job: Job, tools: Tools) -> Json:
    """Answers how many orders were allocated, could not be, or moved on meanwhile."""
    references = job.arguments.get("references")
    counts: Counter[Outcome] = Counter()
    reasons: Counter[str] = Counter()
    after: uuid.UUID | None = None
    while (loaded := await _load(tools, references, after)) is not None:
        after = loaded.demands[-1].order.id
        await tools.report(0.1, f"Allocating {len(loaded.demands)} orders.")
        found, source = await _solve(*await quoting.quoted(loaded, tools))
        reasons.update((verdict.unassigned or {})["code"] for verdict in found if verdict.chosen is None)
        for start in range(0, len(found), ORDERS_A_TRANSACTION):
            chunk = found[start : start + ORDERS_A_TRANSACTION]
            counts.update(
                await tools.database.run(partial(operations.adopt, verdicts=chunk, source=source, now=clock.now()))
            )
    if references is None:
        await _price(tools)
    return {**{outcome.value: counts[outcome] for outcome in Outcome}, "unallocatedByCode": dict(reasons)}


async def _price(tools: Tools) -> None:
    """Leaves prices for the orders that come before the next batch, from the demand that is to be expected."""
    async with tools.database.reading() as session:
        expected = await forecast(session, now=clock.now())
    if expected is None:
        return
    problem = pose(expected.loaded).problem
    solution = await solving.allocation(scaled(problem, expected.share), seconds=PRICE_SECONDS)
    await tools.database.run(
        lambda session: prices.keep(session, prices=solution.prices, resources=problem.resources, now=clock.now())
    )


async def _load(tools: Tools, references: Sequence[str] | None, after: uuid.UUID | None) -> Loaded | None:
    async with tools.database.reading() as session:
        return await queries.waiting(session, references=references, after=after, limit=ORDERS_A_SOLVE, now=clock.now())


async def _solve(loaded: Loaded, told: Json) -> tuple[list[Verdict], Source]:
    posed = pose(loaded)
    solution = await solving.allocation(posed.problem, seconds=SOLVE_SECONDS)
    bound = solution.quality.bound
    source = Source(
        policy_name=loaded.policy_name,
        policy_version=loaded.policy_version,
        respond_minutes=loaded.network.policy.tender_respond_minutes,
        solver=solution.quality.solver,
        objective_minor=solution.objective,
        bound_minor=None if bound is None else floor(bound),
        most_alternatives=MOST_ALTERNATIVES if len(loaded.demands) <= SMALL_BATCH else FEW_ALTERNATIVES,
        detail={"orders": len(loaded.demands), **told},
        autonomy=loaded.network.policy.autonomy_of(DecisionKind.ALLOCATION),
    )
    return list(verdicts(loaded, posed, solution, solution.prices)), source
