"""The rules that could give way for a visit that is not served: what a person would change, as data.

ways_out.py tries them; what a change costs is found there, what it weighs is in weights.py.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from app.solvers.routing.insertion import Insertion, Plan
from app.solvers.routing.problem import Backhaul, Loading, Reload, TimeWindow, Vehicle, Visit
from app.solvers.routing.rules import loads_of, trips_of
from app.solvers.routing.solution import Constraint, Extent, RelaxedConstraint, Route

FAR = 10**9
# No change by minutes goes beyond that: a week for a window, a day for a shift or for goods.
A_WEEK, A_DAY = 10_080, 1_440

# The plan, the visit and its vehicle as they are, the place found, and by how many minutes the rule gave way there.
Measure = Callable[[Plan, Visit, Vehicle, Insertion, int], Extent]


def _unmeasured(plan: Plan, visit: Visit, vehicle: Vehicle, place: Insertion, minutes: int) -> Extent:
    return Extent()


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Visit and vehicle with so many more minutes, at most `most`."""

    most: int
    visit: Callable[[Visit, int], Visit] = lambda visit, _: visit
    vehicle: Callable[[Vehicle, int], Vehicle] = lambda vehicle, _: vehicle


@dataclass(frozen=True, kw_only=True)
class Waiver:
    """A rule that could give way: how visit and vehicle look then, how far it did, and how to say that.

    `rules`: what it takes out of the screening; `is_bar`: they keep a visit off a vehicle wherever it is on the route.
    `stretch`: for a rule that gives way by minutes.
    """

    constraint: RelaxedConstraint
    change: Callable[[Extent], str]
    rules: frozenset[Constraint]
    visit: Callable[[Visit], Visit] = lambda visit: visit
    vehicle: Callable[[Vehicle], Vehicle] = lambda vehicle: vehicle
    is_bar: bool = False
    is_company: bool = False
    stretch: Stretch | None = None
    measure: Measure = _unmeasured


def any_time(visit: Visit) -> Visit:
    """Without its windows."""
    return replace(visit, windows=())


def _any_size(vehicle: Vehicle) -> Vehicle:
    return replace(vehicle, capacities=tuple(FAR for _ in vehicle.capacities))


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


def _sooner(visit: Visit, minutes: int) -> Visit:
    return replace(visit, release_seconds=(visit.release_seconds or 0) - minutes * 60)


def _outside(plan: Plan, visit: Visit, vehicle: Vehicle, place: Insertion, minutes: int) -> Extent:
    begin = _begin(visit, place.route)
    late = min((begin - w.end_seconds for w in visit.windows if begin > w.end_seconds), default=FAR)
    early = min((w.start_seconds - begin for w in visit.windows if begin < w.start_seconds), default=FAR)
    return Extent(amount=minutes if late <= early else -minutes)


def _begin(visit: Visit, route: Route) -> int:
    return next(stop.service_start_seconds for stop in route.stops if stop.visit_id == visit.id)


def _missing(plan: Plan, visit: Visit, vehicle: Vehicle, place: Insertion, minutes: int) -> Extent:
    most = vehicle.capacities
    loads = [load for trip in trips_of(place.order) for load in loads_of(plan.terms.ties, len(most), trip)]
    return Extent(missing=tuple(max(0, *(load[number] - room for load in loads)) for number, room in enumerate(most)))


def _stops(plan: Plan, visit: Visit, vehicle: Vehicle, place: Insertion, minutes: int) -> Extent:
    return Extent(amount=max(0, len(place.route.stops) - (vehicle.max_stops or 0)))


def _trips(plan: Plan, visit: Visit, vehicle: Vehicle, place: Insertion, minutes: int) -> Extent:
    trips = 1 + sum(isinstance(item, Reload) for item in place.order)
    return Extent(amount=max(0, trips - (vehicle.max_trips or trips)))


def _metres(plan: Plan, visit: Visit, vehicle: Vehicle, place: Insertion, minutes: int) -> Extent:
    return Extent(amount=max(0, place.route.distance_metres - (vehicle.max_distance_metres or 0)))


def _skills(plan: Plan, visit: Visit, vehicle: Vehicle, place: Insertion, minutes: int) -> Extent:
    return Extent(skills=tuple(sorted(visit.skills - vehicle.skills)))


def _company(plan: Plan, visit: Visit, vehicle: Vehicle, place: Insertion, minutes: int) -> Extent:
    ties, on = plan.terms.ties, plan.vehicle_of
    kept_from = {id for id in ties.apart.get(visit.id, ()) if on.get(id) == vehicle.id}
    parted = {id for id in ties.together.get(visit.id, ()) if on.get(id, vehicle.id) != vehicle.id}
    return Extent(visit_ids=tuple(sorted(kept_from | parted)))


def _minutes(plan: Plan, visit: Visit, vehicle: Vehicle, place: Insertion, minutes: int) -> Extent:
    return Extent(amount=minutes)


