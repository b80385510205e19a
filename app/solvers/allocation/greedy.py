"""A quick allocation: orders by regret, each its cheapest option that still fits; then single moves downhill.

The exact search starts from it, and it is the answer where time is too short for any other. Proves nothing.
"""

from collections.abc import Mapping

from app.solvers.allocation.problem import AllocationOrder, AllocationProblem, Option
from app.solvers.allocation.resources_left import Left

Chosen = dict[str, Option]

MOST_ROUNDS = 10


def worthwhile(order: AllocationOrder) -> list[Option]:
    """The options that cost no more than leaving the order out, cheapest first; equals by id."""
    options = (option for option in order.options if option.cost <= order.unallocated_penalty)
    return sorted(options, key=lambda option: (option.cost, option.id))


def priced(option: Option, prices: Mapping[str, float]) -> float:
    """Its cost, and what it uses at the prices of the resources; those without a price are free."""
    return option.cost + sum(prices.get(use.resource_id, 0.0) * use.amount for use in option.uses)


def allocate(problem: AllocationProblem, prices: Mapping[str, float] | None = None) -> Chosen:
    """Option by order id; an order without one is left out. First comes who loses most by not getting the best."""
    queue = []
    for order in problem.orders:
        options = sorted((priced(option, prices or {}), option.id, option) for option in worthwhile(order))
        costs = [cost for cost, _, _ in options] + [float(order.unallocated_penalty)]
        if options:
            queue.append((costs[0] - costs[1], order.id, [option for _, _, option in options]))
    left, chosen = Left(problem), Chosen()
    for _, id, ranked in sorted(queue, key=lambda entry: entry[:2]):
        option = next((option for option in ranked if not left.missing(option)), None)
        if option is not None:
            left.take(option)
            chosen[id] = option
    return improved(problem, chosen)


def improved(problem: AllocationProblem, chosen: Mapping[str, Option]) -> Chosen:
    """Moves one order at a time to a cheaper option that fits, until none does. Never costs more than before."""
    best, left = dict(chosen), Left(problem)
    for option in best.values():
        left.take(option)
    for _ in range(MOST_ROUNDS):
        moves = [_move(order, best, left) for order in problem.orders]
        if not any(moves):
            break
    return best


def _move(order: AllocationOrder, best: Chosen, left: Left) -> bool:
    present = best.get(order.id)
    limit = order.unallocated_penalty + 1 if present is None else present.cost
    for option in worthwhile(order):
        if option.cost >= limit:
            return False
        if not left.missing(option, freed=present):
            if present is not None:
                left.give_back(present)
            left.take(option)
            best[order.id] = option
            return True
    return False
