from dataclasses import replace

import numpy as np
import pytest

from app.solvers.allocation.checker import ViolationKind, check
from app.solvers.allocation.engine import solve
from app.solvers.allocation.solution import AllocationSolution
from app.solvers.allocation.table import LEFT_OUT
from app.solvers.stopping import StoppingRule
from tests.solvers.allocation.cases import option, order, table

GIVEN = table(order(option(100, stock=1)), order(option(100, stock=1)), stock=1)
SOUND = solve(GIVEN, stop=StoppingRule(seconds=20), seed=0)
# Without its bound, so that a planted saving is not a second fault.
UNPROVED = replace(SOUND, quality=replace(SOUND.quality, bound=None))


def test_a_sound_answer_has_no_violation() -> None:
    assert check(GIVEN, SOUND) == ()


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        (replace(UNPROVED, chosen=np.array([0, 1]), objective=200), ViolationKind.RESOURCE_OVERDRAWN),
        (replace(UNPROVED, chosen=np.array([1, LEFT_OUT])), ViolationKind.FOREIGN_OPTION),
        (replace(UNPROVED, chosen=np.array([0])), ViolationKind.WRONG_LENGTH),
        (replace(UNPROVED, objective=SOUND.objective - 1), ViolationKind.CLAIMED_TOTAL),
        (replace(UNPROVED, quality=replace(SOUND.quality, bound=1_101.0)), ViolationKind.BOUND_ABOVE_OBJECTIVE),
    ],
)
def test_each_planted_violation_is_found_and_nothing_else(broken: AllocationSolution, kind: ViolationKind) -> None:
    assert {violation.kind for violation in check(GIVEN, broken)} == {kind}
