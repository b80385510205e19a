"""Working out the rest of a published day anew: stops change vans and places, in the routes that drivers have.

under_way.py reads; the engine searches, outside any transaction; `settled` says what comes of its answer, and `adopt`
writes it: everything as it was read, or nothing. What goes with no published route is planned as any other order.
"""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import SYSTEM, Principal
from app.core.errors import Conflict
from app.core.wording import counted
from app.models import Route, RouteState, Shipment, Stop, StopState
from app.orchestration.etas import operations as etas
from app.orchestration.events import log, subjects
from app.orchestration.plans import driverless, operations, published
from app.orchestration.plans.drafting import Answer
from app.orchestration.plans.loaded import Drop
from app.orchestration.plans.problem import LEAST_CHANGE_MINOR
from app.orchestration.plans.published import Written
from app.orchestration.plans.under_way import UnderWay
from app.orchestration.routes import pauses
from app.orchestration.routes import policies as routes
from app.orchestration.shipments.operations import Happening, advance_all
from app.orchestration.shipments.policies import ShipmentEvent
from app.orchestration.stops.policies import NEXT, StopEvent
from app.orchestration.writing import one_of
from app.solvers.routing import solution as routing
from app.solvers.routing.problem import Reload, RoutingProblem
from app.solvers.routing.schedule import Terms, timetable

