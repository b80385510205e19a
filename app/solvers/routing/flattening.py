"""A routing problem as the engine's arrays, without a matrix of the whole; and its plans as orders by vehicle."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.solvers.routing.decomposition import Whole
from app.solvers.routing.kernel import FAR, KernelData, Plan, VehicleKinds
from app.solvers.routing.points import points_of
from app.solvers.routing.problem import (
    Backhaul,
    Loading,
    RoutingProblem,
    Vehicle,
    Visit,
    may_serve,
    price_of,
    service_of,
)
from app.solvers.routing.rules import Item
from app.solvers.routing.schedule import Terms

Traits = tuple[object, ...]


def unknown_to_kernel(problem: RoutingProblem) -> Iterator[str]:
    """What this problem has that the arrays cannot say."""
    visit_rules: tuple[tuple[str, Callable[[Visit], object]], ...] = (
        ("several windows", lambda visit: len(visit.windows) > 1),
        ("soft windows", lambda visit: visit.late_cost_per_second is not None),
        ("set-up time", lambda visit: visit.setup_seconds),
        ("release times", lambda visit: visit.release_seconds),
        ("groups", lambda visit: visit.group is not None),
    )
    vehicle_rules: tuple[tuple[str, Callable[[Vehicle], object]], ...] = (
        ("breaks", lambda vehicle: vehicle.breaks or vehicle.driving_rule),
        ("LIFO loading", lambda vehicle: vehicle.loading != Loading.ANY),
        ("frozen beginnings", lambda vehicle: vehicle.frozen_visit_ids),
        ("reloads", lambda vehicle: vehicle.reload_locations),
    )
    whole = (
        ("ride time", any(pair.max_ride_seconds is not None for pair in problem.pairs)),
        ("together or apart", problem.together or problem.apart),
        ("balance", problem.balance_cost_per_second),
        ("traffic", problem.traffic),
    )
    yield from (name for name, rule in visit_rules if any(rule(visit) for visit in problem.visits))
    yield from (name for name, rule in vehicle_rules if any(rule(vehicle) for vehicle in problem.vehicles))
    yield from (name for name, holds in whole if holds)


@dataclass(frozen=True, kw_only=True)
class Flat:
    """The arrays, and which vehicles each kind stands for."""

    whole: Whole
    vehicles: tuple[tuple[Vehicle, ...], ...]
    visits: tuple[Visit, ...]

    def orders(self, plan: Plan) -> dict[str, list[Item]]:
        """The plan's routes by vehicle; the vehicles of a kind are taken in their order."""
        taken = [0] * len(self.vehicles)
        orders: dict[str, list[Item]] = {}
        for kind, route in zip(plan.kinds.tolist(), plan.routes(), strict=True):
            orders[self.vehicles[kind][taken[kind]].id] = [self.visits[visit] for visit in route]
            taken[kind] += 1
        return orders


def flatten(terms: Terms) -> Flat:
    """The arrays of a problem that `unknown_to_kernel` finds nothing in."""
    problem = terms.problem
    kinds = _kinds(problem)
    profiles = list(dict.fromkeys(kind[0].profile for kind in kinds))
    terminals = sorted(
        {place for kind in kinds for place in (kind[0].start_location, kind[0].end_location) if place is not None}
    )
    epoch = min((vehicle.shift.start_seconds for vehicle in problem.vehicles), default=0)
    travel = tuple(terms.travel(profile) for profile in profiles)
    places = np.array([visit.location for visit in problem.visits], dtype=np.intp)
    types = list(dict.fromkeys(kind[0].type for kind in kinds))
    nothing = np.zeros((0, 0), np.int32)
    data = KernelData(
        distances=nothing,
        durations=nothing,
        demands=_loads(problem, "demand"),
        pickups=_loads(problem, "pickup"),
        kinds=_vehicle_kinds(kinds, terminals, profiles, types, epoch),
        service_seconds=_services(problem, kinds, types),
        penalties=np.array([visit.unserved_penalty for visit in problem.visits], dtype=np.float64),
        prices=_prices(problem, kinds),
        pairs=_pairs(problem),
        **_windows(problem, epoch),
    )
    return Flat(
        whole=Whole(
            data=data,
            travel=travel,
            places=places,
            terminals=np.array(terminals, dtype=np.intp),
            points=points_of(problem, travel[0], places),
        ),
        vehicles=tuple(tuple(kind) for kind in kinds),
        visits=problem.visits,
    )


def _loads(problem: RoutingProblem, name: str) -> NDArray[np.int64]:
    dimensions = len(problem.vehicles[0].capacities)
    none = (0,) * dimensions
    return np.array([getattr(visit, name) or none for visit in problem.visits], dtype=np.int64).reshape(
        len(problem.visits), dimensions
    )


