"""A routing problem as plain data: places, vehicles, visits. Immutable, picklable; knows no orders and no database.

Times are whole seconds from an epoch of the caller's choice. Money is in minor units. Loads are whole numbers in as
many dimensions as the caller likes (grams, cubic centimetres, totes), the same dimensions for vehicles and visits.
Every visit is a delivery: its demand is on board from the vehicle's start until the visit.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

DEFAULT_PENALTY = 1_000_000.0


@dataclass(frozen=True, kw_only=True)
class Location:
    """WGS 84 degrees."""

    latitude: float
    longitude: float


@dataclass(frozen=True, kw_only=True)
class TimeWindow:
    """Both ends included. For a visit: when service may start."""

    start_seconds: int
    end_seconds: int


@dataclass(frozen=True, kw_only=True, eq=False)
class TravelMatrix:
    """Square, one row and column per location index, from row to column."""

    distances_metres: Integers
    durations_seconds: Integers


@dataclass(frozen=True, kw_only=True)
class RoadEstimate:
    """How the great circle becomes a road: a detour and a speed, to be calibrated from driven routes."""

    detour_factor: float = 1.3
    speed_metres_per_second: float = 8.0


@dataclass(frozen=True, kw_only=True)
class Vehicle:
    """One vehicle with its driver for one shift. `end_location` None: the route ends at its last visit.

    The shift bounds the departure from `start_location` and the arrival at `end_location` (or the end of the last
    service). A route costs `fixed_cost`, plus its metres, plus its seconds from departure to end, waiting included.
    A vehicle without visits costs nothing.
    """

    id: str
    start_location: int
    end_location: int | None
    shift: TimeWindow
    capacities: tuple[int, ...] = ()
    fixed_cost: float = 0.0
    cost_per_metre: float = 0.0
    cost_per_second: float = 0.0
    skills: frozenset[str] = frozenset()
    max_duration_seconds: int | None = None
    max_distance_metres: int | None = None
    max_stops: int | None = None


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One delivery. It may be left unserved, at `unserved_penalty` in minor units: the more urgent, the higher.

    No windows: any time of the shift. `skills`: all must be the vehicle's. `allowed_vehicle_ids` None: any vehicle.
    `pinned_vehicle_id`: this one or none. `release_seconds`: its vehicle may not leave before.
    """

    id: str
    location: int
    demand: tuple[int, ...] = ()
    service_seconds: int = 0
    windows: tuple[TimeWindow, ...] = ()
    skills: frozenset[str] = frozenset()
    unserved_penalty: float = DEFAULT_PENALTY
    allowed_vehicle_ids: frozenset[str] | None = None
    pinned_vehicle_id: str | None = None
    release_seconds: int | None = None


@dataclass(frozen=True, kw_only=True)
class RoutingProblem:
    """Vehicles and visits point into `locations` by index; with a `matrix` the indices are its rows instead."""

    vehicles: tuple[Vehicle, ...]
    visits: tuple[Visit, ...]
    locations: tuple[Location, ...] = ()
    matrix: TravelMatrix | None = None
    road: RoadEstimate = field(default_factory=RoadEstimate)


def may_serve(vehicle: Vehicle, visit: Visit) -> bool:
    """Whether skills, permission and pinning let this vehicle serve this visit."""
    if visit.pinned_vehicle_id is not None and visit.pinned_vehicle_id != vehicle.id:
        return False
    if visit.allowed_vehicle_ids is not None and vehicle.id not in visit.allowed_vehicle_ids:
        return False
    return visit.skills <= vehicle.skills
