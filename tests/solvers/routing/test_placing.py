"""What is left over by a plan: placed where it fits, and told the truth where it does not."""

from collections.abc import Sequence

from hypothesis import given, settings

from app.solvers.routing.diagnosis import explain_all
from app.solvers.routing.driving import Refusal
from app.solvers.routing.insertion import Plan
from app.solvers.routing.placing import place_left
from app.solvers.routing.problem import Reload, RoutingProblem, Vehicle, Visit
from app.solvers.routing.rules import Item
from app.solvers.routing.schedule import Terms, plan
from app.solvers.routing.solution import UnservedCode
from app.solvers.routing.waivers import WAIVERS
from tests.solvers.routing.cases import terms, van, visit, window
from tests.solvers.routing.everything import problems

BY_CONSTRAINT = {waiver.constraint: waiver for waiver in WAIVERS}


def ids(planned: Plan) -> dict[str, list[str]]:
    return {id: [item.id for item in order if isinstance(item, Visit)] for id, order in planned.orders.items()}


def test_the_most_urgent_is_placed_first_and_what_is_not_worth_it_stays_out() -> None:
    visits = visit("usual", 3, demand=(1,)), visit("urgent", 9, demand=(1,), unserved_penalty=1e7)
    planned = Plan(terms(van(capacities=(1,)), *visits), {})
    place_left(planned)
    assert ids(planned) == {"van": ["urgent"]}
    planned = Plan(terms(van(), visit("far", 9, unserved_penalty=17.0), visit("near", 2, unserved_penalty=4.5)), {})
    place_left(planned)
    assert ids(planned) == {"van": ["near"]}


def test_later_visits_see_the_routes_that_earlier_ones_changed() -> None:
    given = [visit(id, 5, service_seconds=600, windows=(window(0, 10),)) for id in "abc"]
    planned = Plan(terms(van(fixed_cost=50.0), van("second", fixed_cost=90.0), *given), {})
    place_left(planned)
    assert sorted(map(sorted, ids(planned).values())) in ([["a"], ["b"]], [["a"], ["c"]], [["b"], ["c"]])


def cheapest_anywhere(planned: Plan, one: Visit, fleet: Sequence[Vehicle]) -> float | None:
    """By trying every position of every vehicle, with another trip too."""
    costs = []
    for vehicle in fleet:
        order: tuple[Item, ...] = planned.orders.get(vehicle.id, ())
        company = planned.terms.ties.together.get(one.id, ())
        if any(planned.vehicle_of.get(id, vehicle.id) != vehicle.id for id in company):
            continue
        added: list[list[Item]] = [[one]]
        for home in vehicle.reload_locations:
            added += [[Reload(location=home), one], [one, Reload(location=home)]]
        tried = [(at, more) for at in range(len(order) + 1) for more in (added if order else added[:1])]
        for at, more in tried:
            route = plan(planned.terms, vehicle, [*order[:at], *more, *order[at:]])
            if not isinstance(route, Refusal):
                costs.append(route.cost - planned.cost(vehicle))
    return min(costs, default=None)


@settings(max_examples=60, deadline=None)
@given(posed=problems())
def test_what_is_told_of_a_visit_is_so(posed: RoutingProblem) -> None:
    """Whoever is told that there is no place has none; whatever is named as a way out serves it, at that cost."""
    planned = Plan(Terms(posed), {})
    place_left(planned)
    left = [one for one in posed.visits if one.id not in planned.vehicle_of and one.id not in planned.terms.ties.pairs]
    for one, told in zip(left, explain_all(planned, left), strict=True):
        place = cheapest_anywhere(planned, one, posed.vehicles)
        if told.code is UnservedCode.ALTERNATIVE_SERVED:
            continue
        if told.code is UnservedCode.NOT_WORTH_SERVING:
            assert place is not None
        elif told.code is not UnservedCode.NOT_PLACED:
            assert place is None, told
        waiver = BY_CONSTRAINT.get(told.relaxation.constraint) if told.relaxation else None
        if waiver is None or waiver.is_company or told.relaxation is None:
            continue
        waived = cheapest_anywhere(planned, waiver.visit(one), [waiver.vehicle(vehicle) for vehicle in posed.vehicles])
        assert waived is not None
        assert waived <= told.relaxation.cost + 1e-6
