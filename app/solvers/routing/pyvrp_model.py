"""A routing problem as PyVRP has it, and its answers as orders; the problem's travel must be matrices, not locations.

PyVRP 0.14 knows several depots, mixed fleets, loads in any dimensions, pairs, reloads, release times, overtime, prizes
and exclusive groups. What it does not know (`unknown_to_pyvrp`) is refused, never left out of the model.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyvrp
import pyvrp.constants
from pyvrp import Activity, ActivityType
from pyvrp.stop import StoppingCriterion

from app.solvers.routing.problem import (
    Backhaul,
    Integers,
    Loading,
    Reload,
    RoutingProblem,
    TravelMatrix,
    Vehicle,
    Visit,
    may_serve,
)

# Costs are whole numbers there: ours in thousandths, unless they are whole already.
SCALE = 1_000
PROHIBITED = 10**8
# From this penalty on a visit is not a choice.
REQUIRED_PENALTY = 1e9
# A prize beyond what any visit can cost draws the search away from the routes.
PRIZE_OVER_TRAVEL = 20
MOST_PROFILES = 8

Orders = dict[str, list[str | Reload]]


class Inexpressible(ValueError):
    """The problem has something that PyVRP does not know; the message says what."""


def unknown_to_pyvrp(problem: RoutingProblem) -> Iterator[str]:
    """What this problem has that PyVRP cannot be told."""
    visit_rules: tuple[tuple[str, Callable[[Visit], object]], ...] = (
        ("several windows", lambda visit: len(visit.windows) > 1),
        ("soft windows", lambda visit: visit.late_cost_per_second is not None),
        ("set-up time", lambda visit: visit.setup_seconds),
        ("service time by vehicle type", lambda visit: visit.service_seconds_by_type),
        ("prices by vehicle", lambda visit: visit.vehicle_costs or visit.change_cost or visit.outside_territory_cost),
    )
    vehicle_rules: tuple[tuple[str, Callable[[Vehicle], object]], ...] = (
        ("breaks", lambda vehicle: vehicle.breaks or vehicle.driving_rule),
        ("open starts or ends", lambda vehicle: vehicle.start_location is None or vehicle.end_location is None),
        ("LIFO loading", lambda vehicle: vehicle.loading != Loading.ANY),
        ("frozen beginnings", lambda vehicle: vehicle.frozen_visit_ids),
        ("reload time", lambda vehicle: vehicle.reload_seconds),
        ("stop limits", lambda vehicle: vehicle.max_stops is not None),
        ("travel by profile", lambda vehicle: vehicle.profile in problem.matrices),
    )
    whole = (
        ("together or apart", problem.together or problem.apart),
        ("balance", problem.balance_cost_per_second),
        ("traffic", problem.traffic),
        ("ride time", any(pair.max_ride_seconds is not None for pair in problem.pairs)),
        ("travel without a matrix", problem.matrix is None),
        ("backhauls for some vehicles only", len({vehicle.backhaul for vehicle in problem.vehicles}) > 1),
    )
    yield from (name for name, rule in visit_rules if any(rule(visit) for visit in problem.visits))
    yield from (name for name, rule in vehicle_rules if any(rule(vehicle) for vehicle in problem.vehicles))
    yield from (name for name, holds in whole if holds)


@dataclass(frozen=True, kw_only=True)
class Model:
    """PyVRP's data, and what its indices stand for."""

    data: pyvrp.ProblemData
    vehicles: list[list[str]]  # by vehicle type
    activities: list[tuple[str, ActivityType, int]]
    depots: list[int]
    dearest: float  # more than one visit can cost

    def orders(self, solution: pyvrp.Solution) -> Orders:
        """Visit ids and reloads by vehicle."""
        names = {(kind, at): name for name, kind, at in self.activities}
        free = [list(vehicles) for vehicles in self.vehicles]
        orders: Orders = {}
        for route in solution.routes():
            entries: list[str | Reload] = []
            for activity in route:
                if activity.is_depot():
                    entries.append(Reload(location=self.depots[activity.idx]))
                else:
                    entries.append(names[activity.type, activity.idx])
            orders[free[route.vehicle_type()].pop(0)] = _inner(entries)
        return orders

    def solution(self, orders: Mapping[str, Sequence[str | Reload]]) -> pyvrp.Solution:
        """What a search may start from."""
        kinds = {vehicle: kind for kind, vehicles in enumerate(self.vehicles) for vehicle in vehicles}
        activity = {name: Activity(kind, at) for name, kind, at in self.activities}
        depot = {place: Activity(ActivityType.DEPOT, at) for at, place in enumerate(self.depots)}
        routes = [
            pyvrp.Route(
                self.data,
                [depot[entry.location] if isinstance(entry, Reload) else activity[entry] for entry in entries],
                kinds[vehicle],
            )
            for vehicle, entries in orders.items()
            if entries
        ]
        return pyvrp.Solution(self.data, routes)


def _inner(entries: list[str | Reload]) -> list[str | Reload]:
    """Without the depots at both ends, which a route's own schedule may name."""
    start, end = 0, len(entries)
    while start < end and isinstance(entries[start], Reload):
        start += 1
    while end > start and isinstance(entries[end - 1], Reload):
        end -= 1
    return entries[start:end]


