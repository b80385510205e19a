"""Routes that anybody could drive leave scarce vehicles to those who need them."""

from typing import Any

import numpy as np
import pytest

from app.solvers.routing.flattening import Flat, flatten
from app.solvers.routing.kernel import Plan
from app.solvers.routing.problem import Visit
from app.solvers.routing.relief import relieve
from app.solvers.routing.schedule import Terms
from tests.solvers.routing.cases import problem, van, visit, window

COLD = frozenset({"cold"})
ICE, BREAD, MILK = visit("ice", 1, skills=COLD), visit("bread", 2), visit("milk", 3)


def flat(*plain: dict[str, Any], visits: tuple[Visit, ...] = (ICE, BREAD, MILK)) -> Flat:
    """A cooled van, kind 0, and others, each a kind of its own."""
    others = [van(f"plain {at}", **given) for at, given in enumerate(plain)]
    return flatten(Terms(problem(van("cooled", skills=COLD), *others, *visits)))


def plan(*routes: tuple[int, list[int]]) -> Plan:
    return Plan(
        visits=np.concatenate([visits for _, visits in routes]).astype(np.int32),
        starts=np.cumsum([0, *(len(visits) for _, visits in routes)]).astype(np.int32),
        kinds=np.array([kind for kind, _ in routes], np.int32),
    )


def test_bread_goes_to_the_idle_van_so_that_the_cooled_one_is_there_for_ice() -> None:
    given = plan((0, [1, 2]))
    relieved = relieve(flat({}).whole, given)
    assert relieved.kinds.tolist() == [1]
    assert relieved.routes() == given.routes()


def test_ice_stays_in_the_cooled_van() -> None:
    assert relieve(flat({}).whole, plan((0, [0, 1]))).kinds.tolist() == [0]


def test_a_van_that_drives_already_takes_over_nothing() -> None:
    assert relieve(flat({}).whole, plan((0, [1]), (1, [2]))).kinds.tolist() == [0, 1]


@pytest.mark.parametrize("other", [{"shift": window(60, 120)}, {"fixed_cost": 1.0}, {"start_location": 5}])
def test_a_van_of_other_hours_costs_or_places_takes_over_nothing(other: dict[str, Any]) -> None:
    assert relieve(flat(other).whole, plan((0, [1]))).kinds.tolist() == [0]


def test_nor_one_for_which_a_visit_costs_more() -> None:
    dear = visit("bread", 2, vehicle_costs={"plain 0": 5.0})
    assert relieve(flat({}, visits=(ICE, dear, MILK)).whole, plan((0, [1]))).kinds.tolist() == [0]


def test_where_all_vehicles_are_alike_nothing_changes() -> None:
    given = plan((0, [0]))
    assert relieve(flatten(Terms(problem(van(), BREAD))).whole, given) is given
