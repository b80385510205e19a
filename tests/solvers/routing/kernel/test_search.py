"""The kernel on plain arrays: what it finds on small problems, what it keeps, and that seeds repeat."""

from typing import Any

import numpy as np
import pytest

from app.solvers.routing.kernel import FAR, Improved, KernelData, Plan, VehicleKinds, improve
from app.solvers.routing.kernel.preparation import prepare

DEPOT = 8


def circle(**given: Any) -> KernelData:
    """Eight visits evenly on a circle of 800 metres, the depot in its middle, 127 metres from each."""
    around = np.abs(np.subtract.outer(np.arange(8), np.arange(8)))
    distances = np.full((9, 9), 127)
    distances[:8, :8] = np.minimum(around, 8 - around) * 100
    distances[DEPOT, DEPOT] = 0
    usual: dict[str, Any] = {
        "distances": distances,
        "durations": distances,
        "demands": np.ones((8, 1), np.int64),
        "kinds": kinds(),
    }
    return KernelData(**(usual | given))


def kinds(count: int = 8, capacity: int = 4, **given: Any) -> VehicleKinds:
    usual: dict[str, Any] = {
        "counts": np.array([count]),
        "start_rows": np.array([DEPOT]),
        "end_rows": np.array([DEPOT]),
        "capacities": np.array([[capacity]]),
    }
    return VehicleKinds(**(usual | given))


def search(data: KernelData, plan: Plan | None = None, *, seed: int = 1, iterations: int = 400) -> Improved:
    start = Plan.of([]) if plan is None else plan
    return improve(data, start, seed=seed, start_temperature=100.0, end_temperature=1.0, iterations=iterations)


def test_two_vehicles_share_a_circle_in_two_arcs() -> None:
    answer = search(circle())
    assert answer.cost == 2 * (127 + 300 + 127)
    assert sorted(map(sorted, map(_arc, answer.plan.routes()))) == [[0, 1, 2, 3], [0, 1, 2, 3]]


def _arc(route: list[int]) -> list[int]:
    """A route by distance from its first visit."""
    return [min((visit - route[0]) % 8, (route[0] - visit) % 8) for visit in route]


def test_the_same_seed_and_iterations_give_the_same_plan() -> None:
    first, second = (search(circle(), seed=7, iterations=50) for _ in range(2))
    assert first.plan.routes() == second.plan.routes()
    assert (first.cost, first.iterations) == (second.cost, second.iterations)


@pytest.mark.parametrize("spent_a_look", [1e-7, 1e-5, 1e-3])
def test_the_same_iterations_give_the_same_plan_however_long_they_take(spent_a_look: float) -> None:
    dice = np.random.default_rng(3)
    points = dice.uniform(0, 1_000, (121, 2))
    metres = np.asarray(np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1)), np.int64)
    fleet = kinds(count=20, capacity=15, start_rows=np.array([120]), end_rows=np.array([120]))
    data = KernelData(distances=metres, durations=metres, demands=np.ones((120, 1), np.int64), kinds=fleet)
    looks = iter(np.arange(0.0, 1.0, spent_a_look).tolist())
    heat: dict[str, Any] = {"seed": 1, "start_temperature": 100.0, "end_temperature": 1.0, "iterations": 3_000}
    timed, untimed = (improve(data, Plan.of([]), how_far=look, **heat) for look in (lambda: next(looks), None))
    assert (timed.cost, timed.plan.routes()) == (untimed.cost, untimed.plan.routes())


def test_the_answer_is_never_dearer_than_the_plan_given() -> None:
    best = search(circle())
    again = search(circle(), best.plan, iterations=1)
    assert again.cost == best.cost


def test_a_spent_budget_ends_the_search() -> None:
    told = iter([0.0, 0.5, 1.0])
    answer = improve(
        circle(), Plan.of([]), seed=1, start_temperature=1.0, end_temperature=0.1, how_far=lambda: next(told)
    )
    assert answer.iterations > 0
    assert next(told, None) is None


@pytest.mark.parametrize(("counts", "spare"), [([0, 2], [-1, 0]), ([2, 0], [0, -1]), ([0, 2, 0], [-1, 0, -1])])
def test_a_kind_without_vehicles_has_none_to_spare(counts: list[int], spare: list[int]) -> None:
    """A part of a plan may have vehicles of some kinds only; behind the last there is nothing but foreign memory."""
    alike = np.full(len(counts), DEPOT)
    fleet = kinds(counts=np.array(counts), start_rows=alike, end_rows=alike, capacities=np.full((len(counts), 1), 4))
    assert prepare(circle(kinds=fleet), seed=1).arrays["spare"].tolist() == spare
    assert search(circle(kinds=fleet)).plan.kinds.tolist() == [counts.index(2)] * 2


