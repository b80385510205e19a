"""Late orders join routes that are published and have not left yet: no new plan, no stop moved to another van.

Read, work out the cheapest places (no transaction), adopt: the routes and shipments as they were read, or nothing.
"""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import SYSTEM
from app.core.errors import Conflict
from app.models import (
    Decision,
    DecisionKind,
    Driver,
    FulfilmentNode,
    Order,
    Route,
    Shipment,
    ShipmentState,
    Stop,
    StopShipment,
    StopState,
    Vehicle,
)
from app.orchestration.etas import operations as etas
from app.orchestration.events import log
from app.orchestration.events.log import Subject
from app.orchestration.nodes.policies import at_minute
from app.orchestration.plans import operations, queries
from app.orchestration.plans.drafting import leg_metres, stop_row
from app.orchestration.plans.loaded import GRAMS_PER_KG, MILLILITRES_PER_LITRE, Drop, Loaded, Van
from app.orchestration.policies import queries as rules
from app.orchestration.routes.policies import LOADING
from app.orchestration.writing import insert_all, one_of, update_all
from app.solvers.routing import solution as routing
from app.solvers.routing.insertion import Plan
from app.solvers.routing.problem import RoutingProblem, Visit
from app.solvers.routing.schedule import Terms, timetable

# Only the routes that pass nearest are tried for an order.
MOST_ROUTES_TRIED = 6
AT_NODE = (ShipmentState.PLANNED, ShipmentState.PICKED_UP)


@dataclass(frozen=True, kw_only=True)
class Published:
    """The day's routes that have not left, with their stops, and what might join them.

    `loaded.drops` are the drops on the routes, and then the `late` ones.
    """

    routes: Mapping[str, Route]
    stops: Mapping[str, Sequence[Stop]]
    loaded: Loaded
    late: Sequence[Drop]


@dataclass(frozen=True, kw_only=True)
class Joined:
    """What was worked out: the routes that change, as they will be driven, and the drops that found a place."""

    problem: RoutingProblem
    routes: Mapping[str, routing.Route] = field(default_factory=dict)
    drops: Mapping[str, Sequence[Drop]] = field(default_factory=dict)


async def published(
    session: AsyncSession, *, node: FulfilmentNode, day: date, now: datetime, leave_after: datetime
) -> Published | None:
    """What late orders of the node could join on a local day; None where there are none, or no routes."""
    late = (await queries.to_plan(session, node=node, day=day, now=now, leave_after=leave_after)).drops
    routes = await _routes(session, node, day) if late else []
    if not routes:
        return None
    stops, on_board = await _on_board(session, [route for route, _, _ in routes])
    known = {drop.order.id for drop in on_board}
    late = [drop for drop in late if drop.order.id not in known]  # an order has one stop on a day
    vans = [_van(route, vehicle, driver, routes, leave_after) for route, vehicle, driver in routes]
    loaded = Loaded(
        node=node,
        day=day,
        drops=[*on_board, *late],
        vans=vans,
        now=now,
        planning=(await rules.current(session)).planning,
    )
    return Published(routes={str(route.id): route for route, _, _ in routes}, stops=stops, loaded=loaded, late=late)


async def _routes(session: AsyncSession, node: FulfilmentNode, day: date) -> list[tuple[Route, Vehicle, Driver]]:
    midnight = at_minute(day, 0, zone=ZoneInfo(node.time_zone))
    found = await session.execute(
        select(Route, Vehicle, Driver)
        .join(Vehicle, col(Vehicle.id) == col(Route.vehicle_id))
        .join(Driver, col(Driver.id) == col(Route.driver_id))
        .where(
            col(Route.node_id) == node.id,
            col(Route.state).in_(LOADING),
            col(Route.planned_start) >= midnight,
            col(Route.planned_start) < midnight + timedelta(days=1),
        )
        .order_by(col(Route.reference))
    )
    return [(route, vehicle, driver) for route, vehicle, driver in found.all()]


