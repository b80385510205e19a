from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from app.solvers.routing.diagnosis import explain_all
from app.solvers.routing.insertion import Plan
from app.solvers.routing.problem import Break, DrivingRule, Loading, Pair, TrafficProfile, Vehicle, Visit
from app.solvers.routing.solution import Extent, RelaxedConstraint, Unserved, UnservedCode
from app.solvers.routing.weights import WEIGHTS, Weight
from tests.solvers.routing.cases import MINUTE, van, visit, window
from tests.solvers.routing.cases import terms as terms_of

COLD = frozenset({"cold"})


def explained(left: Visit, *vehicles: Vehicle, orders: Mapping[str, Sequence[Visit]] | None = None) -> Unserved:
    visits = [visit for order in (orders or {}).values() for visit in order]
    (unserved,) = explain_all(Plan(terms_of(*vehicles, *visits, left), orders or {}), [left])
    return unserved


def relaxation(unserved: Unserved) -> tuple[RelaxedConstraint, str, float] | None:
    found = unserved.relaxation
    return (found.constraint, found.change, found.cost) if found else None


def test_a_window_that_opens_too_late_for_the_shift_says_how_much_earlier_it_should() -> None:
    found = explained(visit("a", 5, windows=(window(120, 180),)), van(shift=window(0, 100)))
    assert found.code is UnservedCode.WINDOW_UNREACHABLE
    assert relaxation(found) == (RelaxedConstraint.WINDOW, "deliver 25 minutes before its window", 10.0)


def test_a_window_that_closes_before_anyone_arrives_says_how_late_the_visit_would_be() -> None:
    found = explained(visit("a", 9, windows=(window(0, 8),)), van())
    assert found.code is UnservedCode.WINDOW_UNREACHABLE
    assert found.detail == "No vehicle, even empty, can be there in its window."
    assert relaxation(found) == (RelaxedConstraint.WINDOW, "deliver 1 minute after its window", 18.0)


def test_a_visit_too_far_for_the_shift_says_how_much_longer_a_driver_would_work() -> None:
    found = explained(visit("a", 10), van(shift=window(0, 14)))
    assert found.code is UnservedCode.SHIFT_TOO_SHORT
    assert relaxation(found) == (RelaxedConstraint.SHIFT, "let a driver work 6 minutes longer", 20.0)
    limited = explained(visit("a", 10), van(max_duration_seconds=14 * MINUTE + 30))
    assert relaxation(limited) == (RelaxedConstraint.SHIFT, "let a driver work 6 minutes longer", 20.0)


def test_a_way_out_at_an_hour_when_the_roads_are_free_is_seen() -> None:
    """Until minute 100 a round to `a` takes all 20 minutes that the van has; after it, one to `b` behind it does."""
    free_from_100 = TrafficProfile(starts_seconds=(0, 100 * MINUTE), speed_factors=(1.0, 2.0))
    here, left = visit("a", 10), visit("b", 20, windows=(window(0, 5),))
    terms = terms_of(van(max_duration_seconds=20 * MINUTE), here, left, traffic={"default": free_from_100})
    (found,) = explain_all(Plan(terms, {"van": [here]}), [left])
    assert found.code is UnservedCode.WINDOW_UNREACHABLE
    assert relaxation(found) == (RelaxedConstraint.WINDOW, "deliver 105 minutes after its window", 20.0)


def test_a_visit_beyond_every_vehicles_distance_is_too_far() -> None:
    found = explained(visit("a", 10), van(max_distance_metres=19_999))
    assert found.code is UnservedCode.DISTANCE_TOO_FAR
    assert relaxation(found) == (RelaxedConstraint.DISTANCE, "let a vehicle drive 1 metre farther", 20.0)


def test_a_visit_too_big_for_every_vehicle_asks_for_a_larger_one() -> None:
    found = explained(visit("a", 3, demand=(7,)), van(capacities=(6,)))
    assert found.code is UnservedCode.CAPACITY_EXCEEDED
    assert relaxation(found) == (RelaxedConstraint.CAPACITY, "take a larger vehicle", 6.0)


