"""Offering shipments to carriers, and taking their answers. What is declined goes back to allocation, without them."""

import uuid
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import SYSTEM, Principal
from app.core.errors import Conflict, NotFound
from app.models import Carrier, JobKind, Order, Shipment, Tender, TenderMode, TenderState
from app.models.base import Json
from app.orchestration.events import log
from app.orchestration.events.log import Subject
from app.orchestration.jobs import operations as jobs
from app.orchestration.shipments import operations as shipments
from app.orchestration.shipments.policies import ShipmentEvent
from app.orchestration.tenders.policies import TenderEvent, next_state
from app.orchestration.tenders.queries import visible
from app.orchestration.tenders.release import release_order

BATCH = 100


async def hand_over(
    session: AsyncSession,
    shipment: Shipment,
    carrier: Carrier,
    *,
    respond_minutes: int,
    actor: Principal,
    now: datetime,
) -> Tender | None:
    """Tells a carrier that takes what it is given, or asks one that wants to be asked. Answers the tender, if any.

    The shipment must have been made in this transaction.
    """
    if carrier.tender_mode is TenderMode.AUTOMATIC:
        shipments.begin(session, shipment, ShipmentEvent.ASSIGN, actor=actor, now=now)
        return None
    minutes = min(respond_minutes, carrier.response_minutes)
    tender = Tender(
        shipment_id=shipment.id,
        carrier_id=carrier.id,
        state=TenderState.OFFERED,
        offered_at=now,
        respond_by=now + timedelta(minutes=minutes),
        price_minor=shipment.estimated_minor,
        currency=shipment.currency,
        created_at=now,
    )
    session.add(tender)
    await session.flush()
    shipments.begin(session, shipment, ShipmentEvent.TENDER, actor=actor, now=now)
    _log(session, tender, shipment, type="tender.offered", actor=actor, now=now)
    return tender


async def accept(
    session: AsyncSession,
    *,
    tender_id: uuid.UUID,
    carrier_tracking_number: str | None = None,
    actor: Principal,
    now: datetime,
) -> Tender:
    """The carrier takes the shipment. Refuses an offer that is over."""
    _, shipment, tender = await _locked(session, tender_id=tender_id, actor=actor)
    if tender.state is TenderState.OFFERED and tender.respond_by is not None and now > tender.respond_by:
        raise Conflict(
            "TENDER_EXPIRED",
            f"The offer of shipment {shipment.reference} was open until {tender.respond_by.isoformat()}."
            " It goes to another carrier.",
            field="tenderId",
        )
    _answer(tender, TenderEvent.ACCEPT, now=now)
    shipment.carrier_tracking_number = carrier_tracking_number or shipment.carrier_tracking_number
    shipment.actual_minor = tender.price_minor
    _log(session, tender, shipment, type="tender.accepted", actor=actor, now=now)
    await shipments.advance(session, shipment, ShipmentEvent.ASSIGN, actor=actor, now=now)
    return tender


async def reject(
    session: AsyncSession,
    *,
    tender_id: uuid.UUID,
    reason: str,
    counter_minor: int | None = None,
    actor: Principal,
    now: datetime,
) -> Tender:
    """The carrier declines; the order is allocated again without it."""
    order, shipment, tender = await _locked(session, tender_id=tender_id, actor=actor)
    _answer(tender, TenderEvent.REJECT, now=now)
    tender.reason, tender.counter_minor = reason, counter_minor
    _log(session, tender, shipment, type="tender.rejected", actor=actor, now=now, data={"reason": reason})
    await _allocate_again(session, order, because="TENDER_REJECTED", now=now)
    return tender


async def expire_due(session: AsyncSession, *, now: datetime) -> int:
    """Ends the offers that nobody answered in time, and allocates their orders again; answers how many it were."""
    found = await session.scalars(
        select(col(Tender.id))
        .join(Shipment, col(Shipment.id) == col(Tender.shipment_id))
        .where(col(Tender.state) == TenderState.OFFERED, col(Tender.respond_by) < now)
        .order_by(col(Shipment.order_id))
        .limit(BATCH)
    )
    expired = 0
    for tender_id in list(found):
        order, shipment, tender = await _locked(session, tender_id=tender_id, actor=SYSTEM)
        if tender.state is not TenderState.OFFERED:
            continue
        tender.state = next_state(tender, TenderEvent.EXPIRE)
        tender.version += 1
        _log(session, tender, shipment, type="tender.expired", actor=SYSTEM, now=now)
        await _allocate_again(session, order, because="TENDER_EXPIRED", now=now)
        expired += 1
    return expired


async def _allocate_again(session: AsyncSession, order: Order, *, because: str, now: datetime) -> None:
    await session.flush()
    if await release_order(session, order, because=because, now=now):
        await jobs.ensure_queued(session, kind=JobKind.ALLOCATE_ORDERS, actor=SYSTEM, now=now)


async def _locked(session: AsyncSession, *, tender_id: uuid.UUID, actor: Principal) -> tuple[Order, Shipment, Tender]:
    """The order, the shipment and the tender, locked in this order; absent where the actor may not see it."""
    pair = (
        await session.execute(
            select(Tender, Shipment)
            .join(Shipment, col(Shipment.id) == col(Tender.shipment_id))
            .where(col(Tender.id) == tender_id, visible(actor))
        )
    ).one_or_none()
    if pair is None:
        raise NotFound("tender", tender_id, field="tenderId")
    order, shipment = await shipments.lock(session, pair[1])
    tender = await session.scalar(
        select(Tender)
        .where(col(Tender.id) == tender_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    assert tender is not None, "tenders are never deleted"
    return order, shipment, tender


def _answer(tender: Tender, event: TenderEvent, *, now: datetime) -> None:
    tender.state = next_state(tender, event)
    tender.responded_at = now
    tender.version += 1


def _log(
    session: AsyncSession,
    tender: Tender,
    shipment: Shipment,
    *,
    type: str,
    actor: Principal,
    now: datetime,
    data: Json | None = None,
) -> None:
    happened = type.partition(".")[2]
    log.append(
        session,
        type=type,
        subject=Subject(
            kind="tender",
            id=tender.id,
            reference=shipment.reference,
            order_id=shipment.order_id,
            carrier_id=tender.carrier_id,
        ),
        actor=actor,
        now=now,
        summary=f"The tender of {shipment.reference} was {happened}.",
        data={"respondBy": tender.respond_by and tender.respond_by.isoformat(), **(data or {})},
    )
