"""Who is put back, and when it is no use to go on: one call on a plan from which some were taken."""

import math
from typing import Any

import numpy as np
import pytest

from app.solvers.routing.kernel import Plan
from app.solvers.routing.kernel.jit import compiled
from app.solvers.routing.kernel.layout import KernelData
from app.solvers.routing.kernel.memory import Memory
from app.solvers.routing.kernel.preparation import prepare
from app.solvers.routing.kernel.recreate import recreate
from app.solvers.routing.kernel.ruin import ruin
from app.solvers.routing.kernel.starting import adopt
from tests.solvers.routing.kernel.test_search import circle

AN_ARC = 127 + 300 + 127
UNSERVED = 10_000.0


@compiled
def take_some_out(memory: Any) -> None:
    m = memory[0]
    m.tick += 1
    m.saved_nodes = 0
    m.saved_routes = 0
    ruin(m)


@compiled
def put_back(memory: Any, most: float) -> None:
    recreate(memory[0], most)


def ruined(data: KernelData) -> tuple[Memory, int, float]:
    """After a ruin; how many were taken out, and what the rest of the plan costs without their penalties."""
    memory = prepare(data, seed=3)
    adopt(memory, Plan.of([[0, 1, 2, 3], [4, 5, 6, 7]]))
    take_some_out(memory.record)
    out = memory.number("absent_size")
    return memory, out, float(memory.record["cost"][0]) - out * UNSERVED


def priced(**given: Any) -> KernelData:
    return circle(penalties=np.full(8, UNSERVED), **given)


@pytest.mark.parametrize(("room", "left"), [(-1.0, "all"), (0.0, "some"), (math.inf, "none")])
def test_who_is_taken_out_is_put_back_until_the_plan_costs_too_much(room: float, left: str) -> None:
    memory, out, rest = ruined(priced())
    assert (out > 1, rest < 2 * AN_ARC) == (True, True)
    put_back(memory.record, rest + room)
    absent = memory.number("absent_size")
    assert {"all": absent == out, "some": absent == out - 1, "none": absent == 0}[left]


def test_with_pairs_it_goes_on_for_what_comes_may_be_cheaper_together() -> None:
    memory, out, rest = ruined(priced(pairs=np.array([[0, 1]])))
    assert out > 1
    put_back(memory.record, rest - 1.0)
    assert memory.number("absent_size") == 0
