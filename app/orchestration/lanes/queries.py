"""How punctual each carrier is expected to be on each lane, learned from what it did."""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.learning.lateness import LaneHistory, PunctualityTable, learn
from app.models import Carrier, LaneDay

# What a carrier did half a year ago says little of what it does now.
REMEMBERED_DAYS = 90


async def punctuality(session: AsyncSession, *, now: datetime) -> PunctualityTable:
    """What to expect of each carrier and lane."""
    return learn(await history(session, now=now))


async def history(session: AsyncSession, *, now: datetime) -> list[LaneHistory]:
    """The deliveries of the days that are remembered, by carrier and lane."""
    found = await session.execute(
        select(
            col(Carrier.reference),
            col(LaneDay.lane),
            func.sum(col(LaneDay.deliveries)),
            func.sum(col(LaneDay.in_time)),
            func.sum(col(LaneDay.late_seconds)),
            func.sum(col(LaneDay.late_seconds_squared)),
        )
        .join(Carrier, col(Carrier.id) == col(LaneDay.carrier_id))
        .where(col(LaneDay.date) >= (now - timedelta(days=REMEMBERED_DAYS)).date())
        .group_by(col(Carrier.reference), col(LaneDay.lane))
    )
    return [
        LaneHistory(
            carrier=carrier,
            lane=lane,
            deliveries=int(deliveries),
            in_time=int(in_time),
            late_seconds=float(late),
            late_seconds_squared=float(squares),
        )
        for carrier, lane, deliveries, in_time, late, squares in found.all()
    ]
