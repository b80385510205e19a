"""What each route of a plan costs: its vehicle, its metres, its shortest duration, its prices."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.solvers.routing.decomposition import Whole
from app.solvers.routing.kernel import FAR, Plan
from app.solvers.routing.kernel.jit import compiled
from app.solvers.routing.points import legs


def route_costs(whole: Whole, plan: Plan) -> NDArray[np.float64]:
    """[routes] in minor units, for a plan that can be driven."""
    kinds, routes = whole.data.kinds, len(plan.kinds)
    if routes == 0:
        return np.zeros(0)
    metres, seconds = plan_legs(whole, plan)
    first_legs = plan.starts[:-1] + np.arange(routes)
    costs = by_route(kinds.fixed_costs, plan, 0.0) + by_route(kinds.costs_per_metre, plan, 1.0) * np.add.reduceat(
        metres, first_legs
    )
    per_second = by_route(kinds.costs_per_second, plan, 0.0)
    overtime = by_route(kinds.overtime_costs_per_second, plan, 0.0)
    if per_second.any() or overtime.any():
        durations = _durations(whole, plan, seconds)
        over = np.maximum(0.0, durations - by_route(kinds.regular_seconds, plan, FAR))
        costs = costs + per_second * durations + overtime * over
    if whole.data.prices is not None:
        kind_of_visit = np.repeat(plan.kinds, np.diff(plan.starts))
        costs = costs + np.add.reduceat(whole.data.prices[plan.visits, kind_of_visit], plan.starts[:-1])
    return np.asarray(costs, dtype=np.float64)


def plan_cost(whole: Whole, plan: Plan, *, among: NDArray[np.intp] | None = None) -> float:
    """The routes' costs and the penalties of those that are on none: of all visits, or of some."""
    penalties = penalties_of(whole)
    missing = np.ones(whole.data.visit_count, bool)
    if among is not None:
        missing[:] = False
        missing[among] = True
    missing[plan.visits] = False
    return float(route_costs(whole, plan).sum() + penalties[missing].sum())


def penalties_of(whole: Whole) -> NDArray[np.float64]:
    """[n] what it costs to leave a visit out."""
    given = whole.data.penalties
    return np.full(whole.data.visit_count, 1e9) if given is None else np.asarray(given, dtype=np.float64)


def by_route(values: NDArray[Any] | None, plan: Plan, default: float) -> NDArray[np.float64]:
    """The kinds' values by route."""
    if values is None:
        return np.full(len(plan.kinds), default)
    return np.asarray(values, dtype=np.float64)[plan.kinds]


def plan_legs(whole: Whole, plan: Plan) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Metres and seconds of each leg, route by route, from start to end; nothing for open starts and ends."""
    starts, ends = whole.leg_places(plan)
    leg_kinds = np.repeat(plan.kinds, np.diff(plan.starts) + 1)
    profiles = _profiles(whole, leg_kinds)
    metres, seconds = np.zeros(len(starts)), np.zeros(len(starts))
    for profile, travel in enumerate(whole.travel):
        here = np.flatnonzero((profiles == profile) & (starts >= 0) & (ends >= 0))
        metres[here], seconds[here] = legs(travel, starts[here], ends[here])
    return metres, seconds


def _profiles(whole: Whole, leg_kinds: NDArray[Any]) -> NDArray[Any]:
    profiles = whole.data.kinds.profiles
    return np.zeros(len(leg_kinds), np.intp) if profiles is None else np.asarray(profiles)[leg_kinds]


def _durations(whole: Whole, plan: Plan, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    data, kinds = whole.data, whole.data.kinds
    n = data.visit_count
    services = np.zeros((1, n)) if data.service_seconds is None else np.atleast_2d(data.service_seconds)
    rows = np.zeros(len(plan.kinds), np.intp) if kinds.services is None else np.asarray(kinds.services)[plan.kinds]
    opens = np.zeros(n) if data.opens is None else data.opens
    closes = np.full(n, FAR) if data.closes is None else data.closes
    visits = plan.visits
    found = np.zeros(len(plan.kinds))
    shortest(
        plan.starts.astype(np.int64),
        seconds,
        services[np.repeat(rows, np.diff(plan.starts)), visits].astype(np.float64),
        opens[visits].astype(np.float64),
        closes[visits].astype(np.float64),
        found,
    )
    return found


@compiled
def shortest(starts: Any, seconds: Any, services: Any, opens: Any, closes: Any, found: Any) -> None:
    """Each route's duration where it leaves as late as it may without ending later (Savelsbergh 1992)."""
    for route in range(found.shape[0]):
        first, last = starts[route], starts[route + 1]
        duration, latest = 0.0, 1e18
        earliest = -1e18
        for at in range(first, last):
            reach = duration + seconds[at + route]
            wait = max(0.0, opens[at] - reach - latest)
            earliest = max(earliest, opens[at] - reach) - wait
            latest = min(latest, closes[at] - reach)
            duration = reach + wait + services[at]
        found[route] = duration + seconds[last + route]
