"""One vehicle's timetable for a given order of visits: the single place that says when it arrives and what it costs."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.solvers.routing.problem import Integers, TravelMatrix, Vehicle, Visit, may_serve
from app.solvers.routing.solution import PlannedStop, Route

UNBOUNDED = 10**12


@dataclass(frozen=True, kw_only=True)
class Drive:
    """When the vehicle leaves, reaches each visit, begins each service, and ends: in seconds."""

    start: int
    arrivals: list[int]
    begins: list[int]
    end: int


def cost_of(vehicle: Vehicle, *, metres: int, seconds: int) -> float:
    """Fixed cost, plus metres, plus seconds from departure to end, in minor units."""
    return vehicle.fixed_cost + vehicle.cost_per_metre * metres + vehicle.cost_per_second * seconds


def service_start(visit: Visit, arrival: int) -> int | None:
    """When service starts on arrival: at once, or when the next window opens. None: every window has closed."""
    if not visit.windows:
        return arrival
    opening = [max(arrival, window.start_seconds) for window in visit.windows if arrival <= window.end_seconds]
    return min(opening, default=None)


def timetable(travel: TravelMatrix, vehicle: Vehicle, visits: Sequence[Visit]) -> Route | None:
    """The shortest drive in this order, and of those the first to end; None where a window or the shift is missed.

    Leaving later absorbs waiting until none is left, or until a visit misses a window and falls into its next one.
    Each such leap moves a visit to a later window, so there are at most as many departures to try as windows.
    """
    legs = _legs(travel.durations_seconds, vehicle, visits)
    start = max([vehicle.shift.start_seconds, *(visit.release_seconds or 0 for visit in visits)])
    best: Drive | None = None
    while (drive := _drive(legs, visits, start=start)) is not None and drive.end <= vehicle.shift.end_seconds:
        waited, room = _slack(drive, visits)
        if later := min(waited, room):
            drive = _drive(legs, visits, start=start + later) or drive
        if best is None or drive.end - drive.start < best.end - best.start:
            best = drive
        if waited == 0 or room == UNBOUNDED:
            break
        start += room + 1
    return None if best is None else _route(travel, vehicle, visits, best)


def _drive(legs: Sequence[int], visits: Sequence[Visit], *, start: int) -> Drive | None:
    """Each visit as soon as possible after this departure; None where its last window has closed by then."""
    clock, arrivals, begins = start, [], []
    for leg, visit in zip(legs, visits, strict=False):
        begin = service_start(visit, clock + leg)
        if begin is None:
            return None
        arrivals.append(clock + leg)
        begins.append(begin)
        clock = begin + visit.service_seconds
    return Drive(start=start, arrivals=arrivals, begins=begins, end=clock + legs[-1])


def _slack(drive: Drive, visits: Sequence[Visit]) -> tuple[int, int]:
    """All seconds waited on the way, and how much later the vehicle may leave with every visit in the same window."""
    waited, room = 0, UNBOUNDED
    for visit, arrival, begin in zip(visits, drive.arrivals, drive.begins, strict=True):
        waited += begin - arrival
        if visit.windows:
            room = min(room, waited + _closing(visit, begin) - begin)
    return waited, room


def _closing(visit: Visit, moment: int) -> int:
    """When the window that holds the moment closes, the longest one where several do."""
    return max(w.end_seconds for w in visit.windows if w.start_seconds <= moment <= w.end_seconds)


def _legs(matrix: Integers, vehicle: Vehicle, visits: Sequence[Visit]) -> list[int]:
    """One leg to each visit and one to the end, which is nothing where the route ends at its last visit."""
    places = [visit.location for visit in visits]
    places.insert(0, places[0] if vehicle.start_location is None else vehicle.start_location)
    legs: list[int] = matrix[places[:-1], places[1:]].tolist()
    return [*legs, 0 if vehicle.end_location is None else int(matrix[places[-1], vehicle.end_location])]


def _route(travel: TravelMatrix, vehicle: Vehicle, visits: Sequence[Visit], drive: Drive) -> Route:
    load = tuple(sum(visit.demand[d] for visit in visits) for d in range(len(vehicle.capacities)))
    left, stops = load, []
    for visit, arrival, begin in zip(visits, drive.arrivals, drive.begins, strict=True):
        left = tuple(have - less for have, less in zip(left, visit.demand, strict=True))
        stops.append(
            PlannedStop(
                visit_id=visit.id,
                arrival_seconds=arrival,
                service_start_seconds=begin,
                departure_seconds=begin + visit.service_seconds,
                load_after=left,
            )
        )
    metres, seconds = sum(_legs(travel.distances_metres, vehicle, visits)), drive.end - drive.start
    return Route(
        vehicle_id=vehicle.id,
        stops=tuple(stops),
        start_seconds=drive.start,
        end_seconds=drive.end,
        load=load,
        distance_metres=metres,
        duration_seconds=seconds,
        cost=cost_of(vehicle, metres=metres, seconds=seconds),
    )


def fits(vehicle: Vehicle, route: Route) -> bool:
    """Whether load and the vehicle's limits hold."""
    limits = (
        (vehicle.max_duration_seconds, route.duration_seconds),
        (vehicle.max_distance_metres, route.distance_metres),
        (vehicle.max_stops, len(route.stops)),
    )
    within = all(limit is None or have <= limit for limit, have in limits)
    return within and all(have <= most for have, most in zip(route.load, vehicle.capacities, strict=True))


def is_drivable(travel: TravelMatrix, vehicle: Vehicle, visits: Sequence[Visit]) -> bool:
    """Whether the vehicle can serve these visits in this order, with every window and limit held."""
    if not all(may_serve(vehicle, visit) for visit in visits):
        return False
    route = timetable(travel, vehicle, visits)
    return route is not None and fits(vehicle, route)
