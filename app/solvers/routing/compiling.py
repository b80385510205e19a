"""A whole routing problem with every rule it has as the kernel's arrays, and the kernel's plan as orders by vehicle.

For problems whose matrices fit into memory; bigger ones without such rules go by flattening.py and its parts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.solvers.routing.flattening import Flat, flatten
from app.solvers.routing.kernel.layout import FAR, KernelData, RouteRules
from app.solvers.routing.kernel.starting import Plan
from app.solvers.routing.kernel.whole_routes import MOST_RELOADS
from app.solvers.routing.problem import Loading, Reload, RoutingProblem, TimeWindow, Vehicle, Visit
from app.solvers.routing.rules import Item
from app.solvers.routing.schedule import Terms
from app.solvers.routing.travel import blocks


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """The arrays, the plan to begin with, and what the numbers in a plan stand for."""

    data: KernelData
    start: Plan
    vehicles: tuple[tuple[Vehicle, ...], ...]
    visits: tuple[Visit, ...]
    reload_places: Mapping[int, int]

    def orders(self, plan: Plan) -> dict[str, list[Item]]:
        """The plan's routes by vehicle; the vehicles of a kind are taken in their order."""
        taken = [0] * len(self.vehicles)
        orders: dict[str, list[Item]] = {}
        for kind, route in zip(plan.kinds.tolist(), plan.routes(), strict=True):
            vehicle = self.vehicles[kind][taken[kind]]
            taken[kind] += 1
            orders[vehicle.id] = [self._item(number) for number in route]
        return orders

    def _item(self, number: int) -> Item:
        return self.visits[number] if number >= 0 else Reload(location=self.reload_places[-1 - number])


def compile_problem(terms: Terms) -> Compiled:
    """Every rule of a valid problem. The plan to begin with holds the frozen beginnings, and nothing else."""
    flat, problem = flatten(terms), terms.problem
    kinds = [kind[0] for kind in flat.vehicles]
    reloads = sorted({place for one in kinds for place in one.reload_locations})
    rows = np.concatenate([flat.whole.places, flat.whole.terminals, np.array(reloads, np.intp)]).astype(np.int64)
    n, firsts = len(problem.visits), len(problem.visits) + len(flat.whole.terminals)
    distances, durations = blocks(flat.whole.travel, rows)
    reload_rows = {place: firsts + number for number, place in enumerate(reloads)}
    number_of = {visit.id: number for number, visit in enumerate(problem.visits)}
    fixed, start = _frozen(terms, flat, number_of)
    data = replace(
        flat.whole.data,
        distances=distances,
        durations=durations,
        kinds=replace(
            flat.whole.data.kinds,
            start_rows=_behind(flat.whole.data.kinds.start_rows, n),
            end_rows=_behind(flat.whole.data.kinds.end_rows, n),
        ),
        penalties=_penalties(problem),
        pairs=_pairs(terms, number_of),
        fixed_visits=fixed,
        rules=_rules(terms, flat, reload_rows, number_of),
    )
    return Compiled(
        data=data,
        start=start,
        vehicles=flat.vehicles,
        visits=problem.visits,
        reload_places={row: place for place, row in reload_rows.items()},
    )


def _behind(rows: NDArray[np.int64], visits: int) -> NDArray[np.int64]:
    """Terminals are the rows behind the visits; -1 stays open."""
    return np.where(np.asarray(rows) < 0, -1, np.asarray(rows) + visits)


def _penalties(problem: RoutingProblem) -> NDArray[np.float64]:
    """Of a group any member costs its largest penalty: only one of them is ever served."""
    largest: dict[str | None, float] = {}
    for visit in problem.visits:
        largest[visit.group] = max(largest.get(visit.group, 0.0), visit.unserved_penalty)
    return np.array([v.unserved_penalty if v.group is None else largest[v.group] for v in problem.visits], np.float64)


