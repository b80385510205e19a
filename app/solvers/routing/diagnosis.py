"""Why a visit is not served, and the cheapest single change that would serve it: computed by insertion, not guessed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from app.solvers.routing.insertion import Insertion, cheapest
from app.solvers.routing.problem import TimeWindow, TravelMatrix, Vehicle, Visit, may_serve
from app.solvers.routing.solution import Relaxation, RelaxedConstraint, Unserved, UnservedCode

FAR = 10**9
Fleet = Sequence[Vehicle]


@dataclass(frozen=True, kw_only=True)
class Waiver:
    """A rule that could give way: what a person would change, and how visit and vehicle look then."""

    constraint: RelaxedConstraint
    change: str
    visit: Callable[[Visit], Visit] = lambda visit: visit
    vehicle: Callable[[Vehicle], Vehicle] = lambda vehicle: vehicle


def _any_time(visit: Visit) -> Visit:
    return replace(visit, windows=())


def _any_size(vehicle: Vehicle) -> Vehicle:
    return replace(vehicle, capacities=tuple(FAR for _ in vehicle.capacities), max_stops=None)


def _any_length(vehicle: Vehicle) -> Vehicle:
    shift = TimeWindow(start_seconds=vehicle.shift.start_seconds, end_seconds=FAR)
    return replace(vehicle, shift=shift, max_duration_seconds=None, max_distance_metres=None)


WAIVERS = (
    Waiver(constraint=RelaxedConstraint.WINDOW, change="deliver outside its window", visit=_any_time),
    Waiver(constraint=RelaxedConstraint.CAPACITY, change="take a larger vehicle", vehicle=_any_size),
    Waiver(constraint=RelaxedConstraint.SHIFT, change="let a driver work longer", vehicle=_any_length),
    Waiver(
        constraint=RelaxedConstraint.SKILL,
        change="give a vehicle the skill",
        visit=lambda visit: replace(visit, skills=frozenset()),
    ),
    Waiver(
        constraint=RelaxedConstraint.ALLOWED_VEHICLES,
        change="permit another vehicle",
        visit=lambda visit: replace(visit, allowed_vehicle_ids=None, pinned_vehicle_id=None),
    ),
)
# What one empty vehicle cannot do, by the rule that would have to give way.
ALONE = {
    RelaxedConstraint.WINDOW: (UnservedCode.WINDOW_UNREACHABLE, "No vehicle, even empty, can be there in its window."),
    RelaxedConstraint.CAPACITY: (UnservedCode.CAPACITY_EXCEEDED, "It is too big for every vehicle that may serve it."),
    RelaxedConstraint.SHIFT: (UnservedCode.SHIFT_TOO_SHORT, "There and back does not fit into any shift."),
}


def explain(travel: TravelMatrix, vehicles: Fleet, orders: Mapping[str, Sequence[Visit]], visit: Visit) -> Unserved:
    """The reason and the cheapest relaxation for one visit that is on no route of `orders`."""
    possible = [vehicle for vehicle in vehicles if may_serve(vehicle, visit)]
    alone = cheapest(travel, possible, {}, visit)
    code, detail = _reason(travel, vehicles, possible, visit, is_servable=alone is not None)
    options = [
        Relaxation(constraint=waiver.constraint, change=waiver.change, cost=place.cost)
        for waiver in WAIVERS
        if (place := _with(travel, vehicles, orders, visit, waiver)) is not None
    ]
    if alone is not None:
        options.append(Relaxation(constraint=RelaxedConstraint.FLEET, change="add one more vehicle", cost=alone.cost))
    if (fitting := cheapest(travel, vehicles, orders, visit)) is not None:
        code, detail = UnservedCode.NOT_WORTH_SERVING, "It fits, but costs more than leaving it out."
        options = [Relaxation(constraint=RelaxedConstraint.PENALTY, change="raise its priority", cost=fitting.cost)]
    best = min(options, key=lambda option: option.cost, default=None)
    return Unserved(visit_id=visit.id, code=code, detail=detail, relaxation=best)


def _with(
    travel: TravelMatrix, vehicles: Fleet, orders: Mapping[str, Sequence[Visit]], visit: Visit, waiver: Waiver
) -> Insertion | None:
    return cheapest(travel, [waiver.vehicle(vehicle) for vehicle in vehicles], orders, waiver.visit(visit))


def _reason(
    travel: TravelMatrix, vehicles: Fleet, possible: Fleet, visit: Visit, *, is_servable: bool
) -> tuple[UnservedCode, str]:
    if is_servable:
        return UnservedCode.NO_VEHICLE_LEFT, "Every vehicle that could serve it is filled by the rest of the plan."
    if not any(visit.skills <= vehicle.skills for vehicle in vehicles) and vehicles:
        held = frozenset[str]().union(*(vehicle.skills for vehicle in vehicles))
        missing = ", ".join(sorted(visit.skills - held)) or ", ".join(sorted(visit.skills))
        return UnservedCode.NO_VEHICLE_WITH_SKILL, f"No vehicle has all the skills it needs: {missing}."
    if not possible:
        return UnservedCode.NO_VEHICLE_ALLOWED, "There is no vehicle that may serve it."
    for waiver in WAIVERS[:3]:
        if _with(travel, possible, {}, visit, waiver) is not None:
            return ALONE[waiver.constraint]
    return UnservedCode.SHIFT_TOO_SHORT, "No vehicle can serve it, even with one rule waived."