REPLANNED = "REPLANNED"


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What is to be changed: the routes as they will be driven.

    None: nothing is left of a route that has not left, or one that has goes on as it was with another driver. `before`:
    how a route that has left would have gone on. `joined` are late drops, `moved` those that change their van, each by
    the van that they go with; `released` leave their route and go with no published one. `actor` settled it with
    `solver`, for this `reason`.
    """

    solver: str
    actor: Principal = SYSTEM
    reason: str = REPLANNED
    routes: Mapping[str, routing.Route | None]
    before: Mapping[str, routing.Route] = field(default_factory=dict)
    joined: Mapping[str, Sequence[Drop]] = field(default_factory=dict)
    moved: Mapping[str, Sequence[Drop]] = field(default_factory=dict)
    released: Sequence[Drop] = ()


@dataclass(frozen=True, kw_only=True)
class Replanned:
    """How many shipments joined a route, changed their route and left theirs; how many routes were changed, ended."""

    joined: int = 0
    moved: int = 0
    released: int = 0
    changed: int = 0
    cancelled: int = 0


def settled(found: UnderWay, answer: Answer) -> Settled:
    """What an answer changes. Pure. Refuses one that leaves goods in a van that has not left, undelivered.

    A route that keeps its goods keeps its order, too, where another one saves no more than the policy's price of
    change. One that has left keeps it also where another one would not bring all that is in the van, and where it comes
    back for more: what is collected may join it, as long as its trips stay as they are.
    """
    terms = Terms(answer.problem)
    timed = _driven(found, terms, {route.vehicle_id: route for route in answer.solution.routes})
    changed: dict[str, routing.Route | None] = {}
    before: dict[str, routing.Route] = {}
    for id, row in found.routes.items():
        stops = [stop for stop in found.stops.get(id, ()) if str(stop.order_id) in terms.visits]
        order, after = published.order_of(row, stops), timed.get(id)
        known = [str(stop.order_id) for stop in stops]
        is_same_goods, has_left = set(known) == set(_visits(after)), row.state is RouteState.IN_PROGRESS
        going_on = _kept(terms, id, order)
        is_better = going_on is None or after is None or going_on.cost - after.cost > _least_saving(found)
        if has_left and id in found.stand_ins:
            changed[id] = None
        if after is not None and is_same_goods and is_better and known != _visits(after):
            changed[id], before[id] = after, going_on or after
        elif not has_left and (not is_same_goods or id in found.stand_ins):
            changed[id] = after
        elif has_left and _free(found, set(known) ^ set(_visits(after))):
            changed[id] = after
            if after is not None:
                before[id] = going_on or after
    return _sorted_out(found, timed, changed, before, solver=answer.solution.quality.solver)


def _driven(found: UnderWay, terms: Terms, timed: Mapping[str, routing.Route]) -> dict[str, routing.Route]:
    """The answer's routes, but for one that has left and would not bring all that is in its van, or change its trips.

    That goes on as it was, without what others collect in its place.
    """
    answer = dict(timed)
    for id, row in found.routes.items():
        stops = {visit: stop for stop in found.stops.get(id, ()) if (visit := str(stop.order_id)) in terms.visits}
        lacking = stops.keys() - set(_visits(timed.get(id)))
        order = published.order_of(row, list(stops.values()))
        if row.state is not RouteState.IN_PROGRESS or (
            lacking == _free(found, lacking) and _keeps_trips(timed.get(id), order)
        ):
            continue
        elsewhere = {visit for other, route in timed.items() if other != id for visit in _visits(route)}
        mine = [stop for visit, stop in stops.items() if visit not in elsewhere]
        kept = _kept(terms, id, published.order_of(row, mine))
        answer.pop(id, None)
        if kept is not None:
            answer[id] = kept
    return answer


def _keeps_trips(route: routing.Route | None, known: Sequence[str | Reload]) -> bool:
    """Whether those of a known order that are on the route are on the same trips, in the same order, if it has several.

    Nobody knows what of a later trip is in the van already.
    """
    if route is None or not any(isinstance(item, Reload) for item in known):
        return True
    borders = [0, *(reload.after_stops for reload in route.reloads), len(route.stops)]
    trips = [_visits(route)[begin:end] for begin, end in pairwise(borders)]
    before = published.trips_of(known)
    return _shared(trips, set().union(*before)) == _shared(before, set(_visits(route)))


def _shared(trips: Sequence[Sequence[str]], visits: Collection[str]) -> list[list[str]]:
    """What trips have of these visits; those that have nothing of them left out."""
    return [kept for trip in trips if (kept := [visit for visit in trip if visit in visits])]


def _free(found: UnderWay, visits: Collection[str]) -> set[str]:
    """Those of these visits whose goods are in no van."""
    return {visit for visit in visits if not found.loaded.drops_by_id[visit].is_loaded}


def _kept(terms: Terms, id: str, known: Sequence[str | Reload]) -> routing.Route | None:
    """How the route would go on as it is; None where it cannot."""
    vehicle = terms.vehicles.get(id)
    return None if vehicle is None or not known else timetable(terms, vehicle, terms.order(known))


def _least_saving(found: UnderWay) -> float:
    return max(LEAST_CHANGE_MINOR, found.loaded.planning.change_minor)


def _visits(route: routing.Route | None) -> list[str]:
    return [] if route is None else [stop.visit_id for stop in route.stops]


def _sorted_out(
    found: UnderWay,
    timed: Mapping[str, routing.Route],
    changed: Mapping[str, routing.Route | None],
    before: Mapping[str, routing.Route],
    *,
    solver: str,
) -> Settled:
    goes_with = {stop.visit_id: id for id, route in timed.items() if id in found.routes for stop in route.stops}
    late = {str(drop.order.id) for drop in found.late}
    waiting = StopState.PENDING
    begun = {str(stop.order_id) for stops in found.stops.values() for stop in stops if stop.state is not waiting}
    joined: defaultdict[str, list[Drop]] = defaultdict(list)
    moved: defaultdict[str, list[Drop]] = defaultdict(list)
    released = []
    for visit, drop in found.loaded.drops_by_id.items():
        van = goes_with.get(visit)
        route = found.routes.get(drop.drafted or "")
        if van is None and drop.is_loaded and route is not None and route.state is not RouteState.IN_PROGRESS:
            raise Conflict(
                "GOODS_STRANDED",
                f"The goods of {drop.order.reference} are in the van of route {route.reference},"
                " which cannot bring them within its driver's shift. Nothing was changed.",
            )
        if van is not None and visit in late:
            joined[van].append(drop)
        elif van is not None and van != drop.drafted:
            moved[van].append(drop)
        elif van is None and visit not in late and not drop.is_loaded and visit not in begun:
            released.append(drop)
    return Settled(solver=solver, routes=changed, before=before, joined=joined, moved=moved, released=released)


async def adopt(
    session: AsyncSession, *, found: UnderWay, problem: RoutingProblem, changes: Settled, now: datetime
) -> Replanned:
    """Writes what was settled. Refuses with PLAN_OUTDATED what changed meanwhile.

    A van that has gone to another stop since it was read keeps its order; where its stops were to change, that is
    PLAN_OUTDATED, too.
    """
    drops = [*_flat(changes.joined), *_flat(changes.moved), *changes.released]
    if not drops and not changes.routes:
        await driverless.tell(session, found, now=now)
        return Replanned()
    rows = await published.lock(session, found=found, drops=drops, routes=changes.routes)
    gone_on = await _gone_on(session, found, rows)
    _check_stops_stay(found, changes, gone_on)
    timed = {id: route for id, route in changes.routes.items() if route is not None and id not in gone_on}
    await _release(session, found, changes.released, now=now)
    written = await published.write_stops(session, found=found, problem=problem, timed=timed)
    entries = await _joining(session, changes, rows, written.new, now=now)
    entries += [
        _moved(drop, found, rows[id], actor=changes.actor, now=now)
        for id, group in changes.moved.items()
        for drop in group
    ]
    ended = 0
    for id, row in rows.items():
        if id in gone_on:
            continue
        _rewrite(row, changes, id, found, written)
        is_over = changes.routes[id] is None and row.state in routes.LOADING and await _is_empty(session, row)
        if is_over:
            row.state = routes.next_state(row, routes.RouteEvent.CANCEL)
            ended += 1
        entries.append(_told(row, changes, id, found, is_over=is_over, now=now))
    await log.append_all(session, entries)
    await published.record(session, _decided(found, changes, rows), solver=changes.solver, now=now, actor=changes.actor)
    await driverless.tell(session, found, now=now)
    await session.flush()
    alive = [row for id, row in rows.items() if id not in gone_on and row.state is not RouteState.CANCELLED]
    await etas.refresh_all(session, alive, actor=SYSTEM, now=now)
    return Replanned(
        joined=_goods(_flat(changes.joined)),
        moved=_goods(_flat(changes.moved)),
        released=_goods(changes.released),
        changed=len(alive),
        cancelled=ended,
    )


def _flat(groups: Mapping[str, Sequence[Drop]]) -> list[Drop]:
    return [drop for group in groups.values() for drop in group]


def _goods(drops: Sequence[Drop]) -> int:
    return sum(len(drop.shipments) for drop in drops)


async def _gone_on(session: AsyncSession, found: UnderWay, rows: Mapping[str, Route]) -> set[str]:
    """The routes under way whose drivers have finished, begun or headed for another stop since they were read."""
    left = [id for id in rows if found.routes[id].state is RouteState.IN_PROGRESS]
    if not left:
        return set()
    now_open = await session.execute(
        select(col(Stop.route_id), col(Stop.id), col(Stop.state))
        .where(
            one_of(Stop.route_id, [rows[id].id for id in left]),
            col(Stop.state).in_(published.OPEN),
            col(Stop.outcome).is_(None),
        )
        .order_by(col(Stop.sequence))
    )
    states: defaultdict[str, list[tuple[uuid.UUID, StopState]]] = defaultdict(list)
    for route_id, stop_id, state in now_open.all():
        states[str(route_id)].append((stop_id, state))
    return {
        id
        for id in left
        if rows[id].state is not RouteState.IN_PROGRESS
        or states[id] != [(stop.id, stop.state) for stop in found.stops.get(id, ())]
    }


def _check_stops_stay(found: UnderWay, changes: Settled, gone_on: Collection[str]) -> None:
    """Refuses to give stops to a van that has gone on, and to take any away from it."""
    leaving = [*_flat(changes.moved), *changes.released]
    touched = {*changes.joined, *changes.moved, *(drop.drafted for drop in leaving)}
    for id in gone_on:
        if id in touched:
            raise Conflict(
                "PLAN_OUTDATED",
                f"The driver of route {found.routes[id].reference} went on while it was worked out anew. Plan again.",
            )


async def _joining(
    session: AsyncSession, changes: Settled, rows: Mapping[str, Route], new: Mapping[uuid.UUID, Stop], *, now: datetime
) -> list[dict[str, Any]]:
    """Late orders' shipments are planned; their events."""
    going: list[tuple[Shipment, Stop]] = []
    entries = []
    for id, group in changes.joined.items():
        for drop in group:
            stop = new[drop.order.id]
            for shipment in drop.shipments:
                going.append((shipment, stop))
                entries.append(operations.planned(shipment, stop, rows[id], actor=SYSTEM, now=now))
    await operations.plan_shipments(session, going)
    await operations.settle(session, [shipment for shipment, _ in going], now=now)
    await published.served_after_all(session, going)
    return entries