def test_a_missing_skill_is_named() -> None:
    found = explained(visit("a", 3, skills=COLD), van())
    assert (found.code, found.detail) == (
        UnservedCode.NO_VEHICLE_WITH_SKILL,
        "No vehicle has all the skills it needs: cold.",
    )
    assert relaxation(found) == (RelaxedConstraint.SKILL, "give a vehicle the skill cold", 6.0)


def test_skills_that_no_vehicle_has_together_are_all_named() -> None:
    found = explained(
        visit("a", 3, skills=COLD | {"lift"}), van("1", skills=COLD), van("2", skills=frozenset({"lift"}))
    )
    assert found.detail == "No vehicle has all the skills it needs: cold, lift."


def test_a_visit_nobody_may_serve_asks_for_permission() -> None:
    found = explained(visit("a", 3, allowed_vehicle_ids=frozenset()), van())
    assert found.code is UnservedCode.NO_VEHICLE_ALLOWED
    assert relaxation(found) == (RelaxedConstraint.ALLOWED_VEHICLES, "permit another vehicle", 6.0)


def test_where_others_fill_the_vehicle_the_cheapest_of_several_ways_out_is_told() -> None:
    """A larger van passes by on its way for nothing; a second one would cost 6 and its fixed 50."""
    full = {"van": [visit("b", 4, demand=(2,))]}
    found = explained(visit("a", 3, demand=(1,)), van(capacities=(2,), fixed_cost=50.0), orders=full)
    assert found.code is UnservedCode.NO_VEHICLE_LEFT
    assert relaxation(found) == (RelaxedConstraint.CAPACITY, "take a larger vehicle", 0.0)


def test_a_waived_window_still_keeps_the_windows_of_the_others() -> None:
    """Both want service at 20 exactly, 19 minutes apart; the other one cannot give way."""
    busy = {"van": [visit("b", 20, windows=(window(20, 20),), service_seconds=200 * MINUTE)]}
    found = explained(visit("a", 1, windows=(window(20, 20),)), van(cost_per_second=1.0), orders=busy)
    assert found.code is UnservedCode.NO_VEHICLE_LEFT
    assert relaxation(found) == (RelaxedConstraint.WINDOW, "deliver 19 minutes before its window", 0.0)


def test_one_more_vehicle_is_the_way_out_where_one_waived_rule_is_not_enough() -> None:
    busy = {"van": [visit("b", 20, windows=(window(20, 20),), demand=(1,))]}
    left = visit("a", 1, windows=(window(20, 20),), demand=(1,))
    found = explained(left, van(capacities=(1,), fixed_cost=50.0), orders=busy)
    assert found.code is UnservedCode.NO_VEHICLE_LEFT
    assert relaxation(found) == (RelaxedConstraint.FLEET, "add one more vehicle", 52.0)
    pinned = explained(replace(left, pinned_vehicle_id="van"), van(capacities=(1,)), orders=busy)
    assert (pinned.code, pinned.relaxation) == (UnservedCode.NO_VEHICLE_LEFT, None)


def test_what_fits_but_was_left_out_is_not_worth_its_penalty() -> None:
    found = explained(visit("a", 3, unserved_penalty=5.0), van())
    assert found.code is UnservedCode.NOT_WORTH_SERVING
    assert relaxation(found) == (RelaxedConstraint.PENALTY, "raise its priority", 6.0)


def test_two_broken_rules_have_no_single_way_out() -> None:
    found = explained(visit("a", 3, skills=COLD, demand=(7,)), van(capacities=(6,)))
    assert (found.code, found.relaxation) == (UnservedCode.NO_VEHICLE_WITH_SKILL, None)


def test_the_rule_that_keeps_it_off_its_best_vehicle_and_the_share_each_rule_keeps_away_are_told() -> None:
    """Nearest by detour is `full`, which passes by; of four vehicles one lacks the skill, one is too late, two full."""
    fleet = (
        van("full", capacities=(2,), skills=COLD),
        van("full too", capacities=(0,), skills=COLD),
        van("plain", capacities=(9,)),
        van("late", capacities=(9,), skills=COLD, shift=window(100, 600)),
    )
    orders = {"full": [visit("b", 4, demand=(2,))]}
    found = explained(visit("a", 3, demand=(1,), skills=COLD, windows=(window(0, 50),)), *fleet, orders=orders)
    assert (found.vehicle_id, found.refused_by) == ("full", "CAPACITY")
    assert found.ruled_out == {"CAPACITY": 0.5, "SKILL": 0.25, "WINDOW": 0.25}
    assert found.code is UnservedCode.NO_VEHICLE_LEFT


