from collections.abc import Callable
from dataclasses import replace
from threading import Event, Timer
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.solvers.progress import Progress
from app.solvers.routing import engine, refinement
from app.solvers.routing.checker import check
from app.solvers.routing.engine import solve
from app.solvers.routing.flattening import Flat
from app.solvers.routing.kernel import Plan
from app.solvers.routing.problem import Break, DrivingRule, Location, Pair, RoadEstimate, RoutingProblem, Vehicle, Visit
from app.solvers.routing.solution import RoutingSolution, UnservedCode
from app.solvers.routing.validation import InvalidProblem
from app.solvers.stopping import StoppingRule
from tests.solvers.routing import everything
from tests.solvers.routing.cases import MINUTE, problem, van, visit, window

STOP = StoppingRule(iterations=400)


def solved(*given: Vehicle | Visit, stop: StoppingRule = STOP) -> RoutingSolution:
    posed = problem(*given)
    solution = solve(posed, stop=stop)
    assert check(posed, solution) == []
    return solution


def routes(solution: RoutingSolution) -> dict[str, list[str]]:
    return {route.vehicle_id: [stop.visit_id for stop in route.stops] for route in solution.routes}


def left(solution: RoutingSolution) -> dict[str, UnservedCode]:
    return {unserved.visit_id: unserved.code for unserved in solution.unserved}


def scattered(count: int, *, seed: int = 0, vehicles: int = 40, **given: Any) -> RoutingProblem:
    """Doors around one depot by coordinates, without a matrix."""
    dice = np.random.default_rng(seed)
    degrees = np.array([48.0, 11.0]) + dice.uniform(-0.1, 0.1, (count, 2))
    places = [Location(latitude=48.0, longitude=11.0), *(Location(latitude=a, longitude=b) for a, b in degrees)]
    usual: dict[str, Any] = {"start_location": 0, "end_location": 0, "shift": window(0, 600), "cost_per_metre": 1.0}
    return RoutingProblem(
        vehicles=tuple(Vehicle(id=f"van{at}", **(usual | {"capacities": (10,)} | given)) for at in range(vehicles)),
        visits=tuple(Visit(id=f"v{at}", location=at + 1, demand=(1,), service_seconds=60) for at in range(count)),
        locations=tuple(places),
    )


def mixed_fleet() -> RoutingProblem:
    posed = scattered(refinement.FEWEST_VISITS + 20, vehicles=12, fixed_cost=3_000.0)
    large: dict[str, Any] = {"capacities": (25,), "fixed_cost": 7_000.0, "cost_per_metre": 1.2}
    fleet = tuple(replace(one, **large) if at % 2 else one for at, one in enumerate(posed.vehicles))
    return replace(posed, vehicles=fleet)


def few_worth_a_visit() -> RoutingProblem:
    posed = scattered(refinement.FEWEST_VISITS + 20, vehicles=12, fixed_cost=3_000.0)
    prizes = np.random.default_rng(5).exponential(2_500, len(posed.visits)).tolist()
    visits = (replace(one, unserved_penalty=prize) for one, prize in zip(posed.visits, prizes, strict=True))
    return replace(posed, visits=tuple(visits))


def with_reloads() -> RoutingProblem:
    return scattered(refinement.FEWEST_VISITS + 5, vehicles=4, reload_locations=(0,), max_trips=3)


def test_one_tour_serves_all_and_costs_its_metres() -> None:
    solution = solved(van(), visit("far", 9), visit("near", 2), visit("middle", 5))
    assert (solution.cost, solution.objective, solution.distance_metres) == (18.0, 18.0, 18_000)
    assert (left(solution), solution.quality.solver) == ({}, "doorstep")


def test_couriers_who_all_start_and_end_where_they_are_needed_pay_only_for_what_lies_between() -> None:
    fleet = [van(str(at), start_location=None, end_location=None, max_stops=3) for at in range(3)]
    solution = solved(*fleet, *(visit(f"{at}", 2 * at + 1) for at in range(7)))
    assert (solution.distance_metres, left(solution)) == (8_000, {})


def test_windows_decide_the_order() -> None:
    solution = solved(van(), visit("near", 1, windows=(window(60, 70),)), visit("far", 9, windows=(window(20, 30),)))
    assert routes(solution) == {"van": ["far", "near"]}


LIMITS: list[tuple[dict[str, Any], UnservedCode]] = [
    ({"shift": window(0, 12)}, UnservedCode.SHIFT_TOO_SHORT),
    ({"max_duration_seconds": 12 * MINUTE}, UnservedCode.SHIFT_TOO_SHORT),
    ({"max_distance_metres": 12_000}, UnservedCode.DISTANCE_TOO_FAR),
]


@pytest.mark.parametrize(("limit", "code"), LIMITS)
def test_a_route_stays_within_its_vehicles_limits(limit: dict[str, Any], code: UnservedCode) -> None:
    solution = solved(van(**limit), visit("near", 6), visit("far", 7))
    assert (routes(solution), left(solution)) == ({"van": ["near"]}, {"far": code})


