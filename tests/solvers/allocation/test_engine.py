from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.solvers.allocation.checker import check
from app.solvers.allocation.engine import solve
from app.solvers.allocation.solution import AllocationSolution
from app.solvers.allocation.table import LEFT_OUT, AllocationTable
from app.solvers.allocation.validation import InvalidProblem
from app.solvers.stopping import StoppingRule
from tests.solvers.allocation.cases import best_objective, option, order, table

STOP = StoppingRule(seconds=20)
ONE = table(order(option(100, stock=1)), stock=1)


def solved(given: AllocationTable) -> AllocationSolution:
    solution = solve(given, stop=STOP, seed=0)
    assert check(given, solution) == ()
    return solution


def test_the_cheapest_option_wins() -> None:
    solution = solved(table(order(option(450), option(300))))
    assert (solution.chosen.tolist(), solution.objective) == ([1], 300)


def test_the_last_unit_goes_to_whom_losing_it_costs_most() -> None:
    easy = order(option(100, stock=1), option(110))
    hard = order(option(100, stock=1), option(500))
    solution = solved(table(easy, hard, stock=1))
    assert (solution.chosen.tolist(), solution.objective) == ([1, 2], 210)
    assert solution.prices[0] > 0


@pytest.mark.parametrize(
    ("left", "objective"),
    [
        (table(order(option(100, stock=3)), stock=2), 1_000),
        (table(order()), 1_000),
        (table(order(option(700), penalty=600)), 600),
    ],
)
def test_an_order_that_cannot_be_served_or_costs_too_much_is_left_out(left: AllocationTable, objective: int) -> None:
    solution = solved(left)
    assert (solution.chosen.tolist(), solution.objective) == ([LEFT_OUT], objective)


def test_no_orders_are_an_empty_answer() -> None:
    solution = solved(table())
    assert (solution.chosen.tolist(), solution.objective) == ([], 0)


def test_when_time_is_too_short_for_any_search_a_quick_answer_is_given() -> None:
    orders = [order(*(option(100 + n * k % 37, stock=1) for k in range(5))) for n in range(40)]
    given = table(*orders, stock=30)
    solution = solve(given, stop=StoppingRule(seconds=1e-9), seed=0)
    assert check(given, solution) == ()
    assert (solution.chosen != LEFT_OUT).sum() == 30


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (replace(ONE, starts=np.array([0, 2])), "The starts do not lead from 0 to 1 in 1 steps"),
        (replace(ONE, use_starts=np.array([1, 1])), "The use_starts do not lead from 0 to 1"),
        (replace(ONE, use_amounts=np.array([], dtype=np.int32)), "There are 1 uses, and 0 amounts"),
        (replace(ONE, use_resources=np.array([7], dtype=np.int32)), "Use 0 draws on 7, which is no resource"),
        (replace(ONE, capacities=np.array([-1])), "Resource 0 has a capacity of -1"),
        (replace(ONE, penalties=np.array([-5])), "Order 0 has the penalty -5"),
        (replace(ONE, use_amounts=np.array([-2], dtype=np.int32)), "Use 0 has the amount -2"),
    ],
)
def test_a_contradiction_is_refused_and_named(given: AllocationTable, fault: str) -> None:
    with pytest.raises(InvalidProblem, match=fault):
        solve(given, stop=STOP, seed=0)


@st.composite
def small_tables(draw: st.DrawFn) -> AllocationTable:
    names = ("stock", "node", "carrier")
    capacities = {name: draw(st.integers(0, 5)) for name in names}
    orders = []
    for _ in range(draw(st.integers(0, 5))):
        options = [
            option(draw(st.integers(0, 500)), **{name: draw(st.integers(0, 2)) for name in names})
            for _ in range(draw(st.integers(0, 3)))
        ]
        orders.append(order(*options, penalty=draw(st.integers(0, 600))))
    return table(*orders, **capacities)


@settings(max_examples=60, deadline=None)
@given(small_tables())
def test_every_answer_passes_the_checker_and_is_the_best_there_is(given: AllocationTable) -> None:
    solution = solved(given)
    assert solution.objective == best_objective(given)
    assert solution.quality.is_optimal
    assert solution.quality.bound == pytest.approx(solution.objective)
