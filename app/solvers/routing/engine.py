"""The routing engine: a first plan in seconds, then rounds of ruin and recreate on parts of it, then the checker.

Same seed and iterations, same answer, on however many threads. What the arrays of the kernel cannot say is searched by
other means (see `_search`), never left out.
"""

from dataclasses import replace

import numpy as np

from app.solvers.budget import Budget
from app.solvers.progress import OnProgress, Progress, silent
from app.solvers.routing import ortools_engine, pyvrp_search, refinement
from app.solvers.routing.annealing import Found, OnRound, Schedule, anneal
from app.solvers.routing.answering import answer
from app.solvers.routing.decomposition import Whole
from app.solvers.routing.flattening import Flat, flatten, unknown_to_kernel
from app.solvers.routing.kernel import FAR, Plan
from app.solvers.routing.problem import RoutingProblem
from app.solvers.routing.pyvrp_model import unknown_to_pyvrp
from app.solvers.routing.savings import savings_routes
from app.solvers.routing.schedule import Terms
from app.solvers.routing.solution import Quality, RoutingSolution
from app.solvers.routing.validation import require_valid
from app.solvers.stopping import StoppingRule

SEARCHED = 0.9  # of the progress told
# The first plan comes at once; it tells how long routes will be.
FILLING = Schedule(rounds=1, part_size=1_000, heat=0.1, cooling=0.5, recombines=False)
FILLING_SHARE = 0.02
KERNEL_SHARE = 0.5
MOST_FOR_PYVRP = 3_000
FALLBACK_SECONDS = 10.0


def solve(
    problem: RoutingProblem, *, stop: StoppingRule, seed: int = 0, on_progress: OnProgress = silent
) -> RoutingSolution:
    """Plans all it can within the rule. The answer has passed the checker.

    Refuses a problem that contradicts itself with InvalidProblem.
    """
    require_valid(problem)
    budget = Budget(stop)
    if not problem.vehicles or not problem.visits or any(unknown_to_kernel(problem)):
        return _otherwise(problem, budget=budget, seed=seed, on_progress=on_progress)
    terms = Terms(problem)
    flat = flatten(terms)

    def tell(share: float, found: Found) -> None:
        message = f"{len(found.plan.visits)} of {len(problem.visits)} stops on {len(found.plan.kinds)} routes"
        on_progress(Progress(fraction=SEARCHED * share, message=f"{message}, cost {found.cost:.0f}"))

    found = search(flat, budget=budget, seed=seed, on_round=tell)
    on_progress(Progress(fraction=SEARCHED, message="timing and checking"))
    quality = Quality(solver="doorstep", seconds=budget.seconds(), iterations=found.iterations)
    return answer(terms, flat.orders(found.plan), quality)


def search(flat: Flat, *, budget: Budget, seed: int, on_round: OnRound) -> Found:
    """The kernel for all of the budget, or for some of it where PyVRP pays for the rest."""
    whole, plan = flat.whole, first_plan(flat.whole)
    if not len(plan.kinds):
        plan = anneal(
            whole, plan, schedule=FILLING, budget=budget, seed=seed, on_round=on_round, until=FILLING_SHARE
        ).plan
    pays = refinement.pays(flat, plan)
    until = KERNEL_SHARE if pays else 1.0
    schedule = schedule_for(whole)
    found = anneal(whole, plan, schedule=schedule, budget=budget, seed=seed, on_round=on_round, until=until)
    return refinement.refine(flat, found, budget=budget, seed=seed, on_round=on_round) if pays else found


def _otherwise(problem: RoutingProblem, *, budget: Budget, seed: int, on_progress: OnProgress) -> RoutingSolution:
    """What the kernel cannot be told: by PyVRP where that knows it all, else by the reference engine."""
    stop = budget.stop
    few = problem.visits and problem.vehicles and len(problem.visits) <= MOST_FOR_PYVRP
    if not few or any(unknown_to_pyvrp(pyvrp_search.with_matrix(problem))):
        seconds = stop.seconds if stop.processor_seconds is None else stop.processor_seconds / stop.threads
        stop = replace(stop, seconds=min(stop.seconds or seconds or 1e9, seconds or 1e9) if seconds else None)
        return ortools_engine.solve(problem, stop=stop, seed=seed, on_progress=on_progress)
    answers, iterations = pyvrp_search.search_whole(problem, budget=budget, seed=seed)
    on_progress(Progress(fraction=SEARCHED, message=f"{len(answers)} plans found"))
    if not answers:
        return ortools_engine.solve(problem, stop=replace(stop, seconds=FALLBACK_SECONDS), seed=seed)
    quality = Quality(solver="doorstep", seconds=budget.seconds(), iterations=iterations)
    terms = Terms(problem)
    solutions = [answer(terms, {id: terms.order(ids) for id, ids in one.items()}, quality) for one in answers]
    return min(solutions, key=lambda solution: solution.objective)


def schedule_for(whole: Whole) -> Schedule:
    """How to spend the budget on a problem of this size."""
    return Schedule(rounds=12, part_size=1_000, heat=0.6, cooling=0.05)


def first_plan(whole: Whole) -> Plan:
    """By savings where loads are all that matters and all vehicles are alike; else nothing: the kernel fills it."""
    data = whole.data
    kinds = data.kinds
    alike = len(kinds.counts) == 1 and int(kinds.start_rows[0]) == int(kinds.end_rows[0]) >= 0
    limits = (kinds.max_durations, kinds.max_distances, kinds.max_stops)
    free = all(limit is None or int(limit[0]) >= FAR for limit in limits) and data.opens is None
    untimed = kinds.shift_ends is None or int(kinds.shift_ends[0]) >= FAR
    collects = data.pickups is not None and bool(np.asarray(data.pickups).any())
    small = bool((np.asarray(data.demands) <= np.asarray(kinds.capacities)[0]).all())
    if not (alike and free and untimed and small) or collects or data.prices is not None:
        return Plan.of([])
    plan = savings_routes(
        travel=whole.travel[0],
        places=whole.places,
        depot=int(whole.terminals[0]),
        points=whole.points,
        demands=data.demands,
        capacity=np.asarray(kinds.capacities)[0],
    )
    return plan if len(plan.kinds) <= int(kinds.counts[0]) else Plan.of([])