def test_a_route_has_no_more_stops_than_allowed_and_the_dearest_to_leave_out_is_served() -> None:
    solution = solved(van(max_stops=1), visit("a", 1), visit("b", 2, unserved_penalty=9e6))
    assert (routes(solution), left(solution)) == ({"van": ["b"]}, {"a": UnservedCode.NO_VEHICLE_LEFT})


def test_what_no_vehicle_can_reach_is_told_and_all_others_are_served() -> None:
    late = visit("late", 9, windows=(window(0, 5),))
    assert left(solved(van(), late)) == {"late": UnservedCode.WINDOW_UNREACHABLE}
    near, middle, heavy = (visit(id, at, demand=(at,)) for at, id in enumerate(("a", "b", "c"), 1))
    solution = solved(
        van(capacities=(2,)), near, replace(late, demand=(1,)), van("other", capacities=(2,)), middle, heavy
    )
    assert sorted(routes(solution).values()) == [["a"], ["b"]]
    assert left(solution) == {"late": UnservedCode.WINDOW_UNREACHABLE, "c": UnservedCode.CAPACITY_EXCEEDED}


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


def test_a_vehicles_price_for_a_visit_counts() -> None:
    for price, chosen in ((0.5, "near"), (30.0, "away")):
        vans = van("near"), van("away", start_location=20, end_location=20)
        solution = solved(*vans, visit("a", 5, vehicle_costs={"near": price}))
        assert list(routes(solution)) == [chosen if price < 20.0 else "away"]


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
    later = visit("a", 1, windows=(window(day // MINUTE + 30, day // MINUTE + 40),))
    solution = solved(van(shift=shift), later, earlier)
    assert solution.routes[0].stops[0].service_start_seconds >= day + 30 * MINUTE
    assert left(solution) == {"b": UnservedCode.WINDOW_UNREACHABLE}


def test_a_problem_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(InvalidProblem, match="The visit a is given 2 times"):
        solve(problem(van(), visit("a", 1), visit("a", 2)), stop=STOP)


def test_the_answer_depends_on_seed_and_iterations_and_not_on_how_many_threads_find_it() -> None:
    posed = scattered(150)
    one, two = (solve(posed, stop=StoppingRule(iterations=4_000, threads=threads), seed=7) for threads in (1, 2))
    assert routes(one) == routes(two)
    assert one.quality.iterations == two.quality.iterations
    assert left(one) == {}


def test_progress_tells_the_cost_as_it_falls() -> None:
    told: list[Progress] = []
    solve(scattered(60), stop=STOP, on_progress=told.append)
    assert [note.fraction for note in told] == sorted(note.fraction for note in told)
    assert told[0].message.startswith("60 of 60 stops on ")


def test_whoever_asks_to_end_has_the_best_so_far() -> None:
    told: list[Progress] = []
    stop = StoppingRule(seconds=3_600, is_asked=lambda: len(told) > 0)
    posed = scattered(60)
    solution = solve(posed, stop=stop, on_progress=told.append)
    assert (check(posed, solution), left(solution)) == ([], {})


@pytest.mark.parametrize("pose", [mixed_fleet, few_worth_a_visit, with_reloads])
def test_whoever_asks_to_end_need_not_wait_for_pyvrp(pose: Callable[[], RoutingProblem]) -> None:
    posed, asked = pose(), Event()
    Timer(2.0, asked.set).start()
    solution = solve(posed, stop=StoppingRule(seconds=3_600, is_asked=asked.is_set))
    assert check(posed, solution) == []


def test_many_places_are_planned_without_a_matrix_of_them_all() -> None:
    posed = scattered(1_500, vehicles=160)
    solution = solve(posed, stop=StoppingRule(iterations=3_000, threads=2))
    assert (check(posed, solution), left(solution)) == ([], {})


def test_where_large_vehicles_are_the_better_bargain_small_ones_stay_in_the_yard() -> None:
    posed = scattered(48, vehicles=0)
    usual: dict[str, Any] = {"start_location": 0, "end_location": 0, "shift": window(0, 600), "cost_per_metre": 1.0}
    sizes = [("small", 2, 40_000.0), ("large", 12, 50_000.0)]
    fleet = [
        Vehicle(id=f"{name}{at}", capacities=(capacity,), fixed_cost=fixed, **usual)
        for name, capacity, fixed in sizes
        for at in range(24)
    ]
    solution = solve(replace(posed, vehicles=tuple(fleet)), stop=StoppingRule(iterations=60_000, threads=2))
    assert sorted(route.vehicle_id[:5] for route in solution.routes) == ["large"] * 4


def test_windows_and_two_depots_are_planned_part_by_part() -> None:
    posed = scattered(400, vehicles=0)
    shifts = {"shift": window(0, 600), "capacities": (12,), "cost_per_metre": 1.0, "cost_per_second": 0.1}
    vans = [
        Vehicle(id=f"{place}-{at}", start_location=place, end_location=place, **shifts)  # type: ignore[arg-type]  # one dict for all fields
        for place in (0, 7)
        for at in range(25)
    ]
    visits = [
        Visit(
            id=one.id,
            location=one.location,
            demand=(1,),
            service_seconds=120,
            windows=(window(at % 5 * 90, at % 5 * 90 + 120),),
        )
        for at, one in enumerate(posed.visits)
    ]
    posed = RoutingProblem(vehicles=tuple(vans), visits=tuple(visits), locations=posed.locations)
    solution = solve(posed, stop=StoppingRule(iterations=6_000, threads=2))
    assert (check(posed, solution), left(solution)) == ([], {})


def test_an_order_that_the_timetable_refuses_is_repaired_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    posed = problem(van(), visit("early", 5, windows=(window(0, 10),)), visit("late", 9, windows=(window(20, 30),)))
    found = {"van": [posed.visits[1], posed.visits[0]]}
    monkeypatch.setattr(engine, "_by_arrays", lambda *_, **__: (found, 1))
    solution = solve(posed, stop=STOP)
    assert (check(posed, solution), left(solution)) == ([], {})
    assert "WINDOW" in str(solution.quality.repaired)
    monkeypatch.undo()
    assert solve(posed, stop=STOP).quality.repaired is None


def test_pairs_stay_together_on_long_routes_that_pyvrp_improves(monkeypatch: pytest.MonkeyPatch) -> None:
    posed = scattered(120, vehicles=4, shift=window(0, 400), capacities=(20,))
    visits = [
        replace(one, demand=(at % 2,), pickup=(1 - at % 2,), windows=(window(0, 400),), unserved_penalty=1e6)
        for at, one in enumerate(posed.visits)
    ]
    pairs = [Pair(pickup_visit_id=f"v{at}", delivery_visit_id=f"v{at + 1}") for at in range(0, 120, 2)]
    posed = replace(posed, visits=tuple(visits), pairs=tuple(pairs))
    refined: list[bool] = []
    refine = refinement.refine

    def watched(*given: Any, **more: Any) -> Any:
        refined.append(True)
        return refine(*given, **more)

    monkeypatch.setattr(refinement, "refine", watched)
    monkeypatch.setattr(engine, "PYVRP_SECONDS", 0.0)
    solution = solve(posed, stop=StoppingRule(iterations=4_000))
    assert refined == [True]
    assert (check(posed, solution), left(solution), solution.quality.repaired) == ([], {}, None)


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
        "windows": st.lists(SPANS, max_size=1).map(tuple),
        "skills": st.sampled_from([frozenset(), frozenset({"cold"})]),
        "unserved_penalty": st.sampled_from([5.0, 1e6]),
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
    assert check(posed, solve(posed, stop=StoppingRule(iterations=60))) == []


@settings(max_examples=40, deadline=None)
@given(posed=everything.problems())
def test_whatever_rules_are_on_every_answer_holds_them(posed: RoutingProblem) -> None:
    assert check(posed, solve(posed, stop=StoppingRule(iterations=40))) == []


BIKES = {"bike": RoadEstimate(detour_factor=1.2, speed_metres_per_second=4.0)}
RULES_OF_WHOLE_ROUTES: list[dict[str, Any]] = [
    {"breaks": (Break(windows=(window(200, 300),), duration_seconds=30 * MINUTE),)},
    {"driving_rule": DrivingRule(max_work_seconds=120 * MINUTE, break_seconds=15 * MINUTE)},
    {"reload_locations": (0,), "max_trips": 3},
]


@pytest.mark.parametrize("rule", RULES_OF_WHOLE_ROUTES)
def test_bikes_and_vans_in_one_fleet_keep_the_rules_of_whole_routes(rule: dict[str, Any]) -> None:
    posed = scattered(refinement.FEWEST_VISITS + 5, vehicles=6, **rule)
    bikes = tuple(replace(one, profile="bike") if at % 2 else one for at, one in enumerate(posed.vehicles))
    posed = replace(posed, vehicles=bikes, roads=BIKES)
    solution = solve(posed, stop=STOP)
    assert (check(posed, solution), left(solution)) == ([], {})


@pytest.mark.parametrize("pose", [mixed_fleet, few_worth_a_visit])
def test_where_pyvrp_leads_the_plan_is_the_same_on_any_number_of_threads(
    pose: Callable[[], RoutingProblem], monkeypatch: pytest.MonkeyPatch
) -> None:
    posed, asked, leads = pose(), [], refinement.leads

    def noted(flat: Flat, plan: Plan) -> bool:
        asked.append(leads(flat, plan))
        return asked[-1]

    monkeypatch.setattr(refinement, "leads", noted)
    one, two = (solve(posed, stop=StoppingRule(iterations=6_000, threads=threads), seed=3) for threads in (1, 2))
    assert (asked, bool(one.routes)) == ([True, True], True)
    assert (routes(one), one.quality.iterations) == (routes(two), two.quality.iterations)
