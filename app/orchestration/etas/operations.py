"""Writing the ETAs of the rest of a route to its stops and shipments, and telling those that moved.

Called after whatever changes a route: its publication, a change of plan, and by the reader for facts from the road.
"""

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import col

from app.auth.principals import Principal
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
from app.orchestration.etas.legs import legs
from app.orchestration.etas.policies import Eta, Fact, has_moved, probability_late, project, share_of_interval
from app.orchestration.events import log, subjects
from app.orchestration.exceptions import operations as exceptions
from app.orchestration.exceptions.operations import Trouble
from app.orchestration.exceptions.policies import PREDICTED_LATE
from app.orchestration.policies import queries as rules
from app.orchestration.routes.policies import LOADING
from app.orchestration.stops.policies import AHEAD
from app.orchestration.writing import one_of, update_all

# What is shown is at most so far from the projection, or this share of its interval.
SHOWN_WITHIN, SHOWN_SHARE = timedelta(seconds=30), 0.05
# A new time is told when it is this far from the one that is known, or this share of its interval: hours ahead, minutes
# are no news.
TELL_AFTER, TELL_SHARE = timedelta(minutes=5), 0.25
# Above this a dispatcher is asked to help: it doubles the lead over a countdown at like precision.
ALERT_PROBABILITY = 0.35
ANNOUNCED = ("shipment.planned", "shipment.out_for_delivery", "shipment.eta_changed")