WAYS_OUT: list[tuple[dict[str, Any], dict[str, Any], tuple[RelaxedConstraint, str, float]]] = [
    ({"allowed_days": frozenset({1})}, {}, (RelaxedConstraint.DAY, "serve it on another day", 6.0)),
    (
        {"territory": "east"},
        {"territories": frozenset({"west"})},
        (RelaxedConstraint.TERRITORY, "let a vehicle of another territory come", 6.0),
    ),
    ({}, {"max_stops": 0}, (RelaxedConstraint.STOPS, "allow a vehicle 1 more stop", 6.0)),
    (
        {},
        {"driving_rule": DrivingRule(max_work_seconds=2 * MINUTE, break_seconds=60)},
        (RelaxedConstraint.RESTS, "let a driver rest at another time", 6.0),
    ),
]


@pytest.mark.parametrize(("stop", "vehicle", "way_out"), WAYS_OUT)
def test_each_rule_has_its_way_out(
    stop: dict[str, Any], vehicle: dict[str, Any], way_out: tuple[RelaxedConstraint, str, float]
) -> None:
    assert relaxation(explained(visit("a", 3, **stop), van(**vehicle))) == way_out


def test_goods_that_would_lie_under_others_ask_for_the_load_to_be_rearranged() -> None:
    fetch = visit("fetch", 1, demand=(0,), pickup=(1,), windows=(window(0, 1),))
    orders = {"van": [fetch]}
    found = explained(
        visit("a", 3, demand=(1,)), van(capacities=(9,), loading=Loading.LIFO, fixed_cost=9.0), orders=orders
    )
    assert found.refused_by == "LIFO"
    assert relaxation(found) == (RelaxedConstraint.LOADING, "let a driver rearrange the load", 4.0)


def test_company_that_keeps_it_away_is_told() -> None:
    here, left = visit("b", 4), visit("a", 3)
    terms = terms_of(van(), here, left, apart=(frozenset("ab"),))
    (found,) = explain_all(Plan(terms, {"van": [here]}), [left])
    assert (found.refused_by, found.ruled_out) == ("APART", {"APART": 1.0})
    assert (found.company, found.detail) == (
        ("b",),
        "It never rides with b, and every vehicle that may come brings such.",
    )
    assert relaxation(found) == (
        RelaxedConstraint.COMPANY,
        "part it from its company, or let it join whom it is kept from",
        0.0,
    )


def test_what_fits_and_is_worth_it_was_only_not_placed_yet() -> None:
    found = explained(visit("a", 3), van())
    assert (found.code, relaxation(found)) == (
        UnservedCode.NOT_PLACED,
        (RelaxedConstraint.SEARCH, "search longer, or insert it", 6.0),
    )


def test_a_pair_is_explained_as_one() -> None:
    pickup, delivery = visit("from", 2, demand=(0,), pickup=(5,)), visit("to", 8, demand=(5,))
    pairs = (Pair(pickup_visit_id="from", delivery_visit_id="to"),)
    terms = terms_of(van(capacities=(4,)), pickup, delivery, pairs=pairs)
    for found in explain_all(Plan(terms, {}), [pickup, delivery]):
        assert (found.code, found.refused_by) == (UnservedCode.CAPACITY_EXCEEDED, "CAPACITY")
        assert relaxation(found) == (RelaxedConstraint.CAPACITY, "take a larger vehicle", 16.0)


def test_an_alternative_of_a_served_visit_is_no_loss() -> None:
    home, locker = visit("home", 3, group="g"), visit("locker", 4, group="g")
    (found,) = explain_all(Plan(terms_of(van(), home, locker), {"van": [locker]}), [home])
    assert (found.code, found.relaxation) == (UnservedCode.ALTERNATIVE_SERVED, None)


