"""What a driver does with a route: accept it, load the van, start, and come back. Leaves out the stops on the way."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import Principal
from app.core.errors import Conflict, Refusal
from app.models import (
    FailureReason,
    Order,
    Route,
    RouteState,
    Severity,
    Shipment,
    ShipmentState,
    Stop,
    StopShipment,
    StopState,
)
from app.models.base import Json
from app.orchestration.etas import operations as etas
from app.orchestration.events import log, subjects
from app.orchestration.exceptions import operations as exceptions
from app.orchestration.exceptions.operations import Trouble
from app.orchestration.routes.pauses import later_trips
from app.orchestration.routes.pauses import of as pauses_of
from app.orchestration.routes.policies import RouteEvent, check_loading, next_state
from app.orchestration.shipments.operations import Happening, advance_all
from app.orchestration.shipments.policies import ShipmentEvent
from app.orchestration.stops import operations as visits
from app.orchestration.stops import policies as stop_rules
from app.orchestration.stops.operations import Moment, Visit, head_for_next, locked
from app.orchestration.stops.policies import StopEvent

NOT_LOADED = "NOT_LOADED"
MOST_BARCODES = 1_000


@dataclass(frozen=True, kw_only=True)
class Tour:
    """A route with all that it touches, locked: orders, shipments, route, stops, in this order."""

    route: Route
    stops: Sequence[Stop]
    shipments: Sequence[Shipment]
    served: Sequence[StopShipment]

    def of(self, stop: Stop) -> list[Shipment]:
        """The shipments that a stop serves."""
        keys = {link.shipment_id for link in self.served if link.stop_id == stop.id}
        return [shipment for shipment in self.shipments if shipment.id in keys]

    @property
    def parcels(self) -> list[Shipment]:
        """What the node loads: all but what is collected on the way."""
        kinds = {stop.id: stop.kind for stop in self.stops}
        keys = {link.shipment_id for link in self.served if not kinds[link.stop_id].is_collection}
        return [shipment for shipment in self.shipments if shipment.id in keys]


async def accept(
    session: AsyncSession, *, route_id: uuid.UUID, expected_version: int | None, actor: Principal, now: datetime
) -> Route:
    """The driver takes the route on. Refuses a version that moved on, and another driver's route as absent."""
    route = await session.scalar(
        locked(select(Route).where(col(Route.id) == route_id, col(Route.driver_id) == actor.driver_id))
    )
    if route is None or route.state is RouteState.DRAFT:
        raise unknown_route()
    if expected_version is not None and expected_version != route.version:
        raise Conflict(
            "STALE_VERSION",
            f"Route {route.reference} is at version {route.version}, not {expected_version}."
            " Read it and accept it again.",
            field="expectedVersion",
        )
    route.state = next_state(route, RouteEvent.ACCEPT)
    route.version += 1
    _tell(session, "route.accepted", route, actor=actor, now=now, data={})
    return route


async def open_tour(session: AsyncSession, *, route_id: uuid.UUID, moment: Moment) -> Tour:
    """Locks a route and what it touches. Another driver's route reads as absent."""
    known = await session.scalar(
        select(col(Route.id)).where(
            col(Route.id) == route_id,
            col(Route.driver_id) == moment.actor.driver_id,
            col(Route.state) != RouteState.DRAFT,
        )
    )
    if known is None:
        raise unknown_route()
    served = list(
        await session.scalars(
            select(StopShipment)
            .join(Stop, col(Stop.id) == col(StopShipment.stop_id))
            .where(col(Stop.route_id) == route_id, col(Stop.state) != StopState.CANCELLED)
        )
    )
    keys = [link.shipment_id for link in served]
    ordered = select(col(Shipment.order_id)).where(col(Shipment.id).in_(keys))
    await session.scalars(locked(select(Order).where(col(Order.id).in_(ordered)).order_by(col(Order.id))))
    shipments = await session.scalars(
        locked(select(Shipment).where(col(Shipment.id).in_(keys)).order_by(col(Shipment.id)))
    )
    found = list(shipments)
    route = (await session.scalars(locked(select(Route).where(col(Route.id) == route_id)))).one()
    stops = await session.scalars(
        locked(select(Stop).where(col(Stop.route_id) == route_id).order_by(col(Stop.sequence)))
    )
    if route.driver_id != moment.actor.driver_id:
        raise unknown_route()
    return Tour(route=route, stops=list(stops), shipments=found, served=served)


def unknown_route() -> Refusal:
    """What a route that is absent, or another driver's, is answered with."""
    return Refusal(
        "NOT_YOUR_ROUTE", "You have no such route. Read your day again and send its route's id.", field="routeId"
    )


async def scan(session: AsyncSession, tour: Tour, barcodes: Sequence[str], moment: Moment) -> None:
    """Parcels go into the van. Scanning one twice changes nothing; one that does not belong refuses the whole scan."""
    check_loading(tour.route)
    by_barcode = {shipment.reference: shipment for shipment in tour.parcels}
    unknown = sorted(set(barcodes) - by_barcode.keys())
    if unknown or len(barcodes) > MOST_BARCODES:
        raise Refusal(
            "ITEM_UNKNOWN",
            f"Route {tour.route.reference} carries no parcel {', '.join(unknown[:10])}. Leave it at the node.",
            field="barcodes",
        )
    scanned = [by_barcode[barcode] for barcode in dict.fromkeys(barcodes)]
    new = [shipment for shipment in scanned if shipment.state is not ShipmentState.PICKED_UP]
    await _advance(session, tour.route, new, ShipmentEvent.PICK_UP, moment)


