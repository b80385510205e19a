"""Counter prices: what a carrier that declined would have done it for, and who agrees to that."""

import uuid
from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import SYSTEM
from app.core.errors import NotFound
from app.core.money import Money
from app.models import Carrier, JobKind, Order, Shipment, Tender, TenderState
from app.models.base import Json
from app.orchestration.jobs import operations as jobs
from app.orchestration.policies import queries as rules
from app.orchestration.tenders import offers
from app.orchestration.writing import one_of

# Order and carrier -> the price, and when it was agreed to.
AgreedPrices = Mapping[tuple[uuid.UUID, uuid.UUID], tuple[int, datetime | None]]
ACTION = "AGREE_TO_COUNTER_PRICE"


async def agree_at_once(
    session: AsyncSession, order: Order, shipment: Shipment, declined: Tender, *, now: datetime
) -> bool:
    """Asks the carrier again at its counter price, where the policy agrees to so much more; once per carrier."""
    policy = await rules.current(session)
    limit = declined.price_minor * (100 + policy.tendering.counter_above_percent) / 100
    is_first = (order.id, declined.carrier_id) not in await agreed_prices(session, [order.id])
    if declined.counter_minor is None or declined.counter_minor > limit or not is_first:
        return False
    carrier = await session.get(Carrier, declined.carrier_id)
    assert carrier is not None, "carriers are never deleted"
    declined.counter_accepted_at = now
    again = Tender(
        shipment_id=shipment.id,
        carrier_id=carrier.id,
        place=declined.place,
        price_minor=declined.counter_minor,
        currency=declined.currency,
        created_at=now,
    )
    session.add(again)
    await session.flush()
    due = offers.respond_by(now=now, minutes=policy.tender_respond_minutes, carrier=carrier)
    offers.offer(session, again, shipment, respond_by=due, actor=SYSTEM, now=now)
    return True


async def agree(session: AsyncSession, *, tender_id: uuid.UUID, now: datetime) -> Tender:
    """A person agrees to the counter price of a declined tender: the order is allocated with that carrier in play."""
    tender = await session.get(Tender, tender_id, with_for_update={"key_share": True}, populate_existing=True)
    if tender is None or tender.counter_minor is None:
        raise NotFound("counter price", "of this tender", field="tenderId")
    tender.counter_accepted_at = now
    tender.version += 1
    await session.flush()
    await jobs.ensure_queued(session, kind=JobKind.ALLOCATE_ORDERS, actor=SYSTEM, now=now)
    return tender


async def agreed_prices(session: AsyncSession, order_ids: Collection[uuid.UUID]) -> AgreedPrices:
    """The latest counter prices that were agreed to, of these orders."""
    if not order_ids:
        return {}
    found = await session.execute(
        select(
            col(Shipment.order_id),
            col(Tender.carrier_id),
            col(Tender.counter_minor),
            col(Tender.counter_accepted_at),
        )
        .join(Shipment, col(Shipment.id) == col(Tender.shipment_id))
        .where(one_of(Shipment.order_id, order_ids), col(Tender.counter_accepted_at).is_not(None))
        .ext(distinct_on(col(Shipment.order_id), col(Tender.carrier_id)))
        .order_by(col(Shipment.order_id), col(Tender.carrier_id), col(Tender.id).desc())
    )
    return {(order_id, carrier_id): (price, at) for order_id, carrier_id, price, at in found.all() if price is not None}


async def suggestion(session: AsyncSession, order_id: uuid.UUID) -> Json | None:
    """What an exception about this order suggests: the cheapest counter price that nobody agreed to yet."""
    found = await session.execute(
        select(Tender, col(Carrier.name))
        .join(Shipment, col(Shipment.id) == col(Tender.shipment_id))
        .join(Carrier, col(Carrier.id) == col(Tender.carrier_id))
        .where(
            col(Shipment.order_id) == order_id,
            col(Tender.state) == TenderState.REJECTED,
            col(Tender.counter_minor).is_not(None),
            col(Tender.counter_accepted_at).is_(None),
        )
        .order_by(col(Tender.counter_minor), col(Tender.id))
        .limit(1)
    )
    row = found.one_or_none()
    if row is None:
        return None
    tender, name = row
    assert tender.counter_minor is not None, "the query asks for one"
    asked = Money(minor=tender.counter_minor, currency=tender.currency).to_decimal()
    offered = Money(minor=tender.price_minor, currency=tender.currency).to_decimal()
    return {
        "action": ACTION,
        "summary": f"Every carrier declined. {name} would take it for {asked} {tender.currency} instead of {offered}.",
        "tenderId": str(tender.id),
    }