def test_what_no_vehicle_has_room_for_is_left_out_at_its_penalty() -> None:
    answer = search(circle(kinds=kinds(count=1), penalties=np.full(8, 1000.0)))
    assert len(answer.plan.visits) == 4
    assert answer.cost == 127 + 300 + 127 + 4 * 1000


def test_what_is_not_worth_its_way_is_left_out() -> None:
    answer = search(circle(penalties=np.full(8, 20.0)))
    assert answer.plan.routes() == []
    assert answer.cost == 160


@pytest.mark.parametrize("seed", range(5))
def test_who_has_the_fewest_vehicles_to_choose_from_finds_a_place_first(seed: int) -> None:
    """Four that only the first van may bring, and four that would fill it were they first; one iteration."""
    fleet = kinds(counts=np.array([1, 1]), start_rows=np.array([DEPOT] * 2), end_rows=np.array([DEPOT] * 2),
                  capacities=np.array([[4], [4]]))  # fmt: skip
    prices = np.zeros((8, 2))
    prices[:4, 1] = np.inf
    answer = search(circle(kinds=fleet, prices=prices, penalties=np.full(8, 1e6)), seed=seed, iterations=1)
    assert sorted(answer.plan.routes()[0]) == [0, 1, 2, 3]
    assert len(answer.plan.visits) == 8


def test_windows_order_a_route() -> None:
    opens = np.array([700, 600, 500, 400, 300, 200, 100, 0])
    answer = search(circle(kinds=kinds(capacity=8), opens=opens, closes=opens + 150))
    assert answer.plan.routes() == [[7, 6, 5, 4, 3, 2, 1, 0]]


@pytest.mark.parametrize("limit", ["max_durations", "max_distances"])
def test_limits_of_a_route_split_it(limit: str) -> None:
    given: dict[str, Any] = {limit: np.array([127 + 300 + 127])}
    answer = search(circle(kinds=kinds(capacity=8, **given)))
    assert [len(route) for route in answer.plan.routes()] == [4, 4]


def test_a_vehicle_collects_what_it_has_made_room_for() -> None:
    pickups = np.array([[0], [0], [0], [0], [1], [1], [1], [1]])
    demands = 1 - pickups
    answer = search(circle(demands=demands, pickups=pickups))
    assert len(answer.plan.routes()) == 1
    last = search(circle(demands=demands, pickups=pickups, kinds=kinds(pickups_last=np.array([1]))))
    assert [visit < 4 for visit in last.plan.routes()[0]] == [True] * 4 + [False] * 4


def test_a_pair_rides_on_one_route_pickup_first() -> None:
    goods = np.zeros((8, 1), np.int64)
    data = circle(
        demands=np.array([[0], [1], [0], [1], [0], [1], [0], [1]]),
        pickups=np.array([[1], [0], [1], [0], [1], [0], [1], [0]]) + goods,
        pairs=np.array([[0, 1], [2, 3], [4, 5], [6, 7]]),
        kinds=kinds(capacity=1),
    )
    answer = search(data)
    for route in answer.plan.routes():
        assert all(a % 2 == 0 and b == a + 1 for a, b in zip(route[::2], route[1::2], strict=True))
    assert sorted(answer.plan.visits) == list(range(8))


def test_open_routes_pay_no_way_home() -> None:
    answer = search(circle(kinds=kinds(capacity=8, end_rows=np.array([-1]))))
    assert answer.cost == 127 + 700


def test_the_dear_kind_of_vehicle_stays_at_home() -> None:
    both = VehicleKinds(
        counts=np.array([8, 8]),
        start_rows=np.array([DEPOT, DEPOT]),
        end_rows=np.array([DEPOT, DEPOT]),
        capacities=np.array([[4], [4]]),
        fixed_costs=np.array([50.0, 10.0]),
    )
    answer = search(circle(kinds=both))
    assert set(answer.plan.kinds.tolist()) == {1}
    assert answer.cost == 2 * (127 + 300 + 127 + 10)
    refused = np.zeros((8, 2))
    refused[:, 1] = np.inf
    assert set(search(circle(kinds=both, prices=refused)).plan.kinds.tolist()) == {0}


def test_a_plan_of_more_vehicles_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match="more than the 1 vehicles of kind 0"):
        search(circle(kinds=kinds(count=1)), Plan.of([[0], [1]]))


def test_no_limit_is_farther_than_anything() -> None:
    assert 2 * FAR < 1 << 32
