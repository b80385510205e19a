import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.solvers.allocation.checker import check
from app.solvers.allocation.engine import solve
from app.solvers.allocation.problem import AllocationProblem, ResourceKind
from app.solvers.allocation.solution import AllocationSolution, RejectionCode, UnallocatedCode
from app.solvers.allocation.validation import InvalidProblem
from app.solvers.stopping import StoppingRule
from tests.solvers.allocation.cases import best_objective, option, order, problem, resource

STOP = StoppingRule(seconds=20)


def solved(given: AllocationProblem) -> AllocationSolution:
    solution = solve(given, stop=STOP, seed=0)
    assert check(given, solution) == ()
    return solution


def chosen(solution: AllocationSolution) -> dict[str, str]:
    return {choice.order_id: choice.option_id for choice in solution.choices}


def test_the_cheapest_option_wins_and_the_other_says_by_how_much_it_lost() -> None:
    solution = solved(problem(order("1", option("near", 300), option("far", 450))))
    assert chosen(solution) == {"1": "near"}
    (rejected,) = solution.choices[0].rejected
    assert (rejected.option_id, rejected.code, rejected.difference) == ("far", RejectionCode.COSTS_MORE, 150)


def test_the_last_unit_goes_to_whom_losing_it_costs_most() -> None:
    shared = resource("stock", 1)
    given = problem(
        order("easy", option("near", 100, stock=1), option("far", 110)),
        order("hard", option("near", 100, stock=1), option("far", 500)),
        resources=(shared,),
    )
    solution = solved(given)
    assert chosen(solution) == {"easy": "far", "hard": "near"}
    assert (solution.cost, solution.objective) == (210, 210)
    (rejected,) = solution.choices[0].rejected
    assert (rejected.code, rejected.resource_id, rejected.difference) == (
        RejectionCode.RESOURCE_EXHAUSTED,
        "stock",
        -10,
    )
    assert rejected.detail == "stock of the shop is exhausted; 1 more would be needed."


def test_equal_cost_is_said_to_be_equal() -> None:
    solution = solved(problem(order("1", option("a", 100), option("b", 100))))
    assert [rejected.code for rejected in solution.choices[0].rejected] == [RejectionCode.COSTS_THE_SAME]


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (ResourceKind.STOCK, UnallocatedCode.NO_STOCK),
        (ResourceKind.NODE_THROUGHPUT, UnallocatedCode.NODE_THROUGHPUT_EXCEEDED),
        (ResourceKind.CARRIER_CAPACITY, UnallocatedCode.NO_CARRIER_CAPACITY),
    ],
)
def test_an_order_that_lacks_a_resource_names_it_and_what_would_help(kind: ResourceKind, code: UnallocatedCode) -> None:
    solution = solved(problem(order("1", option("a", 100, short=3)), resources=(resource("short", 2, kind),)))
    (left,) = solution.unallocated
    assert (left.code, left.detail) == (code, "1 more of short of the shop would be needed.")
    assert left.relaxation is not None
    assert (left.relaxation.constraint, left.relaxation.change, left.relaxation.cost, left.relaxation.option_id) == (
        kind.value,
        "1 more of short of the shop",
        100,
        "a",
    )


def test_an_order_without_options_has_no_feasible_option() -> None:
    (left,) = solved(problem(order("1"))).unallocated
    assert (left.code, left.relaxation) == (UnallocatedCode.NO_FEASIBLE_OPTION, None)


def test_an_order_that_costs_more_than_its_penalty_is_not_worth_serving() -> None:
    solution = solved(problem(order("1", option("a", 700), penalty=600)))
    (left,) = solution.unallocated
    assert left.code == UnallocatedCode.NOT_WORTH_SERVING
    assert left.relaxation is not None
    assert (left.relaxation.constraint, left.relaxation.change) == ("PENALTY", "a penalty of at least 700")
    assert solution.objective == 600


def test_no_orders_are_an_empty_answer() -> None:
    solution = solved(problem())
    assert (solution.choices, solution.unallocated, solution.objective) == ((), (), 0)


def test_when_time_is_too_short_for_any_search_a_quick_answer_is_given() -> None:
    orders = [order(str(n), *(option(f"{k}", 100 + n * k % 37, stock=1) for k in range(5))) for n in range(40)]
    given = problem(*orders, resources=(resource("stock", 30),))
    solution = solve(given, stop=StoppingRule(seconds=1e-9), seed=0)
    assert check(given, solution) == ()
    assert len(solution.choices) == 30


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (problem(order("1"), order("1")), "The order 1 is given 2 times"),
        (problem(order("1", option("a", 1, ghost=1))), "uses ghost, which is no resource"),
        (problem(resources=(resource("stock", -1),)), "has a capacity of -1"),
        (problem(order("1", penalty=-5)), "has the penalty -5"),
    ],
)
def test_a_contradiction_is_refused_and_named(given: AllocationProblem, fault: str) -> None:
    with pytest.raises(InvalidProblem, match=fault):
        solve(given, stop=STOP, seed=0)


@st.composite
def small_problems(draw: st.DrawFn) -> AllocationProblem:
    names = ("stock", "node", "carrier")
    resources = tuple(
        resource(name, draw(st.integers(0, 5)), kind) for name, kind in zip(names, ResourceKind, strict=True)
    )
    orders = []
    for number in range(draw(st.integers(0, 5))):
        options = [
            option(str(k), draw(st.integers(0, 500)), **{name: draw(st.integers(0, 2)) for name in names})
            for k in range(draw(st.integers(0, 3)))
        ]
        orders.append(order(str(number), *options, penalty=draw(st.integers(0, 600))))
    return problem(*orders, resources=resources)


@settings(max_examples=60, deadline=None)
@given(small_problems())
def test_every_answer_passes_the_checker_and_is_the_best_there_is(given: AllocationProblem) -> None:
    solution = solved(given)
    assert solution.objective == best_objective(given)
    assert solution.quality.is_optimal
    assert solution.quality.bound == pytest.approx(solution.objective)
