from dataclasses import replace

import pytest

from app.solvers.allocation.checker import ViolationKind, check
from app.solvers.allocation.engine import solve
from app.solvers.allocation.solution import AllocationSolution, Choice
from app.solvers.stopping import StoppingRule
from tests.solvers.allocation.cases import option, order, problem, resource

GIVEN = problem(
    order("1", option("a", 100, stock=1)), order("2", option("a", 100, stock=1)), resources=(resource("stock", 1),)
)
SOUND = solve(GIVEN, stop=StoppingRule(seconds=20), seed=0)
# Without its bound, so that a planted saving is not a second fault.
UNPROVED = replace(SOUND, quality=replace(SOUND.quality, bound=None))
SERVED, LEFT = SOUND.choices[0], SOUND.unallocated[0]
BOTH = (SERVED, Choice(order_id=LEFT.order_id, option_id="a", cost=100))


def test_a_sound_answer_has_no_violation() -> None:
    assert check(GIVEN, SOUND) == ()


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        (replace(UNPROVED, choices=BOTH, unallocated=(), cost=200, objective=200), ViolationKind.RESOURCE_OVERDRAWN),
        (replace(UNPROVED, unallocated=(), objective=100), ViolationKind.ORDER_FORGOTTEN),
        (replace(UNPROVED, unallocated=(LEFT, LEFT), objective=2_100), ViolationKind.ORDER_TWICE),
        (replace(UNPROVED, unallocated=(LEFT, replace(LEFT, order_id="9"))), ViolationKind.UNKNOWN_ORDER),
        (replace(UNPROVED, choices=(replace(SERVED, option_id="z"),)), ViolationKind.UNKNOWN_OPTION),
        (replace(UNPROVED, choices=(replace(SERVED, cost=99),), cost=99, objective=1_099), ViolationKind.CLAIMED_COST),
        (replace(UNPROVED, objective=SOUND.objective - 1), ViolationKind.CLAIMED_TOTAL),
        (replace(UNPROVED, cost=SOUND.cost + 1), ViolationKind.CLAIMED_TOTAL),
        (replace(UNPROVED, quality=replace(SOUND.quality, bound=1_101.0)), ViolationKind.BOUND_ABOVE_OBJECTIVE),
    ],
)
def test_each_planted_violation_is_found_and_nothing_else(broken: AllocationSolution, kind: ViolationKind) -> None:
    assert {violation.kind for violation in check(GIVEN, broken)} == {kind}
