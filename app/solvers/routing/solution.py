"""A routing solution as plain data: routes with times, loads and costs, and who is left unserved, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from app.solvers.routing.problem import Reload


class UnservedCode(StrEnum):
    """Why a visit is on no route."""

    NO_VEHICLE_ALLOWED = "NO_VEHICLE_ALLOWED"  # no vehicle at all, or none of those the visit permits
    NO_VEHICLE_WITH_SKILL = "NO_VEHICLE_WITH_SKILL"
    CAPACITY_EXCEEDED = "CAPACITY_EXCEEDED"  # too big for every vehicle that may serve it, even empty
    WINDOW_UNREACHABLE = "WINDOW_UNREACHABLE"  # no empty vehicle can be there in time
    SHIFT_TOO_SHORT = "SHIFT_TOO_SHORT"  # there and back does not fit into any shift or duration limit
    DISTANCE_TOO_FAR = "DISTANCE_TOO_FAR"  # beyond every vehicle's distance limit
    NO_VEHICLE_LEFT = "NO_VEHICLE_LEFT"  # an empty vehicle could, but all are filled by the rest of the plan
    NOT_WORTH_SERVING = "NOT_WORTH_SERVING"  # it fits, but costs more than its penalty
    NOT_PLACED = "NOT_PLACED"  # it fits and is worth it, but the search ended before it was placed
    ALTERNATIVE_SERVED = "ALTERNATIVE_SERVED"  # another visit of its group is


class Constraint(StrEnum):
    """A rule of the problem: what refuses a visit on a vehicle, and what the checker finds broken."""

    SKILL = "SKILL"
    NOT_ALLOWED = "NOT_ALLOWED"
    DAY = "DAY"
    TERRITORY = "TERRITORY"
    CAPACITY = "CAPACITY"
    MAX_STOPS = "MAX_STOPS"
    MAX_TRIPS = "MAX_TRIPS"
    RELOAD = "RELOAD"
    PAIR = "PAIR"
    LIFO = "LIFO"
    BACKHAUL = "BACKHAUL"
    FROZEN = "FROZEN"
    TOGETHER = "TOGETHER"
    APART = "APART"
    GROUP = "GROUP"
    MAX_DISTANCE = "MAX_DISTANCE"
    WINDOW = "WINDOW"
    OTHER_WINDOWS = "OTHER_WINDOWS"  # those of the stops behind it
    RELEASE = "RELEASE"
    SHIFT = "SHIFT"
    MAX_DURATION = "MAX_DURATION"
    BREAK = "BREAK"
    DRIVING_RULE = "DRIVING_RULE"
    RIDE_TIME = "RIDE_TIME"


class RelaxedConstraint(StrEnum):
    """What would have to give way."""

    WINDOW = "WINDOW"
    SKILL = "SKILL"
    ALLOWED_VEHICLES = "ALLOWED_VEHICLES"
    CAPACITY = "CAPACITY"
    SHIFT = "SHIFT"
    DISTANCE = "DISTANCE"
    FLEET = "FLEET"
    STOPS = "STOPS"
    TERRITORY = "TERRITORY"
    DAY = "DAY"
    RESTS = "RESTS"
    LOADING = "LOADING"
    COMPANY = "COMPANY"
    TRIPS = "TRIPS"
    RELEASE = "RELEASE"
    SEARCH = "SEARCH"
    PENALTY = "PENALTY"


@dataclass(frozen=True, kw_only=True)
class Extent:
    """How far a rule would have to give way.

    `amount`: minutes outside the WINDOW (below 0: before it), of work more (SHIFT), that goods are ready sooner
    (RELEASE); metres (DISTANCE), stops or trips more. `missing`: CAPACITY, by dimension. `skills`: those that the
    vehicle lacks. `visit_ids`: COMPANY that it would be parted from, or ride with.
    """

    amount: int = 0
    missing: tuple[int, ...] = ()
    skills: tuple[str, ...] = ()
    visit_ids: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Relaxation:
    """The cheapest single change that would have served the visit.

    `cost`: what serving it then adds to the routes. `weight`: what the change itself weighs (weights.py). `vehicle_id`:
    the vehicle that serves it then; of FLEET, the one that one more is like. `change` says it without names.
    """

    constraint: RelaxedConstraint
    change: str
    cost: float
    weight: float = 0.0
    vehicle_id: str | None = None
    extent: Extent = field(default_factory=Extent)

    @property
    def price(self) -> float:
        """What changes are ranked by."""
        return self.cost + self.weight


@dataclass(frozen=True, kw_only=True)
class Unserved:
    """A visit on no route. `relaxation` None: no single change that was tried would serve it.

    `refused_by`: the first rule that keeps it off `vehicle_id`, the vehicle that would serve it for least if no rule
    held. `ruled_out`: rule -> share of all vehicles, 0 to 1, that it keeps away (each vehicle counts once, for the rule
    that refuses the visit at the place where it gets farthest). `company`: the visits that `detail` names.
    """

    visit_id: str
    code: UnservedCode
    detail: str
    relaxation: Relaxation | None = None
    refused_by: Constraint | None = None
    vehicle_id: str | None = None
    ruled_out: Mapping[str, float] = field(default_factory=dict)
    company: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PlannedStop:
    """One visit on a route. The vehicle waits from arrival to service start. `load_after`: on board on departure."""

    visit_id: str
    arrival_seconds: int
    service_start_seconds: int
    departure_seconds: int
    load_after: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PlannedReload:
    """The end of a trip and the beginning of the next, after so many stops. It loads from `start_seconds` on."""

    after_stops: int
    location: int
    arrival_seconds: int
    start_seconds: int
    departure_seconds: int
    load: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PlannedBreak:
    """A rest, after so many stops and reloads were left; within the waiting where that is long enough.

    `is_before_leaving`: at the place left last, else on arrival at the next one.
    """

    after_activities: int
    is_before_leaving: bool
    start_seconds: int
    end_seconds: int


@dataclass(frozen=True, kw_only=True)
class Route:
    """One vehicle's stops in order; never empty. `load` is what it leaves with. `reloads` lie between its stops.

    `cost` is all of it: fixed cost, metres, seconds, overtime, `late_cost` (soft windows) and `price` (of this vehicle
    for these visits).
    """

    vehicle_id: str
    stops: tuple[PlannedStop, ...]
    start_seconds: int
    end_seconds: int
    load: tuple[int, ...]
    distance_metres: int
    duration_seconds: int
    cost: float
    reloads: tuple[PlannedReload, ...] = ()
    breaks: tuple[PlannedBreak, ...] = ()
    late_cost: float = 0.0
    price: float = 0.0

    @property
    def trips(self) -> int:
        """How often it leaves a depot."""
        return 1 + len(self.reloads)

    @property
    def order(self) -> tuple[str | Reload, ...]:
        """Visit ids, with a Reload wherever a trip ends and the next begins."""
        planned: list[str | Reload] = [stop.visit_id for stop in self.stops]
        for reload in reversed(self.reloads):
            planned.insert(reload.after_stops, Reload(location=reload.location))
        return tuple(planned)


@dataclass(frozen=True, kw_only=True)
class Quality:
    """How the answer was found.

    `bound`: a proved lower bound on the objective; None: nothing is proved. `repaired`: what the search itself broke,
    which was a fault of ours, before stops were taken off until all held; None: nothing.
    """

    solver: str
    seconds: float
    iterations: int
    bound: float | None = None
    repaired: str | None = None


@dataclass(frozen=True, kw_only=True)
class RoutingSolution:
    """`cost` is the sum over routes; unserved penalties and the price of imbalance come on top in `objective`."""

    routes: tuple[Route, ...]
    unserved: tuple[Unserved, ...]
    cost: float
    objective: float
    distance_metres: int
    duration_seconds: int
    quality: Quality
