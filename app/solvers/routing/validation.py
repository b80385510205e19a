"""Whether a routing problem makes sense at all: refused before anything is searched."""

from collections import Counter
from collections.abc import Iterable, Iterator

from app.solvers.routing.problem import RoutingProblem, TimeWindow, Vehicle, Visit


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
    if problem.road.speed_metres_per_second <= 0 or problem.road.detour_factor <= 0:
        yield f"A road with {problem.road} leads nowhere; speed and detour must be positive."
    dimensions = len(problem.vehicles[0].capacities) if problem.vehicles else None
    for vehicle in problem.vehicles:
        yield from _vehicle_faults(vehicle, size, dimensions)
    known = {vehicle.id for vehicle in problem.vehicles}
    for visit in problem.visits:
        yield from _visit_faults(visit, size, dimensions, known)


def _repeated(noun: str, ids: Iterable[str]) -> Iterator[str]:
    for id, times in Counter(ids).items():
        if times > 1:
            yield f"The {noun} {id} is given {times} times; ids must be unique."


def _places(problem: RoutingProblem) -> tuple[int, list[str]]:
    if problem.matrix is None:
        return len(problem.locations), []
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


def _vehicle_faults(vehicle: Vehicle, size: int, dimensions: int | None) -> Iterator[str]:
    for place in (vehicle.start_location, vehicle.end_location):
        if place is not None and not 0 <= place < size:
            yield f"Vehicle {vehicle.id} points to location {place}; there are {size}."
    if len(vehicle.capacities) != dimensions:
        yield f"Vehicle {vehicle.id} has {len(vehicle.capacities)} capacities; the first vehicle has {dimensions}."
    if any(capacity < 0 for capacity in vehicle.capacities):
        yield f"Vehicle {vehicle.id} has the capacities {vehicle.capacities}; they must be zero or more."
    if min(vehicle.fixed_cost, vehicle.cost_per_metre, vehicle.cost_per_second) < 0:
        yield f"Vehicle {vehicle.id} has a negative cost; costs must be zero or more."
    yield from _window_faults(f"The shift of vehicle {vehicle.id}", (vehicle.shift,))


def _visit_faults(visit: Visit, size: int, dimensions: int | None, vehicles: set[str]) -> Iterator[str]:
    if not 0 <= visit.location < size:
        yield f"Visit {visit.id} points to location {visit.location}; there are {size}."
    if dimensions is not None and len(visit.demand) != dimensions:
        yield f"Visit {visit.id} has {len(visit.demand)} demands; vehicles have {dimensions} capacities."
    if any(amount < 0 for amount in visit.demand):
        yield f"Visit {visit.id} demands {visit.demand}; demands must be zero or more."
    if visit.service_seconds < 0 or visit.unserved_penalty < 0:
        yield f"Visit {visit.id} has a negative service time or penalty; both must be zero or more."
    if visit.pinned_vehicle_id is not None and visit.pinned_vehicle_id not in vehicles:
        yield f"Visit {visit.id} is pinned to vehicle {visit.pinned_vehicle_id}, which is not in the problem."
    yield from _window_faults(f"A window of visit {visit.id}", visit.windows)


def _window_faults(owner: str, windows: Iterable[TimeWindow]) -> Iterator[str]:
    for window in windows:
        if window.start_seconds > window.end_seconds:
            yield f"{owner} ends at {window.end_seconds}, before it starts at {window.start_seconds}."
