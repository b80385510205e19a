"""The prices of scarce stock and capacity, kept between batches: one row per limit that is worth something."""

from collections.abc import Collection, Mapping
from datetime import date, datetime

from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.ids import new_id
from app.models import BidPrice
from app.orchestration.allocations.bidding import Bid
from app.orchestration.allocations.limits import Resource
from app.orchestration.writing import among, insert_all

# Prices below half a minor unit decide nothing.
LEAST_MINOR = 0.5
# The row that stands for the run itself: it is there even where nothing is worth anything.
RUN = "run"
ONE_WRITER = text("lock table bid_prices in share row exclusive mode")
_BIDS = select(col(BidPrice.resource), col(BidPrice.price_minor), col(BidPrice.capacity), col(BidPrice.at)).where(
    among(BidPrice.resource, "resources")
)


async def keep(
    session: AsyncSession, *, prices: Mapping[str, float], resources: Collection[Resource], orders: int, now: datetime
) -> int:
    """Replaces all prices by those for so many orders to come; answers how many limits are worth something.

    One writer at a time, and readers never wait. Prices found later than these stay: then these are none.
    """
    await session.execute(ONE_WRITER)
    latest = await run(session)
    if latest is not None and latest.at > now:
        return 0
    capacities = {resource.id: resource.capacity for resource in resources}
    worth = {id: price for id, price in prices.items() if price >= LEAST_MINOR and id in capacities}
    await session.execute(delete(BidPrice))
    await insert_all(
        session,
        BidPrice,
        [
            {
                "id": new_id(),
                "resource": id,
                "price_minor": price,
                "capacity": capacities[id],
                "at": now,
                "expires_on": day_of(id),
            }
            for id, price in sorted(worth.items())
        ],
    )
    session.add(BidPrice(resource=RUN, price_minor=0.0, capacity=orders, at=now))
    return len(worth)


async def run(session: AsyncSession) -> BidPrice | None:
    """When prices were last worked out, and for how many orders: its capacity; None: never."""
    found: BidPrice | None = await session.scalar(select(BidPrice).where(col(BidPrice.resource) == RUN))
    return found


async def bids(session: AsyncSession, resources: Collection[str]) -> dict[str, Bid]:
    """The prices of these limits; those that are worth nothing are left out."""
    found = await session.execute(_BIDS, {"resources": list(resources)})
    return {row.resource: Bid(price_minor=row.price_minor, capacity=row.capacity, at=row.at) for row in found.all()}


async def of_limits(session: AsyncSession, limits: Collection[Resource], *, now: datetime) -> dict[str, float]:
    """What a unit of each limit is worth now that so much of it is left; those that are worth nothing are left out."""
    left = {limit.id: limit.capacity for limit in limits}
    found = await bids(session, list(left))
    return {id: bid.moved(left=left[id], now=now) for id, bid in found.items()}


def sku_of(resource: str) -> str | None:
    """The good whose stock a limit is; None where it is none."""
    kind, _, *rest = resource.split("|")
    return rest[0] if kind == "stock" else None


def day_of(resource: str) -> date | None:
    """The day that a limit belongs to; stock and contracts have none."""
    kind, _, *rest = resource.split("|")
    return date.fromisoformat(rest[0]) if kind in ("node", "carrier") else None