async def start(session: AsyncSession, tour: Tour, moment: Moment) -> None:
    """The van leaves. What was scanned goes along; where nothing was scanned, everything does.

    What is collected on the way waits at its doors. What a later trip brings is not left behind: the van comes back for
    it, and it counts as on its way from now on.
    """
    route = tour.route
    state = next_state(route, RouteEvent.START)
    await _check_free(session, route)
    loaded = [shipment for shipment in tour.parcels if shipment.state is ShipmentState.PICKED_UP]
    waiting = [shipment for shipment in tour.parcels if shipment.state is ShipmentState.PLANNED]
    later = later_trips(pauses_of(route), tour.stops)
    fetched = {shipment.id for stop in tour.stops if stop.sequence in later for shipment in tour.of(stop)}
    going = [shipment for shipment in waiting if not loaded or shipment.id in fetched]
    missing = [shipment for shipment in waiting if loaded and shipment.id not in fetched]
    await _advance(session, route, going, ShipmentEvent.PICK_UP, moment)
    if missing:
        await _leave_behind(session, tour, missing, moment)
    loaded = [*loaded, *going]
    route.state, route.started_at = state, moment.at
    route.version += 1
    await etas.refresh(session, route, actor=moment.actor, now=moment.now, is_quiet=True)
    await _advance(session, route, loaded, ShipmentEvent.DEPART, moment)
    head_for_next(route, tour.stops)
    data: Json = {"loaded": len(loaded), "leftBehind": [shipment.reference for shipment in missing]}
    _tell(session, "route.started", route, actor=moment.actor, now=moment.now, data=data)


async def complete(session: AsyncSession, tour: Tour, moment: Moment) -> None:
    """The van is back. Stops that were not reached are skipped, and what goes back, or was collected, is in stock."""
    route = tour.route
    state = next_state(route, RouteEvent.COMPLETE)
    for stop in tour.stops:
        await _close(session, tour, stop, moment)
    returning = [shipment for shipment in tour.shipments if shipment.state is ShipmentState.RETURNING]
    await _advance(session, route, returning, ShipmentEvent.RETURN, moment)
    route.state, route.completed_at = state, moment.at
    route.version += 1
    outcomes = [stop.outcome.value for stop in tour.stops if stop.outcome is not None]
    data: Json = {"outcomes": {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))}}
    _tell(session, "route.completed", route, actor=moment.actor, now=moment.now, data=data)


async def _close(session: AsyncSession, tour: Tour, stop: Stop, moment: Moment) -> None:
    visit = Visit(
        order=await session.get_one(Order, stop.order_id),
        route=tour.route,
        stop=stop,
        stops=tour.stops,
        shipments=tour.of(stop),
    )
    if stop.state in stop_rules.AHEAD:
        await visits.skip(session, visit, moment, reason=FailureReason.OUT_OF_TIME)
    elif stop.state is StopState.ARRIVED:
        await visits.depart(session, visit, moment)


async def _check_free(session: AsyncSession, route: Route) -> None:
    other = await session.scalar(
        select(col(Route.reference)).where(
            col(Route.driver_id) == route.driver_id,
            col(Route.state) == RouteState.IN_PROGRESS,
            col(Route.id) != route.id,
        )
    )
    if other is not None:
        raise Conflict(
            "INVALID_STATE", f"Route {other} is still under way. Complete it before you start {route.reference}."
        )


async def _leave_behind(session: AsyncSession, tour: Tour, missing: Sequence[Shipment], moment: Moment) -> None:
    """Goods that were not loaded wait for another plan; stops without any goods are not driven to."""
    await _advance(session, tour.route, missing, ShipmentEvent.UNPLAN, moment)
    for shipment in missing:
        subject = subjects.of_shipment(shipment, route_id=tour.route.id)
        trouble = Trouble(kind=NOT_LOADED, severity=Severity.WARNING, subject=subject, node_id=shipment.node_id)
        await exceptions.open_case(session, trouble, now=moment.now, actor=moment.actor)
    for stop in tour.stops:
        goods = tour.of(stop)
        is_left_out = goods and not stop.kind.is_collection and not any(_is_loaded(shipment) for shipment in goods)
        if stop.state is StopState.PENDING and is_left_out:
            stop.state = stop_rules.next_state(stop, StopEvent.CANCEL)
            stop.version += 1


def _is_loaded(shipment: Shipment) -> bool:
    return shipment.state is ShipmentState.PICKED_UP


async def _advance(
    session: AsyncSession, route: Route, shipments: Sequence[Shipment], event: ShipmentEvent, moment: Moment
) -> None:
    if shipments:
        happening = Happening(at=moment.at, driver_id=route.driver_id, route_id=route.id)
        await advance_all(session, shipments, event, actor=moment.actor, now=moment.now, happening=happening)


def _tell(session: AsyncSession, type: str, route: Route, *, actor: Principal, now: datetime, data: Json) -> None:
    happened = type.partition(".")[2]
    log.append(
        session,
        type=type,
        subject=subjects.of_route(route),
        actor=actor,
        now=now,
        summary=f"Route {route.reference} was {happened}.",
        data={"state": route.state.value, "version": route.version, **data},
    )
