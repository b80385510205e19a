from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.solvers.progress import Progress
from app.solvers.routing import searching
from app.solvers.routing.checker import check
from app.solvers.routing.grouping import Part
from app.solvers.routing.ortools_engine import Orders, keep_drivable, solve
from app.solvers.routing.problem import Break, Pair, RoutingProblem, Vehicle, Visit
from app.solvers.routing.rules import visits_of
from app.solvers.routing.solution import RoutingSolution, UnservedCode
from app.solvers.routing.validation import InvalidProblem
from app.solvers.stopping import StoppingRule
from tests.solvers.routing.cases import MINUTE, problem, terms, van, visit, window

STOP = StoppingRule(iterations=20)


def solved(*given: Vehicle | Visit, stop: StoppingRule = STOP) -> RoutingSolution:
    posed = problem(*given)
    solution = solve(posed, stop=stop)
    assert check(posed, solution) == []
    return solution


def routes(solution: RoutingSolution) -> dict[str, list[str]]:
    return {route.vehicle_id: [stop.visit_id for stop in route.stops] for route in solution.routes}


def served(solution: RoutingSolution) -> dict[str, set[str]]:
    return {name: set(ids) for name, ids in routes(solution).items()}


def left(solution: RoutingSolution) -> dict[str, UnservedCode]:
    return {unserved.visit_id: unserved.code for unserved in solution.unserved}


def test_one_tour_serves_all_and_costs_its_metres() -> None:
    solution = solved(van(), visit("far", 9), visit("near", 2), visit("middle", 5))
    assert (solution.cost, solution.objective, solution.distance_metres) == (18.0, 18.0, 18_000)
    assert left(solution) == {}


@pytest.mark.parametrize(("a", "b"), [((3, 1), (3, 1)), ((1, 3), (1, 3))])
def test_each_dimension_of_the_load_bounds_the_route(a: tuple[int, int], b: tuple[int, int]) -> None:
    solution = solved(van(capacities=(5, 5)), visit("a", 1, demand=a), visit("b", 2, demand=b, unserved_penalty=9e6))
    assert (routes(solution), left(solution)) == ({"van": ["b"]}, {"a": UnservedCode.NO_VEHICLE_LEFT})


def test_windows_decide_the_order() -> None:
    solution = solved(van(), visit("near", 1, windows=(window(60, 70),)), visit("far", 9, windows=(window(20, 30),)))
    assert routes(solution) == {"van": ["far", "near"]}


def test_a_second_window_serves_whom_the_first_would_not() -> None:
    late = visit("late", 9, windows=(window(0, 5), window(100, 110)))
    assert routes(solved(van(), late)) == {"van": ["late"]}


LIMITS: list[tuple[dict[str, Any], UnservedCode]] = [
    ({"shift": window(0, 12)}, UnservedCode.SHIFT_TOO_SHORT),
    ({"max_duration_seconds": 12 * MINUTE}, UnservedCode.SHIFT_TOO_SHORT),
    ({"max_distance_metres": 12_000}, UnservedCode.DISTANCE_TOO_FAR),
]


@pytest.mark.parametrize(("limit", "code"), LIMITS)
def test_a_route_stays_within_its_vehicles_limits(limit: dict[str, Any], code: UnservedCode) -> None:
    solution = solved(van(**limit), visit("near", 6), visit("far", 7))
    assert (routes(solution), left(solution)) == ({"van": ["near"]}, {"far": code})


def test_a_route_has_no_more_stops_than_allowed() -> None:
    solution = solved(van(max_stops=1), visit("a", 1), visit("b", 2, unserved_penalty=9e6))
    assert (routes(solution), left(solution)) == ({"van": ["b"]}, {"a": UnservedCode.NO_VEHICLE_LEFT})


def test_skills_permissions_and_pins_choose_the_vehicle() -> None:
    solution = solved(
        van("plain"),
        van("cold", skills=frozenset({"cold"})),
        van("other"),
        visit("ice", 3, skills=frozenset({"cold"})),
        visit("ours", 3, allowed_vehicle_ids=frozenset({"other"})),
        visit("loaded", 3, pinned_vehicle_id="plain"),
    )
    assert routes(solution) == {"cold": ["ice"], "other": ["ours"], "plain": ["loaded"]}


