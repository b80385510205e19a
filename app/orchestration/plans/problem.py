"""From the shipments, vans and drivers of one node to a plain routing problem. Pure: no clock, no database.

Goods that are brought are a visit's demand, goods that are collected its pickup: they ride to the end of the trip.

Times of the problem are whole seconds from local midnight of the first day. A horizon of several days is one problem:
each driver's shift of each day is a vehicle of its own, and windows say which day a visit may be on.
"""

import uuid
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.orchestration.plans import company, vans
from app.orchestration.plans.loaded import Drop, Loaded
from app.orchestration.plans.vans import SECONDS_AN_HOUR
from app.orchestration.policies.areas import area_of
from app.orchestration.travel import ROAD
from app.orchestration.weekdays import weekday
from app.solvers.routing.problem import Location, RoutingProblem, TimeWindow, Vehicle, Visit

UNSERVED_MINOR = 1_000_000.0
# Goods in a van cannot be brought by another one: they go before anything else, and rather late than not at all, but so
# dear that ten minutes of it are worse than to leave another order for later.
LOADED_FACTOR = 100.0
LOADED_LATE_MINOR_PER_SECOND = 2_000.0
LEAST_CHANGE_MINOR = 1
NOTHING = (0, 0)
# How long after it may be tried again a collection is worth a visit: longer than any horizon.
LONGEST_WAIT = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """The vehicles of the problem: by carrier, those that are under way, and by driver.

    `held`: order -> the vehicle that is at its door, or on the way there. `coming_back`: those that end at the node.
    """

    of_carrier: Mapping[uuid.UUID, frozenset[str]]
    under_way: frozenset[str]
    held: Mapping[uuid.UUID, str]
    coming_back: frozenset[str]
    of_driver: Mapping[uuid.UUID, frozenset[str]]
    count: int


def pose(loaded: Loaded) -> RoutingProblem:
    """The routing problem: place 0 is the node, and doors within about ten metres are one place."""
    found = (vans.vehicle_of(van, loaded) for van in loaded.vans)
    vehicles = tuple(vehicle for vehicle in found if vehicle is not None)
    fleet, earliest = _fleet(loaded, vehicles), max(loaded.now, loaded.midnight)
    return RoutingProblem(
        locations=tuple(Location(latitude=point.latitude, longitude=point.longitude) for point in loaded.places),
        vehicles=vehicles,
        visits=tuple(_visit(drop, loaded, fleet, earliest) for drop in loaded.drops),
        road=ROAD,
        roads=vans.roads(loaded.planning),
        together=company.together(loaded.drops, loaded.planning),
        apart=company.apart(loaded.drops, loaded.planning),
        balance_cost_per_second=loaded.planning.balance_minor_per_hour / SECONDS_AN_HOUR,
        traffic=vans.traffic(loaded.planning),
    )


def _fleet(loaded: Loaded, vehicles: tuple[Vehicle, ...]) -> Fleet:
    able = {vehicle.id for vehicle in vehicles}
    carriers: defaultdict[uuid.UUID, set[str]] = defaultdict(set)
    drivers: defaultdict[uuid.UUID, set[str]] = defaultdict(set)
    for van in loaded.vans:
        carriers[van.vehicle.carrier_id].add(van.id)
        if van.id in able:
            drivers[van.driver.id].add(van.id)
    return Fleet(
        of_carrier={carrier: frozenset(ids) for carrier, ids in carriers.items()},
        under_way=frozenset(van.id for van in loaded.vans if van.standing is not None),
        held={order: van.id for van in loaded.vans if van.standing is not None for order in van.standing.first},
        coming_back=frozenset(van.id for van in loaded.vans if not van.ends_anywhere(loaded.planning)),
        of_driver={driver: frozenset(ids) for driver, ids in drivers.items()},
        count=len(loaded.vans),
    )


