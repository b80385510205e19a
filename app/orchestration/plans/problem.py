"""From the shipments, vans and drivers of one node to a plain routing problem. Pure: no clock, no database.

Times of the problem are whole seconds from local midnight of the first day. A horizon of several days is one problem:
each driver's shift of each day is a vehicle of its own, and windows say which day a visit may be on.
"""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from math import ceil
from zoneinfo import ZoneInfo

from app.models import Driver, FulfilmentNode, Order, Shipment, Vehicle
from app.orchestration.nodes.policies import at_minute
from app.orchestration.policies.documents import Planning, Promises
from app.orchestration.policies.promises import territory_of
from app.orchestration.travel import ROAD
from app.orchestration.weekdays import weekday
from app.solvers.routing import problem as routing
from app.solvers.routing.problem import Break, DrivingRule, Location, RoutingProblem, TimeWindow, TrafficProfile, Visit

UNSERVED_MINOR = 1_000_000.0
SECONDS_AN_HOUR, SECONDS_A_MINUTE = 3_600, 60
GRAMS_PER_KG, MILLILITRES_PER_LITRE = 1_000, 1_000


@dataclass(frozen=True, kw_only=True)
class Van:
    """A vehicle with its driver on one day of the horizon, free from `free_from` on, and no longer than `free_until`.

    `route_id`: the published route that it drives then, to which more may be added.
    """

    vehicle: Vehicle
    driver: Driver
    free_from: datetime
    day_index: int = 0
    free_until: datetime | None = None
    route_id: uuid.UUID | None = None

    @property
    def id(self) -> str:
        """The vehicle of the problem."""
        return f"{self.vehicle.id}@{self.day_index}" if self.route_id is None else str(self.route_id)


@dataclass(frozen=True, kw_only=True)
class Drop:
    """The shipments of one order that leave together. `release`: its goods are at the node from then on.

    `drafted`: the vehicle of the problem that the node's latest draft has for it.
    """

    order: Order
    shipments: Sequence[Shipment]
    release: datetime | None = None
    drafted: str | None = None


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What one plan is made from: `days` days from `day` on."""

    node: FulfilmentNode
    day: date
    drops: Sequence[Drop]
    vans: Sequence[Van]
    now: datetime
    days: int = 1
    planning: Planning = field(default_factory=Planning)
    promises: Promises = field(default_factory=Promises)

    @cached_property
    def midnight(self) -> datetime:
        """Second 0 of the problem."""
        return at_minute(self.day, 0, zone=ZoneInfo(self.node.time_zone))

    @cached_property
    def versions(self) -> dict[uuid.UUID, int]:
        """Shipment -> the version that it was planned at."""
        return {shipment.id: shipment.version for drop in self.drops for shipment in drop.shipments}

    @cached_property
    def drops_by_id(self) -> Mapping[str, Drop]:
        """Visit -> drop."""
        return {str(drop.order.id): drop for drop in self.drops}

    @cached_property
    def place_of(self) -> Mapping[str, int]:
        """Visit -> its place in the problem; the node is place 0."""
        return {str(drop.order.id): place for place, drop in enumerate(self.drops, start=1)}

    @cached_property
    def vans_by_id(self) -> Mapping[str, Van]:
        """Vehicle of the problem -> van."""
        return {van.id: van for van in self.vans}


def pose(loaded: Loaded) -> RoutingProblem:
    """The routing problem: place 0 is the node, place n + 1 is the door of drop n."""
    node = loaded.node
    doors = [Location(latitude=drop.order.latitude, longitude=drop.order.longitude) for drop in loaded.drops]
    vehicles = [_vehicle(van, loaded) for van in loaded.vans]
    fleets = _fleets(loaded)
    return RoutingProblem(
        locations=(Location(latitude=node.latitude, longitude=node.longitude), *doors),
        vehicles=tuple(vehicle for vehicle in vehicles if vehicle is not None),
        visits=tuple(_visit(drop, place, loaded, fleets) for place, drop in enumerate(loaded.drops, start=1)),
        road=ROAD,
        balance_cost_per_second=loaded.planning.balance_minor_per_hour / SECONDS_AN_HOUR,
        traffic=_traffic(loaded.planning),
    )


def _traffic(rules: Planning) -> Mapping[str, TrafficProfile]:
    if not rules.traffic:
        return {}
    profile = TrafficProfile(
        starts_seconds=tuple(band.from_minute * SECONDS_A_MINUTE for band in rules.traffic),
        speed_factors=tuple(band.speed_factor for band in rules.traffic),
    )
    return {routing.DEFAULT_PROFILE: profile}


def _visit_days(drop: Drop, loaded: Loaded) -> frozenset[int] | None:
    """Over several days, those on which the order's territory is visited; None: any."""
    found = territory_of(loaded.promises, drop.order.postal_code)
    if found is None or loaded.days == 1:
        return None
    days = {index: weekday(loaded.day + timedelta(days=index)) for index in range(loaded.days)}
    return frozenset(index for index, named in days.items() if named in found.weekdays) or None


