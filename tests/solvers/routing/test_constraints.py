"""Each constraint by hand: what the timetable makes of it, what the checker says where a plan breaks it.

On the straight road of cases.py: place n lies n minutes and n kilometres from place 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from app.solvers.routing.checker import check, check_orders
from app.solvers.routing.driving import Refusal
from app.solvers.routing.problem import (
    Backhaul,
    Break,
    DrivingRule,
    Loading,
    Location,
    Pair,
    Reload,
    RoadEstimate,
    RoutingProblem,
    TrafficProfile,
    TravelMatrix,
    Vehicle,
)
from app.solvers.routing.schedule import Terms, plan
from app.solvers.routing.solution import Constraint, Quality, Route, RoutingSolution, Unserved, UnservedCode
from app.solvers.routing.travel import arrival_of
from tests.solvers.routing.cases import KILOMETRE, MINUTE, problem, road, van, visit, window

Order = Sequence[str | Reload]
LUNCH = Break(windows=(window(10, 20),), duration_seconds=5 * MINUTE)


def planned(posed: RoutingProblem, *order: str | Reload, vehicle: str = "van") -> Route | Refusal:
    terms = Terms(posed)
    return plan(terms, terms.vehicles[vehicle], terms.order(order))


def route(posed: RoutingProblem, *order: str | Reload, vehicle: str = "van") -> Route:
    found = planned(posed, *order, vehicle=vehicle)
    assert isinstance(found, Route), found
    return found


def refused(posed: RoutingProblem, *order: str | Reload, vehicle: str = "van") -> Constraint:
    found = planned(posed, *order, vehicle=vehicle)
    assert isinstance(found, Refusal), found
    return found.constraint


def broken(posed: RoutingProblem, **orders: Order) -> list[tuple[str, str | None]]:
    return [(violation.code, violation.visit_id) for violation in check_orders(posed, orders)]


def begins(found: Route) -> list[float]:
    return [stop.service_start_seconds / MINUTE for stop in found.stops]


def ends(found: Route) -> tuple[float, float]:
    return found.start_seconds / MINUTE, found.end_seconds / MINUTE


def rests(found: Route) -> list[tuple[float, float, int, bool]]:
    return [
        (one.start_seconds / MINUTE, one.end_seconds / MINUTE, one.after_activities, one.is_before_leaving)
        for one in found.breaks
    ]


# Time


def test_a_late_service_costs_its_seconds_and_is_no_violation() -> None:
    posed = problem(van(), visit("a", 9, windows=(window(0, 4),), late_cost_per_second=0.5))
    assert (begins(route(posed, "a")), route(posed, "a").late_cost) == ([9], 5 * MINUTE * 0.5)
    assert route(posed, "a").cost == 18 + 150
    assert broken(posed, van=["a"]) == []
    assert broken(replace(posed, visits=(replace(posed.visits[0], late_cost_per_second=None),)), van=["a"]) == [
        ("WINDOW", "a")
    ]


@pytest.mark.parametrize(("late_cost", "leaves", "late"), [(0.5, 1, 0), (0.05, 27, 26)])
def test_the_departure_weighs_lateness_against_waiting(late_cost: float, leaves: int, late: int) -> None:
    """From `a`, due by minute 1, to `b`, from minute 30 on: a minute later is a minute less of pay, one more late."""
    a = visit("a", 1, windows=(window(0, 2),), late_cost_per_second=late_cost)
    posed = problem(van(cost_per_second=0.1), a, visit("b", 3, windows=(window(30, 40),)))
    found = route(posed, "a", "b")
    assert (found.start_seconds / MINUTE, begins(found)) == (leaves, [leaves + 1, 30])
    assert found.late_cost == late_cost * late * MINUTE


def test_setting_up_is_paid_once_per_place_and_again_after_a_reload() -> None:
    visits = (visit(id, 5, setup_seconds=120, service_seconds=60) for id in "abc")
    posed = problem(van(reload_locations=(0,)), *visits)
    first = route(posed, "a", "b")
    assert ([stop.departure_seconds / MINUTE for stop in first.stops], ends(first)) == ([8, 9], (0, 14))
    assert [stop.departure_seconds / MINUTE for stop in route(posed, "a", Reload(location=0), "b").stops] == [8, 21]


def test_service_depends_on_the_type_of_vehicle() -> None:
    stop = visit("a", 5, service_seconds=600, service_seconds_by_type={"bike": 60})
    posed = problem(van(), van("bike", type="bike"), stop)
    assert ends(route(posed, "a")) == (0, 20)
    assert ends(route(posed, "a", vehicle="bike")) == (0, 11)


def test_overtime_is_paid_beyond_the_regular_seconds_on_top_of_the_usual_pay() -> None:
    posed = problem(van(cost_per_second=0.1, regular_seconds=8 * MINUTE, overtime_cost_per_second=0.5), visit("a", 5))
    assert route(posed, "a").cost == 10 + 60 + 2 * MINUTE * 0.5


def test_an_open_start_is_at_the_first_visit() -> None:
    found = route(problem(van(start_location=None), visit("a", 5, service_seconds=60), visit("b", 9)), "a", "b")
    assert (begins(found), found.distance_metres, ends(found)) == ([0, 5], 13_000, (0, 14))


def test_each_profile_has_its_own_travel() -> None:
    slow = TravelMatrix(distances_metres=road().distances_metres, durations_seconds=road().durations_seconds * 3)
    posed = problem(van(), van("bike", profile="bike"), visit("a", 5), matrices={"bike": slow})
    assert ends(route(posed, "a")) == (0, 10)
    assert ends(route(posed, "a", vehicle="bike")) == (0, 30)


TRAFFIC = TrafficProfile(starts_seconds=(0, 600, 1_200), speed_factors=(1.0, 0.5, 2.0))


@pytest.mark.parametrize(
    ("departure", "seconds", "arrival"),
    [
        (0, 600, 600),  # all of it on a free road
        (600, 300, 1_200),  # all of it at half speed
        (300, 500, 1_000),  # 300 s free, then 200 s of road at half speed
        (1_100, 250, 1_300),  # 50 s of road in 100 s, then 200 at double speed
        (86_399, 3, 86_401),  # 2 s of road at double speed until midnight, then one on a free road
        (0, 0, 0),
    ],
)
def test_traffic_slows_the_part_of_a_leg_that_lies_in_its_band(departure: int, seconds: int, arrival: int) -> None:
    assert arrival_of(TRAFFIC, departure=departure, seconds=seconds) == arrival


def test_whoever_leaves_later_never_arrives_earlier() -> None:
    arrivals = [arrival_of(TRAFFIC, departure=moment, seconds=777) for moment in range(3_000)]
    assert arrivals == sorted(arrivals)


def test_a_route_in_the_rush_hour_takes_longer_and_leaves_after_it_where_pay_says_so() -> None:
    posed = problem(van(cost_per_second=0.1, shift=window(10, 600)), visit("a", 5), traffic={"default": TRAFFIC})
    found = route(posed, "a")
    assert (found.start_seconds, found.duration_seconds) == (1_200, 300)
    early = replace(posed, vehicles=(van(shift=window(10, 30)),), visits=(visit("a", 5, windows=(window(0, 20),)),))
    assert begins(route(early, "a")) == [20]


def test_profiles_may_differ_by_estimate_alone() -> None:
    posed = replace(
        problem(van(), van("bike", profile="bike"), visit("a", 1)),
        matrix=None,
        locations=(_place(0.0), _place(0.1)),
        roads={"bike": RoadEstimate(detour_factor=1.0, speed_metres_per_second=4.0)},
    )
    by_van, by_bike = route(posed, "a"), route(posed, "a", vehicle="bike")
    assert by_van.distance_metres == pytest.approx(1.3 * by_bike.distance_metres, abs=2)
    assert by_bike.duration_seconds == pytest.approx(by_bike.distance_metres / 4, abs=2)


def _place(longitude: float) -> Location:
    return Location(latitude=0.0, longitude=longitude)


# Rests


def test_a_break_is_taken_as_late_as_its_window_allows_and_at_a_stop() -> None:
    """Arrival at `b` would be at minute 14, its service ends at 24, beyond the window: the break comes first."""
    posed = problem(van(breaks=(LUNCH,)), visit("a", 4, windows=(window(0, 4),)), visit("b", 14, service_seconds=600))
    found = route(posed, "a", "b")
    assert (rests(found), begins(found), ends(found)) == ([(14, 19, 1, False)], [4, 19], (0, 43))


def test_a_break_that_cannot_wait_for_the_next_stop_is_taken_before_leaving() -> None:
    posed = problem(van(breaks=(LUNCH,)), visit("a", 12, windows=(window(0, 12),)), visit("b", 0))
    assert rests(route(posed, "a", "b")) == [(12, 17, 1, True)]


def test_a_break_is_taken_earlier_where_waiting_covers_it() -> None:
    posed = problem(
        van(breaks=(LUNCH,)), visit("a", 1, windows=(window(0, 2),)), visit("b", 5, windows=(window(18, 30),))
    )
    found = route(posed, "a", "b")
    assert (rests(found), begins(found), ends(found)) == ([(10, 15, 1, False)], [2, 18], (1, 23))


def test_no_break_is_due_where_the_route_ends_before_it_or_starts_after_it() -> None:
    posed = problem(van(breaks=(LUNCH,)), visit("a", 9))
    assert (rests(route(posed, "a")), ends(route(posed, "a"))) == ([], (0, 18))
    late = problem(van(breaks=(LUNCH,), cost_per_second=0.1), visit("a", 9, windows=(window(29, 60),)))
    assert (rests(route(late, "a")), ends(route(late, "a"))) == ([], (20, 38))


def test_a_break_not_taken_is_found() -> None:
    posed = problem(van(), visit("a", 14, windows=(window(0, 14),)))
    without = _alone(posed, route(posed, "a"))
    strict = replace(posed, vehicles=(van(breaks=(LUNCH,)),))
    assert [one.code for one in check(strict, without)] == ["BREAK"]
    on_the_road = replace(route(strict, "a"), breaks=())
    assert [one.code for one in check(strict, _alone(strict, on_the_road))] == ["BREAK"]


def test_a_long_leg_leaves_no_place_for_a_break() -> None:
    posed = problem(van(breaks=(replace(LUNCH, windows=(window(2, 3),)),), shift=window(0, 44)), visit("a", 20))
    assert ends(route(posed, "a")) == (3, 43)
    posed = problem(*(replace(one, shift=window(0, 42)) for one in posed.vehicles), *posed.visits)
    assert refused(posed, "a") is Constraint.SHIFT


RULE = DrivingRule(max_work_seconds=15 * MINUTE, break_seconds=4 * MINUTE)


def test_after_so_much_work_a_rest_comes_before_the_leg_that_would_be_too_much() -> None:
    posed = problem(van(driving_rule=RULE), visit("a", 6), visit("b", 10), visit("c", 14))
    found = route(posed, "a", "b", "c")
    assert (rests(found), ends(found)) == ([(14, 18, 3, True)], (0, 32))
    unrested = route(replace(posed, vehicles=(van(),)), "a", "b", "c")
    assert [one.code for one in check(posed, _alone(posed, unrested))] == ["DRIVING_RULE"]


def test_service_counts_as_work_unless_only_driving_does() -> None:
    a, b = visit("a", 5, service_seconds=9 * MINUTE), visit("b", 7)
    assert rests(route(problem(van(driving_rule=RULE), a, b), "a", "b")) == [(14, 18, 1, True)]
    driving = replace(RULE, counts_service=False)
    assert rests(route(problem(van(driving_rule=driving), a, b), "a", "b")) == []


def test_waiting_that_is_long_enough_is_a_rest() -> None:
    a, b = visit("a", 5, windows=(window(0, 5),)), visit("b", 7, windows=(window(12, 60),))
    found = route(problem(van(driving_rule=RULE), a, b), "a", "b")
    assert (rests(found), ends(found)) == ([(7, 11, 1, False)], (0, 19))


def test_a_leg_or_a_service_longer_than_the_rule_allows_cannot_be() -> None:
    posed = problem(van(driving_rule=RULE), visit("far", 16), visit("long", 1, service_seconds=16 * MINUTE))
    assert refused(posed, "far") is Constraint.DRIVING_RULE
    assert refused(posed, "long") is Constraint.DRIVING_RULE
    assert ("DRIVING_RULE", "far") in broken(posed, van=["far"])
    assert broken(posed, van=["long"]) == [("DRIVING_RULE", "long")]


# Goods


def test_goods_collected_ride_to_the_end_of_the_trip() -> None:
    visits = visit("a", 2, demand=(3,)), visit("b", 4, demand=(0,), pickup=(4,))
    posed = problem(van(capacities=(4,)), *visits)
    assert [stop.load_after for stop in route(posed, "a", "b").stops] == [(0,), (4,)]
    assert refused(posed, "b", "a") is Constraint.CAPACITY
    assert broken(posed, van=["b", "a"]) == [("CAPACITY", "b")]


def test_what_is_delivered_leaves_before_what_is_collected_comes_on_board() -> None:
    posed = problem(van(capacities=(4,)), visit("a", 2, demand=(4,), pickup=(4,)))
    assert [stop.load_after for stop in route(posed, "a").stops] == [(4,)]


def pairs(**limits: Any) -> tuple[Pair, ...]:
    return (Pair(pickup_visit_id="from", delivery_visit_id="to", **limits),)


FROM, TO = visit("from", 2, demand=(0,), pickup=(3,), service_seconds=60), visit("to", 8, demand=(3,))


def test_a_pair_rides_from_its_pickup_to_its_delivery() -> None:
    posed = problem(van(capacities=(3,)), van("other", capacities=(3,)), FROM, TO, pairs=pairs())
    found = route(posed, "from", "to")
    assert (found.load, [stop.load_after for stop in found.stops]) == ((0,), [(3,), (0,)])
    assert refused(posed, "to", "from") is Constraint.PAIR
    assert ("PAIR", "to") in broken(posed, van=["to", "from"])
    assert broken(posed, van=["from"]) == [("PAIR", "from")]
    assert ("PAIR", "to") in broken(posed, van=["from"], other=["to"])


def test_a_pair_is_on_one_trip() -> None:
    posed = problem(van(capacities=(3,), reload_locations=(0,)), FROM, TO, pairs=pairs())
    assert refused(posed, "from", Reload(location=0), "to") is Constraint.PAIR
    assert broken(posed, van=["from", Reload(location=0), "to"])[0][0] in ("CAPACITY", "PAIR")


def test_goods_ride_no_longer_than_they_may_for_the_pickup_waits() -> None:
    """`to` opens at minute 30 and is 6 minutes away; the stop between, at minute 3, may not be later."""
    early = visit("early", 1, demand=(0,), windows=(window(0, 3),))
    late = replace(TO, windows=(window(30, 40),))
    posed = problem(van(capacities=(3,)), early, FROM, late, pairs=pairs(max_ride_seconds=6 * MINUTE))
    found = route(posed, "early", "from", "to")
    assert begins(found) == [3, 23, 30]
    tight = problem(van(capacities=(3,)), FROM, TO, pairs=pairs(max_ride_seconds=5 * MINUTE))
    assert refused(tight, "from", "to") is Constraint.RIDE_TIME
    assert broken(tight, van=["from", "to"]) == [("RIDE_TIME", "to")]


def test_lifo_delivers_only_what_lies_on_top() -> None:
    second = visit("from2", 3, demand=(0,), pickup=(1,)), visit("to2", 9, demand=(1,))
    both = (*pairs(), Pair(pickup_visit_id="from2", delivery_visit_id="to2"))
    posed = problem(
        van(capacities=(9,), loading=Loading.LIFO), FROM, TO, *second, visit("drop", 5, demand=(1,)), pairs=both
    )
    assert route(posed, "from", "from2", "to2", "to", "drop").trips == 1
    assert refused(posed, "from", "from2", "to", "to2") is Constraint.LIFO
    assert refused(posed, "from", "drop", "to") is Constraint.LIFO
    assert broken(posed, van=["from", "from2", "to", "to2"]) == [("LIFO", "to")]
    assert broken(posed, van=["from", "drop", "to"]) == [("LIFO", "drop")]


def test_with_pickups_last_nothing_is_delivered_once_something_was_collected() -> None:
    drop, fetch = visit("drop", 5, demand=(1,)), visit("fetch", 2, demand=(0,), pickup=(1,))
    posed = problem(van(capacities=(9,), backhaul=Backhaul.PICKUPS_LAST, reload_locations=(0,)), drop, fetch)
    assert route(posed, "drop", "fetch").trips == 1
    assert refused(posed, "fetch", "drop") is Constraint.BACKHAUL
    assert broken(posed, van=["fetch", "drop"]) == [("BACKHAUL", "drop")]
    assert route(posed, "fetch", Reload(location=0), "drop").trips == 2


# Trips


def test_a_reload_ends_a_trip_and_fills_the_vehicle_again() -> None:
    fleet = van(capacities=(2,), reload_locations=(0,), reload_seconds=3 * MINUTE)
    posed = problem(fleet, visit("a", 2, demand=(2,)), visit("b", 4, demand=(2,)))
    found = route(posed, "a", Reload(location=0), "b")
    assert (begins(found), ends(found), found.distance_metres) == ([2, 11], (0, 15), 12 * KILOMETRE)
    (reload,) = found.reloads
    assert (reload.arrival_seconds, reload.departure_seconds, reload.load) == (4 * MINUTE, 7 * MINUTE, (2,))
    assert found.order == ("a", Reload(location=0), "b")
    assert refused(posed, "a", "b") is Constraint.CAPACITY


def test_reloads_are_where_and_as_often_as_the_vehicle_may() -> None:
    posed = problem(van(reload_locations=(0,), max_trips=2), *(visit(id, 2) for id in "abc"))
    home = Reload(location=0)
    assert refused(posed, "a", Reload(location=9), "b") is Constraint.RELOAD
    assert broken(posed, van=["a", Reload(location=9), "b"]) == [("RELOAD", None)]
    assert refused(posed, "a", home, "b", home, "c") is Constraint.MAX_TRIPS
    assert broken(posed, van=["a", home, "b", home, "c"]) == [("MAX_TRIPS", None)]


def test_a_trip_leaves_when_its_own_goods_are_there() -> None:
    visits = visit("a", 2), visit("b", 4, release_seconds=20 * MINUTE)
    posed = problem(van(reload_locations=(0,), reload_seconds=MINUTE, cost_per_second=0.1), *visits)
    found = route(posed, "a", Reload(location=0), "b")
    assert (begins(found), ends(found)) == ([18, 25], (16, 29))
    assert ends(route(posed, "a", "b")) == (20, 28)
    early = replace(found, reloads=tuple(replace(one, start_seconds=1_199) for one in found.reloads))
    assert ("RELEASE", "b") in [(one.code, one.visit_id) for one in check(posed, _alone(posed, early))]


# Who comes, and what that costs


def test_days_and_territories_choose_the_vehicle() -> None:
    fleet = van("monday"), van("tuesday", day=1), van("west", territories=frozenset({"west"}))
    a, b = visit("a", 2, allowed_days=frozenset({1})), visit("b", 3, territory="east")
    posed = problem(*fleet, a, b)
    assert refused(posed, "a", vehicle="monday") is Constraint.DAY
    assert route(posed, "a", vehicle="tuesday").cost == 4
    assert refused(posed, "b", vehicle="west") is Constraint.TERRITORY
    assert broken(posed, monday=["a"], west=["b"]) == [("DAY", "a"), ("TERRITORY", "b")]


@pytest.mark.parametrize(
    ("stop", "price"),
    [
        ({"territory": "east", "outside_territory_cost": 7.0}, 7.0),
        ({"territory": "west", "outside_territory_cost": 7.0}, 0.0),
        ({"vehicle_costs": {"van": -3.0, "other": 9.0}}, -3.0),
        ({"published_vehicle_id": "other", "change_cost": 6.0}, 6.0),
        ({"published_vehicle_id": "van", "change_cost": 6.0}, 0.0),
    ],
)
def test_a_vehicle_has_its_price_for_a_visit(stop: dict[str, Any], price: float) -> None:
    posed = problem(van(territories=frozenset({"west"})), van("other"), visit("a", 2, **stop))
    found = route(posed, "a")
    assert (found.price, found.cost) == (price, 4 + price)
    assert check(posed, _alone(posed, found)) == []
    assert [one.code for one in check(posed, _alone(posed, replace(found, cost=found.cost + 1)))] == ["COST_CLAIMED"]


def test_a_route_begins_as_it_is_frozen() -> None:
    posed = problem(van(frozen_visit_ids=("b", "a"), reload_locations=(0,)), *(visit(id, 2) for id in "abc"))
    assert route(posed, "b", "a", "c").trips == 1
    assert refused(posed, "a", "b", "c") is Constraint.FROZEN
    assert refused(posed, "b", Reload(location=0), "a") is Constraint.FROZEN
    assert broken(posed, van=["a", "b"]) == [("FROZEN", "b"), ("FROZEN", "a")]
    assert broken(posed) == [("FROZEN", "b")]


# Between routes


def fleet_of_two(**more: Any) -> RoutingProblem:
    return problem(van(), van("other"), *(visit(id, 2) for id in "abc"), **more)


PLANS: list[tuple[dict[str, Any], Mapping[str, Order], list[tuple[str, str | None]]]] = [
    ({"together": (frozenset("ab"),)}, {"van": ["a"], "other": ["b"]}, [("TOGETHER", "a")]),
    ({"together": (frozenset("ab"),)}, {"van": ["a"], "other": ["c"]}, []),
    ({"together": (frozenset("ab"),)}, {"van": ["a", "c", "b"]}, []),
    ({"apart": (frozenset("ab"),)}, {"van": ["a", "c", "b"]}, [("APART", "a")]),
    ({"apart": (frozenset("ab"),)}, {"van": ["a"], "other": ["b"]}, []),
]


@pytest.mark.parametrize(("tie", "orders", "expected"), PLANS)
def test_together_and_apart_hold_for_those_that_are_served(
    tie: dict[str, Any], orders: Mapping[str, Order], expected: list[tuple[str, str | None]]
) -> None:
    assert broken(fleet_of_two(**tie), **orders) == expected


def test_at_most_one_of_a_group_is_served_and_then_the_others_cost_nothing() -> None:
    visits = visit("home", 9, group="g", unserved_penalty=50.0), visit("locker", 2, group="g", unserved_penalty=30.0)
    posed = problem(van(), van("other"), *visits)
    assert broken(posed, van=["home"], other=["locker"]) == [("GROUP", None)]
    served = replace(_alone(posed, route(posed, "locker")), objective=4.0)
    assert check(posed, served) == []
    nobody = replace(_alone(posed), objective=50.0)
    assert check(posed, nobody) == []
    assert [one.code for one in check(posed, replace(nobody, objective=80.0))] == ["OBJECTIVE_CLAIMED"]


def test_imbalance_has_its_price() -> None:
    """Routes of 4 and 8 minutes: each 2 minutes from their mean."""
    posed = problem(van(), van("other"), visit("a", 2), visit("b", 4), balance_cost_per_second=0.5)
    both = _alone(posed, route(posed, "a"), route(posed, "b", vehicle="other"))
    assert check(posed, replace(both, objective=12 + 240 * 0.5)) == []
    assert [one.code for one in check(posed, both)] == ["OBJECTIVE_CLAIMED"]


def _alone(posed: RoutingProblem, *routes: Route) -> RoutingSolution:
    served = {stop.visit_id for found in routes for stop in found.stops}
    left = [one for one in posed.visits if one.id not in served]
    cost = sum(found.cost for found in routes)
    return RoutingSolution(
        routes=routes,
        unserved=tuple(Unserved(visit_id=v.id, code=UnservedCode.NO_VEHICLE_LEFT, detail="") for v in left),
        cost=cost,
        objective=cost + sum(one.unserved_penalty for one in left),
        distance_metres=sum(found.distance_metres for found in routes),
        duration_seconds=sum(found.duration_seconds for found in routes),
        quality=Quality(solver="by hand", seconds=0.0, iterations=0),
    )


# A plan that a person made


def test_a_plan_of_a_person_is_timed_however_late_and_each_broken_rule_is_named() -> None:
    fleet: tuple[Vehicle, ...] = (van(capacities=(2,), shift=window(0, 30)), van("other", capacities=(9,)))
    visits = (
        visit("a", 10, demand=(1,), windows=(window(0, 9),)),
        visit("b", 20, demand=(2,), skills=frozenset({"cold"})),
        visit("c", 1, demand=(0,)),
    )
    found = check_orders(problem(*fleet, *visits), {"van": ["a", "b"], "ghost": ["c"]})
    assert [(one.code, one.vehicle_id, one.visit_id, one.detail) for one in found] == [
        ("VEHICLE_UNKNOWN", "ghost", None, "no such vehicle"),
        ("SHIFT", "van", None, "is out 00:00-00:40, its shift is 00:00-00:30"),
        ("WINDOW", "van", "a", "starts at 00:10, its window is 00:00-00:09"),
        ("SKILL", "van", "b", "needs cold, which the vehicle lacks"),
        ("CAPACITY", "van", None, "3 on board where 2 fit (dimension 0)"),
    ]


def test_a_plan_of_a_person_may_name_nobody_twice_and_nobody_unknown() -> None:
    posed = problem(van(), visit("a", 1), visit("b", 2))
    assert broken(posed, van=["a", "a", "x"]) == [("VISIT_TWICE", "a"), ("VISIT_UNKNOWN", "x")]
    assert [one.code for one in check_orders(posed, {"van": ["a"]}, unserved=[])] == ["VISIT_MISSING"]
    assert check_orders(posed, {"van": ["b", "a"]}) == []
