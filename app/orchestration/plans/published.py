"""The published routes of a node's day, with what they carry: read, locked and rewritten.

Leaves out who goes where: joining.py lets late orders in, replanning.py works the rest of the day out anew.
"""

import uuid
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import SYSTEM, Principal
from app.core.errors import Conflict
from app.models import (
    Decision,
    DecisionKind,
    Driver,
    FulfilmentNode,
    Order,
    PauseKind,
    Plan,
    Route,
    RouteState,
    Shipment,
    ShipmentState,
    Stop,
    StopShipment,
    StopState,
    Vehicle,
)
from app.orchestration.events import log, subjects
from app.orchestration.nodes.policies import at_minute
from app.orchestration.plans.drafting import highest_load, stop_row
from app.orchestration.plans.legs import NODE, walk
from app.orchestration.plans.loaded import GRAMS_PER_KG, MILLILITRES_PER_LITRE, Drop, Loaded, Van
from app.orchestration.plans.totals import money
from app.orchestration.policies import queries as rules
from app.orchestration.routes import pauses
from app.orchestration.routes.pauses import Pause
from app.orchestration.routes.policies import LOADING
from app.orchestration.writing import insert_all, one_of, update_all
from app.solvers.routing import problem as routing_problem
from app.solvers.routing import solution as routing
from app.solvers.routing.problem import Reload, RoutingProblem

# The stops that a driver has not finished, and the goods that they are for; of these, what is in the van.
OPEN = (StopState.PENDING, StopState.EN_ROUTE, StopState.ARRIVED)
IN_VAN = (ShipmentState.PICKED_UP, ShipmentState.OUT_FOR_DELIVERY)
TO_BRING = (ShipmentState.PLANNED, *IN_VAN)
REWRITTEN = ("id", "route_id", "sequence", "planned_arrival", "service_seconds", "drive_seconds", "drive_metres")


@dataclass(frozen=True, kw_only=True)
class Driven:
    """A published route with its vehicle and its driver."""

    route: Route
    vehicle: Vehicle
    driver: Driver | None

    @property
    def id(self) -> str:
        """The vehicle of the problem."""
        return str(self.route.id)


@dataclass(frozen=True, kw_only=True)
class Published:
    """A day's routes by their vehicles of the problem, their open stops in order, and what might join them.

    `loaded.drops` are the drops on the routes, and then the `late` ones.
    """

    routes: Mapping[str, Route]
    stops: Mapping[str, Sequence[Stop]]
    loaded: Loaded
    late: Sequence[Drop]


@dataclass(frozen=True, kw_only=True)
class Written:
    """The stops that are new, by their orders; the pauses of each route as it will be driven; the vehicles."""

    new: Mapping[uuid.UUID, Stop]
    pauses: Mapping[str, Sequence[Pause]]
    vehicles: Mapping[str, routing_problem.Vehicle]

    def cost_minor(self, timed: routing.Route) -> int:
        """What a route of one of these vehicles costs in money."""
        return money(self.vehicles[timed.vehicle_id], timed)


async def routes_of(
    session: AsyncSession, *, node: FulfilmentNode, day: date, states: Collection[RouteState]
) -> list[Driven]:
    """The node's routes of a local day in these states, by reference."""
    midnight = at_minute(day, 0, zone=ZoneInfo(node.time_zone))
    found = await session.execute(
        select(Route, Vehicle, Driver)
        .join(Vehicle, col(Vehicle.id) == col(Route.vehicle_id))
        .outerjoin(Driver, col(Driver.id) == col(Route.driver_id))
        .where(
            col(Route.node_id) == node.id,
            col(Route.state).in_(states),
            col(Route.planned_start) >= midnight,
            col(Route.planned_start) < midnight + timedelta(days=1),
        )
        .order_by(col(Route.reference))
    )
    return [Driven(route=route, vehicle=vehicle, driver=driver) for route, vehicle, driver in found.all()]


async def open_stops(session: AsyncSession, routes: Sequence[Route]) -> tuple[dict[str, list[Stop]], list[Drop]]:
    """Route -> the stops before it, in order; and what each of them is for."""
    found = await session.execute(
        select(Stop, Shipment, Order)
        .join(StopShipment, col(StopShipment.stop_id) == col(Stop.id))
        .join(Shipment, col(Shipment.id) == col(StopShipment.shipment_id))
        .join(Order, col(Order.id) == col(Stop.order_id))
        .where(
            one_of(Stop.route_id, [route.id for route in routes]),
            col(Stop.state).in_(OPEN),
            col(Stop.outcome).is_(None),
            col(Shipment.state).in_(TO_BRING),
        )
        .order_by(col(Stop.sequence), col(Shipment.id))
    )
    stops: defaultdict[str, list[Stop]] = defaultdict(list)
    goods: dict[uuid.UUID, tuple[Stop, Order, list[Shipment]]] = {}
    for stop, shipment, order in found.all():
        if stop.id not in goods:
            stops[str(stop.route_id)].append(stop)
            goods[stop.id] = (stop, order, [])
        goods[stop.id][2].append(shipment)
    drops = [
        Drop(
            order=order,
            shipments=shipments,
            drafted=str(stop.route_id),
            is_loaded=any(shipment.state in IN_VAN for shipment in shipments),
        )
        for stop, order, shipments in goods.values()
    ]
    return dict(stops), drops


