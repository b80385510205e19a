"""One OR-Tools routing model: visits and vehicles in, the order of visits per vehicle out.

What it cannot serve it leaves out at the visit's penalty. OR-Tools' routing search takes no seed.
"""

from dataclasses import dataclass

import numpy as np
from ortools.constraint_solver import pywrapcp, routing_enums_pb2

from app.solvers.routing.grouping import Part
from app.solvers.routing.problem import TravelMatrix, Visit, may_serve

# OR-Tools minimises integers: costs in hundredths of a minor unit, so that a metre still counts.
SCALE = 100
# Where only iterations end the search, a tiny problem may have fewer answers than that: it ends by failures too.
FAILURES, FAILURES_PER_ITERATION = 5_000, 100


@dataclass(frozen=True, kw_only=True)
class Found:
    """Visit ids in order per vehicle; the seconds the search took by its own clock, and how many answers it saw."""

    orders: dict[str, list[str]]
    seconds: float
    iterations: int

    def __add__(self, other: "Found") -> "Found":
        return Found(
            orders=self.orders | other.orders,
            seconds=self.seconds + other.seconds,
            iterations=self.iterations + other.iterations,
        )


class Model:
    """Nodes 0..n-1 are the visits; behind them stands one node per distinct start or end, and one for open ends.

    Times count from the first shift's start, so that the caller's epoch may be any.
    """

    def __init__(self, part: Part, travel: TravelMatrix) -> None:
        self.part = part
        self.count = len(part.visits)
        ends = {place for vehicle in part.vehicles for place in (vehicle.start_location, vehicle.end_location)}
        depots = sorted(place for place in ends if place is not None)
        node_of: dict[int | None, int] = {place: self.count + number for number, place in enumerate(depots)}
        node_of[None] = self.count + len(depots)
        places = np.array([visit.location for visit in part.visits] + depots)
        # A node where nobody starts or ends would have to be visited: none for open ends where no route is open.
        open_ends = int(None in ends)
        self.metres = np.pad(travel.distances_metres[np.ix_(places, places)], (0, open_ends))
        self.seconds = np.pad(travel.durations_seconds[np.ix_(places, places)], (0, open_ends))
        self.manager = pywrapcp.RoutingIndexManager(
            len(places) + open_ends,
            len(part.vehicles),
            [node_of[vehicle.start_location] for vehicle in part.vehicles],
            [node_of[vehicle.end_location] for vehicle in part.vehicles],
        )
        self.routing = pywrapcp.RoutingModel(self.manager)
        self.origin = min(vehicle.shift.start_seconds for vehicle in part.vehicles)
        self.horizon = max(vehicle.shift.end_seconds for vehicle in part.vehicles) - self.origin
        self._add_costs()
        self._add_time()
        self._add_loads()
        self._add_limits()
        self._add_visits()

    def _add_costs(self) -> None:
        known: dict[float, int] = {}
        for number, vehicle in enumerate(self.part.vehicles):
            rate = vehicle.cost_per_metre
            if rate not in known:
                costs = np.rint(self.metres * (rate * SCALE)).astype(np.int64)
                known[rate] = self.routing.RegisterTransitMatrix(costs.tolist())
            self.routing.SetArcCostEvaluatorOfVehicle(known[rate], number)
            self.routing.SetFixedCostOfVehicle(round(vehicle.fixed_cost * SCALE), number)

    def _add_time(self) -> None:
        service = np.zeros(len(self.seconds), dtype=np.int64)
        service[: self.count] = [visit.service_seconds for visit in self.part.visits]
        transit = self.routing.RegisterTransitMatrix((self.seconds + service[:, None]).tolist())
        self.routing.AddDimension(transit, self.horizon, self.horizon, False, "time")
        self.time = self.routing.GetDimensionOrDie("time")
        for number, vehicle in enumerate(self.part.vehicles):
            for index in (self.routing.Start(number), self.routing.End(number)):
                self.time.CumulVar(index).SetRange(
                    vehicle.shift.start_seconds - self.origin, vehicle.shift.end_seconds - self.origin
                )
            # The driver is paid from departure to end, waiting included.
            self.time.SetSpanCostCoefficientForVehicle(round(vehicle.cost_per_second * SCALE), number)
            if vehicle.max_duration_seconds is not None:
                self.time.SetSpanUpperBoundForVehicle(vehicle.max_duration_seconds, number)
            self.routing.AddVariableMinimizedByFinalizer(self.time.CumulVar(self.routing.End(number)))

    def _add_loads(self) -> None:
        for dimension in range(len(self.part.vehicles[0].capacities)):
            demands = [visit.demand[dimension] for visit in self.part.visits]
            demands += [0] * (len(self.seconds) - self.count)
            load = self.routing.RegisterUnaryTransitVector(demands)
            capacities = [vehicle.capacities[dimension] for vehicle in self.part.vehicles]
            self.routing.AddDimensionWithVehicleCapacity(load, 0, capacities, True, f"load {dimension}")

    def _add_limits(self) -> None:
        farthest = [vehicle.max_distance_metres for vehicle in self.part.vehicles]
        if any(limit is not None for limit in farthest):
            transit = self.routing.RegisterTransitMatrix(self.metres.tolist())
            limits = [limit if limit is not None else 10**9 for limit in farthest]
            self.routing.AddDimensionWithVehicleCapacity(transit, 0, limits, True, "distance")
        most = [vehicle.max_stops for vehicle in self.part.vehicles]
        if any(limit is not None for limit in most):
            ones = self.routing.RegisterUnaryTransitVector([1] * self.count + [0] * (len(self.seconds) - self.count))
            limits = [limit if limit is not None else self.count for limit in most]
            self.routing.AddDimensionWithVehicleCapacity(ones, 0, limits, True, "stops")

    def _add_visits(self) -> None:
        for node, visit in enumerate(self.part.visits):
            index = self.manager.NodeToIndex(node)
            self.routing.AddDisjunction([index], round(visit.unserved_penalty * SCALE))
            allowed = [number for number, vehicle in enumerate(self.part.vehicles) if may_serve(vehicle, visit)]
            if not self._bound_time(index, visit):
                allowed = []
            if len(allowed) < len(self.part.vehicles):
                # -1 is the vehicle of what is left out.
                self.routing.VehicleVar(index).SetValues([-1, *allowed])
            if visit.release_seconds is not None and visit.release_seconds > self.origin:
                self._hold_back(index, visit.release_seconds - self.origin)

    def _bound_time(self, index: int, visit: Visit) -> bool:
        """Leaves only the windows' seconds; False where no shift touches any window."""
        if not visit.windows:
            return True
        moved = ((w.start_seconds - self.origin, w.end_seconds - self.origin) for w in visit.windows)
        windows = sorted((max(0, start), min(end, self.horizon)) for start, end in moved)
        windows = [(start, end) for start, end in windows if start <= end]
        if not windows:
            return False
        moment = self.time.CumulVar(index)
        closed = windows[0][1]
        moment.SetRange(windows[0][0], max(end for _, end in windows))
        for opening, closing in windows[1:]:
            if opening > closed + 1:
                moment.RemoveInterval(closed + 1, opening - 1)
            closed = max(closed, closing)
        return True

    def _hold_back(self, index: int, release: int) -> None:
        """The vehicle that serves this visit may not leave before its release."""
        solver = self.routing.solver()
        for number in range(len(self.part.vehicles)):
            start = self.time.CumulVar(self.routing.Start(number))
            serves = solver.IsEqualCstVar(self.routing.VehicleVar(index), number)
            solver.Add(start >= serves * release)

    def solve(self, *, seconds: float | None, iterations: int | None) -> Found:
        """Searches by guided local search; no orders where not even a first plan came in time."""
        parameters = pywrapcp.DefaultRoutingSearchParameters()
        parameters.first_solution_strategy = routing_enums_pb2.FirstSolutionStrategy.PARALLEL_CHEAPEST_INSERTION
        parameters.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
        solver = self.routing.solver()
        if seconds is not None:
            parameters.time_limit.FromMilliseconds(max(100, round(seconds * 1_000)))
        if iterations is not None:
            parameters.solution_limit = iterations
            self.routing.AddSearchMonitor(solver.FailuresLimit(FAILURES + FAILURES_PER_ITERATION * iterations))
        assignment = self.routing.SolveWithParameters(parameters)
        orders = {} if assignment is None else self._read(assignment)
        return Found(orders=orders, seconds=solver.WallTime() / 1_000, iterations=solver.Solutions())

    def _read(self, assignment: pywrapcp.Assignment) -> dict[str, list[str]]:
        orders: dict[str, list[str]] = {}
        for number, vehicle in enumerate(self.part.vehicles):
            index = assignment.Value(self.routing.NextVar(self.routing.Start(number)))
            while not self.routing.IsEnd(index):
                orders.setdefault(vehicle.id, []).append(self.part.visits[self.manager.IndexToNode(index)].id)
                index = assignment.Value(self.routing.NextVar(index))
        return orders


def search(part: Part, travel: TravelMatrix, *, seconds: float | None, iterations: int | None) -> Found:
    """The order of visits per vehicle of one part."""
    if not part.visits or not part.vehicles:
        return Found(orders={}, seconds=0.0, iterations=0)
    return Model(part, travel).solve(seconds=seconds, iterations=iterations)
