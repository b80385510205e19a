from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.solvers.routing.checker import check
from app.solvers.routing.problem import RoutingProblem
from app.solvers.routing.schedule import timetable
from app.solvers.routing.solution import Quality, Route, RoutingSolution, Unserved, UnservedCode
from tests.solvers.routing.cases import MINUTE, problem, terms, van, visit, window

A = visit("a", 2, demand=(2, 1), service_seconds=60, windows=(window(10, 20), window(30, 40)))
B = visit("b", 5, demand=(1, 3))
VAN = van(capacities=(3, 4), fixed_cost=5.0, cost_per_second=0.5)
GIVEN = problem(VAN, A, B)


def planned() -> Route:
    route = timetable(terms(VAN, A, B), VAN, [A, B])
    assert route is not None
    return route


def solution(*routes: Route, unserved: tuple[str, ...] = ()) -> RoutingSolution:
    cost = sum(route.cost for route in routes)
    served = {stop.visit_id for route in routes for stop in route.stops}
    left_out = sum(visit.unserved_penalty for visit in (A, B) if visit.id not in served)
    return RoutingSolution(
        routes=routes,
        unserved=tuple(Unserved(visit_id=id, code=UnservedCode.NO_VEHICLE_LEFT, detail="") for id in unserved),
        cost=cost,
        objective=cost + left_out,
        distance_metres=sum(route.distance_metres for route in routes),
        duration_seconds=sum(route.duration_seconds for route in routes),
        quality=Quality(solver="by hand", seconds=0.0, iterations=0),
    )


def codes(given: RoutingProblem, judged: RoutingSolution) -> list[str]:
    return [violation.code for violation in check(given, judged)]


def test_a_plan_that_can_be_driven_has_no_violation() -> None:
    assert codes(GIVEN, solution(planned())) == []


TIGHTER: list[tuple[dict[str, Any], str]] = [
    ({"capacities": (2, 4)}, "CAPACITY"),
    ({"capacities": (3, 3)}, "CAPACITY"),
    ({"shift": window(9, 600)}, "SHIFT"),
    ({"shift": window(0, 18)}, "SHIFT"),
    ({"max_duration_seconds": 11 * MINUTE - 1}, "MAX_DURATION"),
    ({"max_distance_metres": 9_999}, "MAX_DISTANCE"),
    ({"max_stops": 1}, "MAX_STOPS"),
    ({"fixed_cost": 6.0}, "COST_CLAIMED"),
]


@pytest.mark.parametrize(("change", "code"), TIGHTER)
def test_a_broken_limit_of_the_vehicle_is_found(change: dict[str, Any], code: str) -> None:
    assert codes(problem(replace(VAN, **change), A, B), solution(planned())) == [code]


STRICTER: list[tuple[dict[str, Any], str]] = [
    ({"windows": (window(0, 9), window(11, 40))}, "WINDOW"),
    ({"skills": frozenset({"cold"})}, "SKILL"),
    ({"allowed_vehicle_ids": frozenset({"other"})}, "NOT_ALLOWED"),
    ({"pinned_vehicle_id": "other"}, "NOT_ALLOWED"),
    ({"release_seconds": 8 * MINUTE + 1}, "RELEASE"),
]


@pytest.mark.parametrize(("change", "code"), STRICTER)
def test_a_broken_rule_of_the_visit_is_found(change: dict[str, Any], code: str) -> None:
    (found,) = check(problem(VAN, replace(A, **change), B), solution(planned()))
    assert (found.code, found.vehicle_id, found.visit_id) == (code, "van", "a")


def too_early(route: Route) -> Route:
    first, second = route.stops
    return replace(route, stops=(first, replace(second, service_start_seconds=second.service_start_seconds - 1)))


CLAIMS: list[tuple[Callable[[Route], Route], list[str]]] = [
    (too_early, ["TRAVEL"]),
    (lambda route: replace(route, distance_metres=9_000), ["METRES_CLAIMED"]),
    (lambda route: replace(route, cost=1.0), ["COST_CLAIMED"]),
    (
        lambda route: replace(route, end_seconds=route.end_seconds - 2, cost=route.cost - 1),
        ["END_TOO_EARLY", "DURATION_CLAIMED"],
    ),
    (lambda route: replace(route, vehicle_id="ghost"), ["VEHICLE_UNKNOWN"]),
]


@pytest.mark.parametrize(("change", "expected"), CLAIMS)
def test_a_route_that_claims_what_is_not_so_is_found(change: Callable[[Route], Route], expected: list[str]) -> None:
    assert codes(GIVEN, solution(change(planned()))) == expected


def test_every_visit_is_accounted_for_exactly_once() -> None:
    route = planned()
    assert codes(GIVEN, solution(route, unserved=("a",))) == ["VISIT_TWICE"]
    assert codes(GIVEN, solution(unserved=("a",))) == ["VISIT_MISSING"]
    assert codes(GIVEN, solution(route, unserved=("c",))) == ["VISIT_UNKNOWN"]
    assert codes(GIVEN, solution(route, route)) == ["VISIT_TWICE", "VISIT_TWICE", "VEHICLE_TWICE"]


def test_a_total_that_is_not_the_sum_of_its_routes_is_found() -> None:
    assert codes(GIVEN, replace(solution(planned()), cost=1.0, objective=1.0)) == ["COST_CLAIMED"]
    assert codes(GIVEN, replace(solution(planned()), objective=1.0)) == ["OBJECTIVE_CLAIMED"]
