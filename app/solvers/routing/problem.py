"""A routing problem as plain data: places, vehicles, visits. Immutable, picklable; knows no orders and no database.

Times are whole seconds from an epoch of the caller's choice. Money is in minor units. Loads are whole numbers in as
many dimensions as the caller likes (grams, cubic centimetres, totes), the same dimensions for vehicles and visits.
What each field means in seconds and money is said by schedule.py, once; checker.py says it again on its own.

    RoutingProblem
    |-- Vehicle    one vehicle with its driver, one shift, one day: shift, loads, costs, limits
    |   |-- Break, DrivingRule     when the driver rests
    |   +-- frozen_visit_ids       how the route begins, whatever is planned
    |-- Visit      one stop: windows, work, goods brought and collected, who may come, what it costs
    |-- Pair       collected at one visit, delivered at another by the same vehicle
    |-- TravelMatrix, RoadEstimate, TrafficProfile     travel, for each profile of vehicle
    +-- together, apart, balance_cost_per_second       what holds between routes

A plan is, per vehicle, an order: visits, and a Reload wherever the vehicle begins another trip.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

DEFAULT_PENALTY = 1_000_000.0
DEFAULT_PROFILE = "default"
DAY_SECONDS = 86_400


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
class TrafficProfile:
    """How fast traffic flows by time of day: a factor on the speed, constant from each start to the next.

    `starts_seconds` begin with 0 and rise within `period_seconds`; second 0 of the problem is second 0 of a period. A
    factor of 0.5 doubles travel time. Whoever leaves later never arrives earlier (Ichoua, Gendreau, Potvin 2003).
    """

    starts_seconds: tuple[int, ...]
    speed_factors: tuple[float, ...]
    period_seconds: int = DAY_SECONDS


class Loading(StrEnum):
    """How goods can be reached in a vehicle."""

    ANY = "ANY"
    LIFO = "LIFO"  # only what was loaded last: nothing is delivered from under something collected later


class Backhaul(StrEnum):
    """Whether a vehicle may collect before it has delivered."""

    MIXED = "MIXED"
    PICKUPS_LAST = "PICKUPS_LAST"  # nothing from the depot is delivered once something for the depot is on board


@dataclass(frozen=True, kw_only=True)
class Break:
    """A rest that begins in one of its windows, at a stop before or after service, never on the road.

    It is due on every route that has left before its last window closes and ends after that.
    """

    windows: tuple[TimeWindow, ...]
    duration_seconds: int


@dataclass(frozen=True, kw_only=True)
class DrivingRule:
    """At most so much work since the start or the last rest; a rest is that long, any break or waiting of that length.

    Work is driving, and with `counts_service` also setting up, serving and reloading; waiting is none.
    """

    max_work_seconds: int
    break_seconds: int
    counts_service: bool = True


@dataclass(frozen=True, kw_only=True)
class Vehicle:
    """One vehicle with its driver for one shift.

    The shift bounds the departure from `start_location` and the arrival at `end_location`. `start_location` None: the
    route starts at its first visit; `end_location` None: it ends with its last service. A route costs `fixed_cost`,
    plus its metres, plus its seconds from departure to end, waiting and breaks included, plus those seconds beyond
    `regular_seconds` at `overtime_cost_per_second` again. A vehicle without visits costs nothing.

    `type` chooses service times, `profile` travel times. With `reload_locations` the route may go by any of them,
    `reload_seconds` each time, up to `max_trips` trips (None: any number); limits hold for the whole route, loads for
    each trip. `territories` empty: anywhere. `day`: index within a horizon. `frozen_visit_ids`: the route begins with
    exactly these in this order, without a reload between them (done, under way, or pinned in place).
    """

    id: str
    start_location: int | None
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
    type: str = "default"
    profile: str = DEFAULT_PROFILE
    regular_seconds: int | None = None
    overtime_cost_per_second: float = 0.0
    reload_locations: tuple[int, ...] = ()
    reload_seconds: int = 0
    max_trips: int | None = None
    breaks: tuple[Break, ...] = ()
    driving_rule: DrivingRule | None = None
    day: int = 0
    territories: frozenset[str] = frozenset()
    loading: Loading = Loading.ANY
    backhaul: Backhaul = Backhaul.MIXED
    frozen_visit_ids: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One stop. It may be left unserved, at `unserved_penalty` in minor units: the more urgent, the higher.

    `demand` comes from the depot, or from the visit it is paired with; `pickup` is collected and brought to the end of
    the trip, or to the visit it is paired with. What is delivered leaves before what is collected comes on board.

    No windows: any time of the shift. `late_cost_per_second` None: windows are hard; else service may start after the
    last one, at this price. `setup_seconds` lengthen the service, at its beginning, where the place before is another
    (parking once per place). `service_seconds_by_type` overrides `service_seconds` for a vehicle's type.

    `skills`: all must be the vehicle's. `allowed_vehicle_ids` None: any vehicle. `pinned_vehicle_id`: this one or none.
    `allowed_days` None: any. `territory`: only vehicles of it, or others at `outside_territory_cost`. `vehicle_costs`:
    a price (or below 0 a bonus) for a vehicle by its id. `change_cost` where another than `published_vehicle_id` comes.
    `release_seconds`: the trip may not leave before; loading at a reload begins no earlier.
    `group`: at most one visit of a group is served, and then the others cost nothing; else its largest penalty is due.
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
    pickup: tuple[int, ...] = ()
    setup_seconds: int = 0
    service_seconds_by_type: Mapping[str, int] = field(default_factory=dict)
    late_cost_per_second: float | None = None
    territory: str | None = None
    outside_territory_cost: float | None = None
    vehicle_costs: Mapping[str, float] = field(default_factory=dict)
    published_vehicle_id: str | None = None
    change_cost: float = 0.0
    allowed_days: frozenset[int] | None = None
    group: str | None = None


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Goods or people from one visit to another: both served or neither, by one vehicle, in this order, on one trip.

    `max_ride_seconds`: from the pickup's departure to the start of the delivery's service.
    """

    pickup_visit_id: str
    delivery_visit_id: str
    max_ride_seconds: int | None = None


