"""A day under way as a problem: what is done stays, what a van carries it keeps, the rest may go with any van.

A driver at a stop, or on the way to one, serves it first. Goods in a van stay in it: their order may change, and a
driver who stands in may bring them. Goods still at the node, on routes that have not left or late, may go with every
van that is there, and goods that are collected with every van at all. Reads only; replanning.py writes what comes of
it.
"""

import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.geo import Point
from app.models import Driver, FulfilmentNode, PauseKind, Route, Stop, StopState
from app.orchestration.plans import availability, published, queries
from app.orchestration.plans.acquaintance import acquainted
from app.orchestration.plans.loaded import MARGIN, Drop, Loaded, Standing, Van
from app.orchestration.plans.published import Driven, Published
from app.orchestration.plans.recorded import Recorded, recorded
from app.orchestration.plans.rests import rested
from app.orchestration.policies import queries as rules
from app.orchestration.policies.documents import Planning
from app.orchestration.routes import pauses
from app.orchestration.routes.policies import CURRENT
from app.orchestration.travel import drive_seconds


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
    road = await recorded(session, node=node, driven=driven)
    planning = (await rules.current(session)).planning
    vans = [
        Van(
            vehicle=each.vehicle,
            driver=_driver(each, stand_ins),
            free_from=max(leave_after, each.route.planned_start),
            free_until=published.free_until(each, published_routes),
            route_id=each.route.id,
            standing=_standing(
                each, stops.get(each.id, ()), road.get(each.route.id), stand_ins, node, planning, now=now
            ),
        )
        for each in driven
        if each.id not in lost
    ]
    routes = {each.id: each.route for each in driven}
    served = _served(goods, routes, stops, lost, now=now)
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


def _served(
    goods: Sequence[Drop],
    routes: Mapping[str, Route],
    stops: Mapping[str, Sequence[Stop]],
    lost: Collection[str],
    *,
    now: datetime,
) -> list[Drop]:
    """What is to be done on these routes as it is now; of `lost` ones, without a driver, what others may do."""
    return [
        _begun(released(drop, routes), stops, now=now)
        for drop in goods
        if drop.drafted in routes and (drop.drafted not in lost or _is_free(drop, stops))
    ]


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


def _is_free(drop: Drop, stops: Mapping[str, Sequence[Stop]]) -> bool:
    """Whether others may go there when its route has no driver: not to goods in the van, nor where that one is."""
    mine = (stop for stop in stops[drop.drafted or ""] if stop.order_id == drop.order.id)
    return not drop.is_loaded and all(stop.state is StopState.PENDING for stop in mine)


def _driver(driven: Driven, stand_ins: Mapping[str, Driver]) -> Driver:
    driver = stand_ins.get(driven.id, driven.driver)
    assert driver is not None, "routes without a driver are left out"
    return driver


def _standing(
    driven: Driven,
    stops: Sequence[Stop],
    known: Recorded | None,
    stand_ins: Mapping[str, Driver],
    node: FulfilmentNode,
    planning: Planning,
    *,
    now: datetime,
) -> Standing | None:
    """Where a van that has left is, what it brings back, and how its driver has rested; who stands in begins anew."""
    if known is None:
        return None
    home, zone = Point(latitude=node.latitude, longitude=node.longitude), ZoneInfo(node.time_zone)
    found = _pausing(stand(stops, known.last, home=home, now=now), driven.route, stops, known.last)
    day = driven.route.planned_start.astimezone(zone).date()
    stands_in = driven.id in stand_ins
    records = () if stands_in else known.records
    had = rested(records, planning, kind=driven.vehicle.kind, day=day, zone=zone, at=found.at)
    return replace(
        found,
        on_board=known.on_board,
        had_lunch=had.had_lunch or (found.had_lunch and not stands_in),
        worked_seconds=round(had.worked.total_seconds()),
    )


def _pausing(standing: Standing, route: Route, stops: Sequence[Stop], last: Stop | None) -> Standing:
    """With what the route's pauses add: the time of those that are still to come, lunch aside, and what is over."""
    planned = pauses.of(route)
    ahead = pauses.ahead(planned, [*stops, *filter(None, [last])])
    coming = [pause for pause in ahead if pause.kind is not PauseKind.BREAK]
    takes = timedelta(seconds=sum(pause.seconds + pause.drive_seconds for pause in coming))
    order = published.order_of(route, stops)
    return replace(
        standing,
        back_by=standing.back_by + takes,
        reloads=len(order) - len(stops),
        had_lunch=any(pause.kind is PauseKind.BREAK and pause not in ahead for pause in planned),
    )


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
    if drop.is_loaded or drop.is_collection or not any(shipment.attempt_count for shipment in drop.shipments):
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