def _windows(problem: RoutingProblem, epoch: int) -> dict[str, Any]:
    """No arrays where there are no windows: loads alone are searched much faster."""
    if not any(visit.windows for visit in problem.visits):
        return {}
    opens = [max(0, min((w.start_seconds for w in visit.windows), default=epoch) - epoch) for visit in problem.visits]
    closes = [
        FAR
        if not visit.windows or visit.late_cost_per_second is not None
        else min(FAR, max(window.end_seconds for window in visit.windows) - epoch)
        for visit in problem.visits
    ]
    return {"opens": np.array(opens, dtype=np.int64), "closes": np.array(closes, dtype=np.int64)}


def _pairs(problem: RoutingProblem) -> NDArray[np.intp] | None:
    number = {visit.id: at for at, visit in enumerate(problem.visits)}
    pairs = [(number[pair.pickup_visit_id], number[pair.delivery_visit_id]) for pair in problem.pairs]
    return np.array(pairs, dtype=np.intp) if pairs else None


def _services(problem: RoutingProblem, kinds: list[list[Vehicle]], types: list[str]) -> NDArray[np.int64] | None:
    one_of = {kind[0].type: kind[0] for kind in kinds}
    rows = [[service_of(one_of[type], visit) for visit in problem.visits] for type in types]
    return np.array(rows, dtype=np.int64) if any(map(any, rows)) else None


def _kinds(problem: RoutingProblem) -> list[list[Vehicle]]:
    """Vehicles that are alike in everything but their id, and to every visit."""
    special = _special(problem)
    kinds: dict[Traits, list[Vehicle]] = {}
    for vehicle in problem.vehicles:
        terms = tuple(_terms(vehicle, visit) for visit in special)
        kinds.setdefault((replace(vehicle, id=""), terms), []).append(vehicle)
    return list(kinds.values())


def _terms(vehicle: Vehicle, visit: Visit) -> float:
    return price_of(vehicle, visit) if may_serve(vehicle, visit) else np.inf


def _choosiness(visit: Visit) -> Traits:
    """All that makes one vehicle dearer than another, or unfit."""
    return (
        visit.skills,
        visit.allowed_vehicle_ids,
        visit.pinned_vehicle_id,
        visit.allowed_days,
        visit.territory,
        visit.outside_territory_cost,
        tuple(sorted(visit.vehicle_costs.items())),
        visit.published_vehicle_id,
        visit.change_cost,
    )


INDIFFERENT = _choosiness(Visit(id="", location=0))


def _special(problem: RoutingProblem) -> list[Visit]:
    """One visit for each way of not treating all vehicles alike."""
    ways = {_choosiness(visit): visit for visit in problem.visits}
    ways.pop(INDIFFERENT, None)
    return list(ways.values())


def _prices(problem: RoutingProblem, kinds: list[list[Vehicle]]) -> NDArray[np.float64] | None:
    ways: dict[Traits, list[float]] = {INDIFFERENT: [0.0] * len(kinds)}
    rows = []
    for visit in problem.visits:
        way = _choosiness(visit)
        if way not in ways:
            ways[way] = [_terms(kind[0], visit) for kind in kinds]
        rows.append(ways[way])
    return np.array(rows, dtype=np.float64) if len(ways) > 1 else None


def _vehicle_kinds(
    kinds: list[list[Vehicle]], terminals: list[int], profiles: list[str], types: list[str], epoch: int
) -> VehicleKinds:
    ones = [kind[0] for kind in kinds]

    def each(value: Callable[[Vehicle], Any], kind: type = np.float64) -> NDArray[Any]:
        return np.array([value(one) for one in ones], dtype=kind)

    def limit(name: str) -> NDArray[Any]:
        return each(lambda one: FAR if getattr(one, name) is None else min(FAR, getattr(one, name)))

    def row(place: int | None) -> int:
        return -1 if place is None else terminals.index(place)

    shift_ends = each(lambda one: min(FAR, one.shift.end_seconds - epoch))
    return VehicleKinds(
        counts=np.array([len(kind) for kind in kinds], dtype=np.intp),
        start_rows=each(lambda one: row(one.start_location), np.intp),
        end_rows=each(lambda one: row(one.end_location), np.intp),
        capacities=np.array([one.capacities for one in ones], dtype=np.int64),
        fixed_costs=each(lambda one: one.fixed_cost),
        costs_per_metre=each(lambda one: one.cost_per_metre),
        costs_per_second=each(lambda one: one.cost_per_second),
        shift_starts=each(lambda one: one.shift.start_seconds - epoch),
        shift_ends=shift_ends,
        max_durations=limit("max_duration_seconds"),
        max_distances=limit("max_distance_metres"),
        max_stops=limit("max_stops"),
        regular_seconds=limit("regular_seconds"),
        overtime_costs_per_second=each(lambda one: one.overtime_cost_per_second),
        profiles=each(lambda one: profiles.index(one.profile), np.intp),
        services=each(lambda one: types.index(one.type), np.intp),
        pickups_last=each(lambda one: one.backhaul == Backhaul.PICKUPS_LAST, np.intp),
    )
