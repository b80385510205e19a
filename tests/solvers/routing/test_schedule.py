from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.solvers.routing.driving import service_start
from app.solvers.routing.problem import TimeWindow, Vehicle, Visit
from app.solvers.routing.schedule import is_drivable, timetable
from app.solvers.routing.solution import Route
from tests.solvers.routing.cases import MINUTE, terms, van, visit, window


def drive(vehicle: Vehicle, *visits: Visit) -> Route:
    route = timetable(terms(), vehicle, visits)
    assert route is not None
    return route


def minutes(route: Route) -> tuple[float, float]:
    return route.start_seconds / MINUTE, route.end_seconds / MINUTE


def test_a_route_adds_up_legs_services_and_costs() -> None:
    vehicle = van(fixed_cost=100.0, cost_per_second=0.5, capacities=(9,))
    route = drive(vehicle, visit("a", 2, demand=(3,), service_seconds=60), visit("b", 5, demand=(4,)))
    assert minutes(route) == (0, 11)
    assert [stop.arrival_seconds / MINUTE for stop in route.stops] == [2, 6]
    assert [stop.load_after for stop in route.stops] == [(4,), (0,)]
    assert (route.load, route.distance_metres, route.duration_seconds) == ((7,), 10_000, 660)
    assert route.cost == 100 + 10 + 330


def test_an_open_route_ends_at_its_last_visit() -> None:
    route = drive(van(end_location=None), visit("a", 5, service_seconds=120))
    assert (minutes(route), route.distance_metres) == ((0, 7), 5_000)


def test_the_vehicle_leaves_later_rather_than_wait() -> None:
    assert minutes(drive(van(), visit("a", 5, windows=(window(60, 90),)))) == (55, 65)


def test_it_waits_only_where_leaving_later_would_miss_a_window() -> None:
    route = drive(van(), visit("a", 1, windows=(window(0, 10),)), visit("b", 2, windows=(window(30, 40),)))
    assert minutes(route) == (9, 32)
    assert [(stop.arrival_seconds / MINUTE, stop.service_start_seconds / MINUTE) for stop in route.stops] == [
        (10, 10),
        (11, 30),
    ]


def test_a_later_window_is_chosen_where_that_makes_the_route_shorter() -> None:
    """The morning window of `a` would mean an hour of waiting for `b`; its afternoon window none."""
    a = visit("a", 1, windows=(window(0, 10), window(100, 110)))
    b = visit("b", 2, windows=(window(70, 200),))
    route = drive(van(max_duration_seconds=10 * MINUTE), a, b)
    assert minutes(route) == (99, 103)


def test_a_release_holds_the_whole_route_back() -> None:
    assert minutes(drive(van(), visit("a", 1), visit("b", 2, release_seconds=30 * MINUTE))) == (30, 34)


def test_there_is_no_timetable_for_a_missed_window_or_a_shift_that_is_over() -> None:
    late = visit("a", 5, windows=(window(0, 4),))
    assert timetable(terms(), van(), [late]) is None
    assert timetable(terms(), van(shift=window(0, 9)), [visit("a", 5)]) is None
    assert timetable(terms(), van(shift=window(0, 10)), [visit("a", 5)]) is not None


def test_service_starts_at_once_or_when_the_next_window_opens() -> None:
    two = visit("a", 1, windows=(window(50, 60), window(10, 20)))
    assert [service_start(two.windows, at * MINUTE) for at in (0, 15, 20, 21, 60)] == [600, 900, 1_200, 3_000, 3_600]
    assert service_start(two.windows, 60 * MINUTE + 1) is None


SPANS = st.tuples(st.integers(0, 30), st.integers(0, 8)).map(
    lambda span: TimeWindow(start_seconds=span[0], end_seconds=sum(span))
)
VISITS = st.lists(
    st.builds(
        lambda service, windows: visit("v", 0, service_seconds=service, windows=tuple(windows)),
        st.integers(0, 5),
        st.lists(SPANS, max_size=3),
    ),
    min_size=1,
    max_size=4,
)


@given(visits=VISITS)
def test_no_departure_gives_a_shorter_route(visits: list[Visit]) -> None:
    """Against every departure and every choice of windows, on a road without length."""
    shift = TimeWindow(start_seconds=0, end_seconds=45)
    durations = []
    for start in range(46):
        clock = start
        for one in visits:
            begin = service_start(one.windows, clock)
            if begin is None:
                break
            clock = begin + one.service_seconds
        else:
            durations += [clock - start] if clock <= shift.end_seconds else []
    route = timetable(terms(), van(shift=shift), visits)
    assert (route and route.duration_seconds) == min(durations, default=None)


def test_each_limit_is_held_to_the_last_unit() -> None:
    stops = [visit("a", 5, demand=(3, 4))]
    limits = ({"max_duration_seconds": 600}, {"max_distance_metres": 10_000}, {"max_stops": 1})
    for limit, less in product(limits, (0, 1)):
        strict: dict[str, Any] = {name: most - less for name, most in limit.items()}
        assert is_drivable(terms(), van(capacities=(9, 9), **strict), stops) is (less == 0)
    assert is_drivable(terms(), van(capacities=(3, 4)), stops)
    assert not is_drivable(terms(), van(capacities=(2, 4)), stops)
    assert not is_drivable(terms(), van(capacities=(3, 3)), stops)


SOFT_VISITS = st.lists(
    st.builds(
        lambda service, windows, price: visit(
            "v", 0, service_seconds=service, windows=tuple(windows), late_cost_per_second=price
        ),
        st.integers(0, 5),
        st.lists(SPANS, max_size=2),
        st.sampled_from([None, 0.4, 1.0, 3.0]),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=200)
@given(visits=SOFT_VISITS, regular=st.sampled_from([None, 5, 12]), longest=st.sampled_from([None, 15]))
def test_no_departure_gives_a_cheaper_route(visits: list[Visit], regular: int | None, longest: int | None) -> None:
    """Against every departure, with pay, overtime and lateness at odds, on a road without length."""
    vehicle = van(
        shift=TimeWindow(start_seconds=0, end_seconds=45),
        cost_per_second=1.0,
        regular_seconds=regular,
        overtime_cost_per_second=0.7,
        max_duration_seconds=longest,
    )
    costs = []
    for start in range(46):
        clock, late = start, 0.0
        for one in visits:
            begin = service_start(one.windows, clock, late_cost_per_second=one.late_cost_per_second)
            if begin is None:
                break
            if one.windows:
                closed = max(span.end_seconds for span in one.windows)
                late += (one.late_cost_per_second or 0.0) * max(0, begin - closed)
            clock = begin + one.service_seconds
        else:
            seconds = clock - start
            if clock <= 45 and (longest is None or seconds <= longest):
                costs.append(seconds + late + (0.7 * max(0, seconds - regular) if regular is not None else 0.0))
    route = timetable(terms(), vehicle, visits)
    best = min(costs, default=None)
    assert (route and round(route.cost, 6)) == (best if best is None else round(best, 6))
