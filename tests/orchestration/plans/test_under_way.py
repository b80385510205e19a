"""A van that has left, as a vehicle of the problem: where it is, what it serves first, and what it cannot bring."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.geo import Point
from app.models import OrderKind, Route, Stop, StopState
from app.orchestration.plans.loaded import MARGIN, Drop, Standing, Van
from app.orchestration.plans.under_way import released, stand
from app.orchestration.travel import drive_seconds
from app.solvers.routing.checker import check_orders
from app.solvers.routing.problem import Backhaul, RoutingProblem
from app.solvers.routing.validation import faults
from tests.factories.callers import a_driver
from tests.orchestration.plans.test_problem import CARRIER, a_drop, a_van, at, posed

NOON = at(12)
HOME = Point(latitude=38.72, longitude=-9.14)


def a_stop(drop: Drop, state: StopState = StopState.PENDING, *, eta: datetime | None = None) -> Stop:
    return Stop(
        route_id=CARRIER.id,
        order_id=drop.order.id,
        sequence=1,
        state=state,
        latitude=drop.order.latitude,
        longitude=drop.order.longitude,
        planned_arrival=NOON,
        eta_expected=eta,
        window_start=drop.shipments[0].window_start,
        service_seconds=drop.order.service_seconds,
        arrived_at=NOON - timedelta(minutes=1) if state is StopState.ARRIVED else None,
    )


def under_way(
    drops: Sequence[Drop], standing: Standing, *others: Drop, planning: dict[str, Any] | None = None
) -> RoutingProblem:
    """The rest of a route with these goods on board; a second van is at the node with the others."""
    van = replace(a_van(), route_id=CARRIER.id, standing=standing)
    loaded = [replace(drop, drafted=van.id, is_loaded=True) for drop in drops]
    return posed(planning, drops=[*loaded, *others], vans=[van, a_van()], now=NOON)


def test_a_van_on_its_way_to_a_stop_counts_as_there_from_when_it_is_expected() -> None:
    near, far = a_drop(), a_drop()
    far.order.latitude += 0.01
    stops = [a_stop(near, StopState.EN_ROUTE, eta=NOON + timedelta(minutes=9)), a_stop(far)]
    found = stand(stops, None, home=HOME, now=NOON)
    assert (found.at, found.first) == (NOON + timedelta(minutes=9), (near.order.id,))
    assert (found.place.latitude, found.place.longitude) == (near.order.latitude, near.order.longitude)
    on, back = Point(latitude=far.order.latitude, longitude=far.order.longitude), HOME
    work = timedelta(seconds=240 + drive_seconds(found.place, on) + drive_seconds(on, back))
    assert found.back_by == found.at + work + MARGIN


def test_a_van_between_stops_is_where_it_was_last_and_one_that_just_left_at_the_node() -> None:
    drop, last = a_drop(), a_stop(a_drop(), StopState.DEPARTED)
    found = stand([a_stop(drop)], last, home=HOME, now=NOON)
    assert (found.place.latitude, found.at, found.first) == (last.latitude, NOON, ())
    assert stand([a_stop(drop)], None, home=HOME, now=NOON).place == HOME


def test_goods_on_board_are_brought_by_their_van_alone_and_it_brings_no_others() -> None:
    on_board, at_node = a_drop(), a_drop()
    standing = stand([a_stop(on_board, StopState.EN_ROUTE)], None, home=HOME, now=NOON)
    problem = under_way([on_board], standing, at_node)
    away, spare = problem.vehicles
    first, second = problem.visits
    assert (away.frozen_visit_ids, away.fixed_cost, away.max_stops) == ((first.id,), 0.0, None)
    assert (first.allowed_vehicle_ids, second.allowed_vehicle_ids) == (frozenset({away.id}), frozenset({spare.id}))
    assert check_orders(problem, {away.id: [first.id], spare.id: [second.id]}) == []
    wrong = check_orders(problem, {away.id: [first.id, second.id]})
    assert [violation.code for violation in wrong] == ["NOT_ALLOWED"]
    assert "FROZEN" in {violation.code for violation in check_orders(problem, {spare.id: [second.id]})}


def test_a_van_that_has_left_may_collect_as_far_as_there_is_room_beside_what_it_brings_back() -> None:
    on_board, back = a_drop(), a_drop()
    back.order.kind, back.shipments[0].weight_kg = OrderKind.RETURN, 4.0
    standing = stand([a_stop(on_board, StopState.EN_ROUTE)], None, home=HOME, now=NOON)
    problem = under_way([on_board], standing, back)
    away, _ = problem.vehicles
    brought, collected = problem.visits
    assert (brought.demand, brought.pickup) == ((1_500, 2_000), ())
    assert (collected.demand, collected.pickup) == ((0, 0), (4_000, 2_000))
    assert collected.allowed_vehicle_ids is None
    assert check_orders(problem, {away.id: [brought.id, collected.id]}) == []
    for grams, broken in ((496_000, []), (496_001, ["CAPACITY"]), (499_999, ["CAPACITY"])):
        full = under_way([on_board], replace(standing, on_board=(grams, 0)), back)
        found = check_orders(full, {away.id: [brought.id, collected.id]})
        assert [violation.code for violation in found] == broken
        assert check_orders(full, {away.id: [brought.id], full.vehicles[1].id: [collected.id]}) == []


def test_a_van_at_the_door_of_a_collection_makes_it() -> None:
    back = a_drop()
    back.order.kind = OrderKind.PICKUP
    standing = stand([a_stop(back, StopState.EN_ROUTE)], None, home=HOME, now=NOON)
    problem = under_way([], standing, back)
    assert problem.visits[0].allowed_vehicle_ids == frozenset({problem.vehicles[0].id})


def test_who_collects_before_all_is_delivered_delivers_the_rest_all_the_same() -> None:
    on_board, back = a_drop(), a_drop()
    back.order.kind = OrderKind.RETURN
    for state, backhaul in ((StopState.EN_ROUTE, Backhaul.MIXED), (StopState.PENDING, Backhaul.PICKUPS_LAST)):
        standing = stand([a_stop(back, state), a_stop(on_board)], None, home=HOME, now=NOON)
        problem = under_way([on_board], standing, back, planning={"pickupsLast": True})
        assert problem.vehicles[0].backhaul is backhaul
        order = [str(back.order.id), str(on_board.order.id)]
        found = check_orders(problem, {problem.vehicles[0].id: order})
        assert [violation.code for violation in found] == ([] if backhaul is Backhaul.MIXED else ["BACKHAUL"])


def test_goods_of_a_failed_attempt_move_only_to_routes_that_leave_when_they_are_back() -> None:
    drop, route = (
        a_drop(),
        Route(
            reference="R1",
            plan_id=CARRIER.id,
            node_id=CARRIER.id,
            carrier_id=CARRIER.id,
            vehicle_id=CARRIER.id,
            currency="EUR",
            planned_start=at(15),
            planned_end=at(17),
        ),
    )
    planned = replace(drop, drafted="R1")
    assert released(planned, {"R1": route}).release is None
    drop.shipments[0].attempt_count = 1
    assert released(planned, {"R1": route}).release == at(15)
    assert released(replace(planned, is_loaded=True), {"R1": route}).release is None


@settings(deadline=None)
@pytest.mark.parametrize("state", [StopState.EN_ROUTE, StopState.ARRIVED])
@given(
    places=st.lists(st.tuples(st.floats(38.5, 38.9), st.floats(-9.4, -8.9)), min_size=1, max_size=7),
    windows=st.lists(st.integers(6, 20), min_size=7, max_size=7),
    minute=st.integers(0, 900),
    left=st.integers(0, 400),
)
def test_however_late_it_is_the_rest_of_a_route_as_it_stands_is_a_plan(
    state: StopState, places: list[tuple[float, float]], windows: list[int], minute: int, left: int
) -> None:
    now = at(6) + timedelta(minutes=minute)
    drops = []
    for (latitude, longitude), hour in zip(places, windows, strict=False):
        drop = a_drop()
        drop.order.latitude, drop.order.longitude = latitude, longitude
        drop.shipments[0].window_start = at(hour)
        drop.shipments[0].window_end = at(hour) + timedelta(hours=1)
        drops.append(drop)
    first = a_stop(drops[0], state, eta=now + timedelta(minutes=5))
    if state is StopState.ARRIVED:
        drops[0] = replace(drops[0], service_seconds=left)
    standing = stand([first, *(a_stop(drop) for drop in drops[1:])], None, home=HOME, now=now)
    van = Van(
        vehicle=a_van().vehicle,
        driver=a_driver(CARRIER),
        free_from=at(0),
        route_id=CARRIER.id,
        standing=standing,
    )
    loaded = [replace(drop, drafted=van.id, is_loaded=True) for drop in drops]
    problem = posed(drops=loaded, vans=[van], now=now)
    assert list(faults(problem)) == []
    assert check_orders(problem, {van.id: [str(drop.order.id) for drop in drops]}) == []