def _vehicle(van: Van, loaded: Loaded) -> routing.Vehicle | None:
    """A van for what is left of its driver's shift; None where nothing is."""
    zone, row, rules = ZoneInfo(loaded.node.time_zone), van.vehicle, loaded.planning
    day = loaded.day + timedelta(days=van.day_index)
    starts = max(at_minute(day, van.driver.shift_start_minute, zone=zone), van.free_from)
    ends = at_minute(day, van.driver.shift_end_minute, zone=zone)
    if van.free_until is not None:
        ends = min(ends, van.free_until)
    if starts >= ends:
        return None
    return routing.Vehicle(
        id=van.id,
        start_location=0,
        end_location=0,
        shift=TimeWindow(start_seconds=_seconds(starts, loaded), end_seconds=_seconds(ends, loaded)),
        capacities=(int(row.max_weight_kg * GRAMS_PER_KG), int(row.max_volume_l * MILLILITRES_PER_LITRE)),
        fixed_cost=float(row.fixed_minor),
        cost_per_metre=row.per_km_minor / 1_000,
        cost_per_second=row.per_hour_minor / SECONDS_AN_HOUR,
        skills=frozenset({*row.skills, *van.driver.skills}),
        day=van.day_index,
        max_stops=rules.max_stops,
        max_duration_seconds=_minutes(rules.max_route_minutes),
        regular_seconds=_minutes(rules.regular_minutes),
        overtime_cost_per_second=rules.overtime_minor_per_hour / SECONDS_AN_HOUR,
        reload_locations=(0,) if rules.max_trips > 1 else (),
        reload_seconds=rules.reload_minutes * SECONDS_A_MINUTE,
        max_trips=rules.max_trips,
        breaks=_breaks(rules, van.day_index),
        driving_rule=_driving_rule(rules),
    )


def _breaks(rules: Planning, day_index: int) -> tuple[Break, ...]:
    if rules.lunch is None:
        return ()
    opens = day_index * routing.DAY_SECONDS
    window = TimeWindow(
        start_seconds=opens + rules.lunch.from_minute * SECONDS_A_MINUTE,
        end_seconds=opens + rules.lunch.to_minute * SECONDS_A_MINUTE,
    )
    return (Break(windows=(window,), duration_seconds=rules.lunch.minutes * SECONDS_A_MINUTE),)


def _driving_rule(rules: Planning) -> DrivingRule | None:
    if rules.rest_after_minutes is None:
        return None
    return DrivingRule(
        max_work_seconds=rules.rest_after_minutes * SECONDS_A_MINUTE,
        break_seconds=rules.rest_minutes * SECONDS_A_MINUTE,
    )


def _minutes(value: int | None) -> int | None:
    return None if value is None else value * SECONDS_A_MINUTE


def _fleets(loaded: Loaded) -> Mapping[uuid.UUID, frozenset[str]]:
    """Carrier -> its vehicles of the problem."""
    fleets: defaultdict[uuid.UUID, set[str]] = defaultdict(set)
    for van in loaded.vans:
        fleets[van.vehicle.carrier_id].add(van.id)
    return {carrier: frozenset(ids) for carrier, ids in fleets.items()}


def _visit(drop: Drop, place: int, loaded: Loaded, fleets: Mapping[uuid.UUID, frozenset[str]]) -> Visit:
    weight = sum(shipment.weight_kg for shipment in drop.shipments)
    volume = sum(shipment.volume_l for shipment in drop.shipments)
    carriers = {shipment.carrier_id for shipment in drop.shipments}
    allowed = fleets.get(next(iter(carriers)), frozenset()) if len(carriers) == 1 else frozenset[str]()
    window, rules = drop_window(drop, now=loaded.now), loaded.planning
    late = rules.late_minor_per_hour
    return Visit(
        id=str(drop.order.id),
        location=place,
        demand=(ceil(round(weight * GRAMS_PER_KG, 3)), ceil(round(volume * MILLILITRES_PER_LITRE, 3))),
        service_seconds=drop.order.service_seconds,
        setup_seconds=rules.setup_seconds,
        windows=() if window is None else (_window(window, loaded),),
        late_cost_per_second=None if late is None or window is None else late / SECONDS_AN_HOUR,
        skills=frozenset(drop.order.required_skills),
        unserved_penalty=UNSERVED_MINOR * (1 + drop.order.priority / 100),
        allowed_vehicle_ids=None if len(allowed) == len(loaded.vans) else allowed,
        release_seconds=None if drop.release is None else max(0, _seconds(drop.release, loaded)),
        allowed_days=_visit_days(drop, loaded),
        published_vehicle_id=drop.drafted if rules.change_minor and drop.drafted in loaded.vans_by_id else None,
        change_cost=float(rules.change_minor),
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
    last = loaded.midnight + timedelta(days=loaded.days + 1)
    start, end = max(window[0], loaded.midnight), min(window[1], last)
    return TimeWindow(start_seconds=_seconds(start, loaded), end_seconds=_seconds(end, loaded))


def _seconds(at: datetime, loaded: Loaded) -> int:
    return round((at - loaded.midnight).total_seconds())
