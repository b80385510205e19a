"""A day under way as a problem: what is done stays, what a van carries it keeps, the rest may go with any van.

A driver at a stop, or on the way to one, serves it first. Goods in a van stay in it: their order may change, and a
driver who stands in may bring them. Goods still at the node, on routes that have not left or late, may go with every
van that is there. Reads only; replanning.py writes what comes of it.
"""

import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.geo import Point
from app.models import Driver, FulfilmentNode, Route, RouteState, Stop, StopState
from app.orchestration.plans import availability, published, queries
from app.orchestration.plans.acquaintance import acquainted
from app.orchestration.plans.loaded import Drop, Loaded, Standing, Van
from app.orchestration.plans.published import Driven, Published
from app.orchestration.policies import queries as rules
from app.orchestration.routes.policies import CURRENT
from app.orchestration.travel import drive_seconds
from app.orchestration.writing import one_of

# How far the way home may turn out longer than the estimate, before the rest of a route counts as impossible.
MARGIN = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class UnderWay(Published):
    """A day's published routes, those that have left too. `stand_ins`: route -> who drives it from now on.

    Routes in `without_driver` have nobody to drive them: what is loaded stays in the van, the rest is free to go.
    `loaded_goods`: route -> how many shipments are in its van.
    """

    stand_ins: Mapping[str, Driver] = field(default_factory=dict)
    without_driver: Collection[str] = ()
    loaded_goods: Mapping[str, int] = field(default_factory=dict)


async def under_way(
    session: AsyncSession,
    *,
    node: FulfilmentNode,
    day: date,
    now: datetime,
    leave_after: datetime,
    absent: Collection[str] = (),
) -> UnderWay | None:
    """The node's local day as it is now; None where nothing is published. `absent` drivers, by reference, are out."""
    published_routes = await published.routes_of(session, node=node, day=day, states=CURRENT)
    if not published_routes:
        return None
    fresh = await queries.to_plan(session, node=node, day=day, now=now, leave_after=leave_after, absent=absent)
    stops, goods = await published.open_stops(session, [each.route for each in published_routes])
    entangled = published.entangled(goods)
    driven = [each for each in published_routes if each.id not in entangled]
    stand_ins = _stand_ins(driven, fresh, absent, taken={each.route.driver_id for each in published_routes})
    lost = {each.id for each in driven if each.id not in stand_ins and not _is_there(each, absent)}
    last = await _last_visited(session, driven)
    vans = [
        replace(
            _van(each, stand_ins.get(each.id), stops.get(each.id, ()), last.get(each.route.id), node, now=now),
            free_from=max(leave_after, each.route.planned_start),
            free_until=published.free_until(each, published_routes),
        )
        for each in driven
        if each.id not in lost
    ]
    routes = {each.id: each.route for each in driven}
    planning = (await rules.current(session)).planning
    served = [
        _begun(released(drop, routes), stops, now=now)
        for drop in goods
        if drop.drafted in routes and (drop.drafted not in lost or not drop.is_loaded)
    ]
    on_routes = await acquainted(session, node=node, drops=served, rules=planning, now=now)
    known, busy = {drop.order.id for drop in goods}, {each.route.vehicle_id for each in published_routes}
    late = [drop for drop in fresh.drops if drop.order.id not in known]  # an order has one stop on a day
    loaded = Loaded(
        node=node,
        day=day,
        drops=[*on_routes, *late],
        vans=[*vans, *(van for van in fresh.vans if van.vehicle.id not in busy)],
        now=now,
        planning=planning,
    )
    return UnderWay(
        routes=routes,
        stops=stops,
        loaded=loaded,
        late=late,
        stand_ins=stand_ins,
        without_driver=lost,
        loaded_goods=Counter(drop.drafted or "" for drop in goods if drop.is_loaded for _ in drop.shipments),
    )


def _is_there(driven: Driven, absent: Collection[str]) -> bool:
    driver = driven.driver
    can_drive = driver is not None and driver.is_active and driver.reference not in absent
    return can_drive and driven.vehicle.is_active


