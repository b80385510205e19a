"""Watching shipments that nobody fetches, whether their carrier accepted them, was told, or is our own fleet.

While another carrier could still make the window, it is asked.
"""

import uuid
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import SYSTEM
from app.core.database import savepoint
from app.core.errors import Conflict, NotFound
from app.models import (
    Booking,
    Carrier,
    CarrierKind,
    ExceptionCase,
    ExceptionState,
    Route,
    RouteState,
    Severity,
    Shipment,
    ShipmentState,
    Stop,
    StopKind,
    StopShipment,
    Tender,
    TenderState,
)
from app.models.base import Json
from app.orchestration.events import subjects
from app.orchestration.exceptions import operations as exceptions
from app.orchestration.exceptions.operations import Trouble
from app.orchestration.policies import queries as rules
from app.orchestration.policies.documents import Tendering
from app.orchestration.shipments import operations as shipments
from app.orchestration.shipments.policies import AT_NODE
from app.orchestration.tenders import offers, waterfall
from app.orchestration.tenders.policies import LATE, TenderEvent
from app.orchestration.tenders.waterfall import Turn

KIND = "PICK_UP_LATE"
RETENDER, CALL, CALL_DRIVER, PLAN = "RETENDER", "CALL_CARRIER", "CALL_DRIVER", "PLAN_ROUTES"
# Routes that wait for their driver.
NOT_STARTED = (RouteState.PUBLISHED, RouteState.ACCEPTED)
BATCH = 100


async def watch(session: AsyncSession, *, now: datetime) -> int:
    """Acts on each shipment that should have been fetched by now, once; answers on how many.

    It goes to the next carrier in order of value where the policy says so and one has room; else a case is opened, and
    the carrier keeps it: a late one is better than none.
    """
    policy = await rules.current_version(session)
    watched = exists().where(col(ExceptionCase.kind) == KIND, col(ExceptionCase.subject_id) == col(Shipment.id))
    found = await session.scalars(
        select(Shipment)
        .where(_is_late(policy.document.tendering, now=now), ~watched)
        .order_by(col(Shipment.order_id))
        .limit(BATCH)
    )
    acted = 0
    for late in list(found):
        state = late.state
        order, shipment = await shipments.lock(session, late)
        turn = Turn(order=order, shipment=shipment, policy=policy, now=now)
        if shipment.state is state and await _act(session, turn):
            acted += 1
    await _settle(session, now=now)
    return acted


def _is_late(limits: Tendering, *, now: datetime) -> ColumnElement[bool]:
    """On no route while its window draws to its end, or on one that should have left."""
    waiting = and_(
        col(Shipment.state) == ShipmentState.ASSIGNED,
        col(Shipment.window_end) <= now + timedelta(minutes=limits.pick_up_lead_minutes),
    )
    behind = (
        select(col(StopShipment.shipment_id))
        .join(Stop, col(Stop.id) == col(StopShipment.stop_id))
        .join(Route, col(Route.id) == col(Stop.route_id))
        .where(
            col(Route.state).in_(NOT_STARTED),
            col(Route.planned_start) <= now - timedelta(minutes=limits.start_grace_minutes),
        )
    )
    return or_(waiting, and_(col(Shipment.state) == ShipmentState.PLANNED, col(Shipment.id).in_(behind)))


async def _settle(session: AsyncSession, *, now: datetime) -> None:
    """Closes the cases about goods that have left their node since, or will not leave any more.

    What is collected waits at its door until the van that has left is there.
    """
    fetched = (
        select(col(StopShipment.shipment_id))
        .join(Stop, col(Stop.id) == col(StopShipment.stop_id))
        .join(Route, col(Route.id) == col(Stop.route_id))
        .where(col(Route.state) == RouteState.IN_PROGRESS, col(Stop.kind) != StopKind.DELIVERY)
    )
    found = await session.scalars(
        select(col(ExceptionCase.subject_id))
        .join(Shipment, col(Shipment.id) == col(ExceptionCase.subject_id))
        .where(
            col(ExceptionCase.kind) == KIND,
            col(ExceptionCase.state) == ExceptionState.OPEN,
            or_(col(Shipment.state).not_in(AT_NODE), col(Shipment.id).in_(fetched)),
        )
        .limit(BATCH)
    )
    await exceptions.settle_all(
        session, kind=KIND, subject_ids=list(found), resolution="The goods do not wait at their node any more.", now=now
    )