def order_of(route: Route, stops: Sequence[Stop]) -> list[str | Reload]:
    """The visits of these stops that are still open, with a reload wherever the van comes back for more."""
    trips: list[list[str]] = [[]]
    for stop, leading in zip(stops, pauses.before(pauses.of(route), stops), strict=True):
        if any(pause.kind is PauseKind.RELOAD for pause in leading):
            trips.append([])
        trips[-1].append(str(stop.order_id))
    return joined_trips(trips)


def trips_of(order: Sequence[str | Reload]) -> list[list[str]]:
    """The visits of each trip of an order; one trip without visits, where there are none."""
    trips: list[list[str]] = [[]]
    for item in order:
        if isinstance(item, Reload):
            trips.append([])
        else:
            trips[-1].append(item)
    return trips


def joined_trips(trips: Iterable[Sequence[str]]) -> list[str | Reload]:
    """Trips as one order; those without a visit are left out."""
    order: list[str | Reload] = []
    for trip in trips:
        if trip:
            order += [Reload(location=NODE), *trip] if order else trip
    return order


def entangled(drops: Sequence[Drop]) -> set[str]:
    """The routes with an order that has a stop on another one, too: they are left as they are."""
    times = Counter(drop.order.id for drop in drops)
    return {drop.drafted for drop in drops if times[drop.order.id] > 1 and drop.drafted is not None}


def free_until(driven: Driven, others: Sequence[Driven]) -> datetime | None:
    """When the route's vehicle leaves for its next route."""
    route = driven.route
    after = [
        other.route.planned_start
        for other in others
        if other.route.vehicle_id == route.vehicle_id and other.route.planned_start > route.planned_start
    ]
    return min(after, default=None)


async def lock(
    session: AsyncSession, *, found: Published, drops: Sequence[Drop], routes: Collection[str]
) -> dict[str, Route]:
    """The routes; locks orders, shipments, routes and stops, in this order.

    Refuses with PLAN_OUTDATED where one of the drops, or of the routes that had not left, is no longer as it was read.
    """
    orders, shipments = [drop.order.id for drop in drops], [each.id for drop in drops for each in drop.shipments]
    keys = [found.routes[id].id for id in routes]
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
        .where(one_of(Route.id, keys))
        .order_by(col(Route.id))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    rows = {str(route.id): route for route in locked}
    is_same = all(
        found.routes[id].state not in LOADING or (row.version == found.routes[id].version and row.state in LOADING)
        for id, row in rows.items()
    )
    if {row[0]: row[1] for row in versions.all()} != read or not is_same:
        raise Conflict(
            "PLAN_OUTDATED",
            f"Routes of {found.loaded.node.reference} changed while they were worked out anew. Plan again.",
        )
    await session.execute(
        select(col(Stop.id)).where(one_of(Stop.route_id, keys)).order_by(col(Stop.id)).with_for_update(key_share=True)
    )
    return rows


async def write_stops(
    session: AsyncSession, *, found: Published, problem: RoutingProblem, timed: Mapping[str, routing.Route]
) -> Written:
    """The routes' stops in their new order and at their new times, those that join them too.

    A stop that a driver is at, or on the way to, stays as it is.
    """
    known = {str(stop.order_id): stop for stops in found.stops.values() for stop in stops}
    starts = {vehicle.id: vehicle.start_location or 0 for vehicle in problem.vehicles}
    gone = await _last_gone(session, [found.routes[id].id for id in timed])
    new: dict[uuid.UUID, Stop] = {}
    moved: list[dict[str, Any]] = []
    paused: dict[str, list[Pause]] = {}
    for id, route in timed.items():
        key, walked, numbers = found.routes[id].id, walk(route, problem, found.loaded, start=starts[id]), list[int]()
        last, reached = gone.get(key, (0, 0))
        sequence = last
        for leg in walked.legs:
            drop, stop = found.loaded.drops_by_id[leg.stop.visit_id], known.get(leg.stop.visit_id)
            if stop is not None and stop.state is not StopState.PENDING:
                numbers.append(stop.sequence)
                continue
            sequence += 1
            numbers.append(sequence)
            row = stop_row(key, drop, leg, sequence, found.loaded)
            if stop is None:
                new[drop.order.id] = Stop(**row)
            else:
                moved.append({name: (row | {"id": stop.id})[name] for name in REWRITTEN})
        over = [pause for pause in pauses.of(found.routes[id]) if pause.after_stop < reached]
        paused[id] = [*over, *walked.numbered(numbers, first=numbers[0] - 1)]
    await update_all(session, Stop, moved, counting=["version"])
    session.add_all(new.values())
    await session.flush()
    links = [
        {"stop_id": stop.id, "shipment_id": shipment.id}
        for order, stop in new.items()
        for shipment in found.loaded.drops_by_id[str(order)].shipments
    ]
    await insert_all(session, StopShipment, links)
    vehicles = {vehicle.id: vehicle for vehicle in problem.vehicles}
    return Written(new=new, pauses=paused, vehicles=vehicles)


