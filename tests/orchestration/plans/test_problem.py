"""From a policy's rules and a node's rows to the words of the routing problem."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.geo import Point, great_circle_metres
from app.models import Driver, OrderKind, Shipment, Vehicle
from app.orchestration.plans.drafting import highest_load
from app.orchestration.plans.loaded import Drop, Loaded, Van
from app.orchestration.plans.problem import pose
from app.orchestration.policies.documents import parse
from app.orchestration.travel import ROAD
from app.solvers.routing.checker import check_orders
from app.solvers.routing.problem import (
    Break,
    DrivingRule,
    RoutingProblem,
    TimeWindow,
    TrafficProfile,
    may_serve,
    service_of,
)
from app.solvers.routing.schedule import Terms, timetable
from tests.factories.callers import a_carrier, an_order
from tests.factories.stock import a_node

MONDAY = date(2026, 5, 4)
CARRIER = a_carrier("own")


def at(hour: int, day: date = MONDAY) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=ZoneInfo("Europe/Lisbon"))


def a_van() -> Van:
    vehicle = Vehicle(
        registration="V1",
        carrier_id=CARRIER.id,
        node_id=CARRIER.id,
        max_weight_kg=500,
        max_volume_l=2_000,
        fixed_minor=1_000,
        per_km_minor=30,
        per_hour_minor=1_800,
    )
    driver = Driver(reference="D1", name="Dario", carrier_id=CARRIER.id, shift_start_minute=480, shift_end_minute=1_080)
    return Van(vehicle=vehicle, driver=driver, free_from=at(0))


def a_drop(*, postal_code: str | None = None) -> Drop:
    order = an_order()
    order.postal_code = postal_code
    shipment = Shipment(
        reference="4711/1",
        order_id=order.id,
        node_id=CARRIER.id,
        carrier_id=CARRIER.id,
        service="STANDARD",
        window_start=at(10),
        window_end=at(12),
        weight_kg=1.5,
        volume_l=2.0,
        currency="EUR",
    )
    return Drop(order=order, shipments=[shipment])


def posed(planning: dict[str, Any] | None = None, **rest: Any) -> RoutingProblem:
    document = parse({"planning": planning or {}, **rest.pop("document", {})})
    given: dict[str, Any] = {"drops": [a_drop()], "vans": [a_van()], "now": at(6)} | rest
    return pose(
        Loaded(
            node=a_node(),
            day=MONDAY,
            planning=document.planning,
            promises=document.promises,
            **given,
        )
    )


def test_without_rules_a_van_has_its_shift_its_loads_and_its_costs_alone() -> None:
    (vehicle,), (visit,) = (problem := posed()).vehicles, problem.visits
    assert (vehicle.shift, vehicle.capacities) == (
        TimeWindow(start_seconds=8 * 3_600, end_seconds=18 * 3_600),
        (500_000, 2_000_000),
    )
    assert (vehicle.fixed_cost, vehicle.cost_per_metre, vehicle.cost_per_second) == (1_000.0, 0.03, 0.5)
    assert (vehicle.breaks, vehicle.driving_rule, vehicle.reload_locations, vehicle.max_trips) == ((), None, (), 1)
    assert visit.windows == (TimeWindow(start_seconds=10 * 3_600, end_seconds=12 * 3_600),)
    assert (visit.demand, visit.setup_seconds, visit.late_cost_per_second) == ((1_500, 2_000), 0, None)
    assert (problem.road, problem.traffic, problem.balance_cost_per_second) == (ROAD, {}, 0.0)


def test_a_policys_rules_reach_every_van() -> None:
    rules = {
        "maxStops": 40,
        "maxRouteMinutes": 480,
        "regularMinutes": 420,
        "overtimeMinorPerHour": 3_600,
        "maxTrips": 3,
        "reloadMinutes": 20,
        "lunch": {"minutes": 30, "fromMinute": 690, "toMinute": 840},
        "restAfterMinutes": 270,
        "restMinutes": 45,
        "balanceMinorPerHour": 7_200,
    }
    problem = posed(rules)
    (vehicle,) = problem.vehicles
    assert (vehicle.max_stops, vehicle.max_duration_seconds, vehicle.regular_seconds) == (40, 28_800, 25_200)
    assert (vehicle.overtime_cost_per_second, vehicle.max_trips) == (1.0, 3)
    assert (vehicle.reload_locations, vehicle.reload_seconds) == ((0,), 1_200)
    noon = TimeWindow(start_seconds=41_400, end_seconds=50_400)
    assert vehicle.breaks == (Break(windows=(noon,), duration_seconds=1_800),)
    assert vehicle.driving_rule == DrivingRule(max_work_seconds=16_200, break_seconds=2_700)
    assert problem.balance_cost_per_second == 2.0


def test_parking_late_arrival_and_traffic_are_as_the_policy_says() -> None:
    bands = [{"fromMinute": 0, "speedFactor": 1.0}, {"fromMinute": 1_020, "speedFactor": 0.8}]
    problem = posed({"setupSeconds": 90, "lateMinorPerHour": 1_800, "traffic": bands})
    (visit,) = problem.visits
    assert (visit.setup_seconds, visit.late_cost_per_second) == (90, 0.5)
    assert problem.traffic == {"default": TrafficProfile(starts_seconds=(0, 61_200), speed_factors=(1.0, 0.8))}


def test_another_vehicle_than_the_draft_has_costs_what_the_policy_says() -> None:
    van = a_van()
    drop = a_drop()
    drafted = Drop(order=drop.order, shipments=drop.shipments, drafted=van.id)
    (visit,) = posed({"changeMinor": 250}, vans=[van], drops=[drafted]).visits
    assert (visit.published_vehicle_id, visit.change_cost) == (van.id, 250.0)
    (visit,) = posed({}, vans=[van], drops=[drafted]).visits
    assert visit.published_vehicle_id is None


def test_over_several_days_a_territory_is_visited_on_its_own_days() -> None:
    promises = {
        "promises": {
            "slots": [{"startMinute": 480, "endMinute": 1_080}],
            "territories": [{"name": "North", "postalCodePrefixes": ["44"], "weekdays": ["TUE", "THU"]}],
        }
    }
    drops = [a_drop(postal_code="4400-001"), a_drop(postal_code="1000-001")]
    problem = posed(drops=drops, days=4, document=promises)
    assert [visit.allowed_days for visit in problem.visits] == [frozenset({1, 3}), None]
    assert [visit.allowed_days for visit in posed(drops=drops, document=promises).visits] == [None, None]


def test_drivers_keep_to_their_territories_or_leave_them_at_a_price() -> None:
    north: dict[str, Any] = {"name": "North", "postalCodePrefixes": ["44"], "drivers": ["D2"]}
    south = {"name": "South", "postalCodePrefixes": ["4", "1"], "drivers": ["D1", "D3"], "outsideMinor": 300}
    drops = [a_drop(postal_code=code) for code in ("4400-001", "1000-001", "9000-001", None)]
    (anna, ben, cara) = (a_van() for _ in range(3))
    for van, reference in ((anna, "D1"), (ben, "D2"), (cara, "D9")):
        van.driver.reference = reference
    problem = posed({"driverTerritories": [north, south]}, drops=drops, vans=[anna, ben, cara])
    assert [vehicle.territories for vehicle in problem.vehicles] == [{"South"}, {"North"}, set()]
    assert [visit.territory for visit in problem.visits] == ["North", "South", None, None]
    assert [visit.outside_territory_cost for visit in problem.visits] == [None, 300, None, None]
    assert [[may_serve(vehicle, visit) for vehicle in problem.vehicles] for visit in problem.visits] == [
        [False, True, True],
        [True] * 3,
        [True] * 3,
        [True] * 3,
    ]


def test_goods_in_a_van_stay_with_its_driver_whatever_the_territory() -> None:
    north = {"name": "North", "postalCodePrefixes": ["44"], "drivers": ["D2"]}
    van, drop = a_van(), a_drop(postal_code="4400-001")
    loaded = replace(drop, drafted=van.id, is_loaded=True)
    (visit,) = posed({"driverTerritories": [north]}, drops=[loaded], vans=[van]).visits
    assert visit.territory is None


def test_what_is_collected_rides_to_the_node_and_is_tried_again_from_when_it_may_be() -> None:
    drop = a_drop()
    drop.order.kind = OrderKind.RETURN
    (visit,) = posed(drops=[drop]).visits
    assert (visit.demand, visit.pickup, visit.release_seconds) == ((0, 0), (1_500, 2_000), None)
    drop.shipments[0].attempt_count, drop.shipments[0].not_before = 1, at(15)
    (visit,) = posed(drops=[drop]).visits
    assert visit.windows == (TimeWindow(start_seconds=15 * 3_600, end_seconds=48 * 3_600),)
    assert posed(drops=[drop], now=at(16)).visits[0].windows == ()


def test_a_kind_that_ends_anywhere_does_so_and_collects_nothing() -> None:
    rules = {"vehicleKinds": {"courier": {"endsAnywhere": True}, "bike": {}}}
    courier, bike, back = a_van(), a_van(), a_drop()
    courier.vehicle.kind, bike.vehicle.kind = "courier", "bike"
    back.order.kind = OrderKind.PICKUP
    problem = posed(rules, drops=[a_drop(), back], vans=[courier, bike])
    assert [vehicle.end_location for vehicle in problem.vehicles] == [None, 0]
    brought, collected = problem.visits
    assert (brought.allowed_vehicle_ids, collected.allowed_vehicle_ids) == (None, frozenset({bike.id}))
    again = posed(rules, vans=[replace(courier, free_until=at(15), is_followed=True)])
    assert again.vehicles[0].end_location == 0


def test_where_pickups_come_last_nothing_is_delivered_after_one() -> None:
    first, second, back = a_drop(), a_drop(), a_drop()
    back.order.kind = OrderKind.RETURN
    one, two, three = (str(drop.order.id) for drop in (first, second, back))
    for rules, broken in (({}, []), ({"pickupsLast": True}, ["BACKHAUL"])):
        problem = posed(rules, drops=[first, second, back])
        (van,) = problem.vehicles
        assert [found.code for found in check_orders(problem, {van.id: [one, three, two]})] == broken
        assert check_orders(problem, {van.id: [one, two, three]}) == []


def test_a_route_shows_the_most_that_is_on_board_at_any_time() -> None:
    first, second, back = a_drop(), a_drop(), a_drop()
    back.order.kind = OrderKind.RETURN
    back.shipments[0].weight_kg = 4.0
    problem = posed(drops=[first, second, back])
    terms = Terms(problem)
    order = terms.order([str(drop.order.id) for drop in (first, back, second)])
    timed = timetable(terms, problem.vehicles[0], order)
    assert timed is not None
    assert (timed.load, highest_load(timed)) == ((3_000, 4_000), (5_500, 4_000))


def test_each_day_of_a_horizon_has_its_own_shift() -> None:
    van = a_van()
    second = Van(vehicle=van.vehicle, driver=van.driver, free_from=at(0), day_index=1)
    problem = posed(vans=[van, second], days=2)
    assert [(vehicle.day, vehicle.shift.start_seconds) for vehicle in problem.vehicles] == [
        (0, 8 * 3_600),
        (1, int(timedelta(days=1, hours=8).total_seconds())),
    ]


def test_doors_within_ten_metres_are_one_place_where_the_van_parks_once() -> None:
    first, same, other = a_drop(), a_drop(), a_drop()
    same.order.latitude += 0.00003
    other.order.latitude += 0.001
    problem = posed({"setupSeconds": 90}, drops=[first, same, other])
    assert [visit.location for visit in problem.visits] == [1, 1, 2]
    assert (len(problem.locations), problem.locations[1].latitude) == (3, first.order.latitude)
    at_once = timetable(Terms(problem), problem.vehicles[0], problem.visits[:2])
    apart = timetable(Terms(problem), problem.vehicles[0], problem.visits[1:])
    assert at_once is not None
    assert apart is not None
    assert [stop.departure_seconds - stop.service_start_seconds for stop in at_once.stops] == [210, 120]
    assert [stop.departure_seconds - stop.service_start_seconds for stop in apart.stops] == [210, 210]


@settings(deadline=None)
@given(
    latitude=st.floats(-89, 89, allow_nan=False),
    longitude=st.floats(-179, 179, allow_nan=False),
    north=st.floats(-0.00004, 0.00004),
)
def test_every_visit_is_where_its_door_is_but_for_some_metres(latitude: float, longitude: float, north: float) -> None:
    drops = [a_drop(), a_drop(), a_drop()]
    for drop, offset in zip(drops, (0.0, north, 0.01), strict=True):
        drop.order.latitude, drop.order.longitude = latitude + offset, longitude
    problem = posed(drops=drops)
    for drop, visit in zip(drops, problem.visits, strict=True):
        place = problem.locations[visit.location]
        door = Point(latitude=drop.order.latitude, longitude=drop.order.longitude)
        assert great_circle_metres(door, Point(latitude=place.latitude, longitude=place.longitude)) < 20


def test_a_driver_who_knows_the_door_has_a_bonus_where_the_policy_gives_one() -> None:
    knows, stranger = a_van(), a_van()
    drop = replace(a_drop(), known_to=frozenset({knows.driver.id}))
    (visit,) = posed({"familiarityMinor": 80}, drops=[drop], vans=[knows, stranger]).visits
    assert visit.vehicle_costs == {knows.id: -80.0}
    (visit,) = posed({}, drops=[drop], vans=[knows, stranger]).visits
    assert visit.vehicle_costs == {}


def test_company_is_kept_as_metadata_and_kinds_of_goods_say() -> None:
    drops = [a_drop() for _ in range(4)]
    for drop, (basket, family) in zip(drops, [("b1", "x"), ("b1", "y"), ("b2", "x"), ("b3", "x")], strict=True):
        drop.order.attributes = [{"key": "basket", "value": basket}, {"key": "family", "value": family}]
    goods = (frozenset({"FOOD"}), frozenset({"CHEMICALS", "FOOD"}), frozenset({"CHEMICALS"}), frozenset[str]())
    drops = [replace(drop, kinds=kinds) for drop, kinds in zip(drops, goods, strict=True)]
    a, b, c, d = (str(drop.order.id) for drop in drops)
    assert posed({"togetherBy": "basket"}, drops=drops).together == (frozenset({a, b}),)
    assert posed({"apartBy": "family"}, drops=drops).apart == (frozenset({a, c, d}),)
    found = posed({"neverTogether": [["FOOD", "CHEMICALS"]]}, drops=drops)
    assert set(found.apart) == {frozenset({a, b}), frozenset({a, c}), frozenset({b, c})}
    assert (posed(drops=drops).together, posed(drops=drops).apart) == ((), ())


def test_kinds_of_vehicles_have_their_own_speed_service_and_traffic() -> None:
    van, bike = a_van(), a_van()
    bike.vehicle.kind = "cargo-bike"
    rules = {
        "vehicleKinds": {"cargo-bike": {"speedFactor": 0.6, "serviceFactor": 0.5, "inTraffic": False}},
        "traffic": [{"fromMinute": 0, "speedFactor": 0.8}],
    }
    problem = posed(rules, vans=[van, bike])
    assert [(vehicle.type, vehicle.profile) for vehicle in problem.vehicles] == [
        ("van", "default"),
        ("cargo-bike", "cargo-bike"),
    ]
    (visit,) = problem.visits
    assert [service_of(vehicle, visit) for vehicle in problem.vehicles] == [120, 60]
    assert problem.roads["cargo-bike"].speed_metres_per_second == ROAD.speed_metres_per_second * 0.6
    assert set(problem.traffic) == {"default"}
    assert check_orders(problem, {problem.vehicles[1].id: [visit.id]}) == []


def test_the_more_urgent_an_order_the_dearer_it_is_to_leave_it_out() -> None:
    urgent = a_drop()
    urgent.order.priority = 50
    usual, first = posed(drops=[a_drop(), urgent]).visits
    assert (usual.unserved_penalty, first.unserved_penalty) == (1_000_000.0, 1_500_000.0)
