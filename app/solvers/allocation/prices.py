"""A price for each limit, and with it a proved lower bound: Lagrangian relaxation of all limits at once.

With the limits priced instead of kept, each order chooses alone. No allocation costs less than the sum of those choices
less the price of all capacity (Fisher, Management Science 1981). Prices move by how far each limit is overdrawn, as a
share of its capacity, in steps that shrink, with momentum (the deflected subgradients of Camerini, Fratta and
Maffioli, Mathematical Programming Study 3, 1975). Chooses nothing.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil

import numpy as np

from app.solvers.allocation.kernel.pricing import choose_alone
from app.solvers.allocation.narrowing import promising
from app.solvers.allocation.table import AllocationTable, Floats

# Steps of the prices, in rounds; between rounds the options that matter are sought anew.
ROUNDS, STEPS_A_ROUND = 6, 40
# The first and the last step, as shares of an average order's cheapest option; the first at least so much of a penalty.
FIRST_STEP, LAST_STEP, FIRST_OF_PENALTY = 2.0, 0.004, 0.2
# From prices of much the same problem.
ROUNDS_AGAIN, FIRST_STEP_AGAIN = 2, 0.3
# So much of the direction is kept from step to step.
MOMENTUM = 0.9
# Added to each capacity when it is compared with what is overdrawn, so that the price of a single unit does not jump.
ADDED_CAPACITY = 2.0
# Between rounds, so many options of each order are priced.
MOST_OPTIONS = 24
# Floating-point sums are no proof to the last digit.
ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class Prices:
    """`by_resource` [resources]: minor units per unit; `bound`: whole minor units, proved."""

    by_resource: Floats
    bound: int


def find_prices(
    table: AllocationTable,
    *,
    start: Floats | None = None,
    threads: int = 1,
    on_share: Callable[[float], None] = lambda _: None,
) -> Prices:
    """The best prices found in a fixed number of steps; `on_share` hears how much is done, 0 to 1.

    `start` [resources]: prices of much the same problem, from which fewer and smaller steps do.
    """
    if not table.options or not table.resources:
        return _proved(table, np.zeros(table.resources), threads)
    descent = _Descent(table, threads, start)
    narrow = table
    for number in range(descent.rounds):
        descent.run(narrow, number)
        on_share((number + 1) / (descent.rounds + 1))
        if number < descent.rounds - 1 and table.options > MOST_OPTIONS * table.orders:
            narrow = promising(table, descent.prices, most=MOST_OPTIONS).table
    return _proved(table, descent.prices, threads)


def _proved(table: AllocationTable, prices: Floats, threads: int) -> Prices:
    with relaxation(table, threads) as relaxed:
        value, _ = relaxed(prices)
    return Prices(by_resource=prices, bound=ceil(value - 1e-6 - ROUNDING * abs(value)))


Relaxed = Callable[[Floats], tuple[float, Floats]]


@contextmanager
def relaxation(table: AllocationTable, threads: int) -> Iterator[Relaxed]:
    """A function of prices: the bound, and by how much each limit is overdrawn when each order chooses alone."""
    edges = np.linspace(0, table.orders, threads + 1).astype(int).tolist()
    bests = np.empty(table.orders)

    def part(low: int, high: int, prices: Floats) -> tuple[float, Floats]:
        used = np.zeros(table.resources)
        value = choose_alone(
            table.starts, table.costs, table.use_starts, table.use_resources, table.use_amounts, table.penalties,
            prices, low, high, used, bests,
        )  # fmt: skip
        return value, used

    with ThreadPoolExecutor(threads) as pool:

        def relaxed(prices: Floats) -> tuple[float, Floats]:
            run = pool.map if threads > 1 else map
            parts = list(run(part, edges[:-1], edges[1:], [prices] * threads))
            overdrawn = sum((used for _, used in parts), -table.capacities.astype(np.float64))
            return sum(value for value, _ in parts) - float(prices @ table.capacities), overdrawn

        yield relaxed


class _Descent:
    """The prices on their way, and the direction that they keep in part."""

    def __init__(self, table: AllocationTable, threads: int, start: Floats | None) -> None:
        self.threads, self.rounds = threads, ROUNDS if start is None else ROUNDS_AGAIN
        self.prices = np.zeros(table.resources) if start is None else start
        self.momentum = np.zeros(table.resources)
        self.scale = table.capacities + ADDED_CAPACITY
        self.unit = max(1.0, float(np.mean(np.minimum(table.penalties, _cheapest(table)))))
        self.first = max(FIRST_STEP * self.unit, FIRST_OF_PENALTY * float(np.mean(table.penalties)))
        self.last = LAST_STEP * self.unit
        if start is not None:
            self.first = FIRST_STEP_AGAIN * self.unit

    def run(self, table: AllocationTable, number: int) -> None:
        """One round of steps over these options."""
        with relaxation(table, self.threads) as relaxed:
            for at in range(STEPS_A_ROUND):
                done = (number * STEPS_A_ROUND + at) / (self.rounds * STEPS_A_ROUND)
                share = np.clip(relaxed(self.prices)[1] / self.scale, -1.0, 1.0)
                self.momentum = MOMENTUM * self.momentum + (1 - MOMENTUM) * share
                step = self.first * (self.last / self.first) ** done
                self.prices = np.maximum(0.0, self.prices + step * self.momentum)


def _cheapest(table: AllocationTable) -> Floats:
    """The cost of each order's cheapest option, infinite where it has none [orders]."""
    found = np.full(table.orders, np.inf)
    has = np.flatnonzero(np.diff(table.starts))
    if len(has):
        found[has] = np.minimum.reduceat(table.costs, table.starts[has])
    return found
