"""What would help, and what a plan by hand would break, in a dispatcher's words: names, amounts, clock times."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from app.orchestration.plans import breaches, changes, whynot
from app.orchestration.plans.loaded import Drop, Loaded, Van
from app.orchestration.plans.problem import pose
from app.orchestration.policies.documents import parse
from app.solvers.routing.checker import check_orders
from app.solvers.routing.diagnosis import explain_all
from app.solvers.routing.insertion import Plan
from app.solvers.routing.schedule import Terms
from app.solvers.routing.solution import RelaxedConstraint, Unserved
from tests.factories.stock import a_node
from tests.orchestration.plans.test_problem import MONDAY, a_drop, a_van, at


def a_fleet(*registrations: str, **columns: Any) -> list[Van]:
    fleet = []
    for registration in registrations:
        van = a_van()
        van.vehicle.registration, van.driver.name = registration, "Ann Lee"
        for name, value in columns.items():
            setattr(van.vehicle if hasattr(van.vehicle, name) else van.driver, name, value)
        fleet.append(van)
    return fleet


def order(reference: str, *, window: tuple[datetime, datetime] | None = None, **columns: Any) -> Drop:
    drop = a_drop()
    drop.order.reference = reference
    (shipment,) = drop.shipments
    for name, value in columns.items():
        setattr(drop.order if name == "required_skills" else shipment, name, value)
    if window is not None:
        shipment.window_start, shipment.window_end = window
    return drop


def loaded(vans: Sequence[Van], *drops: Drop, planning: Mapping[str, Any] | None = None, days: int = 1) -> Loaded:
    rules = parse({"planning": dict(planning or {})}).planning
    return Loaded(node=a_node(), day=MONDAY, drops=drops, vans=vans, now=at(5), planning=rules, days=days)


def left_out(given: Loaded, served: Mapping[str, Sequence[Drop]]) -> tuple[Unserved, dict[str, Any]]:
    """The one order on no route, as the solver explains it and as the plan keeps it."""
    terms = Terms(pose(given))
    ids = {van.vehicle.registration: van.id for van in given.vans}
    orders = {ids[van]: terms.order([str(drop.order.id) for drop in drops]) for van, drops in served.items()}
    planned = Plan(terms, orders)
    (unserved,) = explain_all(planned, [one for one in terms.problem.visits if one.id not in planned.vehicle_of])
    on = {str(drop.order.id): ids[van] for van, drops in served.items() for drop in drops}
    ((_, reason),) = whynot.left_out(given, [unserved], on)
    return unserved, reason


def change(given: Loaded, served: Mapping[str, Sequence[Drop]]) -> tuple[str, str]:
    """The way out in words: of the plan, and of the order."""
    _, reason = left_out(given, served)
    return reason["cheapestRelaxation"]["change"], whynot.of_order(reason)["cheapestRelaxation"]["change"]


def test_a_missing_skill_names_the_van_and_the_skill() -> None:
    given = loaded(a_fleet("MD-4711"), order("A1", required_skills=["COLD"]))
    assert change(given, {}) == ("Give MD-4711 (Ann Lee) the skill COLD", "Give a vehicle the skill COLD")


def test_a_larger_van_says_how_many_kilograms_and_litres_more() -> None:
    vans = a_fleet("MD-4711", max_weight_kg=100)
    heavy = loaded(vans, order("A1", weight_kg=112.5))
    assert change(heavy, {}) == (
        "Use a van that carries 12.5 kg more than MD-4711",
        "Use a van that carries 12.5 kg more",
    )
    bulky = loaded(vans, order("A1", weight_kg=101.0, volume_l=2_030.0))
    assert change(bulky, {})[0] == "Use a van that carries 1 kg and 30 litres more than MD-4711"


def test_longer_work_says_whose_and_how_long() -> None:
    given = loaded(
        a_fleet("MD-4711", shift_end_minute=600), order("A1", window=(at(9), at(10) + timedelta(minutes=30)))
    )
    given.drops[0].order.service_seconds = 2 * 3_600
    named, unnamed = change(given, {})
    assert named.startswith("Let Ann Lee (MD-4711) work ")
    assert named.endswith(" minutes longer")
    assert unnamed == named.replace("Ann Lee (MD-4711)", "a driver")


def test_a_window_before_anybody_works_names_the_idle_van_and_how_late_it_is() -> None:
    """A loaded van with lunch and more trips has no place for it; one that is idle comes from eight o'clock."""
    vans = a_fleet("FULL", "IDLE", max_weight_kg=110)
    rules = {"lunch": {"minutes": 30, "fromMinute": 690, "toMinute": 780}, "maxTrips": 3, "reloadMinutes": 20}
    served = [order(f"B{number}", weight_kg=5.0, window=(at(8), at(17))) for number in range(20)]
    early = order("A1", weight_kg=50.0, window=(at(6), at(7)))
    given = loaded(vans, *served, early, planning=rules)
    unserved, reason = left_out(given, {"FULL": served})
    found = reason["cheapestRelaxation"]
    assert (reason["code"], found["constraint"]) == ("WINDOW_UNREACHABLE", "WINDOW")
    assert "after its window, with " in found["change"]
    assert unserved.relaxation is not None
    assert 60 <= unserved.relaxation.extent.amount <= 120
    assert found["weightMinor"] == 300 + 30 * unserved.relaxation.extent.amount