def test_a_vehicle_leaves_only_when_its_goods_are_there() -> None:
    (route,) = solved(van(), visit("a", 1), visit("b", 2, release_seconds=30 * MINUTE)).routes
    assert route.start_seconds == 30 * MINUTE


def test_a_second_vehicle_goes_out_only_where_that_is_cheaper_than_its_fixed_cost() -> None:
    """Waiting costs 1 a second: 480 s between the windows cost more than a van at 100, less than one at 9,000."""
    visits = visit("a", 1, windows=(window(10, 10),)), visit("b", 1, windows=(window(18, 18),))
    for fixed_cost, vans in ((100.0, 2), (9_000.0, 1)):
        fleet = [van(id, fixed_cost=fixed_cost, cost_per_second=1.0) for id in ("one", "two")]
        assert len(solved(*fleet, *visits).routes) == vans


def test_a_visit_is_left_out_where_serving_it_costs_more_than_its_penalty() -> None:
    for penalty, codes in ((19.0, {"far": UnservedCode.NOT_WORTH_SERVING}), (21.0, {})):
        solution = solved(van(), visit("far", 10, unserved_penalty=penalty))
        assert left(solution) == codes
        assert solution.objective == min(penalty, 20.0)


def test_nothing_to_serve_and_nobody_to_serve_it_are_answered() -> None:
    assert solved(van()).routes == ()
    assert left(solved(visit("a", 1))) == {"a": UnservedCode.NO_VEHICLE_ALLOWED}


