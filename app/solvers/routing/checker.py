"""Judges a plan against its problem, knowing nothing of any engine. Every plan passes here before it is adopted."""

from collections import Counter
from dataclasses import dataclass

from app.solvers.routing.problem import PlannedRoute, RoutingProblem, RoutingSolution, Vehicle, Visit


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One broken rule, and where."""

    code: str
    vehicle: str | None
    visit: str | None
    detail: str


def check(problem: RoutingProblem, solution: RoutingSolution) -> list[Violation]:
    """Every violation of the solution; an empty list means that it can be driven as it stands."""
    visits = {visit.id: visit for visit in problem.visits}
    vehicles = {vehicle.id: vehicle for vehicle in problem.vehicles}
    found = _accounted_for(visits, solution)
    used = Counter(route.vehicle for route in solution.routes)
    found += [_violation("VEHICLE_TWICE", vehicle, None, f"{n} routes") for vehicle, n in used.items() if n > 1]
    for route in solution.routes:
        if route.vehicle not in vehicles:
            found.append(_violation("VEHICLE_UNKNOWN", route.vehicle, None, "no such vehicle"))
        else:
            found += _check_route(problem, vehicles[route.vehicle], visits, route)
    return found


def _violation(code: str, vehicle: str | None, visit: str | None, detail: str) -> Violation:
    return Violation(code=code, vehicle=vehicle, visit=visit, detail=detail)


def _accounted_for(visits: dict[str, Visit], solution: RoutingSolution) -> list[Violation]:
    """Each visit exactly once: on one route, or among the unserved."""
    seen = Counter(stop.visit for route in solution.routes for stop in route.stops)
    seen.update(unserved.visit for unserved in solution.unserved)
    found = [_violation("VISIT_TWICE", None, visit, f"{n} times") for visit, n in seen.items() if n > 1]
    found += [_violation("VISIT_UNKNOWN", None, visit, "no such visit") for visit in seen if visit not in visits]
    return found + [_violation("VISIT_MISSING", None, visit, "not mentioned") for visit in visits if visit not in seen]


def _check_route(
    problem: RoutingProblem, vehicle: Vehicle, visits: dict[str, Visit], route: PlannedRoute
) -> list[Violation]:
    found = []
    if route.start < vehicle.shift[0] or route.end > vehicle.shift[1]:
        found.append(_violation("SHIFT", vehicle.id, None, f"{route.start}-{route.end} outside {vehicle.shift}"))
    clock, place, metres = route.start, vehicle.depot, 0
    load = [0] * len(problem.dimensions)
    for stop in route.stops:
        visit = visits.get(stop.visit)
        if visit is None:
            continue
        found += _check_stop(problem, vehicle, visit, earliest=clock + int(problem.seconds[place, visit.location]), begin=stop.start)
        metres += int(problem.metres[place, visit.location])
        load = [have + more for have, more in zip(load, visit.demand, strict=True)]
        clock, place = stop.start + visit.service_seconds, visit.location
    if clock + int(problem.seconds[place, vehicle.depot]) > route.end:
        found.append(_violation("END_TOO_EARLY", vehicle.id, None, f"cannot be back at {route.end}"))
    if metres + int(problem.metres[place, vehicle.depot]) != route.metres:
        found.append(_violation("METRES_CLAIMED", vehicle.id, None, f"claims {route.metres}"))
    for name, have, most in zip(problem.dimensions, load, vehicle.capacity, strict=True):
        if have > most:
            found.append(_violation("CAPACITY", vehicle.id, None, f"{name} {have} over {most}"))
    return found


def _check_stop(
    problem: RoutingProblem, vehicle: Vehicle, visit: Visit, *, earliest: int, begin: int
) -> list[Violation]:
    found = []
    if begin < earliest:
        found.append(_violation("TRAVEL", vehicle.id, visit.id, f"starts at {begin}, cannot before {earliest}"))
    if not visit.window[0] <= begin <= visit.window[1]:
        found.append(_violation("WINDOW", vehicle.id, visit.id, f"starts at {begin}, outside {visit.window}"))
    if not visit.skills <= vehicle.skills:
        missing = ", ".join(sorted(visit.skills - vehicle.skills))
        found.append(_violation("SKILL", vehicle.id, visit.id, f"lacks {missing}"))
    if visit.depots and vehicle.depot not in visit.depots:
        found.append(_violation("DEPOT", vehicle.id, visit.id, f"starts at {vehicle.depot}"))
    return found
