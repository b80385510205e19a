"""An exact search for small problems by OR-Tools' CP-SAT, begun from a known answer and its prices."""

from dataclasses import dataclass

import numpy as np
from ortools.sat.python import cp_model

from app.solvers.allocation.narrowing import priced_costs
from app.solvers.allocation.searching import TableAnswer
from app.solvers.allocation.table import LEFT_OUT, AllocationTable, Longs
from app.solvers.stopping import StoppingRule

# Prices are floating point; costs are whole numbers.
TOLERANCE = 1e-6
ANSWERED = (cp_model.OPTIMAL, cp_model.FEASIBLE)


@dataclass(frozen=True, kw_only=True)
class ExactAnswer:
    """`chosen` [orders], `bound` in minor units; `is_proved`: nothing better exists."""

    chosen: Longs
    bound: float
    is_proved: bool
    branches: int


def search_exactly(table: AllocationTable, start: TableAnswer, *, stop: StoppingRule, seed: int) -> ExactAnswer:
    """The better of the known answer and what CP-SAT finds within the rule. Its `iterations`: deterministic seconds."""
    solver = cp_model.CpSolver()
    solver.parameters.random_seed = seed
    solver.parameters.num_workers = stop.threads
    solver.parameters.relative_gap_limit = stop.relative_gap
    if stop.seconds is not None:
        solver.parameters.max_time_in_seconds = stop.seconds
    if stop.iterations is not None:
        solver.parameters.max_deterministic_time = float(stop.iterations)
    model = _Model(table, start)
    status = solver.solve(model.model)
    is_answered = status in ANSWERED
    found = model.chosen(solver) if is_answered else start.chosen
    bound = solver.best_objective_bound if is_answered else float(start.prices.bound)
    return ExactAnswer(
        chosen=min(start.chosen, found, key=table.objective),
        bound=max(float(start.prices.bound), bound),
        is_proved=status == cp_model.OPTIMAL and stop.relative_gap == 0,
        branches=solver.num_branches,
    )


class _Model:
    """One yes-or-no variable per option that a better answer could hold, and only the limits that could bind."""

    def __init__(self, table: AllocationTable, start: TableAnswer) -> None:
        self.table = table
        self.model = cp_model.CpModel()
        self.options = _open_options(table, start)
        self.variables = [self.model.new_bool_var("") for _ in self.options]
        numbers = dict(zip(self.options, range(len(self.options)), strict=True))
        taken = set(start.chosen.tolist())
        for option, variable in zip(self.options, self.variables, strict=True):
            self.model.add_hint(variable, option in taken)
        self._add_orders(numbers)
        self._add_limits()

    def _add_orders(self, numbers: dict[int, int]) -> None:
        gains: list[int] = []
        for order, penalty in enumerate(self.table.penalties.tolist()):
            own = [self.variables[numbers[option]] for option in self.table.options_of(order) if option in numbers]
            if own:
                self.model.add_at_most_one(own)
                gains += [int(self.table.costs[o]) - penalty for o in self.table.options_of(order) if o in numbers]
        total = int(self.table.penalties.sum())
        self.model.minimize(cp_model.LinearExpr.weighted_sum(self.variables, gains) + total)

    def _add_limits(self) -> None:
        demands: dict[int, list[tuple[int, int]]] = {}
        for number, option in enumerate(self.options):
            for resource, amount in self.table.uses_of(option):
                demands.setdefault(resource, []).append((number, amount))
        for resource, uses in demands.items():
            if sum(amount for _, amount in uses) > self.table.capacities[resource]:
                terms, weights = [self.variables[number] for number, _ in uses], [amount for _, amount in uses]
                limit = int(self.table.capacities[resource])
                self.model.add(cp_model.LinearExpr.weighted_sum(terms, weights) <= limit)

    def chosen(self, solver: cp_model.CpSolver) -> Longs:
        """The solver's answer [orders]."""
        order_of = np.repeat(np.arange(self.table.orders), np.diff(self.table.starts))
        chosen = np.full(self.table.orders, LEFT_OUT, dtype=np.int64)
        for option, variable in zip(self.options, self.variables, strict=True):
            if solver.boolean_value(variable):
                chosen[order_of[option]] = option
        return chosen


def _open_options(table: AllocationTable, start: TableAnswer) -> list[int]:
    """Options that are not further above their order's best, at the prices, than the answer is above the bound.

    Any other is in no better answer; so are those that do not fit alone.
    """
    priced = priced_costs(table, start.prices.by_resource)
    order_of = np.repeat(np.arange(table.orders), np.diff(table.starts))
    bests = table.penalties.astype(np.float64)
    np.minimum.at(bests, order_of, priced)
    room = start.objective - start.prices.bound + 1 + TOLERANCE
    is_open = (priced - bests[order_of] <= room) & (table.costs <= table.penalties[order_of])
    is_open[start.chosen[start.chosen != LEFT_OUT]] = True
    return [int(option) for option in np.flatnonzero(is_open)]
