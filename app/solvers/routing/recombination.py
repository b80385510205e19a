"""The best plan that can be put together from all routes seen: set partitioning over a pool of routes.

Rounds find good routes in different cuts; no single plan has the best of them all. Foster and Ryan 1976; as a part of
local search: Subramanian, Uchoa, Ochi 2013.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ortools.linear_solver import pywraplp

from app.solvers.routing.costing import penalties_of, plan_cost, route_costs
from app.solvers.routing.decomposition import Whole
from app.solvers.routing.kernel import Plan

# More columns than this take longer than they are worth; the oldest are forgotten first.
MOST_ROUTES = 12_000
RELATIVE_GAP = 1e-6


@dataclass(frozen=True, kw_only=True)
class PooledRoute:
    """A route's visits in order, on a kind of vehicle, with its cost."""

    kind: int
    visits: NDArray[np.int32]
    cost: float


class Pool:
    """The cheapest order seen of each set of visits on each kind of vehicle."""

    def __init__(self, whole: Whole) -> None:
        self.whole = whole
        self.routes: dict[tuple[int, bytes], PooledRoute] = {}

    def add(self, plan: Plan) -> float:
        """Takes in a plan's routes; answers its cost, with the penalties of those that are on none."""
        costs = route_costs(self.whole, plan)
        for at, kind in enumerate(plan.kinds.tolist()):
            visits = plan.visits[plan.starts[at] : plan.starts[at + 1]]
            key = kind, np.sort(visits).tobytes()
            known = self.routes.pop(key, None)
            if known is None or known.cost > costs[at]:
                known = PooledRoute(kind=kind, visits=visits.copy(), cost=float(costs[at]))
            self.routes[key] = known
        for key in list(self.routes)[: max(0, len(self.routes) - MOST_ROUTES)]:
            del self.routes[key]
        return plan_cost(self.whole, plan)

    def best(self, start: Plan, *, seconds: float) -> Plan | None:
        """The cheapest plan of the pool's routes, found within so many seconds; None where there is no better one."""
        solver = pywraplp.Solver.CreateSolver("SCIP")
        if solver is None:
            return None
        routes = list(self.routes.values())
        choices = [solver.BoolVar("") for _ in routes]
        left_out = [solver.NumVar(0.0, 1.0, "") for _ in range(self.whole.data.visit_count)]
        once = [solver.Constraint(1.0, 1.0) for _ in left_out]
        fleet = [solver.Constraint(0.0, float(count)) for count in np.asarray(self.whole.data.kinds.counts)]
        objective = solver.Objective()
        for choice, route in zip(choices, routes, strict=True):
            objective.SetCoefficient(choice, route.cost)
            fleet[route.kind].SetCoefficient(choice, 1.0)
            for visit in route.visits.tolist():
                once[visit].SetCoefficient(choice, 1.0)
        for visit, (absent, penalty) in enumerate(zip(left_out, penalties_of(self.whole).tolist(), strict=True)):
            once[visit].SetCoefficient(absent, 1.0)
            objective.SetCoefficient(absent, penalty)
        objective.SetMinimization()
        self._hint(solver, choices, routes, start)
        solver.SetTimeLimit(max(1, int(1_000 * seconds)))
        status = solver.Solve(_precise())
        if status not in (pywraplp.Solver.OPTIMAL, pywraplp.Solver.FEASIBLE):
            return None
        chosen = [route for choice, route in zip(choices, routes, strict=True) if choice.solution_value() > 0.5]
        return Plan.of([route.visits.tolist() for route in chosen], [route.kind for route in chosen])

    def _hint(self, solver: Any, choices: list[Any], routes: list[PooledRoute], start: Plan) -> None:
        """The plan at hand: the search has something to beat."""
        current = {np.sort(np.array(route, np.int32)).tobytes() for route in start.routes()}
        values = [float(np.sort(route.visits).tobytes() in current) for route in routes]
        solver.SetHint(choices, values)


def _precise() -> Any:
    parameters = pywraplp.MPSolverParameters()
    parameters.SetDoubleParam(pywraplp.MPSolverParameters.RELATIVE_MIP_GAP, RELATIVE_GAP)
    return parameters
