"""From the shipments, vans and drivers of one node and day to a plain routing problem. Pure: no clock, no database.

Times of the problem are whole seconds from local midnight of the day.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import ceil
from zoneinfo import ZoneInfo

from app.models import Driver, FulfilmentNode, Order, Shipment, Vehicle
from app.orchestration.nodes.policies import at_minute
from app.solvers.routing import problem as routing
from app.solvers.routing.problem import Location, RoutingProblem, TimeWindow, Visit

UNSERVED_MINOR = 1_000_000.0
TWO_DAYS_MINUTES = 2_880
GRAMS_PER_KG, MILLILITRES_PER_LITRE = 1_000, 1_000


@dataclass(frozen=True, kw_only=True)
class Van:
    """A vehicle with its driver, free from `free_from` on."""

    vehicle: Vehicle
    driver: Driver
    free_from: datetime


@dataclass(frozen=True, kw_only=True)
class Drop:
    """The shipments of one order that leave together. `release`: its goods are at the node from then on."""

    order: Order
    shipments: Sequence[Shipment]
    release: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What one plan is made from."""

    node: FulfilmentNode
    day: date
    drops: Sequence[Drop]
    vans: Sequence[Van]
    now: datetime

    @property
    def midnight(self) -> datetime:
        """Second 0 of the problem."""
        return at_minute(self.day, 0, zone=ZoneInfo(self.node.time_zone))

    @property
    def versions(self) -> dict[uuid.UUID, int]:
        """Shipment -> the version that it was planned at."""
        return {shipment.id: shipment.version for drop in self.drops for shipment in drop.shipments}

    @property
    def drops_by_id(self) -> Mapping[str, Drop]:
        """Visit -> drop."""
        return {str(drop.order.id): drop for drop in self.drops}

    @property
    def vans_by_id(self) -> Mapping[str, Van]:
        """Vehicle of the problem -> van."""
        return {str(van.vehicle.id): van for van in self.vans}


def pose(loaded: Loaded) -> RoutingProblem:
    """The routing problem: place 0 is the node, place n + 1 is the door of drop n."""
    node = loaded.node
    doors = [Location(latitude=drop.order.latitude, longitude=drop.order.longitude) for drop in loaded.drops]
    vehicles = [_vehicle(van, loaded) for van in loaded.vans]
    return RoutingProblem(
        locations=(Location(latitude=node.latitude, longitude=node.longitude), *doors),
        vehicles=tuple(vehicle for vehicle in vehicles if vehicle is not None),
        visits=tuple(_visit(drop, place, loaded) for place, drop in enumerate(loaded.drops, start=1)),
    )


def _vehicle(van: Van, loaded: Loaded) -> routing.Vehicle | None:
    """A van for what is left of its driver's shift; None where nothing is."""
    zone, row = ZoneInfo(loaded.node.time_zone), van.vehicle
    starts = max(at_minute(loaded.day, van.driver.shift_start_minute, zone=zone), van.free_from)
    ends = at_minute(loaded.day, van.driver.shift_end_minute, zone=zone)
    if starts >= ends:
        return None
    return routing.Vehicle(
        id=str(row.id),
        start_location=0,
        end_location=0,
        shift=TimeWindow(start_seconds=_seconds(starts, loaded), end_seconds=_seconds(ends, loaded)),
        capacities=(int(row.max_weight_kg * GRAMS_PER_KG), int(row.max_volume_l * MILLILITRES_PER_LITRE)),
        fixed_cost=float(row.fixed_minor),
        cost_per_metre=row.per_km_minor / 1_000,
        cost_per_second=row.per_hour_minor / 3_600,
        skills=frozenset({*row.skills, *van.driver.skills}),
    )


def _visit(drop: Drop, place: int, loaded: Loaded) -> Visit:
    weight = sum(shipment.weight_kg for shipment in drop.shipments)
    volume = sum(shipment.volume_l for shipment in drop.shipments)
    own = {shipment.carrier_id for shipment in drop.shipments}
    allowed = frozenset(str(van.vehicle.id) for van in loaded.vans if {van.vehicle.carrier_id} == own)
    window = drop_window(drop, now=loaded.now)
    return Visit(
        id=str(drop.order.id),
        location=place,
        demand=(ceil(round(weight * GRAMS_PER_KG, 3)), ceil(round(volume * MILLILITRES_PER_LITRE, 3))),
        service_seconds=drop.order.service_seconds,
        windows=() if window is None else (_window(window, loaded),),
        skills=frozenset(drop.order.required_skills),
        unserved_penalty=UNSERVED_MINOR * (1 + drop.order.priority / 100),
        allowed_vehicle_ids=None if len(allowed) == len(loaded.vans) else allowed,
        release_seconds=None if drop.release is None else max(0, _seconds(drop.release, loaded)),
    )


def drop_window(drop: Drop, *, now: datetime) -> tuple[datetime, datetime] | None:
    """When the drop may be served; None where that is over already, and it is only late by any route.

    After a failed attempt the promise is broken: any time of the day from when the next attempt may start.
    """
    start = max(shipment.window_start for shipment in drop.shipments)
    end = min(shipment.window_end for shipment in drop.shipments)
    if end <= max(now, start) or any(shipment.attempt_count for shipment in drop.shipments):
        return None
    return start, end


def _window(window: tuple[datetime, datetime], loaded: Loaded) -> TimeWindow:
    last = loaded.midnight + timedelta(minutes=TWO_DAYS_MINUTES)
    start, end = max(window[0], loaded.midnight), min(window[1], last)
    return TimeWindow(start_seconds=_seconds(start, loaded), end_seconds=_seconds(end, loaded))


def _seconds(at: datetime, loaded: Loaded) -> int:
    return round((at - loaded.midnight).total_seconds())
