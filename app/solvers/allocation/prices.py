"""A price for each limit, and with it a proved lower bound: Lagrangian relaxation by subgradient steps.

With the limits priced instead of kept, each order chooses alone. No allocation costs less than the sum of those choices
less the price of all capacity (Fisher, Management Science 1981; step length by Polyak). Chooses nothing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.solvers.allocation.greedy import worthwhile
from app.solvers.allocation.problem import AllocationProblem
from app.solvers.allocation.resources_left import uses_of

Floats = NDArray[np.float64]

STEPS = 600
# Halve the step after so many without a better bound.
PATIENCE = 20


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Minor units per unit of each resource, the bound they prove, and what each option is above its order's best.

    An option whose `excess` is more than the known answer is above the bound can be in no better answer.
    """

    by_resource: dict[str, float]
    bound: float
    excess: dict[tuple[str, str], float]


def find_prices(problem: AllocationProblem, objective: int) -> Prices:
    """The best prices found in a fixed number of steps; `objective` is that of some known allocation."""
    table = _Table(problem)
    prices = np.zeros(len(problem.resources))
    best, bound, step, since = prices, -np.inf, 1.0, 0
    for _ in range(STEPS):
        value, slope = table.relaxed(prices)
        if value > bound:
            best, bound, since = prices, value, 0
        else:
            since += 1
            step, since = (step / 2, 0) if since == PATIENCE else (step, since)
        length = float(slope @ slope)
        if length == 0 or objective <= bound:
            break
        prices = np.maximum(0.0, prices + step * (objective - value) / length * slope)
    return table.prices(best, bound)


class _Table:
    """The problem as flat arrays: one row per option, leaving out being the last option of each order."""

    def __init__(self, problem: AllocationProblem) -> None:
        self.resources = [resource.id for resource in problem.resources]
        self.capacities = np.array([resource.capacity for resource in problem.resources], dtype=np.float64)
        number_of = {id: number for number, id in enumerate(self.resources)}
        self.keys: list[tuple[str, str] | None] = []
        costs: list[int] = []
        rows: list[tuple[int, int, int]] = []
        self.first: list[int] = []
        for order in problem.orders:
            self.first.append(len(costs))
            for option in worthwhile(order):
                rows += [(len(costs), number_of[id], amount) for id, amount in uses_of(option).items()]
                self.keys.append((order.id, option.id))
                costs.append(option.cost)
            self.keys.append(None)
            costs.append(order.unallocated_penalty)
        self.costs = np.array(costs, dtype=np.float64)
        flat = np.array(rows, dtype=np.int64).reshape(-1, 3)
        self.option, self.resource, self.amount = flat[:, 0], flat[:, 1], flat[:, 2].astype(np.float64)
        self.sizes = np.diff([*self.first, len(costs)])

    def _priced(self, prices: Floats) -> tuple[Floats, Floats]:
        """The cost of each option with its prices, and of each order's best."""
        added = np.bincount(self.option, weights=prices[self.resource] * self.amount, minlength=len(self.costs))
        priced: Floats = self.costs + added
        return priced, np.minimum.reduceat(priced, self.first) if self.first else np.zeros(0)

    def relaxed(self, prices: Floats) -> tuple[float, Floats]:
        """The bound at these prices, and by how much each limit is overdrawn when each order chooses alone."""
        priced, best = self._priced(prices)
        ties = np.flatnonzero(priced == np.repeat(best, self.sizes))
        order_of = np.repeat(np.arange(len(self.first)), self.sizes)[ties]
        chosen = np.zeros(len(priced), dtype=bool)
        chosen[ties[np.unique(order_of, return_index=True)[1]]] = True
        taken = chosen[self.option]
        used = np.bincount(self.resource[taken], weights=self.amount[taken], minlength=len(self.resources))
        slope: Floats = used - self.capacities
        slope[(prices == 0) & (slope < 0)] = 0.0
        return float(best.sum() - prices @ self.capacities), slope

    def prices(self, prices: Floats, bound: float) -> Prices:
        """The same by name."""
        priced, best = self._priced(prices)
        above = (priced - np.repeat(best, self.sizes)).tolist()
        return Prices(
            by_resource=dict(zip(self.resources, prices.tolist(), strict=True)),
            bound=bound,
            excess={key: excess for key, excess in zip(self.keys, above, strict=True) if key is not None},
        )
