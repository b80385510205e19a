"""The reference engine: split, search each part with OR-Tools, place what is left, explain the rest, check."""

from app.solvers.progress import OnProgress, Progress, silent
from app.solvers.routing import checker, diagnosis, grouping, insertion, searching
from app.solvers.routing.problem import RoutingProblem, TravelMatrix, Visit
from app.solvers.routing.schedule import is_drivable, timetable
from app.solvers.routing.solution import Quality, RoutingSolution, Unserved, UnservedCode
from app.solvers.routing.travel import matrix_of
from app.solvers.routing.validation import require_valid
from app.solvers.stopping import StoppingRule

# Explaining a visit costs a few insertions over the whole fleet; past this many they all say the same.
MOST_EXPLAINED = 100

Orders = dict[str, list[Visit]]


class InfeasiblePlan(Exception):
    """The engine answered something that the checker refuses: a fault of ours, never adopted."""


def solve(
    problem: RoutingProblem, *, stop: StoppingRule, seed: int = 0, on_progress: OnProgress = silent
) -> RoutingSolution:
    """Plans all it can within the rule; its seconds are shared among the parts. The answer has passed the checker.

    Refuses a problem that contradicts itself with InvalidProblem. OR-Tools' routing search takes no seed: `seed` is
    there because every engine has one.
    """
    require_valid(problem)
    travel = matrix_of(problem)
    found = searching.search(grouping.split(problem, travel), travel, stop=stop, on_progress=on_progress)
    visits = {visit.id: visit for visit in problem.visits}
    orders = {name: [visits[id] for id in ids] for name, ids in found.orders.items()}
    keep_drivable(problem, travel, orders)
    on_progress(Progress(fraction=0.92, message="placing what is left"))
    left = _repair(problem, travel, orders)
    on_progress(Progress(fraction=0.95, message=f"explaining {len(left)} unserved stops"))
    quality = Quality(solver="ortools", seconds=found.seconds, iterations=found.iterations)
    return _answer(problem, travel, orders, left, quality)


def keep_drivable(problem: RoutingProblem, travel: TravelMatrix, orders: Orders) -> None:
    """Takes visits off routes that cannot be driven as they stand, those whose penalty is smallest first."""
    for vehicle in problem.vehicles:
        visits = orders.pop(vehicle.id, [])
        while visits and not is_drivable(travel, vehicle, visits):
            easiest = sorted(range(len(visits)), key=lambda at: visits[at].unserved_penalty)
            shorter = ([*visits[:at], *visits[at + 1 :]] for at in easiest)
            first = [*visits[: easiest[0]], *visits[easiest[0] + 1 :]]
            visits = next((rest for rest in shorter if is_drivable(travel, vehicle, rest)), first)
        if visits:
            orders[vehicle.id] = visits


def _repair(problem: RoutingProblem, travel: TravelMatrix, orders: Orders) -> list[Visit]:
    """Puts what a part left out wherever the whole fleet has room; answers what nobody can take."""
    served = {visit.id for visits in orders.values() for visit in visits}
    left = []
    for visit in sorted((v for v in problem.visits if v.id not in served), key=lambda v: -v.unserved_penalty):
        place = insertion.cheapest(travel, problem.vehicles, orders, visit)
        if place is None or place.cost > visit.unserved_penalty:
            left.append(visit)
        else:
            orders.setdefault(place.vehicle_id, []).insert(place.position, visit)
    return left


def _answer(
    problem: RoutingProblem, travel: TravelMatrix, orders: Orders, left: list[Visit], quality: Quality
) -> RoutingSolution:
    vehicles = {vehicle.id: vehicle for vehicle in problem.vehicles}
    routes = []
    for name, visits in orders.items():
        route = timetable(travel, vehicles[name], visits)
        if route is None:
            raise InfeasiblePlan(f"vehicle {name} cannot keep its {len(visits)} windows")
        routes.append(route)
    cost = sum(route.cost for route in routes)
    solution = RoutingSolution(
        routes=tuple(routes),
        unserved=tuple(_explained(problem, travel, orders, left)),
        cost=cost,
        objective=cost + sum(visit.unserved_penalty for visit in left),
        distance_metres=sum(route.distance_metres for route in routes),
        duration_seconds=sum(route.duration_seconds for route in routes),
        quality=quality,
    )
    if violations := checker.check(problem, solution):
        raise InfeasiblePlan(f"{len(violations)} violations, the first: {violations[0]}")
    return solution


def _explained(problem: RoutingProblem, travel: TravelMatrix, orders: Orders, left: list[Visit]) -> list[Unserved]:
    found = [diagnosis.explain(travel, problem.vehicles, orders, visit) for visit in left[:MOST_EXPLAINED]]
    return found + [
        Unserved(
            visit_id=visit.id,
            code=UnservedCode.NO_VEHICLE_LEFT,
            detail="Every vehicle that could serve it is filled by the rest of the plan.",
        )
        for visit in left[MOST_EXPLAINED:]
    ]