def search(
    model: Model, *, stop: StoppingCriterion, seed: int, start: Mapping[str, Sequence[str | Reload]] | None = None
) -> Orders | None:
    """The best orders found until `stop` says so; None where nothing feasible was found."""
    initial = None if start is None else model.solution(start)
    # A unit too much on board must cost about as much as a drive, in whatever units the costs are.
    params = pyvrp.SolveParams(penalty=pyvrp.PenaltyParams(max_penalty=max(100_000.0, model.dearest)))
    result = pyvrp.solve(model.data, stop=stop, seed=seed, collect_stats=False, params=params, initial_solution=initial)
    return model.orders(result.best) if result.best.is_feasible() else None


def build(problem: RoutingProblem) -> Model:
    """The problem in PyVRP's words; refuses with Inexpressible what those lack."""
    if unknown := list(unknown_to_pyvrp(problem)):
        raise Inexpressible(f"PyVRP cannot express {', '.join(unknown)}.")
    if problem.matrix is None:
        raise Inexpressible("PyVRP needs a travel matrix.")
    places = sorted({place for vehicle in problem.vehicles for place in _depots_of(vehicle)})
    costs = _whole_costs(problem)
    kinds = _kinds(problem)
    paired = {id for pair in problem.pairs for id in (pair.pickup_visit_id, pair.delivery_visit_id)}
    clients = [visit for visit in problem.visits if visit.id not in paired]
    groups = sorted({visit.group for visit in clients if visit.group is not None})
    profiles: list[frozenset[str] | None] = list(dict.fromkeys(profile for profile, _ in kinds))
    if len(profiles) > MOST_PROFILES:
        raise Inexpressible(f"PyVRP would need {len(profiles)} matrices, one for each set of visits a vehicle may do.")
    size = problem.matrix.distances_metres.shape[0]
    travel: list[tuple[Any, Any]] = [_matrices(problem, problem.matrix, profile) for profile in profiles]
    dearest = _dearest(problem, problem.matrix)
    data = pyvrp.ProblemData(
        locations=[pyvrp.Location(0, 0) for _ in range(size)],
        clients=[_client(visit, costs, groups, dearest) for visit in clients],
        depots=[pyvrp.Depot(location=place) for place in places],
        vehicle_types=[
            _vehicle_type(vehicles, costs, places, profiles.index(profile)) for (profile, _), vehicles in kinds.items()
        ],
        distance_matrices=[distances for distances, _ in travel],
        duration_matrices=[durations for _, durations in travel],
        groups=[
            pyvrp.ClientGroup([at for at, visit in enumerate(clients) if visit.group == group], required=False)
            for group in groups
        ],
        shipments=_shipments(problem, costs, dearest),
    )
    activities = [(visit.id, ActivityType.CLIENT, at) for at, visit in enumerate(clients)]
    for at, pair in enumerate(problem.pairs):
        activities.append((pair.pickup_visit_id, ActivityType.PICKUP, at))
        activities.append((pair.delivery_visit_id, ActivityType.DELIVERY, at))
    return Model(
        data=data,
        vehicles=[[vehicle.id for vehicle in vehicles] for vehicles in kinds.values()],
        activities=activities,
        depots=places,
        dearest=float(costs(dearest)),
    )


def _depots_of(vehicle: Vehicle) -> list[int]:
    ends = [place for place in (vehicle.start_location, vehicle.end_location) if place is not None]
    return [*ends, *vehicle.reload_locations]


def _whole_costs(problem: RoutingProblem) -> Callable[[float], int]:
    rates = [
        rate
        for vehicle in problem.vehicles
        for rate in (vehicle.cost_per_metre, vehicle.cost_per_second, vehicle.overtime_cost_per_second)
    ]
    scale = 1 if all(float(rate).is_integer() for rate in rates) else SCALE
    return lambda cost: round(cost * scale)


def _kinds(problem: RoutingProblem) -> dict[tuple[frozenset[str] | None, tuple[object, ...]], list[Vehicle]]:
    """Vehicles that are alike and may do the same visits; None: all of them."""
    open_to_all = {visit.id for visit in problem.visits if _is_open(visit)}
    special = [visit for visit in problem.visits if visit.id not in open_to_all]
    kinds: dict[tuple[frozenset[str] | None, tuple[object, ...]], list[Vehicle]] = {}
    for vehicle in problem.vehicles:
        refused = frozenset(visit.id for visit in special if not may_serve(vehicle, visit))
        traits = (
            vehicle.start_location,
            vehicle.end_location,
            vehicle.shift,
            vehicle.capacities,
            vehicle.fixed_cost,
            vehicle.cost_per_metre,
            vehicle.cost_per_second,
            vehicle.max_duration_seconds,
            vehicle.max_distance_metres,
            vehicle.regular_seconds,
            vehicle.overtime_cost_per_second,
            vehicle.reload_locations,
            vehicle.max_trips,
        )
        kinds.setdefault((refused or None, traits), []).append(vehicle)
    return kinds


