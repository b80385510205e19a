"""Travel as published routes know it, for timing them anew where no road server can be asked. Pure.

The legs of the routes are what their plan says, by road; between other places it is the great circle, at the detour and
the pace that these legs have on the whole. Traffic and kinds of vehicles are taken out of the legs, since the timetable
puts them in again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from app.core.geo import Point, great_circle_metres
from app.models import Route, Stop
from app.orchestration.plans.loaded import Loaded
from app.orchestration.plans.published import Published
from app.orchestration.routes import pauses
from app.orchestration.routes.policies import LOADING
from app.orchestration.travel import ROAD
from app.solvers.routing.problem import RoutingProblem, TrafficProfile, TravelMatrix, Vehicle
from app.solvers.routing.travel import great_circle

# Beyond so many places only detour and pace are taken over: the legs would need a table of all pairs.
MOST_PLACES = 1_000
# Legs that come to no more say nothing; a pace this near to the estimate's is the estimate.
LEAST_METRES, LEAST_SHARE = 500, 0.01


@dataclass(frozen=True, kw_only=True)
class KnownLeg:
    """A drive of the plan between two places of the problem; `seconds` by a van on a free road."""

    start: int
    end: int
    metres: int
    seconds: float


def applied(problem: RoutingProblem, found: Published) -> RoutingProblem:
    """The problem with the routes' own travel; as it is, where that is the estimate already."""
    legs = list(_legs(problem, found))
    straight = sum(_straight(problem, leg) for leg in legs)
    metres, seconds = sum(leg.metres for leg in legs), sum(leg.seconds for leg in legs)
    if straight * ROAD.detour_factor < LEAST_METRES or metres <= 0 or seconds <= 0:
        return problem
    road = replace(ROAD, detour_factor=metres / straight, speed_metres_per_second=metres / seconds)
    detour, speed = (
        road.detour_factor / ROAD.detour_factor,
        road.speed_metres_per_second / ROAD.speed_metres_per_second,
    )
    if abs(detour - 1) < LEAST_SHARE and abs(speed - 1) < LEAST_SHARE:
        return problem
    roads = {
        profile: replace(
            own, detour_factor=road.detour_factor, speed_metres_per_second=factor * road.speed_metres_per_second
        )
        for profile, own in problem.roads.items()
        if (factor := own.speed_metres_per_second / ROAD.speed_metres_per_second)
    }
    paced = replace(problem, road=road, roads=roads)
    return paced if len(problem.locations) > MOST_PLACES else _with_legs(paced, legs)


def _with_legs(problem: RoutingProblem, legs: Sequence[KnownLeg]) -> RoutingProblem:
    estimated = great_circle(problem.locations, problem.road)
    metres, seconds = estimated.distances_metres.copy(), estimated.durations_seconds.copy()
    for leg in legs:
        metres[leg.start, leg.end], seconds[leg.start, leg.end] = leg.metres, round(leg.seconds)
    matrix = TravelMatrix(distances_metres=metres, durations_seconds=seconds)
    usual = problem.road.speed_metres_per_second
    return replace(
        problem,
        matrix=matrix,
        matrices={
            profile: replace(
                matrix,
                durations_seconds=np.rint(seconds * usual / own.speed_metres_per_second).astype(np.int64),
            )
            for profile, own in problem.roads.items()
        },
    )


def _legs(problem: RoutingProblem, found: Published) -> Iterator[KnownLeg]:
    """Every drive between two stops that follow each other by the plan, or from and to the node."""
    vehicles = {vehicle.id: vehicle for vehicle in problem.vehicles}
    for id, route in found.routes.items():
        stops = found.stops.get(id, ())
        if id in vehicles and stops:
            yield from _Legs(problem, found.loaded, vehicles[id]).of(route, stops)


class _Legs:
    """The drives of one route."""

    def __init__(self, problem: RoutingProblem, loaded: Loaded, vehicle: Vehicle) -> None:
        self._loaded = loaded
        self._traffic = problem.traffic.get(vehicle.profile)
        own = problem.roads.get(vehicle.profile, problem.road)
        self._factor = own.speed_metres_per_second / problem.road.speed_metres_per_second

    def of(self, route: Route, stops: Sequence[Stop]) -> Iterator[KnownLeg]:
        """Where the stop before is not known, or was cancelled, the drive is not either."""
        planned = pauses.of(route)
        before: Stop | None = None
        for stop, leading in zip(stops, pauses.before(planned, stops), strict=True):
            near = [pause for pause in leading if not pause.on_arrival]
            last = stop.sequence - 1
            start = None
            if any(pause.at_node and pause.after_stop == last for pause in near) or last == 0:
                start, left = 0, near[-1].end if near else route.planned_start
            elif before is not None and before.sequence == last:
                start = self._place(before)
                left = near[-1].end if near else before.planned_arrival + timedelta(seconds=before.service_seconds)
            if start is not None:
                yield self._leg(
                    start, self._place(stop), stop.drive_metres, self._loaded.seconds(left), stop.drive_seconds
                )
            before = stop
        if route.state in LOADING and [stop.sequence for stop in stops] == list(range(1, len(stops) + 1)):
            yield from self._home(route, stops, planned)

    def _home(self, route: Route, stops: Sequence[Stop], planned: Sequence[pauses.Pause]) -> Iterator[KnownLeg]:
        """The way back is what is left of the route's metres and time."""
        last = stops[-1]
        reloading = sum(pause.drive_metres for pause in planned)
        metres = route.distance_metres - reloading - sum(stop.drive_metres for stop in stops)
        ends = [pause.end for pause in planned if pause.after_stop == last.sequence]
        left = max([last.planned_arrival + timedelta(seconds=last.service_seconds), *ends])
        seconds = round((route.planned_end - left).total_seconds())
        if metres > 0 and seconds > 0:
            yield self._leg(self._place(last), 0, metres, self._loaded.seconds(left), seconds)

    def _place(self, stop: Stop) -> int:
        return self._loaded.place_of[str(stop.order_id)]

    def _leg(self, start: int, end: int, metres: int, left: int, seconds: int) -> KnownLeg:
        free = free_seconds(self._traffic, departure=left, seconds=seconds) * self._factor
        return KnownLeg(start=start, end=end, metres=metres, seconds=free)


def free_seconds(traffic: TrafficProfile | None, *, departure: int, seconds: int) -> float:
    """How long a drive that took `seconds` from `departure` on takes on a free road."""
    if traffic is None:
        return float(seconds)
    starts, period, free = traffic.starts_seconds, traffic.period_seconds, 0.0
    clock, end = departure, departure + seconds
    while clock < end:
        time_of_day = clock % period
        band = max(number for number, start in enumerate(starts) if start <= time_of_day)
        closes = clock - time_of_day + (starts[band + 1] if band + 1 < len(starts) else period)
        free += (min(end, closes) - clock) * traffic.speed_factors[band]
        clock = closes
    return free


def _straight(problem: RoutingProblem, leg: KnownLeg) -> float:
    here, there = problem.locations[leg.start], problem.locations[leg.end]
    return great_circle_metres(
        Point(latitude=here.latitude, longitude=here.longitude),
        Point(latitude=there.latitude, longitude=there.longitude),
    )
