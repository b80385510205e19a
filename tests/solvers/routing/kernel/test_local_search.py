"""Joining a visit to its nearest: one call on a plan that has one thing wrong."""

from typing import Any

import numpy as np
import pytest

from app.solvers.routing.kernel import Plan
from app.solvers.routing.kernel.chain import take_back
from app.solvers.routing.kernel.jit import compiled
from app.solvers.routing.kernel.layout import KernelData
from app.solvers.routing.kernel.local_search import improve_locally
from app.solvers.routing.kernel.memory import Memory, whole
from app.solvers.routing.kernel.preparation import prepare
from app.solvers.routing.kernel.search import keep_last
from app.solvers.routing.kernel.starting import adopt, plan_of
from tests.solvers.routing.kernel.test_search import circle, kinds

ARCS = [[0, 1, 2, 3], [4, 5, 6, 7]]
AN_ARC = 127 + 300 + 127


@compiled
def improve_around(memory: Any, c: int) -> None:
    m = memory[0]
    m.tick += 1
    m.saved_nodes = 0
    m.saved_routes = 0
    whole(m.pool)[0] = c
    m.pool_size = 1
    improve_locally(m)


@compiled
def undo(memory: Any, cost: float) -> None:
    take_back(memory[0], cost)


def improved(data: KernelData, routes: list[list[int]], c: int) -> Memory:
    memory = prepare(data, seed=1)
    adopt(memory, Plan.of(routes))
    improve_around(memory.record, c)
    return memory


def routes_of(memory: Memory) -> list[list[int]]:
    """Each from its smaller end, in order."""
    keep_last(memory.record)
    return sorted(min(route, route[::-1]) for route in plan_of(memory).routes())


@pytest.mark.parametrize(
    "routes",
    [
        pytest.param([[0, 1, 6, 7], [4, 5, 2, 3]], id="tails belong to the other route"),
        pytest.param([[0, 1, 6, 7], [3, 2, 5, 4]], id="one route has to be driven the other way round"),
        pytest.param([[7, 6, 1, 0], [4, 5, 2, 3]], id="so has the other"),
    ],
)
def test_what_two_routes_have_of_each_other_is_exchanged(routes: list[list[int]]) -> None:
    memory = improved(circle(), routes, 1)
    assert routes_of(memory) == ARCS
    assert memory.record["cost"][0] == 2 * AN_ARC


def test_a_route_that_crosses_itself_is_untwisted() -> None:
    memory = improved(circle(), [[0, 2, 1, 3], [4, 5, 6, 7]], 1)
    assert routes_of(memory) == ARCS


def test_an_exchange_is_taken_back_with_the_iteration() -> None:
    before = [[0, 1, 6, 7], [4, 5, 2, 3]]
    memory = prepare(circle(), seed=1)
    adopt(memory, Plan.of(before))
    cost = float(memory.record["cost"][0])
    improve_around(memory.record, 1)
    undo(memory.record, cost)
    assert routes_of(memory) == sorted(min(route, route[::-1]) for route in before)


def test_no_tail_goes_where_there_is_no_room_for_it() -> None:
    demands = np.array([3, 1, 1, 1, 1, 1, 1, 1])[:, None]
    memory = improved(circle(demands=demands, kinds=kinds(capacity=6)), [[0, 1, 6, 7], [4, 5, 2, 3]], 1)
    assert routes_of(memory) == ARCS
    full = improved(circle(demands=demands, kinds=kinds(capacity=5)), [[0, 1, 6], [4, 5, 2, 3]], 1)
    assert routes_of(full) == [[0, 1, 6], [3, 2, 5, 4]]


@pytest.mark.parametrize(("closes", "expected"), [(427, [[0, 1, 2, 3], [6, 7]]), (426, [[0, 1, 6, 7], [2, 3]])])
def test_no_tail_goes_where_it_would_come_too_late(closes: int, expected: list[list[int]]) -> None:
    latest = np.full(8, 5_000)
    latest[3] = closes  # at 227 on its own route, at 427 behind 0, 1 and 2
    memory = improved(circle(opens=np.zeros(8), closes=latest), [[0, 1, 6, 7], [2, 3]], 1)
    assert routes_of(memory) == expected


def test_with_windows_tails_are_exchanged_and_no_route_is_turned() -> None:
    windows = {"opens": np.zeros(8), "closes": np.full(8, 5_000)}
    assert routes_of(improved(circle(**windows), [[0, 1, 6, 7], [4, 5, 2, 3]], 1)) == ARCS
    turned = [[0, 1, 6, 7], [3, 2, 5, 4]]
    assert routes_of(improved(circle(**windows), turned, 1)) != ARCS