def _stand_ins(
    driven: Sequence[Driven], fresh: Loaded, absent: Collection[str], *, taken: Collection[uuid.UUID | None]
) -> dict[str, Driver]:
    """Whoever else drives the vehicle of a route whose driver is out, and is not `taken` by another route."""
    free = {
        crew.vehicle.id: [driver for driver in crew.drivers if driver.id not in taken]
        for crew in fresh.crews
        if any(driver.id not in taken for driver in crew.drivers)
    }
    return {
        each.id: max(free[each.vehicle.id], key=partial(_time_on, each.route, fresh))
        for each in driven
        if each.vehicle.id in free and not _is_there(each, absent)
    }


def _time_on(route: Route, fresh: Loaded, driver: Driver) -> timedelta:
    """How much of the route lies in the driver's shift."""
    starts, ends = availability.shift_of(driver, fresh.day, ZoneInfo(fresh.node.time_zone))
    return min(ends, route.planned_end) - max(starts, route.planned_start)


async def _last_visited(session: AsyncSession, driven: Sequence[Driven]) -> dict[uuid.UUID, Stop]:
    """Route -> the stop where its van was last."""
    left = [each.route.id for each in driven if each.route.state is RouteState.IN_PROGRESS]
    found = await session.scalars(
        select(Stop)
        .where(one_of(Stop.route_id, left), col(Stop.arrived_at).is_not(None))
        .order_by(col(Stop.arrived_at))
    )
    return {stop.route_id: stop for stop in found}


def _van(
    driven: Driven,
    stand_in: Driver | None,
    stops: Sequence[Stop],
    last: Stop | None,
    node: FulfilmentNode,
    *,
    now: datetime,
) -> Van:
    driver = stand_in or driven.driver
    assert driver is not None, "routes without a driver are left out"
    standing = None
    if driven.route.state is RouteState.IN_PROGRESS:
        standing = stand(stops, last, home=Point(latitude=node.latitude, longitude=node.longitude), now=now)
    return Van(vehicle=driven.vehicle, driver=driver, free_from=now, route_id=driven.route.id, standing=standing)


def stand(stops: Sequence[Stop], last: Stop | None, *, home: Point, now: datetime) -> Standing:
    """Where a van is that has left, with these stops still open; `last` is where it was last. Pure.

    On the way to a stop it counts as being there from when it is expected.
    """
    current = next((stop for stop in stops if stop.state is not StopState.PENDING), None)
    at, place = now, home if last is None else _place(last)
    if current is not None:
        place = _place(current)
        if current.state is StopState.EN_ROUTE:
            at = max(now, current.eta_expected or current.planned_arrival)
    moment, here = at, place
    for stop in [*filter(None, [current]), *(stop for stop in stops if stop is not current)]:
        moment += timedelta(seconds=drive_seconds(here, _place(stop)))
        moment = max(moment, stop.window_start or moment) + timedelta(seconds=stop.service_seconds)
        here = _place(stop)
    return Standing(
        place=place,
        at=at,
        back_by=moment + timedelta(seconds=drive_seconds(here, home)) + MARGIN,
        first=() if current is None else (current.order_id,),
    )


def released(drop: Drop, routes: Mapping[str, Route]) -> Drop:
    """Goods of a failed attempt may still be on the road; when their route leaves, they are back. Pure."""
    if drop.is_loaded or not any(shipment.attempt_count for shipment in drop.shipments):
        return drop
    return replace(drop, release=routes[drop.drafted or ""].planned_start)


def _begun(drop: Drop, stops: Mapping[str, Sequence[Stop]], *, now: datetime) -> Drop:
    """What is left to do at a stop where the driver is already."""
    mine = next(stop for stop in stops[drop.drafted or ""] if stop.order_id == drop.order.id)
    if mine.state is not StopState.ARRIVED or mine.arrived_at is None:
        return drop
    left = mine.arrived_at + timedelta(seconds=mine.service_seconds) - now
    return replace(drop, service_seconds=max(0, round(left.total_seconds())))


def _place(stop: Stop) -> Point:
    return Point(latitude=stop.latitude, longitude=stop.longitude)
