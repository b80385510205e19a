"""How a carrier did: counted from its shipments, tenders and ratings of some days."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.models import AttemptOutcome, DeliveryAttempt, Feedback, Shipment, ShipmentState, Tender, TenderState

# Below so many shipments chance decides more than the carrier: no rank.
LEAST_FOR_RANK = 200
ENDED = (ShipmentState.DELIVERED, ShipmentState.PARTIALLY_DELIVERED)
ANSWERED = (TenderState.ACCEPTED, TenderState.REJECTED, TenderState.EXPIRED)


@dataclass(frozen=True, kw_only=True)
class Scorecard:
    """Shares are 0 to 1 and None where nothing was counted; the cost is in minor units."""

    shipments: int
    on_time_share: float | None
    attempted: int
    first_attempt_share: float | None
    cost_per_shipment_minor: int | None
    tender_acceptance: float | None
    average_rating: float | None
    rank: int | None


async def scorecard(session: AsyncSession, *, carrier_id: uuid.UUID, days: int, now: datetime) -> Scorecard:
    """The score of the last `days` days."""
    since = now - timedelta(days=days)
    ended = (col(Shipment.state).in_(ENDED), col(Shipment.delivered_at) >= since)
    mine = col(Shipment.carrier_id) == carrier_id
    in_time = case((col(Shipment.delivered_at) <= col(Shipment.window_end), 1.0), else_=0.0)
    price = func.coalesce(col(Shipment.actual_minor), col(Shipment.estimated_minor))
    count, on_time, cost = (
        await session.execute(select(func.count(), func.avg(in_time), func.avg(price)).where(mine, *ended))
    ).one()
    succeeded = case((col(DeliveryAttempt.outcome) == AttemptOutcome.FAILED, 0.0), else_=1.0)
    attempted, first = (
        await session.execute(
            select(func.count(), func.avg(succeeded))
            .join(Shipment, col(Shipment.id) == col(DeliveryAttempt.shipment_id))
            .where(mine, col(DeliveryAttempt.number) == 1, col(DeliveryAttempt.at) >= since)
        )
    ).one()
    accepted = case((col(Tender.state) == TenderState.ACCEPTED, 1.0), else_=0.0)
    acceptance = await session.scalar(
        select(func.avg(accepted)).where(
            col(Tender.carrier_id) == carrier_id, col(Tender.state).in_(ANSWERED), col(Tender.offered_at) >= since
        )
    )
    rating = await session.scalar(
        select(func.avg(col(Feedback.score))).where(
            col(Feedback.order_id).in_(select(col(Shipment.order_id)).where(mine, *ended))
        )
    )
    rates = await session.execute(
        select(col(Shipment.carrier_id), func.avg(in_time), func.count())
        .where(*ended)
        .group_by(col(Shipment.carrier_id))
    )
    ranked = sorted(((float(share), key) for key, share, total in rates.all() if total >= LEAST_FOR_RANK), reverse=True)
    return Scorecard(
        shipments=count,
        on_time_share=_number(on_time),
        attempted=attempted,
        first_attempt_share=_number(first),
        cost_per_shipment_minor=None if cost is None else round(cost),
        tender_acceptance=_number(acceptance),
        average_rating=_number(rating),
        rank=next((place for place, (_, key) in enumerate(ranked, start=1) if key == carrier_id), None),
    )


def _number(value: object) -> float | None:
    return None if value is None else float(str(value))
