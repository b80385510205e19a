"""The reference engine: OR-Tools' routing library, guided local search over one model.

What it cannot serve it leaves out at the visit's penalty. It has no seed; the same input and time may differ a little.
"""

import numpy as np
from ortools.constraint_solver import pywrapcp, routing_enums_pb2

from app.solvers.routing.problem import RoutingProblem, Vehicle, Visit
from app.solvers.stopping import StoppingRule

# OR-Tools minimises integers: costs are scaled so that a metre still counts.
SCALE = 100
HORIZON_SECONDS = 7 * 86_400

Orders = dict[str, list[str]]


def solve_orders(problem: RoutingProblem, *, stop: StoppingRule) -> Orders:
    """The order of visits per vehicle, by id. Empty routes are left out."""
    if not problem.visits or not problem.vehicles:
        return {}
    model = _Model(problem)
    return model.solve(stop)


class _Model:
    """One OR-Tools model: nodes 0..n-1 are visits, then one node for each distinct depot."""

    def __init__(self, problem: RoutingProblem) -> None:
        self.problem = problem
        depots = sorted({vehicle.depot for vehicle in problem.vehicles})
        self.places = np.array([visit.location for visit in problem.visits] + depots)
        node_of = {depot: len(problem.visits) + position for position, depot in enumerate(depots)}
        ends = [node_of[vehicle.depot] for vehicle in problem.vehicles]
        self.manager = pywrapcp.RoutingIndexManager(len(self.places), len(problem.vehicles), ends, ends)
        self.routing = pywrapcp.RoutingModel(self.manager)
        self._add_costs()
        self._add_time()
        self._add_loads()
        self._add_visits()

    def _add_costs(self) -> None:
        metres = self.problem.metres[np.ix_(self.places, self.places)]
        seconds = self.problem.seconds[np.ix_(self.places, self.places)]
        known: dict[tuple[float, float], int] = {}
        for number, vehicle in enumerate(self.problem.vehicles):
            rates = (vehicle.cost_per_km, vehicle.cost_per_hour)
            if rates not in known:
                costs = metres * (rates[0] / 1_000) + seconds * (rates[1] / 3_600)
                known[rates] = self.routing.RegisterTransitMatrix(np.rint(costs * SCALE).astype(np.int64).tolist())
            self.routing.SetArcCostEvaluatorOfVehicle(known[rates], number)
            self.routing.SetFixedCostOfVehicle(vehicle.fixed_cost * SCALE, number)

    def _add_time(self) -> None:
        service = np.array([visit.service_seconds for visit in self.problem.visits] + [0] * self._depots())
        seconds = self.problem.seconds[np.ix_(self.places, self.places)] + service[:, None]
        transit = self.routing.RegisterTransitMatrix(seconds.tolist())
        self.routing.AddDimension(transit, HORIZON_SECONDS, HORIZON_SECONDS, False, "time")
        self.time = self.routing.GetDimensionOrDie("time")
        for number, vehicle in enumerate(self.problem.vehicles):
            for index in (self.routing.Start(number), self.routing.End(number)):
                self.time.CumulVar(index).SetRange(*vehicle.shift)
            self.routing.AddVariableMinimizedByFinalizer(self.time.CumulVar(self.routing.End(number)))
            # Waiting costs a driver's time too: price the whole span.
            self.time.SetSpanCostCoefficientForVehicle(round(vehicle.cost_per_hour / 3_600 * SCALE), number)

    def _add_loads(self) -> None:
        for dimension, name in enumerate(self.problem.dimensions):
            demands = [visit.demand[dimension] for visit in self.problem.visits] + [0] * self._depots()
            load = self.routing.RegisterUnaryTransitVector(demands)
            capacities = [vehicle.capacity[dimension] for vehicle in self.problem.vehicles]
            self.routing.AddDimensionWithVehicleCapacity(load, 0, capacities, True, name)

    def _add_visits(self) -> None:
        for node, visit in enumerate(self.problem.visits):
            index = self.manager.NodeToIndex(node)
            self.time.CumulVar(index).SetRange(*visit.window)
            self.routing.AddDisjunction([index], visit.penalty * SCALE)
            allowed = self._allowed(visit)
            if len(allowed) < len(self.problem.vehicles):
                # -1 is OR-Tools' vehicle of what is left out.
                self.routing.VehicleVar(index).SetValues([-1, *allowed])

    def _allowed(self, visit: Visit) -> list[int]:
        vehicles: tuple[Vehicle, ...] = self.problem.vehicles
        return [number for number, vehicle in enumerate(vehicles) if self.problem.may_serve(vehicle, visit)]

    def _depots(self) -> int:
        return len(self.places) - len(self.problem.visits)

    def solve(self, stop: StoppingRule) -> Orders:
        """Searches for as long as the rule allows; an empty answer where not even a first plan came in time."""
        parameters = pywrapcp.DefaultRoutingSearchParameters()
        parameters.first_solution_strategy = routing_enums_pb2.FirstSolutionStrategy.PARALLEL_CHEAPEST_INSERTION
        parameters.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
        parameters.time_limit.FromMilliseconds(max(100, round(stop.seconds * 1_000)))
        assignment = self.routing.SolveWithParameters(parameters)
        return {} if assignment is None else self._read(assignment)

    def _read(self, assignment: pywrapcp.Assignment) -> Orders:
        orders: Orders = {}
        for number, vehicle in enumerate(self.problem.vehicles):
            index = assignment.Value(self.routing.NextVar(self.routing.Start(number)))
            while not self.routing.IsEnd(index):
                visit = self.problem.visits[self.manager.IndexToNode(index)]
                orders.setdefault(vehicle.id, []).append(visit.id)
                index = assignment.Value(self.routing.NextVar(index))
        return orders
