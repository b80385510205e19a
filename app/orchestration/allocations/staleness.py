"""Whether prices are to be worked out anew before a batch does it: what is left is not what was planned to be left.

Looks only where single orders are decided. The rest of the answer costs a count while nothing moves, and at most the
limits that have a price.
"""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.models import BidPrice, Decision, Order
from app.orchestration.allocations import bidding, prices, queries
from app.orchestration.allocations.limits import Limits
from app.orchestration.allocations.queries import Setting

# Prices are old after this share of the demand that they were worked out for: sixteen times a day of it, as often as
# in `benchmarks.allocation --rolling`.
DEMAND_SHARE = 1 / 16
# Or when so much of the worth of all priced limits is left beyond, or short of, what was planned.
MOVED_SHARE = 0.1
# Whether orders are decided alone is seen from so many decisions, the newest.
NEWEST_DECISIONS = 100


async def is_due(session: AsyncSession, *, setting: Setting, now: datetime) -> bool:
    """Whether single orders are decided by prices that no longer hold, or by none."""
    if not setting.policy.document.allocation.at_once and not await _is_anyone_decided_alone(session):
        return False
    run = await prices.run(session)
    if run is None or now - run.at >= bidding.HORIZON:
        return True
    since = int(await session.scalar(select(func.count()).where(col(Order.id) > run.id)) or 0)
    return since > run.capacity * DEMAND_SHARE or await _moved(session, setting=setting, now=now) > MOVED_SHARE


async def _is_anyone_decided_alone(session: AsyncSession) -> bool:
    newest = select(col(Decision.model_name)).order_by(col(Decision.id).desc()).limit(NEWEST_DECISIONS)
    return bidding.SOLVER in list(await session.scalars(newest))


async def _moved(session: AsyncSession, *, setting: Setting, now: datetime) -> float:
    """How far what is left is from the plan, as a share of all that has a price; each limit counts by its worth."""
    today = now.date() - timedelta(days=1)
    found = await session.scalars(
        select(BidPrice).where(col(BidPrice.price_minor) > 0, func.coalesce(col(BidPrice.expires_on), today) >= today)
    )
    priced = {row.resource: row for row in found}
    skus = {sku for resource in priced if (sku := prices.sku_of(resource)) is not None}
    limits = Limits(await queries.around(session, [], setting=setting, now=now, also=skus))
    gap = worth = 0.0
    for resource, row in priced.items():
        limit = limits.find(resource)
        if limit is not None:
            planned = bidding.planned(row.capacity, since=row.at, now=now)
            gap += row.price_minor * abs(limit.capacity - planned)
            worth += row.price_minor * row.capacity
    return gap / worth if worth else 0.0