@dataclass(frozen=True, kw_only=True)
class Reload:
    """Where in an order the vehicle ends a trip and begins the next: what it collected goes off, new goods come on."""

    location: int


@dataclass(frozen=True, kw_only=True)
class RoutingProblem:
    """Vehicles and visits point into `locations` by index; with a `matrix` the indices are its rows instead.

    Travel of a profile: its own of `matrices`, else `matrix`; without either the great circle by its own of `roads`,
    else `road`. `traffic` stretches the durations of a profile by time of day.
    `together`: those of a set that are served are on one vehicle. `apart`: no two of a set are. A plan costs
    `balance_cost_per_second` times the sum over routes of how far their seconds are from the mean of the used vehicles.
    """

    vehicles: tuple[Vehicle, ...]
    visits: tuple[Visit, ...]
    locations: tuple[Location, ...] = ()
    matrix: TravelMatrix | None = None
    road: RoadEstimate = field(default_factory=RoadEstimate)
    pairs: tuple[Pair, ...] = ()
    together: tuple[frozenset[str], ...] = ()
    apart: tuple[frozenset[str], ...] = ()
    balance_cost_per_second: float = 0.0
    matrices: Mapping[str, TravelMatrix] = field(default_factory=dict)
    roads: Mapping[str, RoadEstimate] = field(default_factory=dict)
    traffic: Mapping[str, TrafficProfile] = field(default_factory=dict)


def may_serve(vehicle: Vehicle, visit: Visit) -> bool:
    """Whether skills, permission, pinning, day and territory let this vehicle serve this visit."""
    if visit.pinned_vehicle_id is not None and visit.pinned_vehicle_id != vehicle.id:
        return False
    if visit.allowed_vehicle_ids is not None and vehicle.id not in visit.allowed_vehicle_ids:
        return False
    if visit.allowed_days is not None and vehicle.day not in visit.allowed_days:
        return False
    if is_outside(vehicle, visit) and visit.outside_territory_cost is None:
        return False
    return visit.skills <= vehicle.skills


def is_outside(vehicle: Vehicle, visit: Visit) -> bool:
    """Whether the visit lies outside the vehicle's territories."""
    return visit.territory is not None and bool(vehicle.territories) and visit.territory not in vehicle.territories


def price_of(vehicle: Vehicle, visit: Visit) -> float:
    """What it costs that this vehicle serves this visit, whenever it does; below 0 it is a bonus."""
    price = visit.vehicle_costs.get(vehicle.id, 0.0)
    if is_outside(vehicle, visit):
        price += visit.outside_territory_cost or 0.0
    if visit.published_vehicle_id is not None and visit.published_vehicle_id != vehicle.id:
        price += visit.change_cost
    return price


def service_of(vehicle: Vehicle, visit: Visit) -> int:
    """Seconds of service by this type of vehicle, without setting up."""
    return visit.service_seconds_by_type.get(vehicle.type, visit.service_seconds)