def counted(number: int, one: str) -> str:
    """A number with its noun: 1 minute, 2 minutes."""
    return f"{number} {one}{'' if number == 1 else 's'}"


def _said(words: str) -> Callable[[Extent], str]:
    return lambda _: words


def _waives(*rules: Constraint) -> frozenset[Constraint]:
    return frozenset(rules)


WAIVERS = (
    Waiver(
        constraint=RelaxedConstraint.WINDOW,
        change=lambda by: (
            f"deliver {counted(abs(by.amount), 'minute')} {'after' if by.amount > 0 else 'before'} its window"
        ),
        rules=_waives(Constraint.WINDOW),
        visit=any_time,
        stretch=Stretch(most=A_WEEK, visit=_wider),
        measure=_outside,
    ),
    Waiver(
        constraint=RelaxedConstraint.CAPACITY,
        change=_said("take a larger vehicle"),
        rules=_waives(Constraint.CAPACITY),
        vehicle=_any_size,
        measure=_missing,
    ),
    Waiver(
        constraint=RelaxedConstraint.STOPS,
        change=lambda by: f"allow a vehicle {counted(by.amount, 'more stop')}",
        rules=_waives(Constraint.MAX_STOPS),
        vehicle=lambda vehicle: replace(vehicle, max_stops=None),
        measure=_stops,
    ),
    Waiver(
        constraint=RelaxedConstraint.TRIPS,
        change=lambda by: f"allow a vehicle {counted(by.amount, 'more trip')}",
        rules=_waives(Constraint.MAX_TRIPS, Constraint.CAPACITY),
        vehicle=lambda vehicle: replace(vehicle, max_trips=None) if vehicle.reload_locations else vehicle,
        measure=_trips,
    ),
    Waiver(
        constraint=RelaxedConstraint.SHIFT,
        change=lambda by: f"let a driver work {counted(by.amount, 'minute')} longer",
        rules=_waives(Constraint.SHIFT, Constraint.OTHER_WINDOWS, Constraint.MAX_DURATION),
        vehicle=_any_length,
        stretch=Stretch(most=A_DAY, vehicle=_longer),
        measure=_minutes,
    ),
    Waiver(
        constraint=RelaxedConstraint.DISTANCE,
        change=lambda by: f"let a vehicle drive {counted(by.amount, 'metre')} farther",
        rules=_waives(Constraint.MAX_DISTANCE),
        vehicle=lambda vehicle: replace(vehicle, max_distance_metres=None),
        measure=_metres,
    ),
    Waiver(
        constraint=RelaxedConstraint.RELEASE,
        change=lambda by: f"have its goods ready {counted(by.amount, 'minute')} sooner",
        rules=_waives(Constraint.RELEASE),
        visit=lambda visit: replace(visit, release_seconds=None),
        stretch=Stretch(most=A_DAY, visit=_sooner),
        measure=_minutes,
    ),
    Waiver(
        constraint=RelaxedConstraint.RESTS,
        change=_said("let a driver rest at another time"),
        rules=_waives(Constraint.BREAK, Constraint.DRIVING_RULE),
        vehicle=lambda vehicle: replace(vehicle, breaks=(), driving_rule=None),
    ),
    Waiver(
        constraint=RelaxedConstraint.LOADING,
        change=_said("let a driver rearrange the load"),
        rules=_waives(Constraint.LIFO, Constraint.BACKHAUL),
        vehicle=lambda vehicle: replace(vehicle, loading=Loading.ANY, backhaul=Backhaul.MIXED),
    ),
    Waiver(
        constraint=RelaxedConstraint.SKILL,
        change=lambda by: f"give a vehicle the skill{'' if len(by.skills) == 1 else 's'} {', '.join(by.skills)}",
        rules=_waives(Constraint.SKILL),
        visit=lambda visit: replace(visit, skills=frozenset()),
        is_bar=True,
        measure=_skills,
    ),
    Waiver(
        constraint=RelaxedConstraint.DAY,
        change=_said("serve it on another day"),
        rules=_waives(Constraint.DAY),
        visit=lambda visit: replace(visit, allowed_days=None),
        is_bar=True,
    ),
    Waiver(
        constraint=RelaxedConstraint.TERRITORY,
        change=_said("let a vehicle of another territory come"),
        rules=_waives(Constraint.TERRITORY),
        visit=lambda visit: replace(visit, territory=None),
        is_bar=True,
    ),
    Waiver(
        constraint=RelaxedConstraint.ALLOWED_VEHICLES,
        change=_said("permit another vehicle"),
        rules=_waives(Constraint.NOT_ALLOWED),
        visit=lambda visit: replace(visit, allowed_vehicle_ids=None, pinned_vehicle_id=None),
        is_bar=True,
    ),
    Waiver(
        constraint=RelaxedConstraint.COMPANY,
        change=_said("part it from its company, or let it join whom it is kept from"),
        rules=_waives(Constraint.TOGETHER, Constraint.APART),
        is_bar=True,
        is_company=True,
        measure=_company,
    ),
)
