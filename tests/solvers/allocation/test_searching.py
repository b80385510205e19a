from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from app.solvers.allocation.checker import overdrawn
from app.solvers.allocation.prices import find_prices
from app.solvers.allocation.searching import search
from app.solvers.allocation.table import LEFT_OUT, AllocationTable
from app.solvers.progress import Progress
from app.solvers.stopping import StoppingRule
from benchmarks.allocation_instances import Day, asked_of, demand, network, pose, stock
from tests.solvers.allocation.cases import best_objective, option, order, table
from tests.solvers.allocation.test_engine import small_tables

BRIEF = StoppingRule(iterations=3)


def day(*, orders: int = 400, several_lines: float = 0.3, tightness: float = 1.15, seed: int = 1) -> AllocationTable:
    of = Day(orders=orders, nodes=5, carriers=3, goods=30, several_lines=several_lines, stock=tightness, seed=seed)
    network_of_day = network(of)
    lines = demand(of, network_of_day, seed=0)
    return pose(of, network_of_day, lines, stock(of, asked_of(of, lines))).table


@pytest.mark.parametrize("tightness", [0.7, 1.15, 3.0])
def test_nothing_is_oversold_and_the_bound_is_below_the_answer(tightness: float) -> None:
    given = day(tightness=tightness)
    answer = search(given, stop=BRIEF, seed=1)
    assert overdrawn(given, answer.chosen) == ()
    assert answer.objective == given.objective(answer.chosen)
    assert 0 < answer.prices.bound <= answer.objective


def test_with_ample_stock_a_day_is_close_to_its_bound_at_once() -> None:
    answer = search(day(tightness=3.0, orders=1_000), stop=StoppingRule(iterations=20), seed=1)
    assert answer.gap < 0.01


def test_the_same_seed_gives_the_same_answer() -> None:
    given = day()
    first, again = (search(given, stop=BRIEF, seed=4) for _ in range(2))
    assert first.chosen.tolist() == again.chosen.tolist()
    assert first.prices.by_resource.tolist() == again.prices.by_resource.tolist()


def test_orders_in_blocks_get_the_same_answer_on_any_number_of_threads_and_oversell_nothing() -> None:
    given = day(orders=5_200)
    one, two = (search(given, stop=StoppingRule(iterations=2, threads=threads), seed=3) for threads in (1, 2))
    assert one.chosen.tolist() == two.chosen.tolist()
    assert one.objective == given.objective(one.chosen)
    assert overdrawn(given, one.chosen) == ()
    assert one.objective < search(given, stop=StoppingRule(iterations=1, is_asked=lambda: True), seed=3).objective


def test_rounds_only_ever_make_an_answer_cheaper() -> None:
    given = day()
    objectives = [search(given, stop=StoppingRule(iterations=count), seed=2).objective for count in (1, 2, 8)]
    assert objectives == sorted(objectives, reverse=True)


@settings(max_examples=60, deadline=None)
@given(small_tables())
def test_no_answer_is_below_its_bound_nor_better_than_the_best_there_is(given: AllocationTable) -> None:
    answer = search(given, stop=StoppingRule(iterations=1), seed=0)
    assert overdrawn(given, answer.chosen) == ()
    assert answer.prices.bound <= best_objective(given) <= answer.objective


def test_a_search_stops_at_the_gap_that_is_asked_for() -> None:
    answer = search(day(), stop=StoppingRule(iterations=50, relative_gap=10.0), seed=1)
    assert answer.rounds == 0


def test_a_search_that_is_asked_to_end_answers_with_its_first_allocation() -> None:
    given = day()
    answer = search(given, stop=StoppingRule(iterations=50, is_asked=lambda: True), seed=1)
    assert (answer.rounds, overdrawn(given, answer.chosen)) == (0, ())


def test_progress_goes_forward_and_says_what_is_proved() -> None:
    told: list[Progress] = []
    search(day(), stop=BRIEF, seed=1, on_progress=told.append)
    fractions = [progress.fraction for progress in told]
    assert fractions == sorted(fractions)
    assert told[0].message == "Pricing the limits that 400 orders share."
    assert "above the best possible" in told[-1].message


def test_two_threads_find_the_prices_that_one_finds() -> None:
    given = day()
    one, two = find_prices(given, threads=1), find_prices(given, threads=2)
    assert np.allclose(one.by_resource, two.by_resource)
    assert abs(one.bound - two.bound) <= 1


def test_prices_of_another_day_are_a_start_that_proves_a_bound_just_as_true() -> None:
    table, other = day(), day(seed=1, tightness=1.3)
    prices = find_prices(table, start=find_prices(other).by_resource)
    assert 0 < prices.bound <= search(table, stop=BRIEF, seed=1).objective


def test_scarce_stock_has_a_price_and_ample_stock_has_none() -> None:
    rivals = [order(option(100, few=1, many=1), penalty=500 + number) for number in range(4)]
    few, many = find_prices(table(*rivals, few=2, many=9)).by_resource.tolist()
    # The third order would gain 401, the second 402: any price between them leaves two units to two orders.
    assert 400 <= few <= 403
    assert many == 0


def test_a_price_of_no_orders_is_nothing() -> None:
    answer = search(table(stock=3), stop=BRIEF)
    assert (answer.objective, answer.prices.bound, answer.prices.by_resource.tolist()) == (0, 0, [0.0])


def test_options_that_fit_nobody_are_left_alone() -> None:
    given = table(order(option(10, stock=4)), stock=3)
    assert search(given, stop=BRIEF).chosen.tolist() == [LEFT_OUT]


def test_the_checker_by_number_finds_what_is_overdrawn_and_who_took_a_foreign_option() -> None:
    given = table(order(option(1, stock=2)), order(option(1, stock=2)), stock=3)
    assert overdrawn(given, np.array([0, LEFT_OUT])) == ()
    assert overdrawn(given, np.array([0, 1])) == ((0, 1),)
    assert overdrawn(given, np.array([1, LEFT_OUT])) == ((-1, 0),)
    assert overdrawn(replace(given, capacities=np.array([1])), np.array([0, LEFT_OUT])) == ((0, 1),)
