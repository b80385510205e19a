"""The reference engine: split, search each part with OR-Tools, place what is left, explain the rest, check.

OR-Tools' model knows loads, windows hard and soft, limits, prices and pairs; what else a problem asks (ortools_model.py
names it) is repaired here: a route that breaks it loses stops until it does not, and insertion, which knows every
constraint, places them again. So its plans hold every rule, but the more of them it does not know, the less it serves.
"""

from collections.abc import Sequence

from app.solvers.progress import OnProgress, Progress, silent
from app.solvers.routing import grouping, searching
from app.solvers.routing.answering import InfeasiblePlan, answer
from app.solvers.routing.driving import Refusal
from app.solvers.routing.problem import RoutingProblem, Vehicle, Visit
from app.solvers.routing.rules import Item, visits_of
from app.solvers.routing.schedule import Terms, plan
from app.solvers.routing.solution import Quality, RoutingSolution
from app.solvers.routing.travel import matrix_of
from app.solvers.routing.validation import require_valid
from app.solvers.stopping import StoppingRule

__all__ = ["InfeasiblePlan", "keep_drivable", "solve"]

Orders = dict[str, list[Item]]


def solve(
    problem: RoutingProblem, *, stop: StoppingRule, seed: int = 0, on_progress: OnProgress = silent
) -> RoutingSolution:
    """Plans all it can within the rule; its seconds are shared among the parts. The answer has passed the checker.

    Refuses a problem that contradicts itself with InvalidProblem. OR-Tools' routing search takes no seed: `seed` is
    there because every engine has one.
    """
    require_valid(problem)
    terms = Terms(problem)
    found = searching.search(grouping.split(problem, matrix_of(problem)), problem, stop=stop, on_progress=on_progress)
    orders: Orders = {name: terms.order(ids) for name, ids in found.orders.items()}
    keep_drivable(terms, orders)
    on_progress(Progress(fraction=0.92, message="placing what is left, explaining what cannot be"))
    return answer(terms, orders, Quality(solver="ortools", seconds=found.seconds, iterations=found.iterations))


def keep_drivable(terms: Terms, orders: Orders) -> None:
    """Takes visits off routes that cannot be driven as they stand, those whose penalty is smallest first.

    What a route is frozen to stays, in its place; a pair leaves together.
    """
    for vehicle in terms.problem.vehicles:
        order = _thawed(terms, vehicle, orders.pop(vehicle.id, []))
        frozen = len(vehicle.frozen_visit_ids)
        while len(order) > frozen and isinstance(plan(terms, vehicle, order), Refusal):
            shorter = [_without(terms, order, visit) for visit in _easiest(order[frozen:])]
            order = next((rest for rest in shorter if _holds(terms, vehicle, rest)), shorter[0])
        if order:
            orders[vehicle.id] = order
    _part(terms, orders)


def _thawed(terms: Terms, vehicle: Vehicle, order: Sequence[Item]) -> list[Item]:
    """The order, beginning as the vehicle is frozen to."""
    frozen = terms.order(vehicle.frozen_visit_ids)
    return [*frozen, *(item for item in order if item not in frozen)]


def _easiest(order: Sequence[Item]) -> list[Visit]:
    return sorted(visits_of(order), key=lambda visit: visit.unserved_penalty)


def _holds(terms: Terms, vehicle: Vehicle, order: Sequence[Item]) -> bool:
    return bool(order) and not isinstance(plan(terms, vehicle, order), Refusal)


def _without(terms: Terms, order: Sequence[Item], visit: Visit) -> list[Item]:
    pair = terms.ties.pairs.get(visit.id)
    gone = {visit.id} if pair is None else {pair.pickup_visit_id, pair.delivery_visit_id}
    return [item for item in order if not isinstance(item, Visit) or item.id not in gone]


def _part(terms: Terms, orders: Orders) -> None:
    """Takes off whoever is on another vehicle than its company, or shares one with what excludes it."""
    vehicle_of = {visit.id: id for id, order in orders.items() for visit in visits_of(order)}
    frozen = {id for vehicle in terms.problem.vehicles for id in vehicle.frozen_visit_ids}
    groups: set[str] = set()
    for visit in terms.problem.visits:
        own = vehicle_of.get(visit.id)
        if own is None:
            continue
        company = {vehicle_of.get(id, own) for id in terms.ties.together.get(visit.id, ())}
        is_doubled = visit.group is not None and visit.group in groups
        if (company - {own} or is_doubled) and visit.id not in frozen:
            orders[own] = _without(terms, orders[own], visit)
            del vehicle_of[visit.id]
            if not orders[own]:
                del orders[own]
        elif visit.group is not None:
            groups.add(visit.group)
