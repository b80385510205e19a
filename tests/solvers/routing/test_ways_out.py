"""The change that is named serves the visit, by just so much, and no other single change is cheaper."""

from collections.abc import Iterator
from dataclasses import replace

from hypothesis import given, settings

from app.solvers.routing.diagnosis import explain_all
from app.solvers.routing.driving import Refusal
from app.solvers.routing.insertion import Insertion, Plan
from app.solvers.routing.placing import place_left
from app.solvers.routing.problem import RoutingProblem, Vehicle, Visit
from app.solvers.routing.rules import Ties
from app.solvers.routing.schedule import Terms, plan
from app.solvers.routing.solution import Constraint, Relaxation, RelaxedConstraint, Unserved, UnservedCode
from app.solvers.routing.waivers import WAIVERS, Stretch, Waiver
from app.solvers.routing.weights import WEIGHTS
from tests.solvers.routing.everything import problems

BY_CONSTRAINT = {waiver.constraint: waiver for waiver in WAIVERS}
UNTRIED = {UnservedCode.ALTERNATIVE_SERVED, UnservedCode.NOT_PLACED, UnservedCode.NOT_WORTH_SERVING}


def without_company(planned: Plan) -> Plan:
    terms = Terms(planned.terms.problem)
    terms.ties = Ties(pairs=planned.terms.ties.pairs)
    return planned.under(terms)


def eased(vehicle: Vehicle, given: Relaxation, waiver: Waiver) -> Vehicle:
    """The vehicle with just so much more as was named."""
    by = given.extent
    if waiver.stretch is not None:
        return waiver.stretch.vehicle(vehicle, abs(by.amount))
    match waiver.constraint:
        case RelaxedConstraint.CAPACITY:
            sizes = zip(vehicle.capacities, by.missing, strict=True)
            return replace(vehicle, capacities=tuple(have + more for have, more in sizes))
        case RelaxedConstraint.STOPS:
            return replace(vehicle, max_stops=(vehicle.max_stops or 0) + by.amount)
        case RelaxedConstraint.TRIPS:
            return replace(vehicle, max_trips=(vehicle.max_trips or 0) + by.amount)
        case RelaxedConstraint.DISTANCE:
            return replace(vehicle, max_distance_metres=(vehicle.max_distance_metres or 0) + by.amount)
        case RelaxedConstraint.SKILL:
            return replace(vehicle, skills=vehicle.skills | frozenset(by.skills))
    return waiver.vehicle(vehicle)


def serves(planned: Plan, one: Visit, told: Relaxation) -> float | None:
    """What it costs at the least on the vehicle that is named, with the change that is named and no other."""
    vehicle = planned.terms.vehicles[told.vehicle_id or ""]
    if told.constraint is RelaxedConstraint.FLEET:
        alone = plan(planned.terms, replace(vehicle, frozen_visit_ids=()), [one])
        return None if isinstance(alone, Refusal) else alone.cost
    waiver = BY_CONSTRAINT[told.constraint]
    visit = one
    if waiver.stretch is not None:
        visit = waiver.stretch.visit(one, abs(told.extent.amount))
    elif told.constraint is not RelaxedConstraint.SKILL:
        visit = waiver.visit(one)
    given = without_company(planned) if waiver.is_company else planned
    positions = range(len(planned.orders.get(vehicle.id, ())) + 1)
    found = given.at(eased(vehicle, told, waiver), positions, visit)
    return found.cost if isinstance(found, Insertion) else None


def prices(planned: Plan, one: Visit) -> Iterator[tuple[float, RelaxedConstraint, str]]:
    """What each waiver comes to at each leg where it is enough."""
    for waiver in WAIVERS:
        given = without_company(planned) if waiver.is_company else planned
        for vehicle in planned.terms.problem.vehicles:
            for position in range(len(planned.orders.get(vehicle.id, ())) + 1):
                if not waiver.is_company and kept_by_company(planned, vehicle, one):
                    continue
                minutes, found = 0, given.at(waiver.vehicle(vehicle), [position], waiver.visit(one))
                if isinstance(found, Insertion) and waiver.stretch is not None:
                    minutes, found = fewest(planned, vehicle, position, one, waiver.stretch)
                if isinstance(found, Insertion):
                    extent = waiver.measure(planned, one, vehicle, found, minutes)
                    yield found.cost + WEIGHTS[waiver.constraint].of(extent), waiver.constraint, vehicle.id


def kept_by_company(planned: Plan, vehicle: Vehicle, one: Visit) -> bool:
    company = planned.terms.ties.together.get(one.id, ())
    return any(planned.vehicle_of.get(id, vehicle.id) != vehicle.id for id in company)


def fewest(
    planned: Plan, vehicle: Vehicle, position: int, one: Visit, stretch: Stretch
) -> tuple[int, Insertion | Refusal]:
    found: Insertion | Refusal = Refusal(constraint=Constraint.WINDOW)
    for minutes in range(1, 700):
        found = planned.at(stretch.vehicle(vehicle, minutes), [position], stretch.visit(one, minutes))
        if isinstance(found, Insertion):
            return minutes, found
    return 700, found


def told_of(posed: RoutingProblem) -> Iterator[tuple[Plan, Visit, Unserved]]:
    """Whoever is left over by a plan, pairs and alternatives apart, and what is told of it."""
    planned = Plan(Terms(posed), {})
    place_left(planned)
    left = [one for one in posed.visits if one.id not in planned.vehicle_of and one.id not in planned.terms.ties.pairs]
    for one, told in zip(left, explain_all(planned, left), strict=True):
        if told.code not in UNTRIED:
            yield planned, one, told


@settings(max_examples=150, deadline=None)
@given(posed=problems())
def test_the_change_serves_the_visit_by_just_so_much_as_is_named(posed: RoutingProblem) -> None:
    for planned, one, told in told_of(posed):
        if told.relaxation is not None:
            cost = serves(planned, one, told.relaxation)
            assert cost is not None, told
            assert cost <= told.relaxation.cost + 1e-6, told


@settings(max_examples=150, deadline=None)
@given(posed=problems())
def test_no_single_change_of_any_leg_is_cheaper(posed: RoutingProblem) -> None:
    """Goods that come late apart: the screening does not see that one more reload parts them from the rest."""
    posed = replace(posed, visits=tuple(replace(one, release_seconds=None) for one in posed.visits))
    for planned, one, told in told_of(posed):
        found = min(prices(planned, one), default=None)
        if told.relaxation is None:
            assert found is None, (told, found)
        elif found is not None:
            assert told.relaxation.price <= found[0] + 1e-6, (told, found)
