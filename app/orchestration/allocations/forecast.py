"""The demand that is to come, as it came a week ago: what prices for single orders are worked out from.

Leaves out trends and seasons: a model of demand may replace the sample without its caller noticing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import String, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.models import Order, OrderState
from app.orchestration.allocations import queries
from app.orchestration.allocations.bidding import HORIZON
from app.orchestration.allocations.limits import Loaded
from app.solvers.allocation.table import AllocationTable

# A week ago it was the same day of the week; a deployment younger than that looks at yesterday.
LOOKS_BACK = (timedelta(days=7), timedelta(days=1))
MOST_SAMPLED = 1_000


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """A sample of the orders to come, and which share of them it is."""

    loaded: Loaded
    share: float


async def forecast(session: AsyncSession, *, now: datetime) -> Forecast | None:
    """What is expected within the horizon; None where nothing was ever ordered at this time."""
    for back in LOOKS_BACK:
        came = (col(Order.created_at) >= now - back, col(Order.created_at) < now - back + HORIZON)
        wanted = (*came, col(Order.state) != OrderState.CANCELLED)
        total = int(await session.scalar(select(func.count()).where(*wanted)) or 0)
        if total:
            rows = await session.scalars(
                select(Order).where(*wanted).order_by(func.md5(cast(col(Order.id), String))).limit(MOST_SAMPLED)
            )
            found = list(rows)
            setting = await queries.setting(session, now=now)
            loaded = await queries.loaded(session, found, setting=setting, now=now)
            _come_again(session, found, after=back)
            return Forecast(loaded=loaded, share=len(found) / total)
    return None


def _come_again(session: AsyncSession, orders: Sequence[Order], *, after: timedelta) -> None:
    """The same orders, so much later. They are let go of first, so that nothing of it is ever written."""
    for order in orders:
        session.expunge(order)
        for name in ("requested_start", "requested_end", "promised_start", "promised_end"):
            if (moment := getattr(order, name)) is not None:
                setattr(order, name, moment + after)


def scaled(table: AllocationTable, share: float) -> AllocationTable:
    """The table with so much of every limit as the sample is of the whole. Prices stay what they are.

    Of what there is, one stays at least: a few units left must not look like none.
    """
    shares = np.rint(table.capacities * share).astype(np.int64)
    return replace(table, capacities=np.maximum(shares, table.capacities > 0))
