"""The timetable and the checker know nothing of each other, and agree on any problem and any plan."""

from hypothesis import given, settings
from hypothesis import strategies as st

from app.solvers.routing.checker import check, check_orders
from app.solvers.routing.driving import Refusal
from app.solvers.routing.ortools_engine import solve
from app.solvers.routing.pricing import balance_cost, unserved_cost
from app.solvers.routing.problem import RoutingProblem
from app.solvers.routing.schedule import Terms, plan
from app.solvers.routing.solution import Quality, Route, RoutingSolution, Unserved, UnservedCode
from app.solvers.routing.validation import faults
from app.solvers.stopping import StoppingRule
from tests.solvers.routing.everything import orders, problems

PLANS = problems(most_vehicles=2).flatmap(lambda posed: st.tuples(st.just(posed), orders(posed)))
# What the rules of one route do not decide.
BETWEEN_ROUTES = {"TOGETHER", "APART", "GROUP", "PAIR"}


def solution(posed: RoutingProblem, routes: list[Route]) -> RoutingSolution:
    served = {stop.visit_id for route in routes for stop in route.stops}
    left = [visit.id for visit in posed.visits if visit.id not in served]
    cost = sum(route.cost for route in routes)
    seconds = [route.duration_seconds for route in routes]
    return RoutingSolution(
        routes=tuple(routes),
        unserved=tuple(Unserved(visit_id=id, code=UnservedCode.NO_VEHICLE_LEFT, detail="") for id in left),
        cost=cost,
        objective=cost + unserved_cost(posed, left) + balance_cost(posed, seconds),
        distance_metres=sum(route.distance_metres for route in routes),
        duration_seconds=sum(seconds),
        quality=Quality(solver="by hand", seconds=0.0, iterations=0),
    )


@settings(max_examples=150, deadline=None)
@given(given=PLANS)
def test_a_route_has_a_timetable_exactly_where_the_checker_finds_nothing(given: tuple) -> None:  # type: ignore[type-arg]
    posed, planned = given
    assert list(faults(posed)) == []
    terms = Terms(posed)
    found = {id: plan(terms, terms.vehicles[id], terms.order(order)) for id, order in planned.items()}
    judged = check_orders(posed, planned)
    for id, route in found.items():
        own = [one for one in judged if one.vehicle_id == id and one.code not in BETWEEN_ROUTES]
        if isinstance(route, Refusal):
            assert [one for one in judged if one.vehicle_id == id or one.code in ("GROUP", "PAIR")], route
        else:
            assert own == []
    routes = [route for route in found.values() if isinstance(route, Route)]
    codes = {one.code for one in check(posed, solution(posed, routes))}
    assert codes <= BETWEEN_ROUTES


@settings(max_examples=40, deadline=None)
@given(posed=problems())
def test_the_reference_engine_answers_any_problem_with_a_plan_that_holds_every_rule(posed: RoutingProblem) -> None:
    assert check(posed, solve(posed, stop=StoppingRule(seconds=0.1, iterations=5))) == []
