import numpy as np
import pytest

from app.solvers.allocation.engine import solve
from app.solvers.allocation.standing import with_standing
from app.solvers.allocation.table import LEFT_OUT
from app.solvers.stopping import StoppingRule
from tests.solvers.allocation.cases import option, order, table

STOP = StoppingRule(seconds=20)
# The first holds the last unit, option 0; the second has no other way.
HOLDER, LATECOMER = order(option(100, stock=1), option(140)), order(option(100, stock=1))
HELD = np.array([0, LEFT_OUT])


def test_who_holds_the_last_unit_makes_room_for_who_has_no_other_way() -> None:
    anew = with_standing(table(HOLDER, LATECOMER, stock=1), HELD, change_minor=30)
    solution = solve(anew, stop=STOP)
    assert solution.chosen.tolist() == [1, 2]
    assert solution.objective == 140 + 30 + 100


@pytest.mark.parametrize(("change_minor", "chosen"), [(39, 1), (41, 0)])
def test_a_change_has_to_save_more_than_it_costs(change_minor: int, chosen: int) -> None:
    anew = with_standing(table(order(option(140), option(100))), np.array([0]), change_minor=change_minor)
    assert solve(anew, stop=STOP).chosen.tolist() == [chosen]


def test_nobody_is_left_out_for_another_who_holds_nothing() -> None:
    only = order(option(100, stock=1))
    anew = with_standing(table(only, LATECOMER, stock=1), HELD, change_minor=0)
    assert solve(anew, stop=STOP).chosen.tolist() == [0, LEFT_OUT]


def test_without_anybody_who_holds_something_the_problem_is_as_it_was() -> None:
    given = table(HOLDER, LATECOMER, stock=1)
    anew = with_standing(given, np.full(2, LEFT_OUT), change_minor=30)
    assert anew.costs.tolist() == given.costs.tolist()
    assert anew.penalties.tolist() == given.penalties.tolist()
