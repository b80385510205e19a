"""Whatever rules a problem has, the kernel's plan holds them and costs what the timetable says."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.solvers.routing.checker import check
from app.solvers.routing.compiling import compile_problem
from app.solvers.routing.kernel import improve
from app.solvers.routing.problem import Pair, RoutingProblem, Vehicle, Visit
from app.solvers.routing.schedule import Terms, plan
from app.solvers.routing.solution import Route
from tests.solvers.routing.cases import terms, van, visit, window
from tests.solvers.routing.everything import problems
from tests.solvers.routing.test_everything import solution


@settings(max_examples=100, deadline=None)
@given(posed=problems(), seed=st.integers(0, 9))
def test_the_kernels_plan_of_any_problem_passes_the_checker_and_costs_what_it_says(
    posed: RoutingProblem, seed: int
) -> None:
    known = Terms(posed)
    compiled = compile_problem(known)
    answer = improve(
        compiled.data, compiled.start, seed=seed, start_temperature=50.0, end_temperature=1.0, iterations=60
    )
    routes = []
    for id, order in compiled.orders(answer.plan).items():
        timed = plan(known, known.vehicles[id], order)
        assert isinstance(timed, Route), (timed, order)
        routes.append(timed)
    found = solution(posed, routes)
    assert check(posed, found) == []
    assert answer.cost == pytest.approx(found.objective, abs=1e-3)


def searched(*given: Vehicle | Visit, **more: Any) -> tuple[float, dict[str, list[str]]]:
    """The cost the kernel says, and its orders by id."""
    compiled = compile_problem(terms(*given, **more))
    answer = improve(compiled.data, compiled.start, seed=1, start_temperature=50.0, end_temperature=1.0, iterations=200)
    orders = compiled.orders(answer.plan)
    return answer.cost, {
        id: [one.id if isinstance(one, Visit) else f"reload at {one.location}" for one in order]
        for id, order in orders.items()
    }


def test_a_frozen_beginning_stays_and_the_rest_is_planned_behind_it() -> None:
    van_under_way = van(frozen_visit_ids=("far", "near"))
    cost, orders = searched(van_under_way, visit("near", 2), visit("far", 9), visit("between", 4))
    assert orders == {"van": ["far", "near", "between"]}
    assert cost == 9 + 7 + 2 + 4


def test_what_was_collected_before_the_plan_is_delivered_by_the_same_vehicle() -> None:
    _, orders = searched(
        van("a", frozen_visit_ids=("shop",)),
        van("b", start_location=8),
        visit("shop", 1),
        visit("home", 9),
        pairs=(Pair(pickup_visit_id="shop", delivery_visit_id="home"),),
    )
    assert orders == {"a": ["shop", "home"]}


def test_a_small_vehicle_goes_twice() -> None:
    small = van(capacities=(1,), reload_locations=(0,))
    cost, orders = searched(small, visit("a", 3, demand=(1,)), visit("b", 5, demand=(1,)))
    assert [len(orders["van"]), orders["van"][1]] == [3, "reload at 0"]
    assert cost == 2 * 3 + 2 * 5


def test_stops_late_at_a_price_only_where_that_is_cheaper_than_leaving_them() -> None:
    closed = {"windows": (window(0, 5),), "late_cost_per_second": 0.1}
    cost, orders = searched(van(), visit("dear", 10, **closed), visit("cheap", 10, **closed, unserved_penalty=4.0))
    assert orders == {"van": ["dear"]}
    assert cost == pytest.approx(20 + 5 * 60 * 0.1 + 4.0)


def test_those_together_ride_on_one_vehicle_and_those_apart_on_two() -> None:
    west, east = van("w", start_location=0, end_location=0), van("e", start_location=20, end_location=20)
    visits = (visit("a", 2), visit("b", 18))
    assert searched(west, east, *visits)[1] == {"w": ["a"], "e": ["b"]}
    together = searched(west, east, *visits, together=(frozenset({"a", "b"}),))[1]
    assert len(together) == 1
    near = (visit("a", 2), visit("b", 3))
    assert len(searched(west, east, *near)[1]) == 1
    assert len(searched(west, east, *near, apart=(frozenset({"a", "b"}),))[1]) == 2