def test_company_and_full_vehicles_are_told_apart_and_whom_it_rides_with_too() -> None:
    here, left = visit("b", 4, demand=(2,)), visit("a", 3, demand=(1,))
    full = visit("c", 5, demand=(2,))
    fleet = van("near", capacities=(3,)), van("full", capacities=(2,))
    terms = terms_of(*fleet, here, full, left, apart=(frozenset("ab"),))
    (found,) = explain_all(Plan(terms, {"near": [here], "full": [full]}), [left])
    assert (found.code, found.detail, found.company) == (
        UnservedCode.NO_VEHICLE_LEFT,
        "It never rides with b, and the other vehicles are filled.",
        ("b",),
    )
    terms = terms_of(*fleet, here, full, left, together=(frozenset("ac"),))
    (found,) = explain_all(Plan(terms, {"near": [here], "full": [full]}), [left])
    assert (found.detail, found.company) == ("It rides with c, and has no place there.", ("c",))


def test_a_little_late_is_named_rather_than_very_late_for_a_shorter_detour() -> None:
    """One van passes by for nothing, three minutes late, or five hours; another makes a detour, one minute late."""
    work = visit("b", 4, service_seconds=300 * MINUTE, windows=(window(0, 4),))
    left = visit("a", 4, windows=(window(0, 1),))
    fleet = van("passing"), van("idle", start_location=2)
    found = explained(left, *fleet, orders={"passing": [work]})
    assert found.relaxation is not None
    assert (found.relaxation.vehicle_id, found.relaxation.extent.amount) == ("idle", 1)
    assert (found.relaxation.cost, found.relaxation.weight) == (6.0, 330.0)
    assert found.relaxation.price == 336.0


def test_an_idle_vehicle_is_tried_where_the_nearest_legs_of_routes_are_no_way_out() -> None:
    """Whoever is on the road rests between 10 and 11, and has time for nothing else before."""
    lunch = Break(windows=(window(10, 11),), duration_seconds=30 * MINUTE)
    busy = [visit(f"b{n}", 2, windows=(window(2 + n, 2 + n),), service_seconds=MINUTE) for n in range(8)]
    busy.append(visit("last", 2, windows=(window(41, 41),)))
    fleet = van("busy", breaks=(lunch,)), van("idle", shift=window(60, 600), fixed_cost=900.0)
    found = explained(visit("a", 3, windows=(window(0, 1),)), *fleet, orders={"busy": busy})
    assert relaxation(found) is not None
    assert found.relaxation is not None
    assert found.relaxation.constraint is RelaxedConstraint.WINDOW
    assert found.relaxation.cost <= 906.0


def test_another_table_of_weights_names_another_change() -> None:
    given = visit("a", 9, windows=(window(0, 8),), demand=(1,))
    posed = terms_of(van(capacities=(1,)), given)
    dear = {**WEIGHTS, RelaxedConstraint.WINDOW: Weight(once=7.0, each=0.5)}
    (found,) = explain_all(Plan(posed, {}), [given], weights=dear)
    assert found.relaxation is not None
    assert (found.relaxation.weight, found.relaxation.price) == (7.5, 25.5)


def test_how_much_gives_way_is_told_by_vehicle_and_unit() -> None:
    def extent(left: Visit, vehicle: Vehicle) -> tuple[str | None, Extent]:
        found = explained(left, vehicle).relaxation
        assert found is not None
        return found.vehicle_id, found.extent

    assert extent(visit("a", 3, demand=(7, 2)), van(capacities=(6, 2))) == ("van", Extent(missing=(1, 0)))
    assert extent(visit("a", 3, skills=COLD | {"lift"}), van(skills=COLD)) == ("van", Extent(skills=("lift",)))
    assert extent(visit("a", 10), van(max_distance_metres=19_000)) == ("van", Extent(amount=1_000))
    assert extent(visit("a", 10), van(shift=window(0, 14))) == ("van", Extent(amount=6))
    early = visit("a", 10, windows=(window(0, 5),))
    assert extent(early, van()) == ("van", Extent(amount=5))
    late = visit("a", 10, windows=(window(30, 40),), release_seconds=35 * MINUTE)
    assert extent(late, van()) == ("van", Extent(amount=5))