def _visit(drop: Drop, loaded: Loaded, fleet: Fleet, earliest: datetime) -> Visit:
    window, rules, visit = drop_window(drop, earliest=earliest), loaded.planning, str(drop.order.id)
    seconds = drop.order.service_seconds if drop.service_seconds is None else drop.service_seconds
    penalty = UNSERVED_MINOR * (1 + drop.order.priority / 100)
    is_begun = drop.service_seconds is not None
    allowed, change = _allowed(drop, fleet), _change(drop, loaded)
    territory = None if drop.is_loaded else area_of(rules.driver_territories, drop.order.postal_code)
    return Visit(
        id=visit,
        location=loaded.place_of[visit],
        demand=NOTHING if drop.is_collection else drop.load,
        pickup=drop.load if drop.is_collection else (),
        service_seconds=seconds,
        service_seconds_by_type={} if is_begun else vans.services(seconds, rules.vehicle_kinds),
        setup_seconds=0 if is_begun else rules.setup_seconds,
        windows=() if window is None or is_begun else (_window(window, loaded),),
        late_cost_per_second=None if window is None or is_begun else _late_cost(drop, loaded),
        skills=frozenset() if drop.is_loaded else frozenset(drop.order.required_skills),
        unserved_penalty=penalty * LOADED_FACTOR if drop.is_loaded else penalty,
        allowed_vehicle_ids=None if len(allowed) == fleet.count else allowed,
        release_seconds=None if drop.release is None else max(0, loaded.seconds(drop.release)),
        allowed_days=_visit_days(drop, loaded),
        territory=None if territory is None else territory.name,
        outside_territory_cost=None if territory is None else territory.outside_minor,
        vehicle_costs=_familiar(drop, loaded, fleet),
        published_vehicle_id=drop.drafted if change else None,
        change_cost=float(change),
    )


def _allowed(drop: Drop, fleet: Fleet) -> frozenset[str]:
    """The van that the goods are in, or that is at their door; else those of the carrier.

    One that has left can collect goods, but bring none that it has not got. Who does not come back collects nothing.
    """
    if drop.is_loaded:
        return frozenset({drop.drafted or ""})
    if drop.order.id in fleet.held:
        return frozenset({fleet.held[drop.order.id]})
    carriers = {shipment.carrier_id for shipment in drop.shipments}
    if len(carriers) != 1:
        return frozenset()
    own = fleet.of_carrier.get(next(iter(carriers)), frozenset())
    return own & fleet.coming_back if drop.is_collection else own - fleet.under_way


def _change(drop: Drop, loaded: Loaded) -> int:
    """The price of another vehicle; what drivers have been told changes for no less than something."""
    van = loaded.vans_by_id.get(drop.drafted or "")
    if van is None:
        return 0
    least = 0 if van.route_id is None else LEAST_CHANGE_MINOR
    return max(least, loaded.planning.change_minor)


def _late_cost(drop: Drop, loaded: Loaded) -> float | None:
    rules = loaded.planning
    if rules.late_minor_per_hour is not None:
        return rules.late_minor_per_hour / SECONDS_AN_HOUR
    return LOADED_LATE_MINOR_PER_SECOND if drop.is_loaded else None


def _familiar(drop: Drop, loaded: Loaded, fleet: Fleet) -> dict[str, float]:
    bonus = loaded.planning.familiarity_minor
    if not bonus:
        return {}
    known = [vehicle for driver in drop.known_to for vehicle in fleet.of_driver.get(driver, ())]
    return dict.fromkeys(sorted(known), -float(bonus))


def _visit_days(drop: Drop, loaded: Loaded) -> frozenset[int] | None:
    """Over several days, those on which the order's territory is visited; None: any."""
    found = area_of(loaded.promises.territories, drop.order.postal_code)
    if found is None or loaded.days == 1:
        return None
    days = {index: weekday(loaded.day + timedelta(days=index)) for index in range(loaded.days)}
    return frozenset(index for index, named in days.items() if named in found.weekdays) or None


def drop_window(drop: Drop, *, earliest: datetime) -> tuple[datetime, datetime] | None:
    """When the drop may be served; None where that is over before `earliest`, and it is only late by any route.

    After a failed attempt the promise is broken: any time of the day from when the next attempt may start. The van may
    leave before that where it is to collect goods: nothing is missing on board.
    """
    again = [each.not_before for each in drop.shipments if each.attempt_count and each.not_before is not None]
    if drop.is_collection and max(again, default=earliest) > earliest:
        return max(again), max(again) + LONGEST_WAIT
    start = max(shipment.window_start for shipment in drop.shipments)
    end = min(shipment.window_end for shipment in drop.shipments)
    if end <= max(earliest, start) or any(shipment.attempt_count for shipment in drop.shipments):
        return None
    return start, end


def _window(window: tuple[datetime, datetime], loaded: Loaded) -> TimeWindow:
    last = loaded.midnight + timedelta(days=loaded.days + 1)
    start, end = max(window[0], loaded.midnight), min(window[1], last)
    return TimeWindow(start_seconds=loaded.seconds(start), end_seconds=loaded.seconds(end))
