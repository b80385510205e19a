"""Why a visit is not served, and the cheapest single change that would serve it: computed by insertion, not guessed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from app.solvers.routing.insertion import Insertion, cheapest
from app.solvers.routing.problem import TimeWindow, TravelMatrix, Vehicle, Visit, may_serve
from app.solvers.routing.schedule import fits, timetable
from app.solvers.routing.solution import Relaxation, RelaxedConstraint, Route, Unserved, UnservedCode

FAR = 10**9
Fleet = Sequence[Vehicle]


@dataclass(frozen=True, kw_only=True)
class Waiver:
    """A rule that could give way: what a person would change, and how visit and vehicle look then."""

    constraint: RelaxedConstraint
    change: str
    visit: Callable[[Visit], Visit] = lambda visit: visit
    vehicle: Callable[[Vehicle], Vehicle] = lambda vehicle: vehicle
    stretch: "Stretch | None" = None


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A rule that gives way by minutes: visit and vehicle with so many more, and how to say it of the route found."""

    visit: Callable[[Visit, int], Visit] = lambda visit, _: visit
    vehicle: Callable[[Vehicle, int], Vehicle] = lambda vehicle, _: vehicle
    change: Callable[[Visit, Route, int], str]


def _any_time(visit: Visit) -> Visit:
    return replace(visit, windows=())


def _any_size(vehicle: Vehicle) -> Vehicle:
    return replace(vehicle, capacities=tuple(FAR for _ in vehicle.capacities), max_stops=None)


def _any_length(vehicle: Vehicle) -> Vehicle:
    shift = TimeWindow(start_seconds=vehicle.shift.start_seconds, end_seconds=FAR)
    return replace(vehicle, shift=shift, max_duration_seconds=None)


def _wider(visit: Visit, minutes: int) -> Visit:
    more = minutes * 60
    windows = (
        replace(w, start_seconds=w.start_seconds - more, end_seconds=w.end_seconds + more) for w in visit.windows
    )
    return replace(visit, windows=tuple(windows))


def _longer(vehicle: Vehicle, minutes: int) -> Vehicle:
    more, most = minutes * 60, vehicle.max_duration_seconds
    shift = replace(vehicle.shift, end_seconds=vehicle.shift.end_seconds + more)
    return replace(vehicle, shift=shift, max_duration_seconds=None if most is None else most + more)


def _outside(visit: Visit, route: Route, minutes: int) -> str:
    begin = next(stop.service_start_seconds for stop in route.stops if stop.visit_id == visit.id)
    late = min((begin - w.end_seconds for w in visit.windows if begin > w.end_seconds), default=FAR)
    early = min((w.start_seconds - begin for w in visit.windows if begin < w.start_seconds), default=FAR)
    return f"deliver {_minutes(minutes)} {'after' if late <= early else 'before'} its window"


def _minutes(number: int) -> str:
    return f"{number} minute{'' if number == 1 else 's'}"


WAIVERS = (
    Waiver(
        constraint=RelaxedConstraint.WINDOW,
        change="deliver outside its window",
        visit=_any_time,
        stretch=Stretch(visit=_wider, change=_outside),
    ),
    Waiver(constraint=RelaxedConstraint.CAPACITY, change="take a larger vehicle", vehicle=_any_size),
    Waiver(
        constraint=RelaxedConstraint.SHIFT,
        change="let a driver work longer",
        vehicle=_any_length,
        stretch=Stretch(vehicle=_longer, change=lambda _, __, minutes: f"let a driver work {_minutes(minutes)} longer"),
    ),
    Waiver(
        constraint=RelaxedConstraint.DISTANCE,
        change="let a vehicle drive farther",
        vehicle=lambda vehicle: replace(vehicle, max_distance_metres=None),
    ),
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
    RelaxedConstraint.DISTANCE: (
        UnservedCode.DISTANCE_TOO_FAR,
        "There and back is farther than any vehicle may drive.",
    ),
}


def explain(travel: TravelMatrix, vehicles: Fleet, orders: Mapping[str, Sequence[Visit]], visit: Visit) -> Unserved:
    """The reason and the cheapest relaxation for one visit that is on no route of `orders`."""
    possible = [vehicle for vehicle in vehicles if may_serve(vehicle, visit)]
    alone = cheapest(travel, possible, {}, visit)
    code, detail = _reason(travel, vehicles, possible, visit, is_servable=alone is not None)
    options = [
        _relaxation(travel, vehicles, orders, visit, waiver, place)
        for waiver in WAIVERS
        if (place := _with(travel, vehicles, orders, visit, waiver)) is not None
    ]
    if alone is not None and visit.pinned_vehicle_id is None:
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


def _relaxation(
    travel: TravelMatrix,
    vehicles: Fleet,
    orders: Mapping[str, Sequence[Visit]],
    visit: Visit,
    waiver: Waiver,
    place: Insertion,
) -> Relaxation:
    """The waiver at this place; where it goes by minutes, with as few of them as serve the visit there."""
    if waiver.stretch is None:
        return Relaxation(constraint=waiver.constraint, change=waiver.change, cost=place.cost)
    stretch, present = waiver.stretch, orders.get(place.vehicle_id, ())
    strict = next(vehicle for vehicle in vehicles if vehicle.id == place.vehicle_id)

    def stretched(minutes: int) -> Route | None:
        vehicle, order = stretch.vehicle(strict, minutes), [*present]
        order.insert(place.position, stretch.visit(visit, minutes))
        route = timetable(travel, vehicle, order)
        return route if route is not None and fits(vehicle, route) else None

    minutes, route = _least(stretched)
    before = timetable(travel, strict, present) if present else None
    cost = route.cost - (before.cost if before is not None else 0.0)
    return Relaxation(constraint=waiver.constraint, change=stretch.change(visit, route, minutes), cost=cost)


def _least(stretched: Callable[[int], Route | None]) -> tuple[int, Route]:
    """The fewest minutes with a route, and that route: more minutes never take a route away."""
    enough, too_few = 1, 0
    while (route := stretched(enough)) is None:
        enough, too_few = 2 * enough, enough
    while enough - too_few > 1:
        middle = (enough + too_few) // 2
        if (shorter := stretched(middle)) is None:
            too_few = middle
        else:
            enough, route = middle, shorter
    return enough, route


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
    for waiver in WAIVERS:
        if waiver.constraint in ALONE and _with(travel, possible, {}, visit, waiver) is not None:
            return ALONE[waiver.constraint]
    return UnservedCode.SHIFT_TOO_SHORT, "No vehicle can serve it, even with one rule waived."
