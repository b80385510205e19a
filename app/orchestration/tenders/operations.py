"""Offering shipments to carriers, and taking their answers.

What one declines goes to the next in order of value; what all decline goes back to allocation, without them.
"""

import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import SYSTEM, Principal
from app.core.errors import Conflict, NotFound, Refusal
from app.models import Carrier, JobKind, Order, Shipment, Tender, TenderState
from app.models.base import Json
from app.orchestration.jobs import operations as jobs
from app.orchestration.policies import queries as rules
from app.orchestration.shipments import operations as shipments
from app.orchestration.shipments.policies import ShipmentEvent
from app.orchestration.tenders import counters, offers, proposals, waterfall
from app.orchestration.tenders.policies import DISMISSED, TAKEN, TenderEvent, next_state
from app.orchestration.tenders.queries import visible
from app.orchestration.tenders.release import release_order
from app.orchestration.tenders.waterfall import Turn

BATCH = 100


async def hand_over(
    session: AsyncSession,
    shipment: Shipment,
    carrier: Carrier,
    *,
    respond_minutes: int,
    actor: Principal,
    now: datetime,
) -> Tender:
    """Asks the carrier of a new shipment that wants to be asked and was not yet (firsts.py).

    Where the policy asks several at once, the next in order of value are asked as well; where it only proposes, a
    person is asked first. The shipment must have been made in this transaction, with the decision that chose it.
    """
    agreed = await counters.agreed_prices(session, [shipment.order_id])
    price, agreed_at = agreed.get((shipment.order_id, carrier.id), (shipment.estimated_minor, None))
    tender = Tender(
        shipment_id=shipment.id,
        carrier_id=carrier.id,
        price_minor=price,
        counter_accepted_at=agreed_at,
        currency=shipment.currency,
        created_at=now,
    )
    session.add(tender)
    await session.flush()
    order = await session.get(Order, shipment.order_id)
    assert order is not None, "a shipment belongs to an order"
    turn = Turn(order=order, shipment=shipment, policy=await rules.current_version(session), now=now)
    if not await waterfall.may_ask(session, turn):
        await proposals.propose(session, order, shipment, tender, because="ALLOCATED", now=now)
        return tender
    due = offers.respond_by(now=now, minutes=respond_minutes, carrier=carrier, latest=turn.latest_offer)
    offers.offer(session, tender, shipment, respond_by=due, actor=actor, now=now)
    shipments.begin(session, shipment, ShipmentEvent.TENDER, actor=actor, now=now)
    if turn.rules.tendering.at_once > 1:
        await waterfall.ask_several(session, turn)
    return tender


async def accept(
    session: AsyncSession,
    *,
    tender_id: uuid.UUID,
    carrier_tracking_number: str | None = None,
    actor: Principal,
    now: datetime,
) -> Tender:
    """The carrier takes the shipment; what others were offered of it is withdrawn. Refuses an offer that is over."""
    _, shipment, tender = await _locked(session, tender_id=tender_id, actor=actor)
    if tender.state is TenderState.OFFERED and tender.respond_by is not None and now > tender.respond_by:
        raise Conflict(
            "TENDER_EXPIRED",
            f"The offer of shipment {shipment.reference} was open until {tender.respond_by.isoformat()}."
            " It goes to another carrier.",
            field="tenderId",
        )
    if tender.reason == TAKEN:
        raise Conflict("TENDER_TAKEN", "Another carrier has taken this shipment before you.", field="tenderId")
    _answer(tender, TenderEvent.ACCEPT, now=now)
    await waterfall.withdraw_others(session, shipment, tender, now=now)
    if not await offers.move_to(session, shipment, tender):
        raise Conflict(
            "CAPACITY_EXCEEDED",
            f"Your day is full, so that shipment {shipment.reference} finds no place. Raise its capacity first.",
            field="tenderId",
        )
    shipment.carrier_tracking_number = carrier_tracking_number or shipment.carrier_tracking_number
    shipment.actual_minor = tender.price_minor
    offers.record(session, tender, shipment, type="tender.accepted", actor=actor, now=now)
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
    """The carrier declines.

    It is asked again at its counter price where the policy agrees to that; else the next carrier is asked, and after
    the last one the order is allocated again without them.
    """
    order, shipment, tender = await _locked(session, tender_id=tender_id, actor=actor)
    if counter_minor is not None and counter_minor < 0:
        raise Refusal("COUNTER_PRICE_INVALID", "A counter price is not below zero. Send one.", field="counterPrice")
    _answer(tender, TenderEvent.REJECT, now=now)
    tender.reason, tender.counter_minor = reason, counter_minor
    data: Json = {"reason": reason, "counterMinor": counter_minor}
    offers.record(session, tender, shipment, type="tender.rejected", actor=actor, now=now, data=data)
    if not await counters.agree_at_once(session, order, shipment, tender, now=now):
        await _go_on(session, order, shipment, because="TENDER_REJECTED", now=now)
    return tender


async def expire_due(session: AsyncSession, *, now: datetime) -> int:
    """Ends the offers that nobody answered in time, and asks the next carriers; answers how many it were."""
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
        offers.end(session, tender, shipment, TenderEvent.EXPIRE, now=now)
        await _go_on(session, order, shipment, because="TENDER_EXPIRED", now=now)
        expired += 1
    return expired


async def go_on(session: AsyncSession, tender: Tender, *, because: str, now: datetime) -> None:
    """Asks the next carriers after a tender that has ended, or has the order allocated again where nobody is left."""
    order, shipment, _ = await _locked(session, tender_id=tender.id, actor=SYSTEM)
    await _go_on(session, order, shipment, because=because, now=now)


async def offer_proposed(session: AsyncSession, *, tender_id: uuid.UUID, now: datetime) -> None:
    """A person agrees to a proposed tender: the carrier is asked. Refuses one that is over, or has no room."""
    order, shipment, tender = await _locked(session, tender_id=tender_id, actor=SYSTEM)
    next_state(tender, TenderEvent.OFFER)
    turn = Turn(order=order, shipment=shipment, policy=await rules.current_version(session), now=now)
    waiting = [row for row in await offers.open_tenders(session, [shipment]) if row.state is TenderState.QUEUED]
    if not await waterfall.take_turns(session, turn, waiting):
        raise Conflict(
            "CAPACITY_EXCEEDED",
            f"No carrier in question has room for shipment {shipment.reference} any more. Dismiss this, so that its"
            " order is allocated anew.",
        )
    if turn.rules.tendering.at_once > 1 and len(waiting) == 1 and tender.place == 1:
        await waterfall.ask_several(session, turn)


async def dismiss_proposed(session: AsyncSession, *, tender_id: uuid.UUID, actor: Principal, now: datetime) -> None:
    """A person does not want this carrier: the next in order of value is proposed, or the order allocated again."""
    order, shipment, tender = await _locked(session, tender_id=tender_id, actor=SYSTEM)
    if tender.state is TenderState.QUEUED:
        offers.end(session, tender, shipment, TenderEvent.WITHDRAW, now=now, reason=DISMISSED, actor=actor)
        await _go_on(session, order, shipment, because=DISMISSED, now=now)


async def _go_on(session: AsyncSession, order: Order, shipment: Shipment, *, because: str, now: datetime) -> None:
    if await waterfall.ask_next(session, order, shipment, because=because, now=now):
        return
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