async def _last_gone(session: AsyncSession, route_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, tuple[int, int]]:
    """Route -> the highest number of a stop that no longer waits, and of one that the van has been at or heads for."""
    number = col(Stop.sequence)
    found = await session.execute(
        select(
            col(Stop.route_id),
            func.max(number),
            func.coalesce(func.max(number).filter(col(Stop.state).in_({StopState.EN_ROUTE, *pauses.REACHED})), 0),
        )
        .where(one_of(Stop.route_id, route_ids), col(Stop.state) != StopState.PENDING)
        .group_by(col(Stop.route_id))
    )
    return {route_id: (last, reached) for route_id, last, reached in found.all()}


async def served_after_all(session: AsyncSession, going: Sequence[tuple[Shipment, Stop]]) -> None:
    """The plans of the routes that these shipments go on leave them out no more."""
    of_routes = select(col(Route.plan_id)).where(one_of(Route.id, {stop.route_id for _, stop in going}))
    plans = await session.scalars(
        select(Plan)
        .where(col(Plan.id).in_(of_routes), func.jsonb_array_length(col(Plan.unassigned)) > 0)
        .with_for_update(key_share=True)
    )
    served = {str(shipment.id) for shipment, _ in going}
    for plan in plans:
        plan.unassigned = [reason for reason in plan.unassigned if reason["shipmentId"] not in served]


def retime(route: Route, timed: routing.Route, written: Written, loaded: Loaded) -> None:
    """A route that has not left, as it will be driven."""
    paused = written.pauses[timed.vehicle_id]
    route.pauses = pauses.kept(paused)
    route.planned_start = loaded.midnight + timedelta(seconds=timed.start_seconds)
    route.planned_end = loaded.midnight + timedelta(seconds=max(timed.end_seconds, timed.start_seconds + 1))
    route.distance_metres, route.duration_seconds = timed.distance_metres, timed.duration_seconds
    route.cost_minor = written.cost_minor(timed)
    weight, volume = highest_load(timed)
    route.load_weight_kg, route.load_volume_l = weight / GRAMS_PER_KG, volume / MILLILITRES_PER_LITRE
    route.version += 1


def fill(route: Route, rest: routing.Route, van: Van) -> None:
    """The most that a van under way carries: what it did, or what it will beside what it brings back."""
    back = (0, 0) if van.standing is None else van.standing.on_board
    weight, volume = (most + more for most, more in zip(highest_load(rest), back, strict=True))
    route.load_weight_kg = max(route.load_weight_kg, weight / GRAMS_PER_KG)
    route.load_volume_l = max(route.load_volume_l, volume / MILLILITRES_PER_LITRE)


def told(
    route: Route, *, type: str, summary: str, now: datetime, data: dict[str, Any], actor: Principal = SYSTEM
) -> dict[str, Any]:
    """The event of a route that was changed without its driver."""
    return log.entry(
        type=type,
        subject=subjects.of_route(route),
        actor=actor,
        now=now,
        summary=summary,
        data={"version": route.version, "state": route.state.value, **data},
    )


async def record(
    session: AsyncSession,
    decided: Iterable[tuple[Drop, Route, Route | None]],
    *,
    solver: str,
    now: datetime,
    actor: Principal = SYSTEM,
) -> None:
    """The decisions that drops go on published routes: each with its route, and the one that it was on before."""
    policy = await rules.current_version(session)
    for drop, route, before in decided:
        session.add(
            Decision(
                kind=DecisionKind.REROUTE,
                at=now,
                order_id=drop.order.id,
                shipment_id=drop.shipments[0].id,
                plan_id=route.plan_id,
                automatic=not actor.is_staff,
                policy_name=policy.name,
                policy_version=policy.version,
                model_name=solver,
                model_version="1",
                chosen={"route": route.reference, "routeId": str(route.id), "costMinor": route.cost_minor},
                detail={} if before is None else {"before": before.reference},
            )
        )
