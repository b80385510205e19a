"""PyVRP on parts of a plan, again and again in other cuts: it is the stronger where routes are long.

And on the whole, from nothing, where vehicles differ in size and price: the kernel fills the small ones first, and then
has no step that trades three of them for a large one. And where most stay at home: it has none that trades ten of those
who go for ten others.
"""

from dataclasses import replace

import numpy as np

from app.solvers.budget import Budget
from app.solvers.routing import pyvrp_model
from app.solvers.routing.annealing import Found, OnRound, recombine
from app.solvers.routing.costing import plan_cost
from app.solvers.routing.decomposition import Part, cut, join
from app.solvers.routing.flattening import Flat
from app.solvers.routing.kernel import Plan
from app.solvers.routing.pyvrp_search import SEEDS, Searched, children, part_problem, plan_of, rounds_of, task_of
from app.solvers.routing.recombination import Pool
from app.solvers.routing.trials import few_go, is_choice

# Routes at least this long on average, in parts of about so many visits.
LONG_ROUTE, LONG_ROUTE_AMONG_DEPOTS = 25, 10
PART_SIZE = 500
# Processes of their own pay for neither few visits nor very many.
FEWEST_VISITS, MOST_VISITS = 40, 3_000


def pays(flat: Flat, plan: Plan) -> bool:
    """Whether routes are long, none is left out by choice, and PyVRP knows all that this problem says."""
    routes = len(plan.kinds)
    depots = len(np.unique(flat.whole.data.kinds.start_rows))
    long = LONG_ROUTE if depots == 1 else LONG_ROUTE_AMONG_DEPOTS
    if routes < 2 or len(plan.visits) < long * routes or flat.whole.data.opens is None or is_choice(flat.whole, plan):
        return False
    return _knows(flat, cut(flat.whole, plan, size=PART_SIZE, seed=0)[0])


def leads(flat: Flat, plan: Plan) -> bool:
    """Whether which size of vehicle to take, or whom to serve at all, is a question of its own that PyVRP can answer.

    `plan`: a first one that serves all it can.
    """
    kinds = flat.whole.data.kinds
    prices = [np.asarray(price) for price in (kinds.fixed_costs, kinds.costs_per_metre) if price is not None]
    differ = len(np.unique(kinds.capacities, axis=0)) > 1 and any(len(np.unique(price)) > 1 for price in prices)
    is_question = differ or few_go(flat.whole, plan)
    return is_question and FEWEST_VISITS <= flat.whole.data.visit_count <= MOST_VISITS and _knows(flat, _all(flat))


def _all(flat: Flat) -> Part:
    """The whole as one part, nothing on a route."""
    data = flat.whole.data
    return Part(visits=np.arange(data.visit_count), counts=np.asarray(data.kinds.counts), plan=Plan.of([]))


def _knows(flat: Flat, part: Part) -> bool:
    try:
        return not any(pyvrp_model.unknown_to_pyvrp(part_problem(flat, part)))
    except pyvrp_model.Inexpressible:
        return False


def lead(flat: Flat, found: Found, *, budget: Budget, seed: int, on_round: OnRound, until: float) -> Found:
    """A search of the whole on each core until so much of the budget is gone; then the best of all their routes."""
    part, pool_of_routes = _all(flat), Pool(flat.whole)
    share = max(0.0, until - budget.share()) / -(-SEEDS // budget.stop.threads)
    with children(budget) as searching:
        tasks = [
            task_of(flat, part, budget=budget, share=share, counted=until / SEEDS, seed=seed + at)
            for at in range(SEEDS)
        ]
        searched = searching.search(tasks)
    found = replace(found, iterations=found.iterations + sum(one.iterations for one in searched))
    for orders in (one.orders for one in searched if one.orders is not None):
        plan = plan_of(flat, part, orders)
        cost = pool_of_routes.add(plan)
        found = replace(found, plan=plan, cost=cost) if cost < found.cost else found
    found = recombine(pool_of_routes, found, budget)
    on_round(until, found)
    return found


def refine(
    flat: Flat, found: Found, *, budget: Budget, seed: int, on_round: OnRound, since: float, until: float = 1.0
) -> Found:
    """Until so much of the budget is gone; the plan is never dearer than the one given.

    `since`: how much was to be gone before, which is what counts where iterations are counted.
    """
    stop = budget.stop
    dice = np.random.SeedSequence([seed, len(found.plan.kinds)])
    begun = budget.share() if stop.iterations is None else since
    rounds = rounds_of(budget, until - begun)
    with children(budget) as searching:
        for number in range(rounds):
            left = (until - budget.share()) / (rounds - number)
            if left <= 0:
                break
            parts = cut(flat.whole, found.plan, size=PART_SIZE, seed=int(dice.spawn(1)[0].generate_state(1)[0]))
            lanes = -(-len(parts) // stop.threads)
            tasks = [
                task_of(
                    flat,
                    part,
                    budget=budget,
                    share=left / lanes,
                    counted=(until - since) / rounds * len(part.visits) / flat.whole.data.visit_count,
                    seed=seed + number * len(parts) + at,
                )
                for at, part in enumerate(parts)
            ]
            searched = searching.search(tasks)
            plan = join(parts, [_best(flat, part, one) for part, one in zip(parts, searched, strict=True)])
            cost = plan_cost(flat.whole, plan)
            iterations = found.iterations + sum(one.iterations for one in searched)
            better = cost < found.cost
            found = (
                Found(plan=plan, cost=cost, iterations=iterations) if better else replace(found, iterations=iterations)
            )
            on_round(begun + (until - begun) * (number + 1) / rounds, found)
    return found


def _best(flat: Flat, part: Part, searched: Searched) -> Plan:
    """What was found, unless the part's own plan is no dearer."""
    if searched.orders is None:
        return part.plan
    plan = plan_of(flat, part, searched.orders)
    before, after = (plan_cost(flat.whole, join([part], [one]), among=part.visits) for one in (part.plan, plan))
    return plan if after < before else part.plan