def test_the_callers_epoch_may_be_any() -> None:
    day = 1_800_000_000
    shift = window(day // MINUTE, day // MINUTE + 600)
    earlier = visit("b", 2, windows=(window(0, 10),))
    solution = solved(van(shift=shift), visit("a", 1, release_seconds=day + 60), earlier)
    assert (solution.routes[0].start_seconds, left(solution)) == (day + 60, {"b": UnservedCode.WINDOW_UNREACHABLE})


def test_a_problem_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(InvalidProblem, match="The visit a is given 2 times"):
        solve(problem(van(), visit("a", 1), visit("a", 2)), stop=STOP)


def test_what_cannot_be_driven_leaves_the_route_least_important_first() -> None:
    early = [visit(id, 5, windows=(window(0, 5),), service_seconds=60, unserved_penalty=cost) for id, cost in DEAR]
    orders: Orders = {"van": [visit("any", 1, unserved_penalty=5.0), *early]}
    keep_drivable(terms(van(), visit("any", 1), *early), orders)
    assert [one.id for one in visits_of(orders["van"])] == ["any", "dear"]


DEAR = (("dear", 9.0), ("cheap", 1.0), ("fair", 3.0))


def test_parts_side_by_side_give_one_plan_and_add_up_their_searches() -> None:
    fleet = [van(f"van{n}", start_location=n, end_location=n) for n in (0, 20)]
    told: list[Progress] = []
    posed = problem(*fleet, *(visit(f"v{at}", at) for at in (1, 2, 18, 19)))
    solution = solve(posed, stop=StoppingRule(iterations=5, threads=2), on_progress=told.append)
    assert check(posed, solution) == []
    assert served(solution) == {"van0": {"v1", "v2"}, "van20": {"v18", "v19"}}
    assert [note.fraction for note in told] == [0.45, 0.9, 0.92]
    assert solution.quality.iterations >= 2


def test_lanes_share_the_work_and_each_takes_the_whole_time() -> None:
    parts = [Part(visits=(visit("v", 1),) * size, vehicles=(van(),)) for size in (3, 4, 5)]
    assert [[len(part.visits) for part in lane] for lane in searching.lanes_of(parts, threads=2)] == [[5], [4, 3]]
    assert searching.lanes_of([], threads=2) == []


NUMBERS = st.integers(0, 8)
SPANS = st.tuples(st.integers(0, 200), st.integers(0, 30)).map(lambda span: window(span[0], sum(span)))
VEHICLES = st.fixed_dictionaries(
    {
        "capacities": st.tuples(NUMBERS),
        "start_location": st.sampled_from([0, 10]),
        "end_location": st.sampled_from([0, 10, None]),
        "shift": st.sampled_from([window(0, 30), window(10, 300)]),
        "cost_per_second": st.sampled_from([0.0, 0.1]),
        "skills": st.sampled_from([frozenset(), frozenset({"cold"})]),
        "max_duration_seconds": st.sampled_from([None, 40 * MINUTE]),
        "max_distance_metres": st.sampled_from([None, 25_000]),
        "max_stops": st.sampled_from([None, 2]),
    }
)
VISITS = st.fixed_dictionaries(
    {
        "at": st.integers(0, 20),
        "demand": st.tuples(st.integers(0, 4)),
        "service_seconds": st.integers(0, 600),
        "windows": st.lists(SPANS, max_size=2).map(tuple),
        "skills": st.sampled_from([frozenset(), frozenset({"cold"})]),
        "unserved_penalty": st.sampled_from([5.0, 1e6]),
        "release_seconds": st.sampled_from([None, 20 * MINUTE]),
        "pinned_vehicle_id": st.sampled_from([None, None, "0"]),
    }
)


@settings(max_examples=60, deadline=None)
@given(vehicles=st.lists(VEHICLES, min_size=1, max_size=3), visits=st.lists(VISITS, max_size=6))
def test_every_answer_can_be_driven_and_accounts_for_every_visit(
    vehicles: list[dict[str, Any]], visits: list[dict[str, Any]]
) -> None:
    posed: RoutingProblem = problem(
        *(van(str(number), **given) for number, given in enumerate(vehicles)),
        *(visit(f"v{number}", **given) for number, given in enumerate(visits)),
    )
    assert check(posed, solve(posed, stop=StoppingRule(seconds=0.2, iterations=10))) == []


FETCH, BRING = visit("from", 2, demand=(0,), pickup=(3,)), visit("to", 8, demand=(3,))
LUNCH = Break(windows=(window(10, 20),), duration_seconds=5 * MINUTE)
RICH: list[tuple[RoutingProblem, dict[str, set[str]], float]] = [
    (
        problem(van(capacities=(3,)), FETCH, BRING, pairs=(Pair(pickup_visit_id="from", delivery_visit_id="to"),)),
        {"van": {"from", "to"}},
        16.0,
    ),
    (problem(van(), visit("late", 9, windows=(window(0, 8),), late_cost_per_second=0.05)), {"van": {"late"}}, 21.0),
    (
        problem(van("near"), van("liked"), visit("a", 5, vehicle_costs={"liked": -2.0, "near": 1.0})),
        {"liked": {"a"}},
        8.0,
    ),
    (
        problem(van(), van("other"), visit("a", 4), visit("b", 5), apart=(frozenset("ab"),)),
        {"van": {"a"}, "other": {"b"}},
        18.0,
    ),
    (
        problem(van(breaks=(LUNCH,)), visit("a", 9, windows=(window(0, 9),)), visit("b", 15)),
        {"van": {"a", "b"}},
        30.0,
    ),
    (
        problem(van(frozen_visit_ids=("far", "near")), visit("near", 2), visit("far", 9), visit("last", 8)),
        {"van": {"far", "near", "last"}},
        30.0,
    ),
    (
        problem(van(capacities=(2,), reload_locations=(0,)), visit("a", 3, demand=(2,)), visit("b", 5, demand=(2,))),
        {"van": {"a", "b"}},
        16.0,
    ),
    (
        problem(van(), visit("home", 9, group="g"), visit("locker", 2, group="g")),
        {"van": {"locker"}},
        4.0,
    ),
]


@pytest.mark.parametrize(("posed", "expected", "cost"), RICH)
def test_what_it_models_and_what_it_repairs_comes_out_as_by_hand(
    posed: RoutingProblem, expected: dict[str, set[str]], cost: float
) -> None:
    solution = solve(posed, stop=STOP)
    assert check(posed, solution) == []
    assert {frozenset(ids) for ids in served(solution).values()} == {frozenset(ids) for ids in expected.values()}
    assert solution.cost == pytest.approx(cost)
