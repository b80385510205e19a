"""Whether a routing problem makes sense at all: refused before anything is searched."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from app.solvers.routing.problem import (
    Pair,
    RoutingProblem,
    TimeWindow,
    TrafficProfile,
    Vehicle,
    Visit,
    may_serve,
)

LIMITS = ("max_duration_seconds", "max_distance_metres", "max_stops", "regular_seconds", "reload_seconds")


class InvalidProblem(ValueError):
    """The problem contradicts itself; the message names the value."""


def require_valid(problem: RoutingProblem) -> None:
    """Refuses with the first fault found."""
    for fault in faults(problem):
        raise InvalidProblem(fault)


def faults(problem: RoutingProblem) -> Iterator[str]:
    """Every contradiction, as a sentence."""
    yield from _repeated("vehicle", (vehicle.id for vehicle in problem.vehicles))
    yield from _repeated("visit", (visit.id for visit in problem.visits))
    size, matrix_faults = _places(problem)
    yield from matrix_faults
    yield from _travel_faults(problem, size)
    dimensions = len(problem.vehicles[0].capacities) if problem.vehicles else None
    known = {visit.id: visit for visit in problem.visits}
    for vehicle in problem.vehicles:
        yield from _vehicle_faults(vehicle, size, dimensions)
        yield from _rest_faults(vehicle)
    yield from _frozen_faults(problem.vehicles, known)
    vehicles = {vehicle.id for vehicle in problem.vehicles}
    for visit in problem.visits:
        yield from _visit_faults(visit, size, dimensions, vehicles)
    yield from _tie_faults(problem, known)


def _repeated(noun: str, ids: Iterable[str]) -> Iterator[str]:
    for id, times in Counter(ids).items():
        if times > 1:
            yield f"The {noun} {id} is given {times} times; ids must be unique."


def _places(problem: RoutingProblem) -> tuple[int, list[str]]:
    if problem.matrix is None:
        own = next(iter(problem.matrices.values()), None)
        size = len(own.distances_metres) if own is not None and not problem.locations else len(problem.locations)
        return size, []
    shapes = problem.matrix.distances_metres.shape, problem.matrix.durations_seconds.shape
    size = shapes[0][0] if shapes[0] else 0
    wrong = [f"A travel matrix of shape {shape} is not {(size, size)}." for shape in shapes if shape != (size, size)]
    if (
        not wrong
        and min(problem.matrix.distances_metres.min(initial=0), problem.matrix.durations_seconds.min(initial=0)) < 0
    ):
        wrong.append("A travel matrix holds a negative number; distances and durations are zero or more.")
    if problem.locations and len(problem.locations) != size:
        wrong.append(f"There are {len(problem.locations)} locations for a matrix of {size} rows.")
    return size, wrong


def _travel_faults(problem: RoutingProblem, size: int) -> Iterator[str]:
    for name, road in (("", problem.road), *problem.roads.items()):
        if road.speed_metres_per_second <= 0 or road.detour_factor <= 0:
            yield f"A road with {road} leads nowhere; speed and detour must be positive."
        if name and not problem.locations:
            yield f"The profile {name} travels by its own road, but there are no locations; give them."
    for name, matrix in problem.matrices.items():
        shapes = matrix.distances_metres.shape, matrix.durations_seconds.shape
        if any(shape != (size, size) for shape in shapes):
            wrong = next(shape for shape in shapes if shape != (size, size))
            yield f"The travel matrix of profile {name} has the shape {wrong}, not {(size, size)} as the others."
        elif min(matrix.distances_metres.min(initial=0), matrix.durations_seconds.min(initial=0)) < 0:
            yield f"The travel matrix of profile {name} holds a negative number; use zero or more."
    for name, traffic in problem.traffic.items():
        yield from _traffic_faults(name, traffic)


def _traffic_faults(name: str, traffic: TrafficProfile) -> Iterator[str]:
    starts, factors = traffic.starts_seconds, traffic.speed_factors
    if not starts or len(starts) != len(factors):
        yield f"The traffic of profile {name} has {len(starts)} starts and {len(factors)} factors; give as many."
    elif starts[0] != 0 or any(b <= a for a, b in pairwise(starts)) or starts[-1] >= traffic.period_seconds:
        yield f"The traffic of profile {name} starts its bands at {starts}; begin with 0 and rise within the period."
    if any(factor <= 0 for factor in factors):
        yield f"The traffic of profile {name} has the factors {factors}; they must be positive."


def _vehicle_faults(vehicle: Vehicle, size: int, dimensions: int | None) -> Iterator[str]:
    for place in (vehicle.start_location, vehicle.end_location, *vehicle.reload_locations):
        if place is not None and not 0 <= place < size:
            yield f"Vehicle {vehicle.id} points to location {place}; there are {size}."
    if len(vehicle.capacities) != dimensions:
        yield f"Vehicle {vehicle.id} has {len(vehicle.capacities)} capacities; the first vehicle has {dimensions}."
    if any(capacity < 0 for capacity in vehicle.capacities):
        yield f"Vehicle {vehicle.id} has the capacities {vehicle.capacities}; they must be zero or more."
    costs = (vehicle.fixed_cost, vehicle.cost_per_metre, vehicle.cost_per_second, vehicle.overtime_cost_per_second)
    if min(costs) < 0:
        yield f"Vehicle {vehicle.id} has a negative cost; costs must be zero or more."
    for name in LIMITS:
        limit = getattr(vehicle, name)
        if limit is not None and limit < 0:
            yield f"Vehicle {vehicle.id} has {name} {limit}; give zero or more, or none."
    if vehicle.max_trips is not None and vehicle.max_trips < 1:
        yield f"Vehicle {vehicle.id} may make {vehicle.max_trips} trips; give at least 1, or leave it out."
    yield from _window_faults(f"The shift of vehicle {vehicle.id}", (vehicle.shift,))


def _rest_faults(vehicle: Vehicle) -> Iterator[str]:
    for one in vehicle.breaks:
        if not one.windows:
            yield f"A break of vehicle {vehicle.id} has no window; say when it may begin."
        if one.duration_seconds < 0:
            yield f"A break of vehicle {vehicle.id} lasts {one.duration_seconds} seconds; give zero or more."
        yield from _window_faults(f"A break of vehicle {vehicle.id}", one.windows)
    rule = vehicle.driving_rule
    if rule is not None and (rule.max_work_seconds <= 0 or rule.break_seconds < 0):
        yield f"Vehicle {vehicle.id} may work {rule.max_work_seconds} seconds between rests; give more than zero."


def _frozen_faults(vehicles: Sequence[Vehicle], visits: Mapping[str, Visit]) -> Iterator[str]:
    yield from _repeated("frozen visit", (id for vehicle in vehicles for id in vehicle.frozen_visit_ids))
    for vehicle in vehicles:
        for id in vehicle.frozen_visit_ids:
            if id not in visits:
                yield f"Vehicle {vehicle.id} is frozen to visit {id}, which is not in the problem."
            elif not may_serve(vehicle, visits[id]):
                yield f"Vehicle {vehicle.id} is frozen to visit {id}, which it may not serve."


def _visit_faults(visit: Visit, size: int, dimensions: int | None, vehicles: set[str]) -> Iterator[str]:
    if not 0 <= visit.location < size:
        yield f"Visit {visit.id} points to location {visit.location}; there are {size}."
    if dimensions is not None and len(visit.demand) != dimensions:
        yield f"Visit {visit.id} has {len(visit.demand)} demands; vehicles have {dimensions} capacities."
    if dimensions is not None and visit.pickup and len(visit.pickup) != dimensions:
        yield f"Visit {visit.id} has {len(visit.pickup)} pickups; vehicles have {dimensions} capacities."
    if any(amount < 0 for amount in visit.demand):
        yield f"Visit {visit.id} demands {visit.demand}; demands must be zero or more."
    if any(amount < 0 for amount in visit.pickup):
        yield f"Visit {visit.id} hands over {visit.pickup}; pickups must be zero or more."
    if visit.service_seconds < 0 or visit.unserved_penalty < 0:
        yield f"Visit {visit.id} has a negative service time or penalty; both must be zero or more."
    if visit.setup_seconds < 0 or any(seconds < 0 for seconds in visit.service_seconds_by_type.values()):
        yield f"Visit {visit.id} has a negative set-up or service time for a type of vehicle; give zero or more."
    if visit.pinned_vehicle_id is not None and visit.pinned_vehicle_id not in vehicles:
        yield f"Visit {visit.id} is pinned to vehicle {visit.pinned_vehicle_id}, which is not in the problem."
    if visit.late_cost_per_second is not None and visit.late_cost_per_second < 0:
        yield f"Visit {visit.id} costs {visit.late_cost_per_second} for each second late; give zero or more, or none."
    yield from _window_faults(f"A window of visit {visit.id}", visit.windows)


def _tie_faults(problem: RoutingProblem, visits: Mapping[str, Visit]) -> Iterator[str]:
    ends = [id for pair in problem.pairs for id in (pair.pickup_visit_id, pair.delivery_visit_id)]
    yield from _repeated("paired visit", ends)
    for pair in problem.pairs:
        yield from _pair_faults(pair, visits)
    for name, sets in (("together", problem.together), ("apart", problem.apart)):
        for members in sets:
            for id in sorted(members - visits.keys()):
                yield f"Visit {id} is to be {name} with others, but is not in the problem."
    if problem.balance_cost_per_second < 0:
        yield f"A balance cost of {problem.balance_cost_per_second} a second rewards imbalance; give zero or more."


def _pair_faults(pair: Pair, visits: Mapping[str, Visit]) -> Iterator[str]:
    name = f"The pair {pair.pickup_visit_id} - {pair.delivery_visit_id}"
    unknown = [id for id in (pair.pickup_visit_id, pair.delivery_visit_id) if id not in visits]
    if unknown:
        yield f"{name} names {unknown[0]}, which is not in the problem."
        return
    if pair.max_ride_seconds is not None and pair.max_ride_seconds < 0:
        yield f"{name} may ride {pair.max_ride_seconds} seconds; give zero or more, or none."
    pickup, delivery = visits[pair.pickup_visit_id], visits[pair.delivery_visit_id]
    if any(pickup.demand) or any(delivery.pickup):
        yield f"{name} also brings from, or takes to, the depot; make that a visit of its own."
    if tuple(pickup.pickup or (0,) * len(delivery.demand)) != tuple(delivery.demand):
        yield f"{name} collects {pickup.pickup} and delivers {delivery.demand}; both must be the same goods."
    if pickup.group is not None or delivery.group is not None:
        yield f"{name} belongs to a group of alternatives; only single visits can."


def _window_faults(owner: str, windows: Iterable[TimeWindow]) -> Iterator[str]:
    for window in windows:
        if window.start_seconds > window.end_seconds:
            yield f"{owner} ends at {window.end_seconds}, before it starts at {window.start_seconds}."
