"""One OR-Tools routing model: a problem in, the order of visits per vehicle out.

What it cannot serve it leaves out at the visit's penalty. OR-Tools' routing search takes no seed.
It models loads with pickups, windows hard and soft, limits, overtime, skills and prices, service by type, travel by
profile, pairs with ride times and LIFO, breaks, frozen beginnings, groups, together and apart. It takes traffic at its
slowest and parks at every stop. It does not model reloads and trips, driving rules, PICKUPS_LAST, or balance.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from ortools.constraint_solver import pywrapcp, routing_enums_pb2

from app.solvers.routing.problem import Integers, Loading, RoutingProblem, Vehicle, Visit, may_serve, price_of
from app.solvers.routing.problem import service_of as service_by

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

    Times count from the first shift's start, so that the caller's epoch may be any. The problem has a matrix for every
    profile.
    """

    def __init__(self, problem: RoutingProblem) -> None:
        self.problem = problem
        self.visits, self.vehicles = problem.visits, problem.vehicles
        self.count = len(self.visits)
        ends = {place for vehicle in self.vehicles for place in (vehicle.start_location, vehicle.end_location)}
        depots = sorted(place for place in ends if place is not None)
        node_of: dict[int | None, int] = {place: self.count + number for number, place in enumerate(depots)}
        node_of[None] = self.count + len(depots)
        self.places = np.array([visit.location for visit in self.visits] + depots)
        # A node where nobody starts or ends would have to be visited: none for open ends where no route is open.
        self.open_ends = int(None in ends)
        self.nodes = len(self.places) + self.open_ends
        self.manager = pywrapcp.RoutingIndexManager(
            self.nodes,
            len(self.vehicles),
            [node_of[vehicle.start_location] for vehicle in self.vehicles],
            [node_of[vehicle.end_location] for vehicle in self.vehicles],
        )
        self.routing = pywrapcp.RoutingModel(self.manager)
        self.solver = self.routing.solver()
        self.index = {visit.id: self.manager.NodeToIndex(node) for node, visit in enumerate(self.visits)}
        self.by_id = {visit.id: visit for visit in self.visits}
        self.origin = min(vehicle.shift.start_seconds for vehicle in self.vehicles)
        self.horizon = max(vehicle.shift.end_seconds for vehicle in self.vehicles) - self.origin
        self._add_costs()
        self._add_time()
        self._add_loads()
        self._add_limits()
        self._add_visits()
        self._add_pairs()
        self._add_company()
        self._add_breaks()

    def _metres(self, profile: str) -> Integers:
        distances = self.problem.matrices[profile].distances_metres[np.ix_(self.places, self.places)]
        return np.pad(distances, (0, self.open_ends))

    def _seconds(self, profile: str) -> Integers:
        traffic = self.problem.traffic.get(profile)
        durations = self.problem.matrices[profile].durations_seconds[np.ix_(self.places, self.places)]
        slowest = 1.0 if traffic is None else min(traffic.speed_factors)
        return np.pad(np.ceil(durations / slowest).astype(np.int64), (0, self.open_ends))

    def _add_costs(self) -> None:
        known: dict[tuple[object, ...], int] = {}
        for number, vehicle in enumerate(self.vehicles):
            prices = tuple(price_of(vehicle, visit) for visit in self.visits)
            key = (vehicle.profile, vehicle.cost_per_metre, prices if any(prices) else None)
            if key not in known:
                costs = self._metres(vehicle.profile) * (vehicle.cost_per_metre * SCALE)
                costs[:, : self.count] += np.array(prices) * SCALE
                known[key] = self.routing.RegisterTransitMatrix(np.rint(costs).astype(np.int64).tolist())
            self.routing.SetArcCostEvaluatorOfVehicle(known[key], number)
            self.routing.SetFixedCostOfVehicle(round(vehicle.fixed_cost * SCALE), number)

    def _add_time(self) -> None:
        known: dict[tuple[str, str], int] = {}
        transits = []
        for vehicle in self.vehicles:
            key = (vehicle.profile, vehicle.type)
            if key not in known:
                service = np.zeros(self.nodes, dtype=np.int64)
                service[: self.count] = [service_by(vehicle, visit) + visit.setup_seconds for visit in self.visits]
                moved = (self._seconds(vehicle.profile) + service[:, None]).tolist()
                known[key] = self.routing.RegisterTransitMatrix(moved)
            transits.append(known[key])
        self.routing.AddDimensionWithVehicleTransits(transits, self.horizon, self.horizon, False, "time")
        self.time = self.routing.GetDimensionOrDie("time")
        for number, vehicle in enumerate(self.vehicles):
            for index in (self.routing.Start(number), self.routing.End(number)):
                self.time.CumulVar(index).SetRange(
                    vehicle.shift.start_seconds - self.origin, vehicle.shift.end_seconds - self.origin
                )
            # The driver is paid from departure to end, waiting included.
            self.time.SetSpanCostCoefficientForVehicle(round(vehicle.cost_per_second * SCALE), number)
            if vehicle.max_duration_seconds is not None:
                self.time.SetSpanUpperBoundForVehicle(vehicle.max_duration_seconds, number)
            if vehicle.regular_seconds is not None:
                bound = pywrapcp.BoundCost(vehicle.regular_seconds, round(vehicle.overtime_cost_per_second * SCALE))
                self.time.SetSoftSpanUpperBoundForVehicle(bound, number)
            self.routing.AddVariableMinimizedByFinalizer(self.time.CumulVar(self.routing.End(number)))

    def _add_loads(self) -> None:
        """On board: what is still to be delivered from the depot, plus what was collected."""
        ends = {pair.delivery_visit_id for pair in self.problem.pairs}
        depots = [0] * (self.nodes - self.count)
        for dimension in range(len(self.vehicles[0].capacities)):
            capacities = [vehicle.capacities[dimension] for vehicle in self.vehicles]
            brought = [0 if visit.id in ends else visit.demand[dimension] for visit in self.visits]
            if not self.problem.pairs and not any(any(visit.pickup) for visit in self.visits):
                load = self.routing.RegisterUnaryTransitVector([*brought, *depots])
                self.routing.AddDimensionWithVehicleCapacity(load, 0, capacities, True, f"load {dimension}")
                continue
            change = [(v.pickup[dimension] if v.pickup else 0) - v.demand[dimension] for v in self.visits]
            self._add_mixed_load(dimension, capacities, [*brought, *depots], [*change, *depots])

    def _add_mixed_load(self, dimension: int, capacities: list[int], brought: list[int], change: list[int]) -> None:
        """A vehicle starts with exactly what it will deliver from the depot."""
        to_go = self.routing.RegisterUnaryTransitVector([-amount for amount in brought])
        on_board = self.routing.RegisterUnaryTransitVector(change)
        self.routing.AddDimensionWithVehicleCapacity(to_go, 0, capacities, False, f"to go {dimension}")
        self.routing.AddDimensionWithVehicleCapacity(on_board, 0, capacities, False, f"load {dimension}")
        left = self.routing.GetDimensionOrDie(f"to go {dimension}")
        load = self.routing.GetDimensionOrDie(f"load {dimension}")
        for number in range(len(self.vehicles)):
            left.CumulVar(self.routing.End(number)).SetValue(0)
            start = self.routing.Start(number)
            self.solver.Add(left.CumulVar(start) == load.CumulVar(start))

    def _add_limits(self) -> None:
        farthest = [vehicle.max_distance_metres for vehicle in self.vehicles]
        if any(limit is not None for limit in farthest):
            profiles = {vehicle.profile for vehicle in self.vehicles}
            known = {name: self.routing.RegisterTransitMatrix(self._metres(name).tolist()) for name in sorted(profiles)}
            transits = [known[vehicle.profile] for vehicle in self.vehicles]
            limits = [limit if limit is not None else 10**9 for limit in farthest]
            self.routing.AddDimensionWithVehicleTransitAndCapacity(transits, 0, limits, True, "distance")
        most = [vehicle.max_stops for vehicle in self.vehicles]
        if any(limit is not None for limit in most):
            ones = self.routing.RegisterUnaryTransitVector([1] * self.count + [0] * (self.nodes - self.count))
            limits = [limit if limit is not None else self.count for limit in most]
            self.routing.AddDimensionWithVehicleCapacity(ones, 0, limits, True, "stops")

    def _add_visits(self) -> None:
        groups: dict[str, list[Visit]] = {}
        for visit in self.visits:
            index = self.index[visit.id]
            if visit.group is None:
                self.routing.AddDisjunction([index], round(visit.unserved_penalty * SCALE))
            else:
                groups.setdefault(visit.group, []).append(visit)
            allowed = [number for number, vehicle in enumerate(self.vehicles) if may_serve(vehicle, visit)]
            if not self._bound_time(index, visit):
                allowed = []
            if len(allowed) < len(self.vehicles):
                # -1 is the vehicle of what is left out.
                self.routing.VehicleVar(index).SetValues([-1, *allowed])
            if visit.release_seconds is not None and visit.release_seconds > self.origin:
                self._hold_back(index, visit.release_seconds - self.origin)
        for members in groups.values():
            penalty = max(visit.unserved_penalty for visit in members)
            self.routing.AddDisjunction([self.index[visit.id] for visit in members], round(penalty * SCALE))

    def _bound_time(self, index: int, visit: Visit) -> bool:
        """Leaves only the windows' seconds; False where no shift touches any window."""
        if not visit.windows:
            return True
        moved = [(w.start_seconds - self.origin, w.end_seconds - self.origin) for w in visit.windows]
        if visit.late_cost_per_second is not None:
            last = max(moved, key=lambda window: window[1])
            self.time.SetCumulVarSoftUpperBound(index, max(0, last[1]), round(visit.late_cost_per_second * SCALE))
            moved = [window for window in moved if window != last] + [(last[0], self.horizon)]
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
        """The vehicle that serves this visit may not leave before its release, unless it can reload."""
        for number, vehicle in enumerate(self.vehicles):
            if vehicle.reload_locations:
                continue
            start = self.time.CumulVar(self.routing.Start(number))
            serves = self.solver.IsEqualCstVar(self.routing.VehicleVar(index), number)
            self.solver.Add(start >= serves * release)

    def _add_pairs(self) -> None:
        for pair in self.problem.pairs:
            if pair.pickup_visit_id not in self.index or pair.delivery_visit_id not in self.index:
                continue
            pickup, delivery = self.index[pair.pickup_visit_id], self.index[pair.delivery_visit_id]
            self.routing.AddPickupAndDelivery(pickup, delivery)
            self.solver.Add(self.routing.VehicleVar(pickup) == self.routing.VehicleVar(delivery))
            first, second = self.time.CumulVar(pickup), self.time.CumulVar(delivery)
            self.solver.Add(first <= second)
            if pair.max_ride_seconds is not None:
                visit = self.by_id[pair.pickup_visit_id]
                shortest = min(service_by(vehicle, visit) for vehicle in self.vehicles)
                self.solver.Add(second - first <= pair.max_ride_seconds + shortest)
        for number, vehicle in enumerate(self.vehicles):
            if self.problem.pairs and vehicle.loading is Loading.LIFO:
                policy = pywrapcp.RoutingModel.PICKUP_AND_DELIVERY_LIFO
                self.routing.SetPickupAndDeliveryPolicyOfVehicle(policy, number)

    def _add_company(self) -> None:
        """Company is served whole or not at all here; what it leaves out so is placed later."""
        for members in self.problem.together:
            indices = [self.index[id] for id in sorted(members) if id in self.index]
            for one, other in pairwise(indices):
                self.solver.Add(self.routing.VehicleVar(one) == self.routing.VehicleVar(other))
        for members in self.problem.apart:
            indices = [self.index[id] for id in sorted(members) if id in self.index]
            for number, one in enumerate(indices):
                for other in indices[number + 1 :]:
                    differs = self.solver.IsDifferentVar(self.routing.VehicleVar(one), self.routing.VehicleVar(other))
                    self.solver.Add(differs >= self.routing.ActiveVar(one) + self.routing.ActiveVar(other) - 1)

    def _add_breaks(self) -> None:
        """Breaks in their last window; OR-Tools may lay one on the road, where it is moved or repaired later."""
        for number, vehicle in enumerate(self.vehicles):
            if not vehicle.breaks:
                continue
            rests = [
                self.solver.FixedDurationIntervalVar(
                    max(0, max(w.start_seconds for w in one.windows) - self.origin),
                    max(0, max(w.end_seconds for w in one.windows) - self.origin),
                    one.duration_seconds,
                    True,
                    f"break {number} {rest}",
                )
                for rest, one in enumerate(vehicle.breaks)
            ]
            work = [0] * self.routing.Size()
            for visit in self.visits:
                work[self.index[visit.id]] = service_by(vehicle, visit) + visit.setup_seconds
            self.time.SetBreakIntervalsOfVehicle(rests, number, work)

    def solve(self, *, seconds: float | None, iterations: int | None) -> Found:
        """Searches by guided local search; no orders where not even a first plan came in time."""
        parameters = pywrapcp.DefaultRoutingSearchParameters()
        parameters.first_solution_strategy = routing_enums_pb2.FirstSolutionStrategy.PARALLEL_CHEAPEST_INSERTION
        parameters.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
        if seconds is not None:
            parameters.time_limit.FromMilliseconds(max(100, round(seconds * 1_000)))
        if iterations is not None:
            parameters.solution_limit = iterations
            self.routing.AddSearchMonitor(self.solver.FailuresLimit(FAILURES + FAILURES_PER_ITERATION * iterations))
        if any(vehicle.frozen_visit_ids for vehicle in self.vehicles):
            self.routing.ApplyLocksToAllVehicles([self._locks(vehicle) for vehicle in self.vehicles], False)
        assignment = self.routing.SolveWithParameters(parameters)
        orders = {} if assignment is None else self._read(assignment)
        return Found(orders=orders, seconds=self.solver.WallTime() / 1_000, iterations=self.solver.Solutions())

    def _locks(self, vehicle: Vehicle) -> list[int]:
        return [self.index[id] for id in vehicle.frozen_visit_ids if id in self.index]

    def _read(self, assignment: pywrapcp.Assignment) -> dict[str, list[str]]:
        orders: dict[str, list[str]] = {}
        for number, vehicle in enumerate(self.vehicles):
            index = assignment.Value(self.routing.NextVar(self.routing.Start(number)))
            while not self.routing.IsEnd(index):
                orders.setdefault(vehicle.id, []).append(self.visits[self.manager.IndexToNode(index)].id)
                index = assignment.Value(self.routing.NextVar(index))
        return orders


def search(problem: RoutingProblem, *, seconds: float | None, iterations: int | None) -> Found:
    """The order of visits per vehicle of one part."""
    if not problem.visits or not problem.vehicles:
        return Found(orders={}, seconds=0.0, iterations=0)
    return Model(problem).solve(seconds=seconds, iterations=iterations)
