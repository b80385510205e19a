"""From a van with its driver and the policy's rules to a vehicle of the routing problem. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

from app.orchestration.nodes.policies import at_minute
from app.orchestration.plans import breaks
from app.orchestration.plans.breaks import SECONDS_A_MINUTE
from app.orchestration.plans.loaded import GRAMS_PER_KG, MILLILITRES_PER_LITRE, Loaded, Standing, Van
from app.orchestration.policies.documents import Planning, VehicleKind
from app.orchestration.travel import ROAD
from app.solvers.routing import problem as routing
from app.solvers.routing.problem import Backhaul, RoadEstimate, TimeWindow, TrafficProfile

SECONDS_AN_HOUR = 3_600


def vehicle_of(van: Van, loaded: Loaded) -> routing.Vehicle | None:
    """A van for what is left of its driver's shift; None where nothing is."""
    zone, row, rules = ZoneInfo(loaded.node.time_zone), van.vehicle, loaded.planning
    day = loaded.day + timedelta(days=van.day_index)
    starts = max(at_minute(day, van.driver.shift_start_minute, zone=zone), van.free_from)
    ends = at_minute(day, van.driver.shift_end_minute, zone=zone)
    if van.free_until is not None:
        ends = min(ends, van.free_until)
    if van.standing is not None:
        starts, ends = van.standing.at, max(ends, van.standing.back_by)
    if starts >= ends:
        return None
    found = routing.Vehicle(
        id=van.id,
        start_location=0,
        end_location=None if van.ends_anywhere(rules) else 0,
        shift=TimeWindow(start_seconds=loaded.seconds(starts), end_seconds=loaded.seconds(ends)),
        capacities=(int(row.max_weight_kg * GRAMS_PER_KG), int(row.max_volume_l * MILLILITRES_PER_LITRE)),
        fixed_cost=float(row.fixed_minor),
        cost_per_metre=row.per_km_minor / 1_000,
        cost_per_second=row.per_hour_minor / SECONDS_AN_HOUR,
        skills=frozenset({*row.skills, *van.driver.skills}),
        territories=frozenset(one.name for one in rules.driver_territories if van.driver.reference in one.drivers),
        type=row.kind,
        profile=row.kind if row.kind in rules.vehicle_kinds else routing.DEFAULT_PROFILE,
        day=van.day_index,
        max_stops=rules.max_stops,
        max_duration_seconds=_minutes(rules.max_route_minutes),
        regular_seconds=_minutes(rules.regular_minutes),
        overtime_cost_per_second=rules.overtime_minor_per_hour / SECONDS_AN_HOUR,
        reload_locations=(0,) if rules.max_trips > 1 else (),
        reload_seconds=rules.reload_minutes * SECONDS_A_MINUTE,
        max_trips=rules.max_trips,
        breaks=breaks.lunch(rules, van.day_index),
        driving_rule=breaks.driving_rule(rules),
        backhaul=Backhaul.PICKUPS_LAST if rules.pickups_last else Backhaul.MIXED,
    )
    return found if van.standing is None else _under_way(found, van.standing, loaded)


def _under_way(vehicle: routing.Vehicle, standing: Standing, loaded: Loaded) -> routing.Vehicle:
    """The rest of a route: no goods can join it any more, so that what limits a whole route no longer matters.

    Who is about to collect before all is delivered, as a dispatcher or driver may, delivers the rest all the same.
    """
    is_collecting = any(drop.is_collection and drop.order.id in standing.first for drop in loaded.drops)
    rests = breaks.ahead(vehicle, standing, loaded)
    longer = rests.at_once_seconds + sum(one.duration_seconds for one in rests.breaks)
    back_by = loaded.seconds(standing.back_by) + longer
    return replace(
        vehicle,
        shift=TimeWindow(
            start_seconds=vehicle.shift.start_seconds + rests.at_once_seconds,
            end_seconds=max(vehicle.shift.end_seconds, back_by),
        ),
        breaks=rests.breaks,
        driving_rule=rests.driving_rule,
        capacities=_room(vehicle, standing, loaded),
        start_location=loaded.place_at(standing.place),
        fixed_cost=0.0,
        max_stops=None,
        max_duration_seconds=None,
        regular_seconds=None,
        reload_locations=(0,) if standing.reloads else (),
        max_trips=1 + standing.reloads,
        backhaul=Backhaul.MIXED if is_collecting else vehicle.backhaul,
        frozen_visit_ids=tuple(str(order) for order in standing.first),
    )


def _room(vehicle: routing.Vehicle, standing: Standing, loaded: Loaded) -> tuple[int, ...]:
    """What it can carry beside what is on its way back. What it still has to bring fits: it is on board."""
    to_bring = [drop.load for drop in loaded.drops if drop.is_loaded and drop.drafted == vehicle.id]
    return tuple(
        max(most - back, sum(loads))
        for most, back, *loads in zip(vehicle.capacities, standing.on_board, *to_bring, strict=True)
    )


def roads(rules: Planning) -> Mapping[str, RoadEstimate]:
    """How fast each kind of vehicle is, where the policy says that it is no van."""
    return {
        name: replace(ROAD, speed_metres_per_second=ROAD.speed_metres_per_second * kind.speed_factor)
        for name, kind in rules.vehicle_kinds.items()
    }


def traffic(rules: Planning) -> Mapping[str, TrafficProfile]:
    """How fast traffic flows by time of day, for all but those kinds of vehicles that pass it by."""
    if not rules.traffic:
        return {}
    profile = TrafficProfile(
        starts_seconds=tuple(band.from_minute * SECONDS_A_MINUTE for band in rules.traffic),
        speed_factors=tuple(band.speed_factor for band in rules.traffic),
    )
    slowed = [name for name, kind in rules.vehicle_kinds.items() if kind.in_traffic]
    return dict.fromkeys([routing.DEFAULT_PROFILE, *slowed], profile)


def services(seconds: int, kinds: Mapping[str, VehicleKind]) -> dict[str, int]:
    """Kind of vehicle -> seconds at the door, where they are others than a van's."""
    return {name: round(seconds * kind.service_factor) for name, kind in kinds.items() if kind.service_factor != 1.0}


def _minutes(value: int | None) -> int | None:
    return None if value is None else value * SECONDS_A_MINUTE
