from collections.abc import Mapping, Sequence
from dataclasses import replace

from app.solvers.routing.diagnosis import explain_all
from app.solvers.routing.insertion import Plan
from app.solvers.routing.problem import Vehicle, Visit
from app.solvers.routing.solution import RelaxedConstraint, Unserved, UnservedCode
from tests.solvers.routing.cases import MINUTE, terms, van, visit, window

COLD = frozenset({"cold"})


def explained(left: Visit, *vehicles: Vehicle, orders: Mapping[str, Sequence[Visit]] | None = None) -> Unserved:
    visits = [visit for order in (orders or {}).values() for visit in order]
    (unserved,) = explain_all(Plan(terms(*vehicles, *visits, left), orders or {}), [left])
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


def test_a_visit_beyond_every_vehicles_distance_is_too_far() -> None:
    found = explained(visit("a", 10), van(max_distance_metres=19_999))
    assert found.code is UnservedCode.DISTANCE_TOO_FAR
    assert relaxation(found) == (RelaxedConstraint.DISTANCE, "let a vehicle drive farther", 20.0)


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
    assert relaxation(found) == (RelaxedConstraint.SKILL, "give a vehicle the skill", 6.0)


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
