"""What an order of visits breaks whatever the clock says: who may come, loads, order of goods, trips, frozen stops.

Times are driving.py's. A refusal names the first rule broken, in the order of `RULES`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from app.solvers.routing.driving import Refusal
from app.solvers.routing.problem import (
    Backhaul,
    Loading,
    Pair,
    Reload,
    RoutingProblem,
    Vehicle,
    Visit,
    is_outside,
    may_serve,
)
from app.solvers.routing.solution import Constraint

Item = Visit | Reload
Loads = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Ties:
    """What binds visits to one another, by visit id."""

    pairs: Mapping[str, Pair] = field(default_factory=dict)
    together: Mapping[str, frozenset[str]] = field(default_factory=dict)
    apart: Mapping[str, frozenset[str]] = field(default_factory=dict)


def ties_of(problem: RoutingProblem) -> Ties:
    """All ties of the problem; members of several sets have all of their company."""
    pairs = {id: pair for pair in problem.pairs for id in (pair.pickup_visit_id, pair.delivery_visit_id)}
    apart = [*problem.apart, *_groups(problem.visits)]
    return Ties(pairs=pairs, together=_company(problem.together), apart=_company(apart))


def _groups(visits: Iterable[Visit]) -> list[frozenset[str]]:
    members: dict[str, set[str]] = {}
    for visit in visits:
        if visit.group is not None:
            members.setdefault(visit.group, set()).add(visit.id)
    return [frozenset(ids) for ids in members.values()]


def _company(sets: Iterable[frozenset[str]]) -> dict[str, frozenset[str]]:
    company: dict[str, frozenset[str]] = {}
    for members in sets:
        for id in members:
            company[id] = company.get(id, frozenset()) | (members - {id})
    return company


def eligibility(vehicle: Vehicle, visit: Visit) -> Constraint | None:
    """The first rule that keeps this vehicle from this visit wherever it is on the route; None: it may come."""
    return None if may_serve(vehicle, visit) else ineligibilities(vehicle, visit)[0]


def ineligibilities(vehicle: Vehicle, visit: Visit) -> list[Constraint]:
    """All the rules that keep this vehicle from this visit wherever it is on the route."""
    is_allowed = visit.pinned_vehicle_id in (None, vehicle.id)
    if visit.allowed_vehicle_ids is not None:
        is_allowed = is_allowed and vehicle.id in visit.allowed_vehicle_ids
    holds = {
        Constraint.SKILL: visit.skills <= vehicle.skills,
        Constraint.DAY: visit.allowed_days is None or vehicle.day in visit.allowed_days,
        Constraint.TERRITORY: visit.outside_territory_cost is not None or not is_outside(vehicle, visit),
        Constraint.NOT_ALLOWED: is_allowed,
    }
    return [constraint for constraint, is_held in holds.items() if not is_held]


def refusal(ties: Ties, vehicle: Vehicle, order: Sequence[Item]) -> Refusal | None:
    """The first rule that this order breaks, and where; None: it breaks none."""
    for rule in RULES:
        if (found := rule(ties, vehicle, order)) is not None:
            return found
    return None


def trips_of(order: Sequence[Item]) -> list[list[Visit]]:
    """The visits between reloads."""
    trips: list[list[Visit]] = [[]]
    for item in order:
        if isinstance(item, Reload):
            trips.append([])
        else:
            trips[-1].append(item)
    return trips


def loads_of(ties: Ties, dimensions: int, trip: Sequence[Visit]) -> list[Loads]:
    """On board when the trip begins, and after each visit."""
    carried = [(0,) * dimensions if _is_delivery(ties, visit) else visit.demand for visit in trip]
    loads = [tuple(sum(demand[d] for demand in carried) for d in range(dimensions))]
    for visit in trip:
        pickup = visit.pickup or (0,) * dimensions
        loads.append(tuple(have - visit.demand[d] + pickup[d] for d, have in enumerate(loads[-1])))
    return loads


def _is_delivery(ties: Ties, visit: Visit) -> bool:
    """Whether what it demands is collected on the way."""
    pair = ties.pairs.get(visit.id)
    return pair is not None and pair.delivery_visit_id == visit.id


def _not_eligible(ties: Ties, vehicle: Vehicle, order: Sequence[Item]) -> Refusal | None:
    for position, item in enumerate(order):
        if isinstance(item, Visit) and (constraint := eligibility(vehicle, item)) is not None:
            return Refusal(constraint=constraint, position=position)
    return None


def _too_many(ties: Ties, vehicle: Vehicle, order: Sequence[Item]) -> Refusal | None:
    reloads = [position for position, item in enumerate(order) if isinstance(item, Reload)]
    if vehicle.max_stops is not None and len(order) - len(reloads) > vehicle.max_stops:
        return Refusal(constraint=Constraint.MAX_STOPS)
    if vehicle.max_trips is not None and len(reloads) + 1 > vehicle.max_trips:
        return Refusal(constraint=Constraint.MAX_TRIPS)
    for position in reloads:
        item = order[position]
        if isinstance(item, Reload) and item.location not in vehicle.reload_locations:
            return Refusal(constraint=Constraint.RELOAD, position=position)
    return None


def _overloaded(ties: Ties, vehicle: Vehicle, order: Sequence[Item]) -> Refusal | None:
    dimensions, behind = len(vehicle.capacities), 0
    for trip in trips_of(order):
        for number, load in enumerate(loads_of(ties, dimensions, trip)):
            if any(have > most for have, most in zip(load, vehicle.capacities, strict=True)):
                return Refusal(constraint=Constraint.CAPACITY, position=behind + max(0, number - 1))
        behind += len(trip) + 1
    return None


def _torn_pair(ties: Ties, vehicle: Vehicle, order: Sequence[Item]) -> Refusal | None:
    """Both on one trip, the pickup first."""
    if not ties.pairs:
        return None
    behind = 0
    for trip in trips_of(order):
        at = {visit.id: number for number, visit in enumerate(trip)}
        for number, visit in enumerate(trip):
            pair = ties.pairs.get(visit.id)
            if pair and at.get(pair.pickup_visit_id, len(trip)) >= at.get(pair.delivery_visit_id, -1):
                return Refusal(constraint=Constraint.PAIR, position=behind + number)
        behind += len(trip) + 1
    return None


def _buried(ties: Ties, vehicle: Vehicle, order: Sequence[Item]) -> Refusal | None:
    """With LIFO loading, whatever is delivered lies on top; what is collected lies on top of the rest."""
    if vehicle.loading is not Loading.LIFO:
        return None
    stack: list[str] = []
    for position, item in enumerate(order):
        if isinstance(item, Reload):
            stack = []
            continue
        pair = ties.pairs.get(item.id)
        if pair is not None and pair.delivery_visit_id == item.id:
            if not stack or stack.pop() != pair.pickup_visit_id:
                return Refusal(constraint=Constraint.LIFO, position=position)
        elif any(item.demand) and stack:
            return Refusal(constraint=Constraint.LIFO, position=position)
        is_kept = any(item.pickup) if pair is None else pair.pickup_visit_id == item.id
        if is_kept:
            stack.append(item.id)
    return None


def _collected_first(ties: Ties, vehicle: Vehicle, order: Sequence[Item]) -> Refusal | None:
    """Nothing from the depot is delivered once something for the depot is on board; pairs are neither."""
    if vehicle.backhaul is not Backhaul.PICKUPS_LAST:
        return None
    collected = False
    for position, item in enumerate(order):
        if isinstance(item, Reload):
            collected = False
        elif item.id not in ties.pairs:
            if collected and any(item.demand):
                return Refusal(constraint=Constraint.BACKHAUL, position=position)
            collected = collected or any(item.pickup)
    return None


def _thawed(ties: Ties, vehicle: Vehicle, order: Sequence[Item]) -> Refusal | None:
    for position, id in enumerate(vehicle.frozen_visit_ids):
        item = order[position] if position < len(order) else None
        if not isinstance(item, Visit) or item.id != id:
            return Refusal(constraint=Constraint.FROZEN, position=position)
    return None


def _not_apart(ties: Ties, vehicle: Vehicle, order: Sequence[Item]) -> Refusal | None:
    if not ties.apart:
        return None
    seen: set[str] = set()
    for position, item in enumerate(order):
        if isinstance(item, Visit):
            if not seen.isdisjoint(ties.apart.get(item.id, ())):
                return Refusal(constraint=Constraint.APART, position=position)
            seen.add(item.id)
    return None


RULES: tuple[Callable[[Ties, Vehicle, Sequence[Item]], Refusal | None], ...] = (
    _not_eligible,
    _too_many,
    _overloaded,
    _torn_pair,
    _buried,
    _collected_first,
    _thawed,
    _not_apart,
)


def visits_of(order: Iterable[Item]) -> Iterator[Visit]:
    """The order without its reloads."""
    return (item for item in order if isinstance(item, Visit))
