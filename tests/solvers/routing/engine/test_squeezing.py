"""Trying to do without some routes: how many, which, and when it is worth trying again."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from app.solvers.routing.decomposition import Part, data_of
from app.solvers.routing.flattening import flatten
from app.solvers.routing.kernel import Plan
from app.solvers.routing.schedule import Terms
from app.solvers.routing.squeezing import ENOUGH, FROM, Squeeze, without
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
    assert Squeeze().fewer(WHOLE, part(*sizes)) == fewer


def test_where_somebody_is_left_out_no_route_goes() -> None:
    given = part(*[6] * 10)
    assert Squeeze().fewer(WHOLE, replace(given, visits=np.arange(61))) == 0


def test_of_a_mixed_fleet_none_goes() -> None:
    assert Squeeze().fewer(WHOLE, replace(part(*[6] * 10), counts=np.array([20, 20]))) == 0


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
    squeeze, many = Squeeze(), part(*[1] * 50)
    for _ in range(ENOUGH):
        assert all(squeeze.is_time(passed=FROM, number=number) for number in range(4))
        squeeze.learn([2, 0], [1, 5])
    assert squeeze.fewer(WHOLE, many) == 1
    assert [squeeze.is_time(passed=FROM, number=number) for number in range(4)] == [True, False, False, True]
    squeeze.learn([1, 0], [1, 0])
    assert squeeze.is_time(passed=FROM, number=1)


def test_it_is_left_alone_while_all_is_in_motion_and_at_the_end() -> None:
    assert not Squeeze().is_time(passed=0.0, number=0)
    assert not Squeeze().is_time(passed=0.99, number=3)
