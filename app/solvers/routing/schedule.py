"""One vehicle's timetable for a given order of visits: the single place that says when it arrives and what it costs."""

from collections.abc import Sequence

from app.solvers.routing.problem import TravelMatrix, Vehicle, Visit, may_serve
from app.solvers.routing.solution import PlannedStop, Route

Leg = tuple[int, int]
UNBOUNDED = 10**12


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
    start = max([vehicle.shift.start_seconds, *(visit.release_seconds or 0 for visit in visits)])
    best: Route | None = None
    while (route := _drive(travel, vehicle, visits, start=start)) and route.end_seconds <= vehicle.shift.end_seconds:
        waited, room = _slack(route, visits)
        later = min(waited, room)
        if later:
            route = _drive(travel, vehicle, visits, start=start + later) or route
        if best is None or route.duration_seconds < best.duration_seconds:
            best = route
        if room == UNBOUNDED or waited <= 0:
            break
        start += room + 1
    return best


def _slack(route: Route, visits: Sequence[Visit]) -> tuple[int, int]:
    """All seconds waited on the way, and how much later the vehicle may leave with every visit in the same window."""
    waited, room = 0, UNBOUNDED
    for stop, visit in zip(route.stops, visits, strict=True):
        waited += stop.service_start_seconds - stop.arrival_seconds
        closing = _closing(visit, stop.service_start_seconds)
        if closing is not None:
            room = min(room, waited + closing - stop.service_start_seconds)
    return waited, room


def _closing(visit: Visit, moment: int) -> int | None:
    """When the window that holds the moment closes, the longest one where several do."""
    return max((w.end_seconds for w in visit.windows if w.start_seconds <= moment <= w.end_seconds), default=None)


def _drive(travel: TravelMatrix, vehicle: Vehicle, visits: Sequence[Visit], *, start: int) -> Route | None:
    clock, place, metres = start, vehicle.start_location, 0
    load = [sum(visit.demand[d] for visit in visits) for d in range(len(vehicle.capacities))]
    left = list(load)
    stops = []
    for visit in visits:
        leg_metres, leg_seconds = _leg(travel, place, visit.location)
        begin = service_start(visit, clock + leg_seconds)
        if begin is None:
            return None
        left = [have - less for have, less in zip(left, visit.demand, strict=True)]
        stops.append(
            PlannedStop(
                visit_id=visit.id,
                arrival_seconds=clock + leg_seconds,
                service_start_seconds=begin,
                departure_seconds=begin + visit.service_seconds,
                load_after=tuple(left),
            )
        )
        clock, place, metres = begin + visit.service_seconds, visit.location, metres + leg_metres
    if vehicle.end_location is not None:
        leg_metres, leg_seconds = _leg(travel, place, vehicle.end_location)
        clock, metres = clock + leg_seconds, metres + leg_metres
    return Route(
        vehicle_id=vehicle.id,
        stops=tuple(stops),
        start_seconds=start,
        end_seconds=clock,
        load=tuple(load),
        distance_metres=metres,
        duration_seconds=clock - start,
        cost=cost_of(vehicle, metres=metres, seconds=clock - start),
    )


def _leg(travel: TravelMatrix, start: int, end: int) -> Leg:
    return int(travel.distances_metres[start, end]), int(travel.durations_seconds[start, end])


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
