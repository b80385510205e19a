"""Random small problems in which any constraint may be switched on, and random orders for them.

On the straight road of cases.py, with times in whole minutes, so that what is close to a limit is often just on it.
"""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from app.solvers.routing.problem import (
    Backhaul,
    Break,
    DrivingRule,
    Loading,
    Pair,
    Reload,
    RoutingProblem,
    TrafficProfile,
    TravelMatrix,
    Vehicle,
)
from tests.solvers.routing.cases import MINUTE, road, van, visit, window

SPANS = st.tuples(st.integers(0, 120), st.integers(0, 40)).map(lambda span: window(span[0], sum(span)))
COLD = frozenset({"cold"})


def rarely(*values: Any) -> st.SearchStrategy[Any]:
    """The first value more often than the others together."""
    return st.sampled_from([values[0]] * (len(values) + 1) + list(values[1:]))


def seldom(*values: Any) -> st.SearchStrategy[Any]:
    """The first value nearly always."""
    return st.sampled_from([values[0]] * 12 + list(values[1:]))


BREAKS = st.lists(
    st.builds(
        lambda span, minutes: Break(windows=(span,), duration_seconds=minutes * MINUTE), SPANS, st.integers(1, 20)
    ),
    max_size=2,
).map(tuple)
VEHICLES = st.fixed_dictionaries(
    {
        "capacities": rarely((9, 9), (5, 4), (20, 20)),
        "start_location": rarely(0, 10, None),
        "end_location": rarely(0, 10, None),
        "shift": rarely(window(0, 400), window(0, 60), window(20, 200)),
        "fixed_cost": rarely(0.0, 20.0),
        "cost_per_second": rarely(0.0, 0.1),
        "skills": rarely(COLD, frozenset()),
        "max_duration_seconds": rarely(None, 60 * MINUTE),
        "max_distance_metres": rarely(None, 40_000),
        "max_stops": rarely(None, 3),
        "type": rarely("default", "bike"),
        "profile": rarely("default", "bike"),
        "regular_seconds": rarely(None, 30 * MINUTE),
        "overtime_cost_per_second": rarely(0.0, 0.2),
        "reload_locations": st.sampled_from([(), (0,), (0, 5)]),
        "reload_seconds": rarely(0, 5 * MINUTE),
        "max_trips": rarely(None, 2),
        "breaks": st.one_of(st.just(()), BREAKS),
        "driving_rule": rarely(
            None,
            DrivingRule(max_work_seconds=40 * MINUTE, break_seconds=10 * MINUTE),
            DrivingRule(max_work_seconds=25 * MINUTE, break_seconds=10 * MINUTE, counts_service=False),
        ),
        "day": rarely(0, 1),
        "territories": rarely(frozenset(), frozenset({"west"})),
        "loading": rarely(Loading.ANY, Loading.LIFO),
        "backhaul": rarely(Backhaul.MIXED, Backhaul.PICKUPS_LAST),
    }
)
VISITS = st.fixed_dictionaries(
    {
        "at": st.integers(0, 20),
        "demand": st.tuples(st.integers(0, 3), st.integers(0, 2)),
        "service_seconds": st.integers(0, 8).map(lambda minutes: minutes * MINUTE),
        "windows": st.lists(SPANS, max_size=2).map(tuple),
        "skills": seldom(frozenset(), COLD),
        "unserved_penalty": rarely(1e6, 5.0),
        "allowed_vehicle_ids": seldom(None, frozenset({"0", "1"})),
        "pinned_vehicle_id": seldom(None, "0"),
        "release_seconds": rarely(None, 20 * MINUTE),
        "pickup": rarely((), (1, 2)),
        "setup_seconds": rarely(0, 3 * MINUTE),
        "service_seconds_by_type": rarely({}, {"bike": 2 * MINUTE}),
        "late_cost_per_second": rarely(None, 0.05),
        "territory": seldom(None, "west", "east"),
        "outside_territory_cost": rarely(None, 7.0),
        "vehicle_costs": rarely({}, {"0": -3.0, "1": 4.0}),
        "published_vehicle_id": rarely(None, "1"),
        "change_cost": st.just(6.0),
        "allowed_days": seldom(None, frozenset({0})),
        "group": seldom(None, "g"),
    }
)
TRAFFIC = rarely(
    None, TrafficProfile(starts_seconds=(0, 30 * MINUTE, 90 * MINUTE), speed_factors=(1.0, 0.5, 1.5)), None
)


@st.composite
def problems(draw: st.DrawFn, *, most_vehicles: int = 3, most_visits: int = 6) -> RoutingProblem:
    """Every constraint of the model, each switched on now and then."""
    fleet = [van(str(n), **one) for n, one in enumerate(draw(st.lists(VEHICLES, min_size=1, max_size=most_vehicles)))]
    given = draw(st.lists(VISITS, max_size=most_visits))
    visits = [visit(f"v{n}", **one) for n, one in enumerate(given)]
    pairs = []
    if len(visits) >= 2 and draw(st.booleans()):
        goods = draw(st.tuples(st.integers(0, 3), st.integers(0, 2)))
        visits[0] = replace(visits[0], pickup=goods, demand=(0, 0), group=None)
        visits[1] = replace(visits[1], pickup=(), demand=goods, group=None)
        ride = draw(st.sampled_from([None, 10 * MINUTE, 25 * MINUTE]))
        pairs.append(Pair(pickup_visit_id="v0", delivery_visit_id="v1", max_ride_seconds=ride))
    ids = [one.id for one in visits]
    sets = st.lists(st.sampled_from(ids), min_size=2, max_size=3, unique=True).map(frozenset) if len(ids) > 1 else None
    traffic = draw(TRAFFIC)
    return RoutingProblem(
        vehicles=tuple(fleet),
        visits=tuple(visits),
        matrix=road(),
        matrices={"bike": slow_road()},
        pairs=tuple(pairs),
        together=(draw(sets),) if sets is not None and draw(rarely(False, True)) else (),
        apart=(draw(sets),) if sets is not None and draw(rarely(False, True)) else (),
        balance_cost_per_second=draw(rarely(0.0, 0.01)),
        traffic={} if traffic is None else {"default": traffic},
    )


def slow_road() -> TravelMatrix:
    """A road on which everything takes twice as long."""
    fast = road()
    return replace(fast, durations_seconds=fast.durations_seconds * 2)


@st.composite
def orders(draw: st.DrawFn, posed: RoutingProblem) -> dict[str, list[str | Reload]]:
    """Some of the visits in any order on any vehicles, with reloads here and there."""
    plan: dict[str, list[str | Reload]] = {}
    for one in draw(st.permutations([given.id for given in posed.visits])):
        vehicle: Vehicle | None = draw(st.sampled_from([*posed.vehicles, None]))
        if vehicle is None:
            continue
        order = plan.setdefault(vehicle.id, [])
        if order and vehicle.reload_locations and draw(rarely(False, True)):
            order.append(Reload(location=draw(seldom(*vehicle.reload_locations, 7))))
        order.append(one)
    return plan
