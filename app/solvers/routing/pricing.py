"""What a plan costs beyond its routes: whom it leaves out, and how unequal its routes are. Minor units."""

from collections.abc import Iterable, Sequence

from app.solvers.routing.problem import RoutingProblem


def unserved_cost(problem: RoutingProblem, unserved_ids: Iterable[str]) -> float:
    """The penalties of these visits; of a group nothing where one of it is served, else its largest once."""
    left = set(unserved_ids)
    served_groups = {visit.group for visit in problem.visits if visit.group is not None and visit.id not in left}
    cost = 0.0
    largest: dict[str, float] = {}
    for visit in problem.visits:
        if visit.id not in left:
            continue
        if visit.group is None:
            cost += visit.unserved_penalty
        elif visit.group not in served_groups:
            largest[visit.group] = max(largest.get(visit.group, 0.0), visit.unserved_penalty)
    return cost + sum(largest.values())


def balance_cost(problem: RoutingProblem, route_seconds: Sequence[int]) -> float:
    """The price of the summed absolute deviation of the routes' seconds from their mean."""
    if not route_seconds or not problem.balance_cost_per_second:
        return 0.0
    mean = sum(route_seconds) / len(route_seconds)
    return problem.balance_cost_per_second * sum(abs(seconds - mean) for seconds in route_seconds)
