"""Allocation tables in few words, and the best answer by trying everything."""

from dataclasses import dataclass
from itertools import product

import numpy as np

from app.solvers.allocation.table import AllocationTable


@dataclass(frozen=True)
class Option:
    cost: int
    uses: dict[str, int]


@dataclass(frozen=True)
class Order:
    options: tuple[Option, ...]
    penalty: int


def option(cost: int, **uses: int) -> Option:
    return Option(cost=cost, uses=uses)


def order(*options: Option, penalty: int = 1_000) -> Order:
    return Order(options=options, penalty=penalty)


def table(*orders: Order, **capacities: int) -> AllocationTable:
    """The orders, and how much there is of each limit by name."""
    numbers = {name: number for number, name in enumerate(capacities)}
    options = [each for one in orders for each in one.options]
    return AllocationTable(
        starts=_starts([len(each.options) for each in orders]),
        costs=np.array([each.cost for each in options], dtype=np.int64),
        use_starts=_starts([len(each.uses) for each in options]),
        use_resources=np.array([numbers[name] for each in options for name in each.uses], dtype=np.int32),
        use_amounts=np.array([amount for each in options for amount in each.uses.values()], dtype=np.int32),
        penalties=np.array([each.penalty for each in orders], dtype=np.int64),
        capacities=np.array(list(capacities.values()), dtype=np.int64),
    )


def _starts(counts: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.cumsum([0, *counts]).astype(np.int64)


def best_objective(given: AllocationTable) -> int:
    """By trying every combination: only for a handful of orders."""
    best = int(given.penalties.sum())
    for combination in product(*((-1, *given.options_of(number)) for number in range(given.orders))):
        used = np.zeros(given.resources, dtype=np.int64)
        for chosen in combination:
            for resource, amount in given.uses_of(chosen) if chosen >= 0 else ():
                used[resource] += amount
        if (used <= given.capacities).all():
            best = min(best, given.objective(np.array(combination, dtype=np.int64)))
    return best
