"""Judges a plan against its problem, knowing nothing of any engine. Every plan passes here before it is adopted."""

from collections import Counter
from dataclasses import dataclass
from math import isclose

from app.solvers.routing.problem import RoutingProblem, TravelMatrix, Vehicle, Visit
from app.solvers.routing.solution import PlannedStop, Route, RoutingSolution
from app.solvers.routing.travel import matrix_of

COST_TOLERANCE = 0.01


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One broken rule, and where."""

    code: str
    vehicle_id: str | None
    visit_id: str | None
    detail: str


def check(problem: RoutingProblem, solution: RoutingSolution) -> list[Violation]:
    """Every violation of the solution; an empty list means that it can be driven as it stands."""
    travel = matrix_of(problem)
    visits = {visit.id: visit for visit in problem.visits}
    vehicles = {vehicle.id: vehicle for vehicle in problem.vehicles}
    found = _accounted_for(visits, solution)
    used = Counter(route.vehicle_id for route in solution.routes)
    found += [_violation("VEHICLE_TWICE", f"{n} routes", vehicle=name) for name, n in used.items() if n > 1]
    for route in solution.routes:
        vehicle = vehicles.get(route.vehicle_id)
        if vehicle is None:
            found.append(_violation("VEHICLE_UNKNOWN", "no such vehicle", vehicle=route.vehicle_id))
        else:
            found += _check_route(travel, vehicle, visits, route)
    if not isclose(sum(route.cost for route in solution.routes), solution.cost, abs_tol=COST_TOLERANCE):
        found.append(_violation("COST_CLAIMED", f"claims {solution.cost}"))
    return found


def _violation(code: str, detail: str, *, vehicle: str | None = None, visit: str | None = None) -> Violation:
    return Violation(code=code, vehicle_id=vehicle, visit_id=visit, detail=detail)


def _accounted_for(visits: dict[str, Visit], solution: RoutingSolution) -> list[Violation]:
    """Each visit exactly once: on one route, or among the unserved."""
    seen = Counter(stop.visit_id for route in solution.routes for stop in route.stops)
    seen.update(unserved.visit_id for unserved in solution.unserved)
    found = [_violation("VISIT_TWICE", f"{n} times", visit=name) for name, n in seen.items() if n > 1]
    found += [_violation("VISIT_UNKNOWN", "no such visit", visit=name) for name in seen if name not in visits]
    return found + [_violation("VISIT_MISSING", "not mentioned", visit=name) for name in visits if name not in seen]


def _check_route(travel: TravelMatrix, vehicle: Vehicle, visits: dict[str, Visit], route: Route) -> list[Violation]:
    served = [(stop, visits[stop.visit_id]) for stop in route.stops if stop.visit_id in visits]
    clock, place, metres = route.start_seconds, vehicle.start_location, 0
    found = []
    for stop, visit in served:
        clock += int(travel.durations_seconds[place, visit.location])
        metres += int(travel.distances_metres[place, visit.location])
        found += _check_stop(vehicle, visit, stop, earliest=clock, start=route.start_seconds)
        clock, place = stop.service_start_seconds + visit.service_seconds, visit.location
    if vehicle.end_location is not None:
        clock += int(travel.durations_seconds[place, vehicle.end_location])
        metres += int(travel.distances_metres[place, vehicle.end_location])
    if route.end_seconds < clock:
        found.append(_violation("END_TOO_EARLY", f"cannot end before {clock}", vehicle=vehicle.id))
    if route.distance_metres != metres:
        found.append(
            _violation("METRES_CLAIMED", f"claims {route.distance_metres}, drives {metres}", vehicle=vehicle.id)
        )
    return found + _check_limits(vehicle, route, [visit for _, visit in served])


def _check_limits(vehicle: Vehicle, route: Route, visits: list[Visit]) -> list[Violation]:
    found = []
    if route.start_seconds < vehicle.shift.start_seconds or route.end_seconds > vehicle.shift.end_seconds:
        found.append(_violation("SHIFT", f"{route.start_seconds}-{route.end_seconds}", vehicle=vehicle.id))
    for dimension, most in enumerate(vehicle.capacities):
        load = sum(visit.demand[dimension] for visit in visits)
        if load > most:
            found.append(_violation("CAPACITY", f"dimension {dimension}: {load} over {most}", vehicle=vehicle.id))
    duration = route.end_seconds - route.start_seconds
    limits = (
        ("MAX_DURATION", vehicle.max_duration_seconds, duration),
        ("MAX_DISTANCE", vehicle.max_distance_metres, route.distance_metres),
        ("MAX_STOPS", vehicle.max_stops, len(route.stops)),
    )
    found += [
        _violation(code, f"{have} over {most}", vehicle=vehicle.id)
        for code, most, have in limits
        if most is not None and have > most
    ]
    cost = vehicle.fixed_cost + vehicle.cost_per_metre * route.distance_metres + vehicle.cost_per_second * duration
    if not isclose(cost, route.cost, abs_tol=COST_TOLERANCE):
        found.append(_violation("COST_CLAIMED", f"claims {route.cost}, costs {cost}", vehicle=vehicle.id))
    return found


def _check_stop(vehicle: Vehicle, visit: Visit, stop: PlannedStop, *, earliest: int, start: int) -> list[Violation]:
    begin = stop.service_start_seconds
    rules = (
        ("TRAVEL", begin >= earliest, f"starts at {begin}, cannot before {earliest}"),
        ("WINDOW", _in_window(visit, begin), f"starts at {begin}, outside {visit.windows}"),
        ("SKILL", visit.skills <= vehicle.skills, f"lacks {sorted(visit.skills - vehicle.skills)}"),
        ("NOT_ALLOWED", _is_allowed(vehicle, visit), "another vehicle's"),
        ("RELEASE", visit.release_seconds is None or start >= visit.release_seconds, f"leaves at {start}"),
    )
    return [_violation(code, detail, vehicle=vehicle.id, visit=visit.id) for code, holds, detail in rules if not holds]


def _in_window(visit: Visit, begin: int) -> bool:
    return not visit.windows or any(w.start_seconds <= begin <= w.end_seconds for w in visit.windows)


def _is_allowed(vehicle: Vehicle, visit: Visit) -> bool:
    pinned = visit.pinned_vehicle_id in (None, vehicle.id)
    return pinned and (visit.allowed_vehicle_ids is None or vehicle.id in visit.allowed_vehicle_ids)
