"""Who can be served at all: whom no vehicle reaches, even were it empty, takes no part in a search."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.solvers.routing.costing import by_route, plan_legs
from app.solvers.routing.decomposition import Whole
from app.solvers.routing.flattening import Flat, flatten
from app.solvers.routing.kernel import FAR, Plan
from app.solvers.routing.schedule import Terms, is_drivable


def within_reach(terms: Terms) -> Flat:
    """The arrays of a problem without visits that no vehicle can serve: trying them over and over costs time.

    Whoever is of a pair stays. Timetables are worked out only for those that the arrays alone do not show to be served.
    """
    problem, flat = terms.problem, flatten(terms)
    paired = {id for pair in problem.pairs for id in (pair.pickup_visit_id, pair.delivery_visit_id)}
    ones = [vehicles[0] for vehicles in flat.vehicles]
    reached = tuple(
        visit
        for visit, is_plain in zip(problem.visits, plainly_reached(flat.whole).tolist(), strict=True)
        if is_plain or visit.id in paired or any(is_drivable(terms, vehicle, [visit]) for vehicle in ones)
    )
    return flat if len(reached) == len(problem.visits) else flatten(Terms(replace(problem, visits=reached)))


def plainly_reached(whole: Whole) -> NDArray[np.bool_]:
    """[n] whom a vehicle can serve on its own, out and straight back, as the arrays alone show."""
    data, kinds, n = whole.data, whole.data.kinds, whole.data.visit_count
    numbers = np.arange(n + 1, dtype=np.int32)
    opens = np.zeros(n) if data.opens is None else data.opens
    closes = np.full(n, FAR) if data.closes is None else data.closes
    services = None if data.service_seconds is None else np.atleast_2d(data.service_seconds)
    loads = data.demands if data.pickups is None else np.maximum(data.demands, data.pickups)
    reached = np.zeros(n, np.bool_)
    for kind, capacity in enumerate(kinds.capacities):
        alone = Plan(visits=numbers[:n], starts=numbers, kinds=np.full(n, kind, np.int32))
        metres, seconds = (legs.reshape(n, 2) for legs in plan_legs(whole, alone))
        rows = by_route(kinds.services, alone, 0).astype(np.intp)
        service = np.zeros(n) if services is None else services[rows, alone.visits]
        begin = np.maximum(by_route(kinds.shift_starts, alone, 0) + seconds[:, 0], opens)
        holds = (loads <= capacity).all(axis=1) & (begin <= closes) & (by_route(kinds.max_stops, alone, FAR) > 0)
        holds &= begin + service + seconds[:, 1] <= by_route(kinds.shift_ends, alone, FAR)
        holds &= seconds.sum(axis=1) + service <= by_route(kinds.max_durations, alone, FAR)
        holds &= metres.sum(axis=1) <= by_route(kinds.max_distances, alone, FAR)
        reached |= holds if data.prices is None else holds & np.isfinite(data.prices[:, kind])
    return reached
