"""Options at prices: the choice of each order alone, and what those choices use.

All arrays are an AllocationTable's; `prices` are minor units per unit of each resource.
"""

from app.solvers.allocation.kernel.jit import compiled
from app.solvers.allocation.table import Floats, Ints, Longs


@compiled
def choose_alone(
    starts: Longs,
    costs: Longs,
    use_starts: Longs,
    use_resources: Ints,
    use_amounts: Ints,
    penalties: Longs,
    prices: Floats,
    low: int,
    high: int,
    used: Floats,
    bests: Floats,
) -> float:
    """The cost of orders low to high where each takes what is cheapest at these prices, the first of equals.

    Adds to `used` [resources] what they take, and writes to `bests` [orders] what each costs.
    """
    total = 0.0
    for order in range(low, high):
        best, chosen = float(penalties[order]), -1
        for option in range(starts[order], starts[order + 1]):
            priced = float(costs[option])
            for use in range(use_starts[option], use_starts[option + 1]):
                priced += prices[use_resources[use]] * use_amounts[use]
            if priced < best:
                best, chosen = priced, option
        bests[order] = best
        total += best
        if chosen >= 0:
            for use in range(use_starts[chosen], use_starts[chosen + 1]):
                used[use_resources[use]] += use_amounts[use]
    return total


@compiled
def price_options(
    costs: Longs, use_starts: Longs, use_resources: Ints, use_amounts: Ints, prices: Floats, priced: Floats
) -> None:
    """Writes to `priced` [options] what each costs with its uses at these prices."""
    for option in range(len(costs)):
        total = float(costs[option])
        for use in range(use_starts[option], use_starts[option + 1]):
            total += prices[use_resources[use]] * use_amounts[use]
        priced[option] = total
