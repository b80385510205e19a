"""Watching accepted shipments that nobody fetches: while another carrier could still make the window, it is asked."""

import uuid
from datetime import datetime, timedelta

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import SYSTEM
from app.core.database import savepoint
from app.core.errors import Conflict, NotFound
from app.models import (
    Carrier,
    CarrierKind,
    ExceptionCase,
    Severity,
    Shipment,
    ShipmentState,
    Tender,
    TenderState,
)
from app.models.base import Json
from app.orchestration.events.log import Subject
from app.orchestration.exceptions.operations import Trouble, open_case
from app.orchestration.policies import queries as rules
from app.orchestration.shipments import operations as shipments
from app.orchestration.tenders import offers, waterfall
from app.orchestration.tenders.policies import LATE, TenderEvent
from app.orchestration.tenders.waterfall import Turn

KIND = "PICK_UP_LATE"
RETENDER, CALL = "RETENDER", "CALL_CARRIER"
BATCH = 100


async def watch(session: AsyncSession, *, now: datetime) -> int:
    """Acts on each shipment that should have been fetched by now, once; answers on how many.

    It goes to the next carrier in order of value where the policy says so and one has room; else a case is opened, and
    the carrier keeps it: a late one is better than none.
    """
    policy = await rules.current_version(session)
    due = now + timedelta(minutes=policy.document.tendering.pick_up_lead_minutes)
    watched = exists().where(col(ExceptionCase.kind) == KIND, col(ExceptionCase.subject_id) == col(Shipment.id))
    found = await session.scalars(
        select(Shipment)
        .join(Tender, (col(Tender.shipment_id) == col(Shipment.id)) & (col(Tender.state) == TenderState.ACCEPTED))
        .join(Carrier, col(Carrier.id) == col(Shipment.carrier_id))
        .where(
            col(Shipment.state) == ShipmentState.ASSIGNED,
            col(Shipment.window_end) <= due,
            col(Carrier.kind) == CarrierKind.THIRD_PARTY,
            ~watched,
        )
        .order_by(col(Shipment.order_id))
        .limit(BATCH)
    )
    acted = 0
    for late in list(found):
        order, shipment = await shipments.lock(session, late)
        turn = Turn(order=order, shipment=shipment, policy=policy, now=now)
        if shipment.state is ShipmentState.ASSIGNED and await _act(session, turn):
            acted += 1
    return acted


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
    if turn.rules.tendering.retender_when_late and await _ask_another(session, turn):
        return True
    shipment = turn.shipment
    subject = Subject(
        kind="shipment",
        id=shipment.id,
        reference=shipment.reference,
        order_id=shipment.order_id,
        carrier_id=shipment.carrier_id,
    )
    trouble = Trouble(
        kind=KIND,
        severity=Severity.CRITICAL,
        subject=subject,
        node_id=shipment.node_id,
        due_at=shipment.window_end,
        suggestion=_suggestion(turn),
    )
    return await open_case(session, trouble, now=turn.now) is not None


def _suggestion(turn: Turn) -> Json:
    waits = f"{turn.shipment.reference} was accepted, but nobody has fetched it"
    if turn.rules.tendering.retender_when_late:
        return {"action": CALL, "summary": f"{waits}, and no other carrier could take it. Call its carrier."}
    return {"action": RETENDER, "summary": f"{waits}. Withdraw it and ask the next carrier in order of value."}


async def _ask_another(session: AsyncSession, turn: Turn) -> bool:
    """Withdraws the accepted tender and asks the next; changes nothing where there is no next one."""
    taken = [row for row in await offers.open_tenders(session, turn.shipment) if row.state is TenderState.ACCEPTED]
    if not taken or turn.now >= turn.latest_offer:
        return False
    try:
        async with savepoint(session):
            for tender in taken:
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


class _NobodyElse(Exception):  # a way out of the savepoint, never seen outside
    pass