def test_orders_that_never_ride_together_are_named_to_the_dispatcher_alone() -> None:
    here, there = order("B1"), order("A1")
    for drop in (here, there):
        drop.order.attributes = [{"key": "rival", "value": "x"}]
    given = loaded(a_fleet("MD-4711"), here, there, planning={"apartBy": "rival"})
    _, reason = left_out(given, {"MD-4711": [here]})
    assert reason["refusedBy"] == "APART"
    assert reason["detail"] == "It never rides with B1, and every vehicle that may come brings such."
    assert reason["cheapestRelaxation"]["change"] == "Let it ride with B1, on MD-4711 (Ann Lee)"
    of_order = whynot.of_order(reason)
    assert of_order["detail"] == "It never rides with other orders, and every vehicle that may come brings such."
    assert of_order["cheapestRelaxation"]["change"] == "Let it ride with other orders, on a vehicle"
    assert set(of_order) == set(whynot.OF_ORDER)


def test_of_several_days_the_day_is_named() -> None:
    given = loaded(a_fleet("MD-4711"), order("A1", required_skills=["COLD"]), days=2)
    assert change(given, {})[0] == "Give MD-4711 (Ann Lee) the skill COLD on 2026-05-04"


def broken(given: Loaded, served: Mapping[str, Sequence[Drop]]) -> list[str]:
    """What is said of a plan by hand."""
    ids = {van.vehicle.registration: van.id for van in given.vans}
    orders = {ids[van]: [str(drop.order.id) for drop in drops] for van, drops in served.items()}
    return [f"{each.code}: {breaches.said(each, given)}" for each in check_orders(pose(given), orders)]


def test_a_van_that_is_too_full_is_told_in_kilograms() -> None:
    first, second = order("A1", weight_kg=40.0), order("A2", weight_kg=25.0)
    given = loaded(a_fleet("MD-4711", max_weight_kg=60), first, second)
    assert broken(given, {"MD-4711": [first, second]}) == [
        "CAPACITY: MD-4711 (Ann Lee) would carry 65 kg, 5 kg more than the 60 kg that it holds"
    ]


def test_a_missed_window_is_told_by_the_clock_on_the_wall() -> None:
    early, late = order("A1", window=(at(8), at(9))), order("A2", window=(at(10), at(11)))
    given = loaded(a_fleet("MD-4711"), early, late)
    (said,) = broken(given, {"MD-4711": [late, early]})
    assert said.startswith("WINDOW: MD-4711 (Ann Lee) would begin at 10:")
    assert said.endswith(" minutes after its window 08:00-09:00")


def test_a_missing_skill_too_many_stops_and_company_are_told_with_names() -> None:
    first, second = order("A1", required_skills=["COLD"]), order("A2")
    for drop in (first, second):
        drop.order.attributes = [{"key": "rival", "value": "x"}]
    given = loaded(a_fleet("MD-4711"), first, second, planning={"apartBy": "rival", "maxStops": 1})
    assert sorted(broken(given, {"MD-4711": [first, second]})) == [
        "APART: A1 and A2 never ride together, and would be on MD-4711 (Ann Lee)",
        "MAX_STOPS: MD-4711 (Ann Lee) would make 2 stops, 1 at most",
        "SKILL: it needs COLD, which MD-4711 (Ann Lee) does not have",
    ]


def test_every_change_has_words() -> None:
    assert set(changes.CHANGES) == set(RelaxedConstraint)