async def _on_board(session: AsyncSession, routes: Sequence[Route]) -> tuple[dict[str, list[Stop]], list[Drop]]:
    """Route -> its stops in order; and what each of them delivers."""
    found = await session.execute(
        select(Stop, Shipment, Order)
        .join(StopShipment, col(StopShipment.stop_id) == col(Stop.id))
        .join(Shipment, col(Shipment.id) == col(StopShipment.shipment_id))
        .join(Order, col(Order.id) == col(Stop.order_id))
        .where(
            one_of(Stop.route_id, [route.id for route in routes]),
            col(Stop.state) == StopState.PENDING,
            col(Shipment.state).in_(AT_NODE),
        )
        .order_by(col(Stop.sequence), col(Shipment.id))
    )
    stops: defaultdict[str, list[Stop]] = defaultdict(list)
    goods: dict[uuid.UUID, tuple[Order, list[Shipment]]] = {}
    for stop, shipment, order in found.all():
        if stop.id not in goods:
            stops[str(stop.route_id)].append(stop)
            goods[stop.id] = (order, [])
        goods[stop.id][1].append(shipment)
    return dict(stops), [Drop(order=order, shipments=shipments) for order, shipments in goods.values()]


def _van(
    route: Route,
    vehicle: Vehicle,
    driver: Driver,
    routes: Sequence[tuple[Route, Vehicle, Driver]],
    leave_after: datetime,
) -> Van:
    """The route's van: it leaves no earlier than was told, and is back before it drives its next route."""
    after = [
        other.planned_start
        for other, _, _ in routes
        if other.vehicle_id == route.vehicle_id and other.planned_start > route.planned_start
    ]
    return Van(
        vehicle=vehicle,
        driver=driver,
        free_from=max(leave_after, route.planned_start),
        free_until=min(after, default=None),
        route_id=route.id,
    )


def places(found: Published, problem: RoutingProblem) -> Joined:
    """The cheapest places for the late drops, the most urgent first. Pure; takes some milliseconds a drop.

    `problem` is that of `found.loaded`.
    """
    terms = Terms(problem)
    late = {str(drop.order.id): drop for drop in found.late}
    orders: dict[str, list[Visit]] = {}
    for vehicle in problem.vehicles:
        order = [terms.visits[str(stop.order_id)] for stop in found.stops.get(vehicle.id, ())]
        if order and timetable(terms, vehicle, order) is not None:
            orders[vehicle.id] = order
    plan = Plan(terms, orders)
    able = [vehicle for vehicle in problem.vehicles if vehicle.id in orders]
    joined: defaultdict[str, list[Drop]] = defaultdict(list)
    for visit in sorted((terms.visits[id] for id in late), key=lambda visit: -visit.unserved_penalty):
        spot = plan.cheapest(visit, able, most_vehicles=MOST_ROUTES_TRIED)
        if spot is not None and spot.cost <= visit.unserved_penalty:
            plan.place(spot)
            joined[spot.vehicle_id].append(late[visit.id])
    return Joined(problem=problem, routes={id: plan.routes[id] for id in joined}, drops=dict(joined))


async def adopt(session: AsyncSession, *, found: Published, joined: Joined, now: datetime) -> int:
    """Writes the places, and answers how many shipments joined. Refuses with PLAN_OUTDATED what changed meanwhile."""
    if not joined.routes:
        return 0
    drops = [drop for group in joined.drops.values() for drop in group]
    routes = await _locked(session, found, joined, drops)
    going: list[tuple[Shipment, Stop]] = []
    entries: list[dict[str, Any]] = []
    changed = []
    for id, timed in joined.routes.items():
        route = routes[id]
        new = await _write_stops(session, route, timed, found, joined)
        for drop in joined.drops[id]:
            for shipment in drop.shipments:
                stop = new[drop.order.id]
                going.append((shipment, stop))
                entries.append(operations.planned(shipment, stop, route, actor=SYSTEM, now=now))
        _retime(route, timed, found.loaded)
        entries.append(_changed(route, joined.drops[id], now=now))
        changed.append(route)
    await operations.plan_shipments(session, going)
    await operations.settle(session, [shipment for shipment, _ in going], now=now)
    await log.append_all(session, entries)
    await _record(session, changed, joined, now=now)
    await session.flush()
    await etas.refresh_all(session, changed, actor=SYSTEM, now=now)
    return len(going)


