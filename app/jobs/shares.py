"""A very large routing problem in shares that workers can solve apart: sectors around the depot, like fleets for each.

Pure. What ties visits to one another or to a van keeps the problem whole; the engine has its own, finer parts.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import atan2, ceil, cos, radians

from app.solvers.routing.problem import RoutingProblem, Vehicle, Visit
from app.solvers.routing.solution import (
    Quality,
    Relaxation,
    RelaxedConstraint,
    RoutingSolution,
    Unserved,
    UnservedCode,
)

MOST_STOPS = 12_000


def split_up(problem: RoutingProblem, *, most_stops: int = MOST_STOPS) -> list[RoutingProblem]:
    """Shares of about equal work and no more than `most_stops`; the problem itself where it is small, or tied."""
    count = min(ceil(len(problem.visits) / most_stops), len(problem.vehicles))
    if count < 2 or _is_tied(problem) or not problem.locations:
        return [problem]
    alike = sorted(problem.vehicles, key=lambda each: (each.shift.start_seconds, each.capacities, sorted(each.skills)))
    fleets = [tuple(alike[number::count]) for number in range(count)]
    shares: list[list[Visit]] = [[] for _ in fleets]
    swept = _swept(problem)
    for at, visit in enumerate(swept):
        shares[_home(visit, fleets, at * count // len(swept))].append(visit)
    return [
        replace(problem, vehicles=fleet, visits=tuple(visits)) for fleet, visits in zip(fleets, shares, strict=True)
    ]


def joined(solutions: Sequence[RoutingSolution]) -> RoutingSolution:
    """The shares' answers as one: what they cost adds up, and a bound on one is none on all."""
    if len(solutions) == 1:
        return solutions[0]
    qualities = sorted((solution.quality for solution in solutions), key=lambda each: -each.iterations)
    return RoutingSolution(
        routes=tuple(route for solution in solutions for route in solution.routes),
        unserved=tuple(left for solution in solutions for left in solution.unserved),
        cost=sum(solution.cost for solution in solutions),
        objective=sum(solution.objective for solution in solutions),
        distance_metres=sum(solution.distance_metres for solution in solutions),
        duration_seconds=sum(solution.duration_seconds for solution in solutions),
        quality=Quality(
            solver=qualities[0].solver,
            seconds=sum(quality.seconds for quality in qualities),
            iterations=sum(quality.iterations for quality in qualities),
        ),
    )


def not_begun(problem: RoutingProblem) -> RoutingSolution:
    """The answer for a share that nobody has begun when the search was ended: nobody is served."""
    detail = "The search was stopped before its part of the plan was begun."
    unserved = tuple(
        Unserved(
            visit_id=visit.id,
            code=UnservedCode.NOT_PLACED,
            detail=detail,
            relaxation=Relaxation(constraint=RelaxedConstraint.SEARCH, change="plan it again", cost=0.0),
        )
        for visit in problem.visits
    )
    penalty = sum(visit.unserved_penalty for visit in problem.visits)
    quality = Quality(solver="none", seconds=0.0, iterations=0)
    return RoutingSolution(
        routes=(),
        unserved=unserved,
        cost=0.0,
        objective=penalty,
        distance_metres=0,
        duration_seconds=0,
        quality=quality,
    )


def _is_tied(problem: RoutingProblem) -> bool:
    if problem.pairs or problem.together or problem.apart or problem.balance_cost_per_second:
        return True
    if any(vehicle.frozen_visit_ids for vehicle in problem.vehicles):
        return True
    return any(visit.group or visit.pinned_vehicle_id or visit.vehicle_costs for visit in problem.visits)


def _swept(problem: RoutingProblem) -> list[Visit]:
    """The visits in the order of their bearing from the first vehicle's depot."""
    depot = problem.locations[problem.vehicles[0].start_location or 0]
    squeeze = cos(radians(depot.latitude))

    def bearing(visit: Visit) -> float:
        place = problem.locations[visit.location]
        return atan2(place.latitude - depot.latitude, (place.longitude - depot.longitude) * squeeze)

    return sorted(problem.visits, key=lambda visit: (bearing(visit), visit.id))


def _home(visit: Visit, fleets: Sequence[Sequence[Vehicle]], sector: int) -> int:
    """The visit's sector, or where most of its vehicles are if none of them serves that."""
    if visit.allowed_vehicle_ids is None:
        return sector
    allowed = [sum(vehicle.id in visit.allowed_vehicle_ids for vehicle in fleet) for fleet in fleets]
    return sector if allowed[sector] else max(range(len(fleets)), key=allowed.__getitem__)
