"""From the orders an engine found to a solution: timed, priced, what is unserved explained, and checked."""

from collections.abc import Mapping, Sequence

from app.solvers.routing import checker
from app.solvers.routing.diagnosis import explain_all
from app.solvers.routing.insertion import Plan
from app.solvers.routing.placing import place_left
from app.solvers.routing.pricing import balance_cost, unserved_cost
from app.solvers.routing.rules import Item
from app.solvers.routing.schedule import Terms
from app.solvers.routing.solution import Quality, RoutingSolution


class InfeasiblePlan(Exception):
    """The engine answered something that the checker refuses: a fault of ours, never adopted."""


def answer(terms: Terms, orders: Mapping[str, Sequence[Item]], quality: Quality) -> RoutingSolution:
    """The solution of these orders, with whoever still fits placed; the others are unserved, and told why.

    InfeasiblePlan: they cannot be driven.
    """
    try:
        plan = Plan(terms, orders)
    except ValueError as refused:
        raise InfeasiblePlan(str(refused)) from refused
    place_left(plan)
    problem = terms.problem
    routes = tuple(plan.routes.values())
    left = [visit for visit in problem.visits if visit.id not in plan.vehicle_of]
    cost = sum(route.cost for route in routes)
    extra = unserved_cost(problem, (visit.id for visit in left))
    extra += balance_cost(problem, [route.duration_seconds for route in routes])
    solution = RoutingSolution(
        routes=routes,
        unserved=tuple(explain_all(plan, left)),
        cost=cost,
        objective=cost + extra,
        distance_metres=sum(route.distance_metres for route in routes),
        duration_seconds=sum(route.duration_seconds for route in routes),
        quality=quality,
    )
    if violations := checker.check(problem, solution):
        raise InfeasiblePlan(f"{len(violations)} violations, the first: {violations[0]}")
    return solution
