"""Whatever rules a problem has, the kernel's plan holds them and costs what the timetable says."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.solvers.routing.checker import check
from app.solvers.routing.kernel import improve
from app.solvers.routing.kernel.compiling import compile_problem
from app.solvers.routing.problem import RoutingProblem
from app.solvers.routing.schedule import Terms, plan
from app.solvers.routing.solution import Route
from tests.solvers.routing.everything import problems
from tests.solvers.routing.test_everything import solution


@settings(max_examples=200, deadline=None)
@given(posed=problems(), seed=st.integers(0, 9))
def test_the_kernels_plan_of_any_problem_passes_the_checker_and_costs_what_it_says(
    posed: RoutingProblem, seed: int
) -> None:
    terms = Terms(posed)
    compiled = compile_problem(terms)
    answer = improve(
        compiled.data, compiled.start, seed=seed, start_temperature=50.0, end_temperature=1.0, iterations=60
    )
    routes = []
    for id, order in compiled.orders(answer.plan).items():
        timed = plan(terms, terms.vehicles[id], order)
        assert isinstance(timed, Route), (timed, order)
        routes.append(timed)
    found = solution(posed, routes)
    assert check(posed, found) == []
    assert answer.cost == pytest.approx(found.objective, abs=1e-3)
