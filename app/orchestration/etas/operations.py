"""Writing the ETAs of the rest of a route to its stops and shipments, and telling those that moved.

Called after whatever changes a route: its publication, a fact from the road, a change of plan.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import Principal
from app.core.geo import Point, great_circle_metres
from app.models import (
    Event,
    ExceptionCase,
    ExceptionState,
    FulfilmentNode,
    Route,
    Severity,
    Shipment,
    ShipmentState,
    Stop,
    StopShipment,
    StopState,
)
from app.orchestration.etas.policies import Eta, Fact, Leg, has_moved, probability_late, project
from app.orchestration.events import log
from app.orchestration.events.log import Subject
from app.orchestration.exceptions import operations as exceptions
from app.orchestration.exceptions.operations import Trouble
from app.orchestration.policies import queries as rules
from app.orchestration.routes.policies import LOADING
from app.orchestration.stops.policies import AHEAD

# A customer is told of a new time when it is this far from the one that they know.
TELL_AFTER = timedelta(minutes=5)
# Above this a dispatcher is asked to help: it doubles the lead over a countdown at like precision.
ALERT_PROBABILITY = 0.35
PREDICTED_LATE = "PREDICTED_LATE"
# Where the plan knows no drive time: the straight line times a city's detour, at a city's speed.
DETOUR, CITY_METRES_PER_SECOND = 1.47, 6.25
ANNOUNCED = ("shipment.planned", "shipment.out_for_delivery", "shipment.eta_changed")


WAITING = (ShipmentState.PLANNED, ShipmentState.PICKED_UP)
ON_THE_WAY = (ShipmentState.PICKED_UP, ShipmentState.OUT_FOR_DELIVERY)


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the customer of a shipment has been told on this route."""

    eta: datetime | None = None
    is_approaching: bool = False


async def refresh(
    session: AsyncSession, route: Route, *, actor: Principal, now: datetime, is_quiet: bool = False
) -> None:
    """Projects the route anew. `route` and its stops are locked by the caller. `is_quiet` tells nobody."""
    await session.flush()
    stops = list(await session.scalars(select(Stop).where(col(Stop.route_id) == route.id).order_by(col(Stop.sequence))))
    ahead = [stop for stop in stops if stop.state in AHEAD]
    if not ahead:
        return
    node = await session.get_one(FulfilmentNode, route.node_id)
    etas = project(_fact(route, stops, now=now), _legs(node, stops, ahead), now=now)
    shipments = await _shipments(session, route, ahead)
    for stop, eta in zip(ahead, etas, strict=True):
        for row in (stop, *shipments.get(stop.id, [])):
            row.eta_expected, row.eta_earliest, row.eta_latest = eta.expected, eta.earliest, eta.latest
    if not is_quiet:
        await _tell(
            session,
            route,
            [(shipments.get(stop.id, []), eta) for stop, eta in zip(ahead, etas, strict=True)],
            actor=actor,
            now=now,
        )
    await session.flush()


async def _tell(
    session: AsyncSession,
    route: Route,
    ahead: Sequence[tuple[Sequence[Shipment], Eta]],
    *,
    actor: Principal,
    now: datetime,
) -> None:
    """Tells of each shipment ahead whose time moved, or that is near now, and warns of those that will be late."""
    told = await _told(session, route, [shipment.id for shipments, _ in ahead for shipment in shipments])
    warned = await _warned(session, [shipment.id for shipments, _ in ahead for shipment in shipments])
    near = (await rules.current(session)).tracking.within_stops
    for stops_before, (shipments, eta) in enumerate(ahead):
        for shipment in shipments:
            known = told.get(shipment.id, Told())
            if has_moved(known.eta, eta.expected, by=TELL_AFTER):
                _tell_change(session, route, shipment, eta, known, actor=actor, now=now)
            if route.state not in LOADING and stops_before <= near and not known.is_approaching:
                _tell_approaching(session, route, shipment, eta, stops_before, actor=actor, now=now)
            await _warn(session, route, shipment, eta, is_warned=shipment.id in warned, now=now)


def _fact(route: Route, stops: Sequence[Stop], *, now: datetime) -> Fact:
    """The last thing that is known for sure: where the driver is busy, left, or will start."""
    if route.started_at is None:
        return Fact(at=max(route.planned_start, now))
    arrived = [stop for stop in stops if stop.state is StopState.ARRIVED and stop.outcome is None and stop.arrived_at]
    if arrived:
        stop = max(arrived, key=lambda each: each.arrived_at or route.planned_start)
        return Fact(at=stop.arrived_at or now, busy_seconds=stop.service_seconds)
    times = [time for stop in stops for time in (stop.arrived_at, stop.departed_at) if time is not None]
    return Fact(at=max([route.started_at, *times]))


def _legs(node: FulfilmentNode, stops: Sequence[Stop], ahead: Sequence[Stop]) -> list[Leg]:
    """The planned drives, and estimated ones where the way is no longer the planned one."""
    behind = [stop for stop in stops if stop.arrived_at is not None]
    last = max(behind, key=lambda stop: stop.arrived_at or stop.planned_arrival) if behind else None
    here = _place(last) if last else Point(latitude=node.latitude, longitude=node.longitude)
    planned_before = last
    legs = []
    for stop in ahead:
        index = stops.index(stop)
        is_as_planned = (stops[index - 1] if index else None) is planned_before
        legs.append(
            Leg(
                drive_seconds=stop.drive_seconds if is_as_planned else drive_seconds(here, _place(stop)),
                service_seconds=stop.service_seconds,
                opens_at=stop.window_start,
            )
        )
        here, planned_before = _place(stop), stop
    return legs