WAITING = (ShipmentState.PLANNED, ShipmentState.PICKED_UP)
ON_THE_WAY = (ShipmentState.PICKED_UP, ShipmentState.OUT_FOR_DELIVERY)
STILL_TO_COME = frozenset({*WAITING, *ON_THE_WAY})


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the customer of a shipment has been told on this route."""

    eta: datetime | None = None
    is_approaching: bool = False


@dataclass(frozen=True, kw_only=True)
class Ahead:
    """A route with the stops that are before it, their shipments, and when each will be reached."""

    route: Route
    stops: Sequence[Stop]
    shipments: Sequence[Sequence[Shipment]]
    etas: Sequence[Eta]


async def refresh(
    session: AsyncSession, route: Route, *, actor: Principal, now: datetime, is_quiet: bool = False
) -> None:
    """Projects the route anew. `route` and its stops are locked by the caller. `is_quiet` tells nobody."""
    await refresh_all(session, [route], actor=actor, now=now, is_quiet=is_quiet)


async def refresh_all(
    session: AsyncSession, routes: Sequence[Route], *, actor: Principal, now: datetime, is_quiet: bool = False
) -> None:
    """Projects routes anew, with as many statements as for one.

    Rows are locked only when all is worked out, and none is waited for: who holds one changes what is projected here,
    and has it projected again.
    """
    await session.flush()
    projected = await _projected(session, routes, now=now)
    stops = [
        (stop, eta)
        for each in projected
        for stop, eta in zip(each.stops, each.etas, strict=True)
        if _is_visibly_other(stop, eta)
    ]
    goods = [
        (shipment, eta)
        for each in projected
        for shipments, eta in zip(each.shipments, each.etas, strict=True)
        for shipment in shipments
        if _is_visibly_other(shipment, eta)
    ]
    if not is_quiet and any(shipments for each in projected for shipments in each.shipments):
        moved = {stop.route_id for stop, _ in stops}
        for each in projected:
            if each.route.id in moved:
                _tell_projection(session, each.route, actor=actor, now=now)
        await _tell(session, projected, {shipment.id for shipment, _ in goods}, actor=actor, now=now)
    await _write(session, Shipment, goods, states=STILL_TO_COME)
    await _write(session, Stop, stops, states=AHEAD)
    await session.flush()


async def _projected(session: AsyncSession, routes: Sequence[Route], *, now: datetime) -> list[Ahead]:
    by_route: defaultdict[uuid.UUID, list[Stop]] = defaultdict(list)
    keys = [route.id for route in routes]
    for stop in await session.scalars(select(Stop).where(one_of(Stop.route_id, keys)).order_by(col(Stop.sequence))):
        by_route[stop.route_id].append(stop)
    before = {route.id: [stop for stop in by_route[route.id] if stop.state in AHEAD] for route in routes}
    goods = await _shipments(session, routes, [stop for stops in before.values() for stop in stops])
    projected = []
    for route in routes:
        if ahead := before[route.id]:
            node = await session.get_one(FulfilmentNode, route.node_id)
            stops = by_route[route.id]
            etas = project(_fact(route, stops, now=now), legs(route, node, stops, ahead), now=now)
            shipments = [goods.get(stop.id, []) for stop in ahead]
            projected.append(Ahead(route=route, stops=ahead, shipments=shipments, etas=etas))
    return projected


async def _write(
    session: AsyncSession,
    model: type[Stop | Shipment],
    rows: Sequence[tuple[Stop | Shipment, Eta]],
    *,
    states: Collection[ShipmentState | StopState],
) -> None:
    """The new times of rows that are still in these states, but for those that somebody else is changing.

    One statement, after one that locks; the rows in hand follow without being written again.
    """
    free = await session.scalars(
        select(col(model.id))
        .where(one_of(model.id, [row.id for row, _ in rows]), col(model.state).in_(states))
        .order_by(col(model.id))
        .with_for_update(key_share=True, skip_locked=True)
    )
    ours = set(free)
    written = [(row, eta) for row, eta in rows if row.id in ours]
    values = [
        {"id": row.id, "eta_expected": eta.expected, "eta_earliest": eta.earliest, "eta_latest": eta.latest}
        for row, eta in written
    ]
    await update_all(session, model, values)
    for row, eta in written:
        for name in ("expected", "earliest", "latest"):
            set_committed_value(row, f"eta_{name}", getattr(eta, name))


def _is_visibly_other(row: Stop | Shipment, eta: Eta) -> bool:
    """Hundreds of rows stand behind each event of a long route: those that hardly move are left as they are."""
    known = ((row.eta_expected, eta.expected), (row.eta_earliest, eta.earliest), (row.eta_latest, eta.latest))
    within = share_of_interval(eta, SHOWN_SHARE, least=SHOWN_WITHIN)
    return any(has_moved(before, after, by=within) for before, after in known)


async def _tell(
    session: AsyncSession, projected: Sequence[Ahead], moved: Collection[uuid.UUID], *, actor: Principal, now: datetime
) -> None:
    """Tells of each shipment ahead whose time moved, or that is near now, and warns of those that will be late."""
    near = (await rules.current(session)).tracking.within_stops
    concerned = [
        (ahead.route, shipment, eta, stops_before)
        for ahead in projected
        for stops_before, (shipments, eta) in enumerate(zip(ahead.shipments, ahead.etas, strict=True))
        for shipment in shipments
        if shipment.id in moved or stops_before <= near
    ]
    told = await _told(session, {shipment.id: route for route, shipment, _, _ in concerned})
    warned = await _warned(session, [shipment.id for _, shipment, _, _ in concerned])
    for route, shipment, eta, stops_before in concerned:
        known = told.get(shipment.id, Told())
        if has_moved(known.eta, eta.expected, by=share_of_interval(eta, TELL_SHARE, least=TELL_AFTER)):
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


async def _shipments(
    session: AsyncSession, routes: Sequence[Route], stops: Sequence[Stop]
) -> dict[uuid.UUID, list[Shipment]]:
    """Stop -> the shipments that its route still brings there, or collects."""
    waiting = {route.id for route in routes if route.state in LOADING}
    # What is collected is planned until the van is at its door.
    states = {stop.id: WAITING if stop.kind.is_collection or stop.route_id in waiting else ON_THE_WAY for stop in stops}
    rows = await session.execute(
        select(col(StopShipment.stop_id), Shipment)
        .join(Shipment, col(Shipment.id) == col(StopShipment.shipment_id))
        .where(one_of(StopShipment.stop_id, [stop.id for stop in stops]), col(Shipment.state).in_(STILL_TO_COME))
        .order_by(col(Shipment.id))
    )
    found: dict[uuid.UUID, list[Shipment]] = {}
    for stop_id, shipment in rows.all():
        if shipment.state in states[stop_id]:
            found.setdefault(stop_id, []).append(shipment)
    return found


async def _told(session: AsyncSession, routes: Mapping[uuid.UUID, Route]) -> Mapping[uuid.UUID, Told]:
    """What the log holds, by shipment: the newest time told on its route, and whether the van was announced as near."""
    newest = await session.execute(
        select(col(Event.subject_id), col(Event.at), col(Event.data)["eta"].astext)
        .ext(distinct_on(col(Event.subject_id)))
        .where(
            one_of(Event.subject_id, list(routes)),
            col(Event.type).in_(ANNOUNCED),
            col(Event.data)["eta"].astext.is_not(None),
        )
        .order_by(col(Event.subject_id), col(Event.position).desc())
    )
    etas = {key: datetime.fromisoformat(eta) for key, at, eta in newest.all() if at >= routes[key].created_at}
    near = await session.scalars(
        select(col(Event.subject_id)).where(
            one_of(Event.route_id, {route.id for route in routes.values()}), col(Event.type) == "shipment.approaching"
        )
    )
    announced = set(near)
    return {key: Told(eta=etas.get(key), is_approaching=key in announced) for key in {*etas, *announced}}


def _tell_projection(session: AsyncSession, route: Route, *, actor: Principal, now: datetime) -> None:
    """For whoever looks at the route at this moment: its times have changed."""
    log.append(
        session,
        type="route.projected",
        subject=subjects.of_route(route),
        actor=actor,
        now=now,
        summary=f"The times of route {route.reference} were projected anew.",
    )


def _tell_change(
    session: AsyncSession, route: Route, shipment: Shipment, eta: Eta, told: Told, *, actor: Principal, now: datetime
) -> None:
    log.append(
        session,
        type="shipment.eta_changed",
        subject=subjects.of_shipment(shipment, route_id=route.id),
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
        subject=subjects.of_shipment(shipment, route_id=route.id),
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
            one_of(ExceptionCase.subject_id, shipment_ids),
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
            subject=subjects.of_shipment(shipment, route_id=route.id),
            node_id=shipment.node_id,
            due_at=shipment.window_end,
            predicted_lateness_seconds=round(late.total_seconds()),
            probability=round(probability, 3),
        ),
        now=now,
    )


def _in_words(shipment: Shipment, eta: Eta) -> dict[str, object]:
    return {
        "state": shipment.state.value,
        "eta": eta.expected.isoformat(),
        "earliest": eta.earliest.isoformat(),
        "latest": eta.latest.isoformat(),
        "window": {"start": shipment.window_start.isoformat(), "end": shipment.window_end.isoformat()},
    }
