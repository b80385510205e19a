"""Allocates all orders that wait, or those that the job names, in one problem; where a policy says so, others move.

Load, ask carriers for quotes, solve in a subprocess, check, adopt in a few transactions: each order is adopted by its
version, so that a second run after a kill finds what is left and repeats nothing.
"""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from math import floor

import numpy as np

from app.core import clock
from app.core.collecting import collector_paused
from app.core.errors import Conflict, Refusal
from app.jobs import pricing, quoting, solving
from app.jobs.tools import Tools
from app.models import DecisionKind, Job
from app.models.base import Json
from app.orchestration.allocations import moving, operations, queries
from app.orchestration.allocations.limits import Loaded
from app.orchestration.allocations.operations import Outcome
from app.orchestration.allocations.problem import Posed
from app.orchestration.allocations.telling import FEW_ALTERNATIVES, MOST_ALTERNATIVES, Source
from app.orchestration.allocations.verdicts import Verdict, verdicts
from app.solvers.allocation.checker import check
from app.solvers.allocation.solution import AllocationSolution
from app.solvers.allocation.table import LEFT_OUT

# What one problem holds; what waits beyond is the next.
ORDERS_A_SOLVE = 120_000
ORDERS_A_TRANSACTION = 5_000
# Beyond so many orders each keeps only the alternatives that came closest.
SMALL_BATCH = 200
# The longest search, and how much longer it is for each order.
SOLVE_SECONDS, SECONDS_AN_ORDER = 20.0, 0.0004
# The share of the progress that loading is, and with it the search.
LOADED, SOLVED = 0.1, 0.5


async def handle(job: Job, tools: Tools) -> Json:
    """Answers how many orders were allocated or moved, could not be, or moved on meanwhile."""
    references = job.arguments.get("references")
    counts: Counter[Outcome] = Counter()
    reasons: Counter[str] = Counter()
    after: uuid.UUID | None = None
    with collector_paused():
        while (loaded := await _load(tools, references, after)) is not None:
            after = loaded.demands[-1].order.id
            await _allocate(loaded, tools, counts, reasons)
        if references is None:
            await pricing.price(tools.database)
    return {**{outcome.value: counts[outcome] for outcome in Outcome}, "unallocatedByCode": dict(reasons)}


async def _allocate(loaded: Loaded, tools: Tools, counts: Counter[Outcome], reasons: Counter[str]) -> None:
    """Solves and adopts one batch; adds to the counts."""
    loaded, told = await quoting.quoted(loaded, tools)
    posed, solution = await _answered(loaded, tools)
    source = _source(posed.loaded, solution, told)
    most = source.most_alternatives
    if changing := np.flatnonzero((posed.standing != LEFT_OUT) & (solution.chosen != posed.standing)).tolist():
        moving_on = await asyncio.to_thread(list, verdicts(posed, solution, changing, most=most))
        try:
            work = partial(moving.move, verdicts=moving_on, source=source, now=clock.now())
            counts[Outcome.MOVED] += await tools.database.run(work)
        except Conflict:
            counts[Outcome.MOVED_ON] += len(changing)
    waiting, done = np.flatnonzero(posed.standing == LEFT_OUT).tolist(), 0
    async for chunk in _in_chunks(verdicts(posed, solution, waiting, most=most)):
        reasons.update((verdict.unassigned or {})["code"] for verdict in chunk if verdict.chosen is None)
        counts.update(
            await tools.database.run(partial(operations.adopt, verdicts=chunk, source=source, now=clock.now()))
        )
        done += len(chunk)
        await tools.report(SOLVED + (1 - SOLVED) * done / len(waiting), f"{done} orders are decided.")


async def _answered(loaded: Loaded, tools: Tools) -> tuple[Posed, AllocationSolution]:
    """The problem and its checked answer, in which no order loses what it holds.

    What cannot change any more is not in it; nor is what stands, where an answer would give some of that up.
    """
    posed = await asyncio.to_thread(Posed, loaded)
    if fixed := set(posed.fixed):
        kept = [demand for number, demand in enumerate(loaded.demands) if number not in fixed]
        loaded = replace(loaded, demands=kept)
        posed = await asyncio.to_thread(Posed, loaded)
    solution = await _solved(tools, posed)
    if ((posed.standing != LEFT_OUT) & (solution.chosen == LEFT_OUT)).any():
        posed = await asyncio.to_thread(
            Posed, replace(loaded, demands=[one for one in loaded.demands if not one.standing])
        )
        solution = await _solved(tools, posed)
    return posed, solution


async def _in_chunks(found: Iterator[Verdict]) -> AsyncIterator[list[Verdict]]:
    """What one transaction adopts; the next is put into words meanwhile."""
    coming = asyncio.create_task(asyncio.to_thread(_next, found))
    try:
        while chunk := await coming:
            coming = asyncio.create_task(asyncio.to_thread(_next, found))
            yield chunk
    finally:
        coming.cancel()


def _next(found: Iterator[Verdict]) -> list[Verdict]:
    return list(islice(found, ORDERS_A_TRANSACTION))


async def _load(tools: Tools, references: Sequence[str] | None, after: uuid.UUID | None) -> Loaded | None:
    async with tools.database.reading() as session:
        return await queries.waiting(session, references=references, after=after, limit=ORDERS_A_SOLVE, now=clock.now())


async def _solved(tools: Tools, posed: Posed) -> AllocationSolution:
    """The checked answer."""
    orders = posed.table.orders
    await tools.report(LOADED, f"Allocating {orders} orders, that have {posed.table.options} ways.")

    async def report(share: float, message: str) -> None:
        await tools.report(LOADED + (SOLVED - LOADED) * share, message)

    solution = await solving.allocation(
        posed.table,
        seconds=SOLVE_SECONDS + SECONDS_AN_ORDER * orders,
        threads=tools.settings.solver_processes,
        report=report,
    )
    if violations := await asyncio.to_thread(check, posed.table, solution):
        raise Refusal(
            "ALLOCATION_INVALID",
            f"The solver's answer breaks {len(violations)} rules, first: {violations[0].detail}"
            " Nothing was adopted; start the job again.",
        )
    return solution


def _source(loaded: Loaded, solution: AllocationSolution, told: Json) -> Source:
    bound = solution.quality.bound
    return Source(
        policy_name=loaded.policy_name,
        policy_version=loaded.policy_version,
        rules=loaded.network.policy,
        solver=solution.quality.solver,
        objective_minor=solution.objective,
        bound_minor=None if bound is None else floor(bound),
        most_alternatives=MOST_ALTERNATIVES if len(loaded.demands) <= SMALL_BATCH else FEW_ALTERNATIVES,
        detail={"orders": len(loaded.demands), **told},
        autonomy=loaded.network.policy.autonomy_of(DecisionKind.ALLOCATION),
    )
