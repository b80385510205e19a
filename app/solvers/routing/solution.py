"""A routing solution as plain data: routes with times, loads and costs, and who is left unserved, and why."""

from dataclasses import dataclass
from enum import StrEnum


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


class RelaxedConstraint(StrEnum):
    """What would have to give way."""

    WINDOW = "WINDOW"
    SKILL = "SKILL"
    ALLOWED_VEHICLES = "ALLOWED_VEHICLES"
    CAPACITY = "CAPACITY"
    SHIFT = "SHIFT"
    DISTANCE = "DISTANCE"
    FLEET = "FLEET"
    PENALTY = "PENALTY"


@dataclass(frozen=True, kw_only=True)
class Relaxation:
    """The cheapest single change that would have served the visit; `cost` is what serving it then adds."""

    constraint: RelaxedConstraint
    change: str
    cost: float


@dataclass(frozen=True, kw_only=True)
class Unserved:
    """A visit on no route. `relaxation` None: no single change that was tried would serve it."""

    visit_id: str
    code: UnservedCode
    detail: str
    relaxation: Relaxation | None = None


@dataclass(frozen=True, kw_only=True)
class PlannedStop:
    """One visit on a route. The vehicle waits from arrival to service start. `load_after`: on board on departure."""

    visit_id: str
    arrival_seconds: int
    service_start_seconds: int
    departure_seconds: int
    load_after: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Route:
    """One vehicle's stops in order; never empty. `load` is what it leaves with."""

    vehicle_id: str
    stops: tuple[PlannedStop, ...]
    start_seconds: int
    end_seconds: int
    load: tuple[int, ...]
    distance_metres: int
    duration_seconds: int
    cost: float


@dataclass(frozen=True, kw_only=True)
class Quality:
    """How the answer was found. `bound`: a proved lower bound on the objective; None: nothing is proved."""

    solver: str
    seconds: float
    iterations: int
    bound: float | None = None


@dataclass(frozen=True, kw_only=True)
class RoutingSolution:
    """`cost` is the sum over routes; the penalties of unserved visits come on top in `objective`."""

    routes: tuple[Route, ...]
    unserved: tuple[Unserved, ...]
    cost: float
    objective: float
    distance_metres: int
    duration_seconds: int
    quality: Quality