async def retender(session: AsyncSession, *, shipment_id: uuid.UUID, now: datetime) -> None:
    """A person says so: withdraws the accepted tender and asks the next. Refuses where nobody else could take it."""
    found = await session.get(Shipment, shipment_id)
    if found is None:
        raise NotFound("shipment", shipment_id)
    order, shipment = await shipments.lock(session, found)
    turn = Turn(order=order, shipment=shipment, policy=await rules.current_version(session), now=now)
    if shipment.state is not ShipmentState.ASSIGNED or not await _ask_another(session, turn):
        raise Conflict(
            "NOBODY_ELSE",
            f"Shipment {shipment.reference} is {shipment.state.value}, and no other carrier could take it in its"
            " window. Call its carrier, or dismiss this.",
        )


async def _act(session: AsyncSession, turn: Turn) -> bool:
    is_waiting = turn.shipment.state is ShipmentState.ASSIGNED
    if is_waiting and turn.rules.tendering.retender_when_late and await _ask_another(session, turn):
        return True
    shipment = turn.shipment
    subject = subjects.of_shipment(shipment)
    trouble = Trouble(
        kind=KIND,
        severity=Severity.CRITICAL,
        subject=subject,
        node_id=shipment.node_id,
        due_at=shipment.window_end,
        suggestion=await _suggestion(session, turn),
    )
    return await exceptions.open_case(session, trouble, now=turn.now) is not None


async def _suggestion(session: AsyncSession, turn: Turn) -> Json:
    shipment = turn.shipment
    carrier = await session.get_one(Carrier, shipment.carrier_id)
    route = await _route_of(session, shipment) if shipment.state is ShipmentState.PLANNED else None
    if route is not None:
        left = f"{route.planned_start:%Y-%m-%d %H:%M} UTC"
        summary = f"{shipment.reference} is on route {route.reference}, which should have left at {left}."
        return {"action": CALL_DRIVER, "summary": f"{summary} Call the driver, or plan the node anew."}
    is_own = carrier.kind is CarrierKind.OWN_FLEET
    waits = f"{shipment.reference} is {carrier.name}'s, but " + ("on no route" if is_own else "nobody has fetched it")
    if not turn.rules.tendering.retender_when_late:
        return {"action": RETENDER, "summary": f"{waits}. Take it away and ask the next carrier in order of value."}
    if is_own:
        return {"action": PLAN, "summary": f"{waits}, and no other carrier could take it. Plan the node again."}
    return {"action": CALL, "summary": f"{waits}, and no other carrier could take it. Call its carrier."}


async def _route_of(session: AsyncSession, shipment: Shipment) -> Route | None:
    """The route, not yet started, that a shipment is planned on."""
    found: Route | None = await session.scalar(
        select(Route)
        .join(Stop, col(Stop.route_id) == col(Route.id))
        .join(StopShipment, col(StopShipment.stop_id) == col(Stop.id))
        .where(col(StopShipment.shipment_id) == shipment.id, col(Route.state).in_(NOT_STARTED))
        .limit(1)
    )
    return found


async def _ask_another(session: AsyncSession, turn: Turn) -> bool:
    """Withdraws it from its carrier and asks the next; changes nothing where there is no next one."""
    taken = [row for row in await offers.open_tenders(session, [turn.shipment]) if row.state is TenderState.ACCEPTED]
    if turn.now >= turn.latest_offer:
        return False
    try:
        async with savepoint(session):
            for tender in taken or [await _of_a_told_carrier(session, turn)]:
                offers.end(
                    session, tender, turn.shipment, TenderEvent.WITHDRAW, now=turn.now, reason=LATE, actor=SYSTEM
                )
            if not await waterfall.ask_next(session, turn.order, turn.shipment, because=LATE, now=turn.now):
                raise _NobodyElse
            turn.shipment.carrier_tracking_number = turn.shipment.actual_minor = None
            await session.flush()
    except _NobodyElse:
        await session.refresh(turn.shipment)
        return False
    return True


async def _of_a_told_carrier(session: AsyncSession, turn: Turn) -> Tender:
    """The tender of a carrier that never was asked: its being late is on record, and its booking ends with it."""
    shipment = turn.shipment
    tender = Tender(
        shipment_id=shipment.id,
        carrier_id=shipment.carrier_id,
        state=TenderState.ACCEPTED,
        offered_at=shipment.created_at,
        responded_at=shipment.created_at,
        price_minor=shipment.estimated_minor,
        currency=shipment.currency,
        created_at=turn.now,
    )
    session.add(tender)
    await session.flush()
    await session.execute(
        update(Booking)
        .where(
            col(Booking.shipment_id) == shipment.id,
            col(Booking.carrier_id) == shipment.carrier_id,
            col(Booking.tender_id).is_(None),
        )
        .values(tender_id=tender.id)
    )
    return tender


class _NobodyElse(Exception):  # a way out of the savepoint, never seen outside
    pass
