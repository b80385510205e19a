"""The rules that could give way for a visit that is not served: what a person would change, as data.

diagnosis.py tries them; what a change costs is found there.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from app.solvers.routing.problem import Backhaul, Loading, TimeWindow, Vehicle, Visit
from app.solvers.routing.solution import Constraint, RelaxedConstraint, Route

FAR = 10**9


@dataclass(frozen=True, kw_only=True)
class Waiver:
    """A rule that could give way: what a person would change, and how visit and vehicle look then.

    `rules`: what it takes out of the screening; `stretch`: for a rule that gives way by minutes.
    """

    constraint: RelaxedConstraint
    change: str
    rules: frozenset[Constraint]
    visit: Callable[[Visit], Visit] = lambda visit: visit
    vehicle: Callable[[Vehicle], Vehicle] = lambda vehicle: vehicle
    is_company: bool = False
    stretch: "Stretch | None" = None


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Visit and vehicle with so many more minutes, and how to say it of the route found."""

    visit: Callable[[Visit, int], Visit] = lambda visit, _: visit
    vehicle: Callable[[Vehicle, int], Vehicle] = lambda vehicle, _: vehicle
    change: Callable[[Visit, Route, int], str]


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


def _outside(visit: Visit, route: Route, minutes: int) -> str:
    begin = next(stop.service_start_seconds for stop in route.stops if stop.visit_id == visit.id)
    late = min((begin - w.end_seconds for w in visit.windows if begin > w.end_seconds), default=FAR)
    early = min((w.start_seconds - begin for w in visit.windows if begin < w.start_seconds), default=FAR)
    return f"deliver {_minutes(minutes)} {'after' if late <= early else 'before'} its window"


def _minutes(number: int) -> str:
    return f"{number} minute{'' if number == 1 else 's'}"


def _waives(*rules: Constraint) -> frozenset[Constraint]:
    return frozenset(rules)


WAIVERS = (
    Waiver(
        constraint=RelaxedConstraint.WINDOW,
        change="deliver outside its window",
        rules=_waives(Constraint.WINDOW),
        visit=any_time,
        stretch=Stretch(visit=_wider, change=_outside),
    ),
    Waiver(
        constraint=RelaxedConstraint.CAPACITY,
        change="take a larger vehicle",
        rules=_waives(Constraint.CAPACITY),
        vehicle=_any_size,
    ),
    Waiver(
        constraint=RelaxedConstraint.STOPS,
        change="allow a vehicle one more stop",
        rules=_waives(Constraint.MAX_STOPS),
        vehicle=lambda vehicle: replace(vehicle, max_stops=None),
    ),
    Waiver(
        constraint=RelaxedConstraint.SHIFT,
        change="let a driver work longer",
        rules=_waives(Constraint.SHIFT, Constraint.OTHER_WINDOWS, Constraint.MAX_DURATION),
        vehicle=_any_length,
        stretch=Stretch(vehicle=_longer, change=lambda _, __, minutes: f"let a driver work {_minutes(minutes)} longer"),
    ),
    Waiver(
        constraint=RelaxedConstraint.DISTANCE,
        change="let a vehicle drive farther",
        rules=_waives(Constraint.MAX_DISTANCE),
        vehicle=lambda vehicle: replace(vehicle, max_distance_metres=None),
    ),
    Waiver(
        constraint=RelaxedConstraint.RESTS,
        change="let a driver rest at another time",
        rules=_waives(Constraint.BREAK, Constraint.DRIVING_RULE),
        vehicle=lambda vehicle: replace(vehicle, breaks=(), driving_rule=None),
    ),
    Waiver(
        constraint=RelaxedConstraint.LOADING,
        change="let a driver rearrange the load",
        rules=_waives(Constraint.LIFO, Constraint.BACKHAUL),
        vehicle=lambda vehicle: replace(vehicle, loading=Loading.ANY, backhaul=Backhaul.MIXED),
    ),
    Waiver(
        constraint=RelaxedConstraint.SKILL,
        change="give a vehicle the skill",
        rules=_waives(Constraint.SKILL),
        visit=lambda visit: replace(visit, skills=frozenset()),
    ),
    Waiver(
        constraint=RelaxedConstraint.DAY,
        change="serve it on another day",
        rules=_waives(Constraint.DAY),
        visit=lambda visit: replace(visit, allowed_days=None),
    ),
    Waiver(
        constraint=RelaxedConstraint.TERRITORY,
        change="let a vehicle of another territory come",
        rules=_waives(Constraint.TERRITORY),
        visit=lambda visit: replace(visit, territory=None),
    ),
    Waiver(
        constraint=RelaxedConstraint.ALLOWED_VEHICLES,
        change="permit another vehicle",
        rules=_waives(Constraint.NOT_ALLOWED),
        visit=lambda visit: replace(visit, allowed_vehicle_ids=None, pinned_vehicle_id=None),
    ),
    Waiver(
        constraint=RelaxedConstraint.COMPANY,
        change="part it from its company, or let it join whom it is kept from",
        rules=_waives(Constraint.TOGETHER, Constraint.APART),
        is_company=True,
    ),
)
