"""One vehicle's timetable for a given order of visits. The single place that says what a route costs and when it arrives."""

from collections.abc import Sequence

from app.solvers.routing.problem import PlannedRoute, PlannedStop, RoutingProblem, Vehicle, Visit


def cost_of(vehicle: Vehicle, *, metres: int, seconds: int) -> int:
    """Fixed cost, plus distance, plus time from leaving the depot to being back, in minor units."""
    return round(vehicle.fixed_cost + vehicle.cost_per_km * metres / 1_000 + vehicle.cost_per_hour * seconds / 3_600)


def timetable(problem: RoutingProblem, vehicle: Vehicle, visits: Sequence[Visit]) -> PlannedRoute:
    """Drives the visits in order, waiting for each window, and leaves the depot as late as that allows.

    Says what happens, feasible or not: app/solvers/routing/checker.py judges.
    """
    start = _latest_start(problem, vehicle, visits)
    clock, place, metres = start, vehicle.depot, 0
    stops = []
    for visit in visits:
        leg_metres = int(problem.metres[place, visit.location])
        leg_seconds = int(problem.seconds[place, visit.location])
        arrival = clock + leg_seconds
        begin = max(arrival, visit.window[0])
        stops.append(
            PlannedStop(visit=visit.id, arrival=arrival, start=begin, leg_metres=leg_metres, leg_seconds=leg_seconds)
        )
        clock, place, metres = begin + visit.service_seconds, visit.location, metres + leg_metres
    end = clock + int(problem.seconds[place, vehicle.depot])
    metres += int(problem.metres[place, vehicle.depot])
    load = tuple(sum(visit.demand[d] for visit in visits) for d in range(len(problem.dimensions)))
    return PlannedRoute(
        vehicle=vehicle.id,
        start=start,
        end=end,
        stops=tuple(stops),
        metres=metres,
        cost=cost_of(vehicle, metres=metres, seconds=end - start),
        load=load,
    )


def _latest_start(problem: RoutingProblem, vehicle: Vehicle, visits: Sequence[Visit]) -> int:
    """The latest departure that neither breaks a window nor comes back later than leaving at the shift's start would."""
    clock, place, slack, waited = vehicle.shift[0], vehicle.depot, None, 0
    for visit in visits:
        arrival = clock + int(problem.seconds[place, visit.location])
        wait = max(0, visit.window[0] - arrival)
        room = max(0, visit.window[1] - max(arrival, visit.window[0])) + waited + wait
        waited += wait
        slack = room if slack is None else min(slack, room)
        clock, place = arrival + wait + visit.service_seconds, visit.location
    return vehicle.shift[0] + min(waited, slack or 0)
