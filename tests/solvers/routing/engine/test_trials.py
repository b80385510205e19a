"""Trying fewer routes, or more: how many, which, and when it is worth trying again."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from app.solvers.routing.costing import route_costs
from app.solvers.routing.decomposition import Part, data_of
from app.solvers.routing.flattening import flatten
from app.solvers.routing.kernel import Plan
from app.solvers.routing.schedule import Terms
from app.solvers.routing.trials import ENOUGH, FROM, Trial, Trials, few_go, insisting, is_choice, without
from tests.solvers.routing.engine.test_engine import scattered

WHOLE = flatten(Terms(scattered(61, vehicles=40))).whole  # ten fit into a van


def part(*sizes: int) -> Part:
    visits = np.arange(sum(sizes))
    plan = Plan(
        visits=visits.astype(np.int32),
        starts=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32),
        kinds=np.zeros(len(sizes), np.int32),
    )
    return Part(visits=visits, counts=np.array([40]), plan=plan)


@pytest.mark.parametrize(
    ("sizes", "fewer"),
    [
        ([6] * 10, 1),  # six would hold all
        ([10] * 6, 0),  # every van is full
        ([20] * 3, 0),  # too few to choose from
        ([1] * 50, 2),
    ],
)
def test_no_more_routes_are_to_go_than_loads_allow(sizes: list[int], fewer: int) -> None:
    assert Trials().of(WHOLE, part(*sizes), is_choice=False, seed=1) == (Trial(fewer=fewer) if fewer else None)


def test_where_somebody_is_left_out_no_route_goes() -> None:
    given = replace(part(*[6] * 10), visits=np.arange(61))
    assert Trials().of(WHOLE, given, is_choice=False, seed=1) is None


def test_where_leaving_out_is_a_choice_more_routes_are_tried_as_often_as_fewer() -> None:
    given = replace(part(*[6] * 10), visits=np.arange(61))
    tried = [Trials().of(WHOLE, given, is_choice=True, seed=seed) for seed in range(4)]
    assert tried == [Trial(fewer=1), Trial(fewer=0)] * 2
    all_drive = replace(given, counts=np.array([10]))
    assert [Trials().of(WHOLE, all_drive, is_choice=True, seed=seed) for seed in range(2)] == [Trial(fewer=1)] * 2
    assert Trials().of(WHOLE, part(*[20] * 3), is_choice=True, seed=0) == Trial(fewer=0)


@pytest.mark.parametrize(("times", "choice", "few"), [(0.5, True, True), (2, True, False), (20, False, False)])
def test_leaving_out_is_a_choice_where_it_costs_about_what_serving_does(times: float, choice: bool, few: bool) -> None:
    plan = part(*[6] * 10).plan
    penalties = np.full(61, times * route_costs(WHOLE, plan).sum() / 60)
    whole = replace(WHOLE, data=replace(WHOLE.data, penalties=penalties))
    assert (is_choice(whole, plan), few_go(whole, plan)) == (choice, few)
    assert not few_go(whole, Plan.of([]))


def test_leaving_out_costs_each_so_many_times_as_much() -> None:
    data = replace(WHOLE.data, penalties=np.array([10.0, 20.0]))
    assert np.asarray(insisting(data, 3.0).penalties).tolist() == [30.0, 60.0]
    assert np.asarray(insisting(data, np.array([1.0, 4.0])).penalties).tolist() == [10.0, 80.0]
    assert insisting(data, 1.0) is data
    unpriced = replace(WHOLE.data, penalties=None)
    assert insisting(unpriced, 2.0) is unpriced


def test_of_a_mixed_fleet_those_that_go_take_vehicles_of_their_kinds_with_them() -> None:
    plan = replace(part(*[6] * 10).plan, kinds=np.array([0, 1] * 5, np.int32))
    given = replace(part(*[6] * 10), counts=np.array([20, 20]), plan=plan)
    assert Trials().of(WHOLE, given, is_choice=False, seed=1) == Trial(fewer=1)
    kinds = replace(WHOLE.data.kinds, counts=given.counts)
    data, left = without(replace(WHOLE.data, kinds=kinds), plan, 3, seed=1)
    assert np.asarray(data.kinds.counts).tolist() == np.bincount(left.kinds, minlength=2).tolist()
    assert len(left.kinds) == np.sum(data.kinds.counts) == 7


def test_those_that_go_are_small_and_do_not_come_back() -> None:
    given = part(10, 9, 2, 10, 9, 3, 10, 4, 1, 2)
    data, plan = without(data_of(WHOLE, given), given.plan, 2, seed=1)
    assert np.asarray(data.kinds.counts).tolist() == [8]
    sizes = np.diff(plan.starts).tolist()
    assert len(sizes) == 8
    assert set(sizes) >= {10, 9, 4}
    assert len(plan.visits) == sum(sizes) >= 60 - 2 * 3
    kept = {tuple(plan.visits[a:b]) for a, b in pairwise(plan.starts)}
    assert kept < {tuple(given.plan.visits[a:b]) for a, b in pairwise(given.plan.starts)}


def test_what_was_in_vain_is_tried_with_less_and_then_rarely() -> None:
    trials, many = Trials(), part(*[1] * 50)
    for _ in range(ENOUGH):
        assert all(trials.is_time(passed=FROM, number=number) for number in range(4))
        trials.learn([Trial(fewer=2), None], [1, 5])
    assert trials.of(WHOLE, many, is_choice=False, seed=1) == Trial(fewer=1)
    assert [trials.is_time(passed=FROM, number=number) for number in range(4)] == [True, False, False, True]
    trials.learn([Trial(fewer=1), None], [1, 0])
    assert trials.is_time(passed=FROM, number=1)


def test_it_is_left_alone_while_all_is_in_motion_and_at_the_end() -> None:
    assert not Trials().is_time(passed=0.0, number=0)
    assert not Trials().is_time(passed=0.99, number=3)