def drive_seconds(start: Point, end: Point) -> int:
    """A cold estimate of a drive."""
    return round(great_circle_metres(start, end) * DETOUR / CITY_METRES_PER_SECOND)


def _place(stop: Stop) -> Point:
    return Point(latitude=stop.latitude, longitude=stop.longitude)


async def _shipments(session: AsyncSession, route: Route, stops: Sequence[Stop]) -> dict[uuid.UUID, list[Shipment]]:
    """Stop -> the shipments that this route still brings there."""
    states = WAITING if route.state in LOADING else ON_THE_WAY
    rows = await session.execute(
        select(col(StopShipment.stop_id), Shipment)
        .join(Shipment, col(Shipment.id) == col(StopShipment.shipment_id))
        .where(col(StopShipment.stop_id).in_([stop.id for stop in stops]), col(Shipment.state).in_(states))
        .order_by(col(Shipment.id))
    )
    found: dict[uuid.UUID, list[Shipment]] = {}
    for stop_id, shipment in rows.all():
        found.setdefault(stop_id, []).append(shipment)
    return found


async def _told(session: AsyncSession, route: Route, shipment_ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, Told]:
    """What the log holds: the newest time that was told, and whether the van was announced as near."""
    events = await session.scalars(
        select(Event)
        .where(
            col(Event.subject_id).in_(shipment_ids),
            col(Event.type).in_([*ANNOUNCED, "shipment.approaching"]),
            col(Event.at) >= route.created_at,
        )
        .order_by(col(Event.position))
    )
    found: dict[uuid.UUID, Told] = {}
    for event in events:
        before = found.get(event.subject_id, Told())
        eta = event.data.get("eta") if event.type in ANNOUNCED else None
        found[event.subject_id] = Told(
            eta=datetime.fromisoformat(eta) if eta else before.eta,
            is_approaching=before.is_approaching
            or (event.type == "shipment.approaching" and event.route_id == route.id),
        )
    return found


def _tell_change(
    session: AsyncSession, route: Route, shipment: Shipment, eta: Eta, told: Told, *, actor: Principal, now: datetime
) -> None:
    log.append(
        session,
        type="shipment.eta_changed",
        subject=_subject(shipment, route),
        actor=actor,
        now=now,
        summary=f"Shipment {shipment.reference} is now expected at {eta.expected:%H:%M} UTC.",
        data={**_in_words(shipment, eta), "before": told.eta and told.eta.isoformat()},
    )


def _tell_approaching(
    session: AsyncSession,
    route: Route,
    shipment: Shipment,
    eta: Eta,
    stops_before: int,
    *,
    actor: Principal,
    now: datetime,
) -> None:
    log.append(
        session,
        type="shipment.approaching",
        subject=_subject(shipment, route),
        actor=actor,
        now=now,
        summary=f"Shipment {shipment.reference} is {stops_before} stops away.",
        data={**_in_words(shipment, eta), "stopsBefore": stops_before},
    )


async def _warned(session: AsyncSession, shipment_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """The shipments that dispatchers have been warned of."""
    found = await session.scalars(
        select(col(ExceptionCase.subject_id)).where(
            col(ExceptionCase.kind) == PREDICTED_LATE,
            col(ExceptionCase.state) == ExceptionState.OPEN,
            col(ExceptionCase.subject_id).in_(shipment_ids),
        )
    )
    return set(found)


async def _warn(
    session: AsyncSession, route: Route, shipment: Shipment, eta: Eta, *, is_warned: bool, now: datetime
) -> None:
    """Opens a case where the window will probably be missed, and closes it where it no longer will."""
    probability = probability_late(eta, deadline=shipment.window_end)
    late = eta.expected - shipment.window_end
    if is_warned and probability < ALERT_PROBABILITY:
        await exceptions.settle(
            session, kind=PREDICTED_LATE, subject_id=shipment.id, resolution="It is on time again.", now=now
        )
    if is_warned or probability < ALERT_PROBABILITY:
        return
    await exceptions.open_case(
        session,
        Trouble(
            kind=PREDICTED_LATE,
            severity=Severity.CRITICAL if late > timedelta() else Severity.WARNING,
            subject=_subject(shipment, route),
            node_id=shipment.node_id,
            due_at=shipment.window_end,
            predicted_lateness_seconds=round(late.total_seconds()),
            probability=round(probability, 3),
        ),
        now=now,
    )


def _subject(shipment: Shipment, route: Route) -> Subject:
    return Subject(
        kind="shipment",
        id=shipment.id,
        reference=shipment.reference,
        order_id=shipment.order_id,
        carrier_id=shipment.carrier_id,
        route_id=route.id,
    )


def _in_words(shipment: Shipment, eta: Eta) -> dict[str, object]:
    return {
        "state": shipment.state.value,
        "eta": eta.expected.isoformat(),
        "earliest": eta.earliest.isoformat(),
        "latest": eta.latest.isoformat(),
        "window": {"start": shipment.window_start.isoformat(), "end": shipment.window_end.isoformat()},
    }
