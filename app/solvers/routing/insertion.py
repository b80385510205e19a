"""Cheapest feasible insertion: into an existing plan, or from nothing. Quick, and the measure of what a change would bring."""

from dataclasses import dataclass, replace

from app.solvers.routing.problem import RoutingProblem, Vehicle, Visit
from app.solvers.routing.schedule import timetable


@dataclass(frozen=True, kw_only=True)
class Insertion:
    """Where a visit goes, and what that adds to the cost."""

    vehicle: str
    position: int
    cost: int


def cheapest(
    problem: RoutingProblem,
    orders: dict[str, list[Visit]],
    visit: Visit,
    *,
    ignore_window: bool = False,
    ignore_skills: bool = False,
    ignore_capacity: bool = False,
    ignore_shift: bool = False,
) -> Insertion | None:
    """The feasible place that costs least, over all vehicles; None where there is none. Flags waive one rule each."""
    best: Insertion | None = None
    wanted = _relaxed(visit, window=ignore_window, skills=ignore_skills)
    for vehicle in problem.vehicles:
        driver = _widened(vehicle, capacity=ignore_capacity, shift=ignore_shift)
        if not problem.may_serve(driver, wanted):
            continue
        present = orders.get(vehicle.id, [])
        before = timetable(problem, vehicle, present).cost if present else 0
        for position in _positions(problem, vehicle, present, wanted):
            trial = [*present[:position], wanted, *present[position:]]
            if (cost := _cost_if_feasible(problem, driver, trial)) is None:
                continue
            if best is None or cost - before < best.cost:
                best = Insertion(vehicle=vehicle.id, position=position, cost=cost - before)
    return best


def _positions(problem: RoutingProblem, vehicle: Vehicle, present: list[Visit], visit: Visit, *, most: int = 12) -> list[int]:
    """The positions with the smallest detour; the others are no bargain."""
    places = [vehicle.depot, *(other.location for other in present), vehicle.depot]
    metres = problem.metres
    detours = [
        int(metres[a, visit.location] + metres[visit.location, b] - metres[a, b]) for a, b in zip(places, places[1:], strict=False)
    ]
    return sorted(range(len(detours)), key=detours.__getitem__)[:most]


def _relaxed(visit: Visit, *, window: bool, skills: bool) -> Visit:
    found = replace(visit, window=(0, 10**9)) if window else visit
    return replace(found, skills=frozenset()) if skills else found


def _widened(vehicle: Vehicle, *, capacity: bool, shift: bool) -> Vehicle:
    found = replace(vehicle, capacity=tuple(10**12 for _ in vehicle.capacity)) if capacity else vehicle
    return replace(found, shift=(vehicle.shift[0], 10**9)) if shift else found


def _cost_if_feasible(problem: RoutingProblem, vehicle: Vehicle, visits: list[Visit]) -> int | None:
    route = timetable(problem, vehicle, visits)
    if route.end > vehicle.shift[1] or any(have > most for have, most in zip(route.load, vehicle.capacity, strict=True)):
        return None
    in_time = all(stop.start <= visit.window[1] for stop, visit in zip(route.stops, visits, strict=True))
    return route.cost if in_time else None
