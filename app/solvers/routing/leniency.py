"""A timetable for an order that may break rules: as early as it can be driven, however late that is.

For judging a plan that a person made: the order is timed by the rules where it can be, else with windows, shift and
limits off, else without rests and ride times too; the checker names what the times break.
"""

from collections.abc import Sequence
from dataclasses import replace

from app.solvers.routing.problem import Reload, RoutingProblem, TimeWindow, Vehicle, Visit
from app.solvers.routing.route_checks import true_cost
from app.solvers.routing.rules import Item
from app.solvers.routing.schedule import Terms, timetable
from app.solvers.routing.solution import Route

NEVER = 10**9
# Lateness at a hard window: dear, so that none is missed that need not be.
HARD_PRICE = 1e6


class Leniency:
    """Times orders of known visits by known vehicles, for one problem."""

    def __init__(self, problem: RoutingProblem) -> None:
        self.terms = Terms(problem)
        unlimited = tuple(replace(pair, max_ride_seconds=None) for pair in problem.pairs)
        self.milder = Terms(replace(problem, pairs=unlimited))

    def timed(self, vehicle_id: str, order: Sequence[str | Reload]) -> Route:
        """The route; its cost is what it costs by the true rules."""
        vehicle, items = self.terms.vehicles[vehicle_id], self.terms.order(order)
        if (held := timetable(self.terms, vehicle, items)) is not None:
            return held
        route = self._late(vehicle, items)
        served = [self.terms.visits[stop.visit_id] for stop in route.stops]
        return replace(route, late_cost=0.0, cost=true_cost(vehicle, route, served, metres=route.distance_metres))

    def _late(self, vehicle: Vehicle, items: Sequence[Item]) -> Route:
        eased = [item if isinstance(item, Reload) else _late(item) for item in items]
        tolerant = _as_late_as_it_takes(vehicle)
        route = timetable(self.terms, tolerant, eased)
        if route is None:
            route = timetable(self.milder, replace(tolerant, breaks=(), driving_rule=None), eased)
        assert route is not None  # without rules, any order of known visits can be driven
        return route


def _as_late_as_it_takes(vehicle: Vehicle) -> Vehicle:
    shift = TimeWindow(start_seconds=vehicle.shift.start_seconds, end_seconds=NEVER)
    return replace(vehicle, shift=shift, max_duration_seconds=None, max_distance_metres=None)


def _late(visit: Visit) -> Visit:
    price = HARD_PRICE if visit.late_cost_per_second is None else visit.late_cost_per_second
    return replace(visit, late_cost_per_second=price)