def _pairs(terms: Terms, number_of: Mapping[str, int]) -> NDArray[np.int64] | None:
    pairs = [[number_of[pair.pickup_visit_id], number_of[pair.delivery_visit_id]] for pair in terms.problem.pairs]
    return np.array(pairs, np.int64) if pairs else None


def _frozen(terms: Terms, flat: Flat, number_of: Mapping[str, int]) -> tuple[NDArray[np.int8], Plan]:
    """Who stays in place (1), whose other of the pair does (2), and the routes that begin with them."""
    fixed = np.zeros(len(number_of), np.int8)
    routes, kinds = [], []
    for kind, vehicles in enumerate(flat.vehicles):
        for vehicle in vehicles:
            if vehicle.frozen_visit_ids:
                order = list(vehicle.frozen_visit_ids)
                fixed[[number_of[id] for id in order]] = 1
                pairs = (terms.ties.pairs[id] for id in order if id in terms.ties.pairs)
                order += [pair.delivery_visit_id for pair in pairs if pair.delivery_visit_id not in order]
                routes.append([number_of[id] for id in order])
                kinds.append(kind)
    for route in routes:
        fixed[[number for number in route if not fixed[number]]] = 2
    return fixed, Plan.of(routes, kinds)


def _rules(terms: Terms, flat: Flat, reload_rows: Mapping[int, int], number_of: Mapping[str, int]) -> RouteRules:
    problem, kinds = terms.problem, [kind[0] for kind in flat.vehicles]
    epoch = min((vehicle.shift.start_seconds for vehicle in problem.vehicles), default=0)
    rides = {pair.pickup_visit_id: pair.max_ride_seconds for pair in problem.pairs}
    profiles = list(dict.fromkeys(one.profile for one in kinds))
    bands = [problem.traffic.get(profile) for profile in profiles]

    def spans(windows: Sequence[TimeWindow]) -> list[tuple[int, int]]:
        return [(window.start_seconds - epoch, window.end_seconds - epoch) for window in windows]

    def members(sets: Sequence[frozenset[str]]) -> list[list[int]]:
        return [sorted(number_of[id] for id in ids) for ids in sets]

    return RouteRules(
        epoch_seconds=epoch,
        windows=[spans(visit.windows) for visit in problem.visits],
        late_costs=[
            -1.0 if visit.late_cost_per_second is None else visit.late_cost_per_second for visit in problem.visits
        ],
        setups=[visit.setup_seconds for visit in problem.visits],
        places=[visit.location for visit in problem.visits],
        releases=[-FAR if v.release_seconds is None else v.release_seconds - epoch for v in problem.visits],
        max_rides=[FAR if rides.get(visit.id) is None else rides[visit.id] or 0 for visit in problem.visits],
        start_places=[-1 if one.start_location is None else one.start_location for one in kinds],
        breaks=[[(spans(rest.windows), rest.duration_seconds) for rest in one.breaks] for one in kinds],
        driving_rules=[_hours(one) for one in kinds],
        lifo=[one.loading is Loading.LIFO for one in kinds],
        reload_rows=[[reload_rows[place] for place in one.reload_locations] for one in kinds],
        reload_places=[one.reload_locations for one in kinds],
        reload_seconds=[one.reload_seconds for one in kinds],
        max_trips=[MOST_RELOADS + 1 if one.max_trips is None else one.max_trips for one in kinds],
        traffic=[None if one is None else (one.starts_seconds, one.speed_factors, one.period_seconds) for one in bands],
        apart=members(problem.apart),
        together=members(problem.together),
        rivals=_rivals(problem),
        balance_cost_per_second=problem.balance_cost_per_second,
    )


def _hours(vehicle: Vehicle) -> tuple[int, int, bool] | None:
    rule = vehicle.driving_rule
    return None if rule is None else (rule.max_work_seconds, rule.break_seconds, rule.counts_service)


def _rivals(problem: RoutingProblem) -> list[list[int]]:
    groups: dict[str, list[int]] = {}
    for number, visit in enumerate(problem.visits):
        if visit.group is not None:
            groups.setdefault(visit.group, []).append(number)
    return list(groups.values())
