"""Judges a plan against its problem, knowing nothing of any engine. Every plan passes here before it is adopted.

This is the whole plan: who is served, what holds between routes, what it claims to cost. One route on its own is
route_checks.py's. Neither uses the timetable: they take its times as claims. `check_orders` judges a plan that a person
made, given as orders without times: it is timed as early as it can be driven, however late that is, and each rule that
this breaks is named.

    ACCOUNT   VISIT_TWICE, VISIT_UNKNOWN, VISIT_MISSING, VEHICLE_TWICE, VEHICLE_UNKNOWN, ROUTE_EMPTY
    CLAIMS    COST_CLAIMED, OBJECTIVE_CLAIMED, METRES_CLAIMED, DURATION_CLAIMED, LOAD_CLAIMED, ARRIVAL_CLAIMED,
              DEPARTURE_CLAIMED, TRAVEL, END_TOO_EARLY
    RULES     the values of solution.Constraint
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isclose

from app.solvers.routing.leniency import Leniency
from app.solvers.routing.problem import Reload, RoutingProblem, Visit
from app.solvers.routing.route_checks import COST_TOLERANCE, RouteChecker
from app.solvers.routing.solution import Route, RoutingSolution
from app.solvers.routing.violations import Fact, Violation, violation

__all__ = ["Violation", "check", "check_orders"]


def check(problem: RoutingProblem, solution: RoutingSolution) -> list[Violation]:
    """Every violation of the solution; an empty list means that it can be driven as it stands."""
    left = [unserved.visit_id for unserved in solution.unserved]
    found = [*_accounted_for(problem, solution.routes, left), *_routes(problem, solution.routes)]
    found += [*_between_routes(problem, solution.routes), *_frozen_unused(problem, solution.routes)]
    return [*found, *_claims(problem, solution)]


def check_orders(
    problem: RoutingProblem, orders: Mapping[str, Sequence[str | Reload]], *, unserved: Iterable[str] | None = None
) -> list[Violation]:
    """Every violation of a plan a person made: vehicle -> visit ids in order, with a Reload where a trip ends.

    `unserved`: whom it leaves out on purpose; None: everybody it does not mention.
    """
    known = {visit.id for visit in problem.visits}
    vehicles = {vehicle.id for vehicle in problem.vehicles}
    mentioned = {item for order in orders.values() for item in order if isinstance(item, str)}
    left = list(unserved) if unserved is not None else sorted(known - mentioned)
    found = [*_counted(problem, Counter(_mentions(orders, left)))]
    found += [violation("VEHICLE_UNKNOWN", "no such vehicle", vehicle=id) for id in orders if id not in vehicles]
    drivable = {
        id: [item for item in order if isinstance(item, Reload) or item in known]
        for id, order in orders.items()
        if id in vehicles
    }
    leniency = Leniency(problem)
    routes = [leniency.timed(id, order) for id, order in drivable.items() if _has_visits(order)]
    found += [*_routes(problem, routes), *_between_routes(problem, routes), *_frozen_unused(problem, routes)]
    return found


def _has_visits(order: Sequence[str | Reload]) -> bool:
    return any(isinstance(item, str) for item in order)


def _mentions(orders: Mapping[str, Sequence[str | Reload]], left: Sequence[str]) -> Iterator[str]:
    for order in orders.values():
        yield from (item for item in order if isinstance(item, str))
    yield from left


def _accounted_for(problem: RoutingProblem, routes: Sequence[Route], left: Sequence[str]) -> Iterator[Violation]:
    """Each visit exactly once, on one route or among the unserved; each vehicle on one route, and known."""
    seen = Counter(stop.visit_id for route in routes for stop in route.stops)
    seen.update(left)
    yield from _counted(problem, seen)
    for id, times in Counter(route.vehicle_id for route in routes).items():
        if times > 1:
            yield violation("VEHICLE_TWICE", f"{times} routes", vehicle=id)


def _counted(problem: RoutingProblem, seen: Counter[str]) -> Iterator[Violation]:
    known = {visit.id for visit in problem.visits}
    for id, times in seen.items():
        if times > 1:
            yield violation("VISIT_TWICE", f"{times} times", visit=id)
        if id not in known:
            yield violation("VISIT_UNKNOWN", "no such visit", visit=id)
    for id in sorted(known - seen.keys()):
        yield violation("VISIT_MISSING", "not mentioned", visit=id)


def _routes(problem: RoutingProblem, routes: Iterable[Route]) -> Iterator[Violation]:
    vehicles = {vehicle.id: vehicle for vehicle in problem.vehicles}
    judge = RouteChecker(problem)
    for route in routes:
        vehicle = vehicles.get(route.vehicle_id)
        if vehicle is None:
            yield violation("VEHICLE_UNKNOWN", "no such vehicle", vehicle=route.vehicle_id)
        else:
            yield from judge.check(vehicle, route)


def _between_routes(problem: RoutingProblem, routes: Sequence[Route]) -> Iterator[Violation]:
    on = {stop.visit_id: number for number, route in enumerate(routes) for stop in route.stops}
    yield from _pairs(problem, routes, on)
    for members in problem.together:
        served = sorted(members & on.keys())
        if len({on[id] for id in served}) > 1:
            detail, fact = f"{', '.join(served)} are on different vehicles", Fact(visit_ids=tuple(served))
            yield violation("TOGETHER", detail, visit=served[0], fact=fact)
    for members in problem.apart:
        by_route: dict[int, list[str]] = {}
        for id in sorted(members & on.keys()):
            by_route.setdefault(on[id], []).append(id)
        for number, ids in by_route.items():
            if len(ids) > 1:
                detail, fact = f"{', '.join(ids)} are on one vehicle", Fact(visit_ids=tuple(ids))
                yield violation("APART", detail, vehicle=routes[number].vehicle_id, visit=ids[0], fact=fact)
    yield from _groups(problem.visits, on)


def _pairs(problem: RoutingProblem, routes: Sequence[Route], on: Mapping[str, int]) -> Iterator[Violation]:
    for pair in problem.pairs:
        pickup, delivery = pair.pickup_visit_id, pair.delivery_visit_id
        if (pickup in on) != (delivery in on):
            served, missing = (pickup, delivery) if pickup in on else (delivery, pickup)
            vehicle = routes[on[served]].vehicle_id
            yield violation("PAIR", f"is served without {missing}", vehicle=vehicle, visit=served)
        elif pickup in on and on[pickup] != on[delivery]:
            vehicle = routes[on[delivery]].vehicle_id
            detail = f"{pickup} is on {routes[on[pickup]].vehicle_id}"
            yield violation("PAIR", detail, vehicle=vehicle, visit=delivery)


def _groups(visits: Iterable[Visit], on: Mapping[str, int]) -> Iterator[Violation]:
    served = Counter(visit.group for visit in visits if visit.group is not None and visit.id in on)
    for group, times in served.items():
        if times > 1:
            yield violation("GROUP", f"{times} visits of group {group} are served")


def _frozen_unused(problem: RoutingProblem, routes: Iterable[Route]) -> Iterator[Violation]:
    used = {route.vehicle_id for route in routes}
    for vehicle in problem.vehicles:
        if vehicle.frozen_visit_ids and vehicle.id not in used:
            detail = f"does not begin with {', '.join(vehicle.frozen_visit_ids)}"
            yield violation("FROZEN", detail, vehicle=vehicle.id, visit=vehicle.frozen_visit_ids[0])


def _claims(problem: RoutingProblem, solution: RoutingSolution) -> Iterator[Violation]:
    cost = sum(route.cost for route in solution.routes)
    if not isclose(cost, solution.cost, abs_tol=COST_TOLERANCE):
        yield violation("COST_CLAIMED", f"claims {solution.cost}, the routes cost {cost}")
    served = {stop.visit_id for route in solution.routes for stop in route.stops}
    objective = solution.cost + _left_out(problem, served) + _imbalance(problem, solution.routes)
    if not isclose(objective, solution.objective, rel_tol=1e-9, abs_tol=COST_TOLERANCE):
        yield violation("OBJECTIVE_CLAIMED", f"claims {solution.objective}, is {objective}")


def _left_out(problem: RoutingProblem, served: set[str]) -> float:
    """The penalty of whoever is not served; a group's, its largest, only where none of it is."""
    groups: dict[str, list[Visit]] = {}
    for visit in problem.visits:
        groups.setdefault(f"visit {visit.id}" if visit.group is None else f"group {visit.group}", []).append(visit)
    unmet = (group for group in groups.values() if not any(visit.id in served for visit in group))
    return sum(max(visit.unserved_penalty for visit in group) for group in unmet)


def _imbalance(problem: RoutingProblem, routes: Sequence[Route]) -> float:
    seconds = [route.end_seconds - route.start_seconds for route in routes]
    mean = sum(seconds) / len(seconds) if seconds else 0.0
    return problem.balance_cost_per_second * sum(abs(one - mean) for one in seconds)
