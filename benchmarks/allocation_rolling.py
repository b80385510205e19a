"""A day decided order by order, by prices alone: what the engine's bid prices are worth when nobody knows the day.

Prices come from other days of the same network, drawn at random, priced with what is left and averaged (the
randomized linear program of Talluri and van Ryzin, Transportation Science 1999). They are worked out anew a few times
a day; between, each follows what is left, by the platform's own function (app/orchestration/allocations/bidding.py).
Of the day itself the decider sees only the orders that have come.
"""

import time
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from app.orchestration.allocations import bidding
from app.solvers.allocation.kernel.jit import Function
from app.solvers.allocation.narrowing import possible
from app.solvers.allocation.prices import find_prices
from app.solvers.allocation.table import LEFT_OUT, AllocationTable
from benchmarks.allocation_instances import Day, Lines, Network, demand, pose

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]
Ints = NDArray[np.int32]

# Each refresh comes when so much is left of what the last one saw ahead: more often as the day runs out.
LEFT_AT_REFRESH = 0.8
# Past days are numbered from here; the day itself is number 0.
FIRST_PAST_DAY = 1_000


def compiled_anew(function: Function) -> Function:
    """Machine code that is not kept on disk, where a change of the rule it calls would go unseen."""
    return cast("Function", njit(nogil=True, error_model="numpy")(function))


# The platform's own rule.
moved_price = compiled_anew(bidding.moved_price)


@dataclass(frozen=True, kw_only=True)
class Rolled:
    """`chosen` [orders]; seconds of each decision, and of all refreshes together."""

    chosen: Longs
    latencies_seconds: Floats
    refresh_seconds: float


@compiled_anew
def decide(
    first: int,
    end: int,
    costs: Longs,
    use_starts: Longs,
    use_resources: Ints,
    use_amounts: Ints,
    penalty: int,
    prices: Floats,
    capacities: Floats,
    left: Longs,
    ahead: float,
) -> int:
    """The option that fits and costs least with what it uses up; -1 where none is worth its cost.

    `prices` were found for `capacities`, which were to last as long as the orders; `ahead` of them are still to come.
    """
    chosen, least = -1, np.inf
    for option in range(first, end):
        priced, is_free = float(costs[option]), costs[option] <= penalty
        for use in range(use_starts[option], use_starts[option + 1]):
            resource, amount = use_resources[use], use_amounts[use]
            if left[resource] < amount:
                is_free = False
                break
            if prices[resource] > 0.0:
                priced += amount * moved_price(prices[resource], capacities[resource] * ahead, left[resource])
        if is_free and priced < least:
            chosen, least = option, priced
    if chosen >= 0:
        for use in range(use_starts[chosen], use_starts[chosen + 1]):
            left[use_resources[use]] -= use_amounts[use]
    return chosen


def roll(day: Day, of: Network, table: AllocationTable, *, refreshes: int, samples: int, threads: int) -> Rolled:
    """Decides the orders of the table one by one."""
    left, chosen = table.capacities.copy(), np.full(table.orders, LEFT_OUT, dtype=np.int64)
    edges = _edges(table.orders, refreshes)
    latencies, refreshing = np.zeros(table.orders), 0.0
    prices: Floats | None = None
    for number, (low, high) in enumerate(pairwise(edges)):
        began = time.perf_counter()
        days = range(FIRST_PAST_DAY + number * samples, FIRST_PAST_DAY + (number + 1) * samples)
        prices = _forecast(day, of, left, ahead=table.orders - low, days=days, start=prices, threads=threads)
        refreshing += time.perf_counter() - began
        capacities, rest = left.astype(np.float64), table.orders - low
        for order in range(low, high):
            began = time.perf_counter()
            chosen[order] = decide(
                table.starts[order], table.starts[order + 1], table.costs, table.use_starts, table.use_resources,
                table.use_amounts, table.penalties[order], prices, capacities, left, (table.orders - order) / rest,
            )  # fmt: skip
            latencies[order] = time.perf_counter() - began
    return Rolled(chosen=chosen, latencies_seconds=latencies, refresh_seconds=refreshing)


def _edges(orders: int, refreshes: int) -> list[int]:
    """Where prices are worked out anew: each time when a fifth of what was left of the day is gone."""
    left = orders * LEFT_AT_REFRESH ** np.arange(refreshes)
    return sorted({*(orders - left).astype(int).tolist(), orders})


def _forecast(
    day: Day, of: Network, left: Longs, *, ahead: int, days: range, start: Floats | None, threads: int
) -> Floats:
    """Prices for what is left, averaged over the last `ahead` orders of past days."""
    goods = left[: day.goods * day.nodes].reshape(day.goods, day.nodes)
    total = np.zeros(len(left))
    for past in days:
        lines = _last(demand(day, of, seed=past), ahead)
        table = replace(pose(day, of, lines, goods).table, capacities=left)
        found = find_prices(possible(table).table, start=start, threads=threads).by_resource
        start = found if start is None else start
        total += found
    return total / len(days)


def _last(lines: Lines, count: int) -> Lines:
    """The last orders of a day."""
    first = len(lines.doors) - count
    begin = int(lines.starts[first])
    return Lines(lines.doors[first:], lines.starts[first:] - begin, lines.goods[begin:], lines.quantities[begin:])
