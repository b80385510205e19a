"""A timetable for an order that may break rules: as early as it can be driven, however late that is.

For judging a plan that a person made: the order is timed by the rules where it can be, else with windows, shift and
limits off, else without rests and ride times too; the checker names what the times break.
"""

from collections.abc import Sequence
from dataclasses import replace

from app.solvers.routing.problem import Reload, RoutingProblem, TimeWindow, Vehicle, Visit
from app.solvers.routing.route_checks import true_cost
from app.solvers.routing.schedule import Terms, timetable
from app.solvers.routing.solution import Route

NEVER = 10**9
# Lateness at a hard window: dear, so that none is missed that need not be.
HARD_PRICE = 1e6


def timed_anyhow(problem: RoutingProblem, vehicle_id: str, order: Sequence[str | Reload]) -> Route:
    """The route of known visits by a known vehicle; its cost is what it costs by the true rules."""
    vehicle = next(vehicle for vehicle in problem.vehicles if vehicle.id == vehicle_id)
    visits = {visit.id: visit for visit in problem.visits}
    terms = Terms(problem)
    items = terms.order(order)
    for milder in (_as_it_is, _as_late_as_it_takes, _without_rests):
        gentle = milder(vehicle)
        eased = [item if isinstance(item, Reload) or gentle is vehicle else _late(item) for item in items]
        if milder is _without_rests:
            terms = Terms(replace(problem, pairs=tuple(replace(pair, max_ride_seconds=None) for pair in problem.pairs)))
        if (route := timetable(terms, gentle, eased)) is not None:
            break
    assert route is not None  # without rules, any order of known visits can be driven
    served = [visits[stop.visit_id] for stop in route.stops]
    return replace(route, late_cost=0.0, cost=true_cost(vehicle, route, served, metres=route.distance_metres))


def _as_it_is(vehicle: Vehicle) -> Vehicle:
    return vehicle


def _as_late_as_it_takes(vehicle: Vehicle) -> Vehicle:
    shift = TimeWindow(start_seconds=vehicle.shift.start_seconds, end_seconds=NEVER)
    return replace(vehicle, shift=shift, max_duration_seconds=None, max_distance_metres=None)


def _without_rests(vehicle: Vehicle) -> Vehicle:
    return replace(_as_late_as_it_takes(vehicle), breaks=(), driving_rule=None)


def _late(visit: Visit) -> Visit:
    price = HARD_PRICE if visit.late_cost_per_second is None else visit.late_cost_per_second
    return replace(visit, late_cost_per_second=price)