def _is_open(visit: Visit) -> bool:
    limits = (visit.skills, visit.pinned_vehicle_id, visit.territory)
    return not any(limits) and visit.allowed_vehicle_ids is None and visit.allowed_days is None


def _matrices(
    problem: RoutingProblem, travel: TravelMatrix, refused: frozenset[str] | None
) -> tuple[Integers, Integers]:
    """Distances and durations; what a profile may not do lies far away, and so do backhauls before deliveries."""
    distances, durations = travel.distances_metres, travel.durations_seconds
    backhauls = [visit.location for visit in problem.visits if any(visit.pickup)]
    last = bool(backhauls) and problem.vehicles[0].backhaul == Backhaul.PICKUPS_LAST
    if not refused and not last:
        return distances, durations
    distances = distances.copy()
    if last:
        deliveries = [visit.location for visit in problem.visits if any(visit.demand)]
        distances[np.ix_(backhauls, deliveries)] = PROHIBITED
    if refused:
        places = [visit.location for visit in problem.visits if visit.id in refused]
        distances[:, places] = PROHIBITED
        np.fill_diagonal(distances, 0)
    return distances, durations


def _dearest(problem: RoutingProblem, travel: TravelMatrix) -> float:
    """More than one more visit can cost by its own route."""
    metres, seconds = travel.distances_metres, travel.durations_seconds
    longest = (int(np.where(metres < PROHIBITED // 10, metres, 0).max(initial=0)), int(seconds.max(initial=0)))
    return PRIZE_OVER_TRAVEL * max(
        (v.fixed_cost + v.cost_per_metre * longest[0] + v.cost_per_second * longest[1] for v in problem.vehicles),
        default=1.0,
    )


def _prize(penalty: float, costs: Callable[[float], int], dearest: float) -> tuple[int, bool]:
    is_required = penalty >= REQUIRED_PENALTY
    return (0 if is_required else costs(min(penalty, dearest)), is_required)


def _client(visit: Visit, costs: Callable[[float], int], groups: list[str], dearest: float) -> pyvrp.Client:
    prize, is_required = _prize(visit.unserved_penalty, costs, dearest)
    return pyvrp.Client(
        location=visit.location,
        delivery=list(visit.demand),
        pickup=list(visit.pickup) or [0] * len(visit.demand),
        service_duration=visit.service_seconds,
        tw_early=_window(visit)[0],
        tw_late=_window(visit)[1],
        release_time=visit.release_seconds or 0,
        prize=prize,
        required=is_required and visit.group is None,
        group=None if visit.group is None else groups.index(visit.group),
    )


def _shipments(problem: RoutingProblem, costs: Callable[[float], int], dearest: float) -> list[pyvrp.Shipment]:
    visits = {visit.id: visit for visit in problem.visits}
    shipments = []
    for pair in problem.pairs:
        pickup, delivery = visits[pair.pickup_visit_id], visits[pair.delivery_visit_id]
        prize, is_required = _prize(pickup.unserved_penalty + delivery.unserved_penalty, costs, dearest)
        window, later = _window(pickup), _window(delivery)
        shipments.append(
            pyvrp.Shipment(
                pickup_location=pickup.location,
                delivery_location=delivery.location,
                pickup_tw_early=window[0],
                pickup_tw_late=window[1],
                pickup_service_duration=pickup.service_seconds,
                delivery_tw_early=later[0],
                delivery_tw_late=later[1],
                delivery_service_duration=delivery.service_seconds,
                amount=list(pickup.pickup),
                prize=prize,
                required=is_required,
            )
        )
    return shipments


def _window(visit: Visit) -> tuple[int, int]:
    if not visit.windows:
        return 0, np.iinfo(np.int64).max
    return visit.windows[0].start_seconds, visit.windows[0].end_seconds


def _vehicle_type(
    vehicles: list[Vehicle], costs: Callable[[float], int], places: list[int], profile: int
) -> pyvrp.VehicleType:
    one = vehicles[0]
    most = np.iinfo(np.int64).max
    duration = most if one.max_duration_seconds is None else one.max_duration_seconds
    regular = duration if one.regular_seconds is None else min(one.regular_seconds, duration)
    return pyvrp.VehicleType(
        num_available=len(vehicles),
        capacity=list(one.capacities),
        start_depot=places.index(one.start_location or 0),
        end_depot=places.index(one.end_location or 0),
        fixed_cost=costs(one.fixed_cost),
        tw_early=one.shift.start_seconds,
        tw_late=one.shift.end_seconds,
        shift_duration=regular,
        max_distance=most if one.max_distance_metres is None else one.max_distance_metres,
        unit_distance_cost=costs(one.cost_per_metre),
        unit_duration_cost=costs(one.cost_per_second),
        profile=profile,
        max_reloads=pyvrp.constants.MAX_SIZE if one.max_trips is None else one.max_trips - 1,
        reload_depots=[places.index(place) for place in one.reload_locations],
        max_overtime=min(most - regular, duration - regular),
        unit_overtime_cost=costs(one.overtime_cost_per_second),
    )
