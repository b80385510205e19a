"""Cheapest feasible insertion: into an existing plan, or from nothing. Also measures what a change would bring."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from app.solvers.routing.problem import TravelMatrix, Vehicle, Visit, may_serve
from app.solvers.routing.schedule import fits, timetable

MOST_POSITIONS = 12


@dataclass(frozen=True, kw_only=True)
class Insertion:
    """Where a visit goes, and what that adds to the cost in minor units."""

    vehicle_id: str
    position: int
    cost: float


def cheapest(
    travel: TravelMatrix,
    vehicles: Sequence[Vehicle],
    orders: Mapping[str, Sequence[Visit]],
    visit: Visit,
) -> Insertion | None:
    """The feasible place that costs least over all vehicles; None where there is none."""
    best: Insertion | None = None
    for vehicle in vehicles:
        present = orders.get(vehicle.id, ())
        if not may_serve(vehicle, visit) or not _has_room(vehicle, [*present, visit]):
            continue
        present_route = timetable(travel, vehicle, present) if present else None
        before = present_route.cost if present_route else 0.0
        for position in _positions(travel, vehicle, present, visit):
            route = timetable(travel, vehicle, [*present[:position], visit, *present[position:]])
            if route is None or not fits(vehicle, route):
                continue
            if best is None or route.cost - before < best.cost:
                best = Insertion(vehicle_id=vehicle.id, position=position, cost=route.cost - before)
    return best


def _has_room(vehicle: Vehicle, visits: Sequence[Visit]) -> bool:
    """Whether the visits fit by number and load, in whichever order: asked first, since it costs least."""
    if vehicle.max_stops is not None and len(visits) > vehicle.max_stops:
        return False
    return all(sum(visit.demand[d] for visit in visits) <= most for d, most in enumerate(vehicle.capacities))


def _positions(travel: TravelMatrix, vehicle: Vehicle, present: Sequence[Visit], visit: Visit) -> list[int]:
    """The positions with the smallest detours; the others are no bargain."""
    metres, place = travel.distances_metres, visit.location
    end = vehicle.end_location if vehicle.end_location is not None else place
    stops = [vehicle.start_location, *(other.location for other in present), end]
    detours = [int(metres[a, place] + metres[place, b] - metres[a, b]) for a, b in pairwise(stops)]
    return sorted(range(len(detours)), key=detours.__getitem__)[:MOST_POSITIONS]