async def _locked(session: AsyncSession, found: Published, joined: Joined, drops: Sequence[Drop]) -> dict[str, Route]:
    """The routes; locks orders, shipments, routes and stops, in this order, each as it was read."""
    orders, shipments = [drop.order.id for drop in drops], [each.id for drop in drops for each in drop.shipments]
    routes = [found.routes[id].id for id in joined.routes]
    for statement in (
        select(col(Order.id)).where(one_of(Order.id, orders)).order_by(col(Order.reference)),
        select(col(Shipment.id)).where(one_of(Shipment.id, shipments)).order_by(col(Shipment.id)),
    ):
        await session.execute(statement.with_for_update(key_share=True))
    versions = await session.execute(
        select(col(Shipment.id), col(Shipment.version)).where(one_of(Shipment.id, shipments))
    )
    read = {each.id: each.version for drop in drops for each in drop.shipments}
    locked = await session.scalars(
        select(Route)
        .where(one_of(Route.id, routes))
        .order_by(col(Route.id))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    rows = {str(route.id): route for route in locked}
    is_same = all(row.version == found.routes[id].version and row.state in LOADING for id, row in rows.items())
    if {row[0]: row[1] for row in versions.all()} != read or not is_same:
        raise Conflict(
            "PLAN_OUTDATED",
            f"Routes of {found.loaded.node.reference} changed while late orders were joining them. Plan again.",
        )
    await session.execute(
        select(col(Stop.id)).where(one_of(Stop.route_id, routes)).order_by(col(Stop.id)).with_for_update(key_share=True)
    )
    return rows


async def _write_stops(
    session: AsyncSession, route: Route, timed: routing.Route, found: Published, joined: Joined
) -> dict[uuid.UUID, Stop]:
    """The route's stops in their new order and at their new times; answers the new ones by their orders."""
    loaded, known = found.loaded, {str(stop.order_id): stop for stop in found.stops[str(route.id)]}
    new: dict[uuid.UUID, Stop] = {}
    moved: list[dict[str, Any]] = []
    place, left = 0, timed.start_seconds
    gone = await session.scalars(
        select(col(Stop.sequence)).where(col(Stop.route_id) == route.id, col(Stop.state) != StopState.PENDING)
    )
    for sequence, visit in enumerate(timed.stops, start=max(gone, default=0) + 1):
        door = loaded.place_of[visit.visit_id]
        drop = loaded.drops_by_id[visit.visit_id]
        row = stop_row(route.id, drop, visit, sequence, loaded)
        row["drive_seconds"] = visit.arrival_seconds - left
        row["drive_metres"] = leg_metres(joined.problem, place, door)
        place, left = door, visit.departure_seconds
        if (stop := known.get(visit.visit_id)) is None:
            new[drop.order.id] = Stop(**row)
        else:
            kept = ("sequence", "planned_arrival", "drive_seconds", "drive_metres")
            moved.append({"id": stop.id, **{name: row[name] for name in kept}})
    await update_all(session, Stop, moved, counting=["version"])
    session.add_all(new.values())
    await session.flush()
    links = [
        {"stop_id": new[drop.order.id].id, "shipment_id": shipment.id}
        for drop in joined.drops[str(route.id)]
        for shipment in drop.shipments
    ]
    await insert_all(session, StopShipment, links)
    return new


def _retime(route: Route, timed: routing.Route, loaded: Loaded) -> None:
    route.planned_start = loaded.midnight + timedelta(seconds=timed.start_seconds)
    route.planned_end = loaded.midnight + timedelta(seconds=timed.end_seconds)
    route.distance_metres, route.duration_seconds = timed.distance_metres, timed.duration_seconds
    route.cost_minor = round(timed.cost)
    route.load_weight_kg = timed.load[0] / GRAMS_PER_KG
    route.load_volume_l = timed.load[1] / MILLILITRES_PER_LITRE
    route.version += 1


def _changed(route: Route, drops: Sequence[Drop], *, now: datetime) -> dict[str, Any]:
    references = [shipment.reference for drop in drops for shipment in drop.shipments]
    return log.entry(
        type="route.changed",
        subject=Subject(
            kind="route", id=route.id, reference=route.reference, carrier_id=route.carrier_id, route_id=route.id
        ),
        actor=SYSTEM,
        now=now,
        summary=f"{len(references)} late shipments joined route {route.reference}.",
        data={"version": route.version, "state": route.state.value, "reason": "LATE_ORDERS", "joined": references},
    )


async def _record(session: AsyncSession, changed: Sequence[Route], joined: Joined, *, now: datetime) -> None:
    policy = await rules.current_version(session)
    for route in changed:
        for drop in joined.drops[str(route.id)]:
            session.add(
                Decision(
                    kind=DecisionKind.REROUTE,
                    at=now,
                    order_id=drop.order.id,
                    shipment_id=drop.shipments[0].id,
                    plan_id=route.plan_id,
                    automatic=True,
                    policy_name=policy.name,
                    policy_version=policy.version,
                    model_name="insertion",
                    model_version="1",
                    chosen={"route": route.reference, "routeId": str(route.id), "costMinor": route.cost_minor},
                )
            )