def _moved(drop: Drop, found: UnderWay, route: Route, *, actor: Principal, now: datetime) -> dict[str, Any]:
    shipment, before = drop.shipments[0], found.routes[drop.drafted or ""]
    return log.entry(
        type="shipment.replanned",
        subject=subjects.of_shipment(shipment, route_id=route.id),
        actor=actor,
        now=now,
        summary=f"{', '.join(_references([drop]))} goes on route {route.reference} instead of {before.reference}.",
        data={"state": shipment.state.value, "route": route.reference, "before": before.reference},
    )


async def _release(session: AsyncSession, found: UnderWay, drops: Sequence[Drop], *, now: datetime) -> None:
    """Their stops are cancelled, and they wait for a plan."""
    orders = {drop.order.id for drop in drops}
    stops = [stop.id for group in found.stops.values() for stop in group if stop.order_id in orders]
    await session.execute(
        update(Stop)
        .where(one_of(Stop.id, stops))
        .values(state=NEXT[StopState.PENDING, StopEvent.CANCEL], version=col(Stop.version) + 1)
    )
    for id in sorted({drop.drafted or "" for drop in drops}):
        goods = [shipment for drop in drops if drop.drafted == id for shipment in drop.shipments]
        happening = Happening(route_id=found.routes[id].id)
        await advance_all(session, goods, ShipmentEvent.UNPLAN, actor=SYSTEM, now=now, happening=happening)
        await session.execute(
            update(Shipment)
            .where(one_of(Shipment.id, [shipment.id for shipment in goods]))
            .values(eta_expected=None, eta_earliest=None, eta_latest=None)
        )


