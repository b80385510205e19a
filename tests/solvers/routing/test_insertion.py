from hypothesis import given
from hypothesis import strategies as st

from app.solvers.routing.insertion import Insertion, cheapest
from app.solvers.routing.problem import Vehicle, Visit
from app.solvers.routing.schedule import is_drivable, timetable
from tests.solvers.routing.cases import terms, van, visit, window


def cost(vehicle: Vehicle, visits: list[Visit]) -> float:
    route = timetable(terms(), vehicle, visits) if visits else None
    return route.cost if route else 0.0


def place(found: Insertion | None) -> tuple[str, int, float] | None:
    return (found.vehicle_id, found.position, found.cost) if found else None


def test_a_visit_on_the_way_costs_nothing_and_goes_where_it_lies() -> None:
    orders = {"van": [visit("b", 4), visit("c", 9)]}
    assert place(cheapest(terms(van()), [van()], orders, visit("a", 6))) == ("van", 1, 0.0)


def test_an_empty_vehicle_costs_its_fixed_cost() -> None:
    found = cheapest(terms(), [van(fixed_cost=7.0)], {}, visit("a", 3))
    assert place(found) == ("van", 0, 13.0)


def test_there_is_no_place_in_a_full_vehicle() -> None:
    orders = {"van": [visit("b", 4, demand=(2,))]}
    for vehicle in (van(capacities=(2,)), van(capacities=(9,), max_stops=1)):
        assert cheapest(terms(van(capacities=(9,))), [vehicle], orders, visit("a", 3, demand=(1,))) is None


SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 30)).map(lambda s: window(s[0], sum(s))), max_size=2)
VISITS = st.builds(
    lambda at, windows, demand: visit("x", at, windows=tuple(windows), demand=(demand,)),
    st.integers(0, 20),
    SPANS,
    st.integers(0, 3),
)


@given(present=st.lists(VISITS, max_size=4), new=VISITS, rate=st.sampled_from([0.0, 0.5]))
def test_no_other_place_is_cheaper(present: list[Visit], new: Visit, rate: float) -> None:
    fleet = [van(capacities=(6,), cost_per_second=rate), van("second", capacities=(6,), fixed_cost=9.0)]
    orders = {"van": present if is_drivable(terms(), fleet[0], present) else []}
    costs = []
    for vehicle in fleet:
        before = orders.get(vehicle.id, [])
        tried = ([*before[:at], new, *before[at:]] for at in range(len(before) + 1))
        costs += [
            cost(vehicle, order) - cost(vehicle, before) for order in tried if is_drivable(terms(), vehicle, order)
        ]
    found = cheapest(terms(*fleet), fleet, orders, new)
    assert (found and found.cost) == min(costs, default=None)
