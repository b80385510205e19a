"""The routing engine: a first plan in seconds, then rounds of ruin and recreate on parts of it, then the checker.

Same seed and iterations, same answer, on however many threads. Loads, windows, limits, prices and pairs are searched
on arrays of the whole; rules that need a look at whole routes (rests, reloads, soft windows, traffic, company, ...)
part by part as problems of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from app.solvers.budget import Budget
from app.solvers.progress import OnProgress, Progress, silent
from app.solvers.routing import pyvrp_model, pyvrp_search, refinement, ruled_search
from app.solvers.routing.annealing import Found, OnRound, Schedule, anneal
from app.solvers.routing.answering import InfeasiblePlan, answer
from app.solvers.routing.decomposition import Whole
from app.solvers.routing.flattening import Flat, unknown_to_kernel
from app.solvers.routing.kernel import FAR, Plan
from app.solvers.routing.ortools_engine import keep_drivable
from app.solvers.routing.pricing import unserved_cost
from app.solvers.routing.problem import Reload, RoutingProblem
from app.solvers.routing.reach import within_reach
from app.solvers.routing.rules import Item, visits_of
from app.solvers.routing.savings import savings_routes
from app.solvers.routing.schedule import Terms, timetable
from app.solvers.routing.solution import Quality, RoutingSolution
from app.solvers.routing.trials import EAGERNESS
from app.solvers.routing.validation import require_valid
from app.solvers.routing.warming import warm_up
from app.solvers.stopping import StoppingRule

SEARCHED = 0.9  # of the progress told
# Each round cuts other parts, and costs each some hundredths of a second: that pays where it has so many of processor.
PART_SIZE, PART_SECONDS_A_ROUND, FEWEST_ROUNDS, MOST_ROUNDS = 1_000, 0.4, 6, 30
# The first plan comes at once; it tells how long routes will be.
FILLING = Schedule(rounds=1, part_size=PART_SIZE, heat=0.1, cooling=0.5, recombines=False, eagerness=100.0)
FILLING_SHARE, FILLING_SECONDS = 0.02, 2.0
# PyVRP improves parts for the rest, where each thousand visits have at least so many seconds of processor.
KERNEL_SHARE, PYVRP_SECONDS = 0.75, 50.0
# Where vehicles differ in size and price, PyVRP says which to take, and where few are served, whom: on the whole, then
# part by part; then the kernel.
LEAD_SHARE, MIXED_SHARE = 0.3, 0.6
# Where PyVRP knows all the rules, it is much the stronger: the kernel only gives it a start.
RULED_SHARE = 0.15
# Temperatures in mean legs: the first grows with the seconds of processor per thousand visits, the last does not. A
# plan that was filled from nothing has far too many routes: it is never begun with cooler than this.
HEAT, HEAT_GROWTH, LEAST_HEAT, MOST_HEAT, LAST_HEAT = 0.25, 0.37, 0.3, 2.0, 0.035
LEAST_HEAT_FROM_NOTHING = 1.5
STEPS_A_SECOND = 100_000
# Once it is settled which vehicles go, a plan is not taken apart any more.
SETTLED_HEAT = 0.2
SETTLED = Schedule(rounds=10, part_size=PART_SIZE, heat=SETTLED_HEAT, cooling=LAST_HEAT / SETTLED_HEAT)
RULED = Schedule(rounds=8, part_size=400, heat=0.6, cooling=0.05)


def solve(
    problem: RoutingProblem, *, stop: StoppingRule, seed: int = 0, on_progress: OnProgress = silent
) -> RoutingSolution:
    """Plans all it can within the rule. The answer has passed the checker.

    Refuses a problem that contradicts itself with InvalidProblem.
    """
    require_valid(problem)
    warm_up()
    budget, terms = Budget(stop), Terms(problem)
    orders: Mapping[str, Sequence[Item]] = {}
    iterations = 0
    if problem.vehicles and problem.visits:
        find = _by_rules if any(unknown_to_kernel(problem)) else _by_arrays
        orders, iterations = find(terms, budget=budget, seed=seed, on_progress=on_progress)
    on_progress(Progress(fraction=SEARCHED, message="timing and checking"))
    return _answered(terms, orders, Quality(solver="doorstep", seconds=budget.seconds(), iterations=iterations))


def _answered(terms: Terms, orders: Mapping[str, Sequence[Item]], quality: Quality) -> RoutingSolution:
    """Should a route not hold before the one timetable, it loses stops until it does, and they are placed anew.

    That would be a fault of ours: the answer says so.
    """
    try:
        return answer(terms, orders, quality)
    except InfeasiblePlan as fault:
        kept = {id: list(order) for id, order in orders.items()}
        keep_drivable(terms, kept)
        return answer(terms, kept, replace(quality, repaired=str(fault)))


def _by_arrays(
    terms: Terms, *, budget: Budget, seed: int, on_progress: OnProgress
) -> tuple[Mapping[str, Sequence[Item]], int]:
    flat = within_reach(terms)
    if not flat.visits:
        return {}, 0
    count = len(terms.problem.visits)

    def tell(share: float, found: Found) -> None:
        message = f"{len(found.plan.visits)} of {count} stops on {len(found.plan.kinds)} routes, cost {found.cost:.0f}"
        on_progress(Progress(fraction=SEARCHED * share, message=message))

    found = search(flat, budget=budget, seed=seed, on_round=tell)
    return flat.orders(found.plan), found.iterations


def _by_rules(
    terms: Terms, *, budget: Budget, seed: int, on_progress: OnProgress
) -> tuple[Mapping[str, Sequence[Item]], int]:
    """The kernel with whole routes timed; then, where PyVRP knows all the rules too, PyVRP from there on."""
    problem = terms.problem
    helps = refinement.FEWEST_VISITS <= len(problem.visits) <= refinement.MOST_VISITS and pyvrp_search.knows(problem)

    def tell(share: float, found: ruled_search.Searched) -> None:
        served = sum(1 for order in found.orders.values() for _ in visits_of(order))
        message = f"{served} of {len(problem.visits)} stops on {len(found.orders)} routes, cost {found.cost:.0f}"
        on_progress(Progress(fraction=SEARCHED * share, message=message))

    found = ruled_search.search(
        terms,
        schedule=RULED,
        budget=budget,
        seed=seed,
        on_round=tell,
        until=RULED_SHARE if helps else 1.0,
    )
    if not helps or budget.is_over():
        return found.orders, found.iterations
    start: pyvrp_model.Orders = {
        id: [item if isinstance(item, Reload) else item.id for item in order] for id, order in found.orders.items()
    }

    def as_visits(orders: pyvrp_model.Orders) -> ruled_search.Orders:
        return {id: terms.order(ids) for id, ids in orders.items()}

    def tell_best(share: float, best: pyvrp_search.Best) -> None:
        tell(share, replace(found, orders=as_visits(best.orders), cost=best.cost))

    best = pyvrp_search.search_whole(
        problem,
        start=start,
        cost=lambda orders: _cost(terms, as_visits(orders)),
        budget=budget,
        seed=seed,
        since=RULED_SHARE,
        on_round=tell_best,
    )
    return as_visits(best.orders), found.iterations + best.iterations


def _cost(terms: Terms, orders: Mapping[str, Sequence[Item]]) -> float:
    """Of orders that may not be drivable: then none is dearer."""
    routes = [timetable(terms, terms.vehicles[id], order) for id, order in orders.items()]
    if any(route is None for route in routes):
        return float("inf")
    served = {visit.id for order in orders.values() for visit in visits_of(order)}
    left = unserved_cost(terms.problem, (visit.id for visit in terms.problem.visits if visit.id not in served))
    return left + sum(route.cost for route in routes if route is not None)


def search(flat: Flat, *, budget: Budget, seed: int, on_round: OnRound) -> Found:
    """The kernel for all of the budget, or for some of it where PyVRP pays for the rest."""
    whole, plan = flat.whole, first_plan(flat.whole)
    is_from_nothing = not len(plan.kinds)
    if is_from_nothing:
        share = min(FILLING_SHARE, FILLING_SECONDS / max(budget.seconds_allowed(), FILLING_SECONDS))
        found = anneal(whole, plan, schedule=FILLING, budget=budget, seed=seed, on_round=on_round, until=share)
        plan = found.plan
        if refinement.leads(flat, plan):
            found = refinement.lead(flat, found, budget=budget, seed=seed, on_round=on_round, until=LEAD_SHARE)
            found = refinement.refine(
                flat, found, budget=budget, seed=seed, on_round=on_round, since=LEAD_SHARE, until=MIXED_SHARE
            )
            return anneal(
                whole, found.plan, schedule=SETTLED, budget=budget, seed=seed, on_round=on_round, since=MIXED_SHARE
            )
    per_thousand = seconds_per_thousand(whole, budget)
    pays = per_thousand >= PYVRP_SECONDS and refinement.pays(flat, plan)
    until = KERNEL_SHARE if pays else 1.0
    schedule = schedule_for(per_thousand, is_from_nothing=is_from_nothing)
    found = anneal(whole, plan, schedule=schedule, budget=budget, seed=seed, on_round=on_round, until=until)
    if not pays:
        return found
    return refinement.refine(flat, found, budget=budget, seed=seed, on_round=on_round, since=KERNEL_SHARE)


def seconds_per_thousand(whole: Whole, budget: Budget) -> float:
    """The seconds of processor that each thousand visits have, on an idle machine."""
    seconds = budget.seconds_allowed() * budget.stop.threads or (budget.stop.iterations or 0) / STEPS_A_SECOND
    return 1_000 * seconds / max(whole.data.visit_count, 1)


def schedule_for(per_thousand: float, *, is_from_nothing: bool) -> Schedule:
    """How to spend so many seconds for each thousand visits: the more they are, the hotter it pays to begin."""
    least = LEAST_HEAT_FROM_NOTHING if is_from_nothing else LEAST_HEAT
    heat = min(max(HEAT * per_thousand**HEAT_GROWTH, least), MOST_HEAT)
    rounds = round(per_thousand * PART_SIZE / 1_000 / PART_SECONDS_A_ROUND)
    return Schedule(
        rounds=min(max(rounds, FEWEST_ROUNDS), MOST_ROUNDS),
        part_size=PART_SIZE,
        heat=heat,
        cooling=LAST_HEAT / heat,
        eagerness=EAGERNESS,
    )


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