def _rewrite(route: Route, changes: Settled, id: str, found: UnderWay, written: Written) -> None:
    """The route's figures: all of them where it has not left, else those of what is before it."""
    driver, after = found.stand_ins.get(id), changes.routes[id]
    if driver is not None:
        route.driver_id = driver.id
    if after is None:
        route.version += 1
    elif id in changes.before and route.state is RouteState.IN_PROGRESS:
        kept = changes.before[id]
        end = found.loaded.midnight + timedelta(seconds=after.end_seconds)
        until = found.loaded.vans_by_id[id].free_until
        route.planned_end = end if until is None else min(end, until)
        route.distance_metres += after.distance_metres - kept.distance_metres
        route.duration_seconds += after.end_seconds - kept.end_seconds
        route.cost_minor += written.cost_minor(after) - written.cost_minor(kept)
        route.pauses = pauses.kept(written.pauses[id])
        published.fill(route, after, found.loaded.vans_by_id[id])
        route.version += 1
    else:
        published.retime(route, after, written, found.loaded)


async def _is_empty(session: AsyncSession, route: Route) -> bool:
    """Goods that are loaded stay with a van that has no driver."""
    still = select(col(Stop.id)).where(col(Stop.route_id) == route.id, col(Stop.state).in_(published.OPEN)).limit(1)
    return await session.scalar(still) is None


def _told(route: Route, changes: Settled, id: str, found: UnderWay, *, is_over: bool, now: datetime) -> dict[str, Any]:
    came = [*changes.joined.get(id, ()), *changes.moved.get(id, ())]
    went = [drop for drop in [*_flat(changes.moved), *changes.released] if drop.drafted == id]
    driver = found.stand_ins.get(id)
    data = {"reason": changes.reason, "joined": _references(came), "left": _references(went)}
    return published.told(
        route,
        type="route.cancelled" if is_over else "route.changed",
        now=now,
        summary=f"Route {route.reference} was planned anew:"
        f" {counted(_goods(came), 'shipment')} came, {_goods(went)} went"
        + (f"; {driver.name} drives it." if driver else "."),
        data=data | ({"driver": driver.reference} if driver else {}),
        actor=changes.actor,
    )


def _references(drops: Sequence[Drop]) -> list[str]:
    return [shipment.reference for drop in drops for shipment in drop.shipments]


def _decided(
    found: UnderWay, changes: Settled, rows: Mapping[str, Route]
) -> Iterator[tuple[Drop, Route, Route | None]]:
    for group in (changes.joined, changes.moved):
        for id, drops in group.items():
            yield from ((drop, rows[id], found.routes.get(drop.drafted or "")) for drop in drops)
