"""Works out what scarce stock and capacity are worth to the orders that come before the next batch."""

import structlog

from app.core import clock
from app.core.database import Database
from app.core.errors import Refusal
from app.jobs import solving
from app.jobs.workshop import Workshop
from app.orchestration.allocations import prices, staleness
from app.orchestration.allocations.forecast import forecast, scaled
from app.orchestration.allocations.problem import Posed

PRICE_SECONDS = 3.0
log = structlog.get_logger(__name__)


async def refresh(workshop: Workshop) -> bool:
    """New prices where the old ones no longer hold; answers whether there are any."""
    async with workshop.database.reading() as session:
        setting = await workshop.memory.setting(session, now=clock.now())
        if not await staleness.is_due(session, setting=setting, now=clock.now()):
            return False
    try:
        return await price(workshop.database)
    except Refusal as refusal:
        log.warning("prices.not_found", code=refusal.code, message=str(refusal))
        return False


async def price(database: Database) -> bool:
    """Leaves prices from the demand that is to be expected; False where nothing is expected."""
    async with database.reading() as session:
        expected = await forecast(session, now=clock.now())
    if expected is None:
        return False
    posed = Posed(expected.loaded)
    solution = await solving.allocation(scaled(posed.table, expected.share), seconds=PRICE_SECONDS)
    found = zip(posed.resources, solution.prices.tolist(), strict=True)
    worth = {resource.id: price for resource, price in found}
    orders = round(len(expected.loaded.demands) / expected.share)
    await database.run(
        lambda session: prices.keep(session, prices=worth, resources=posed.resources, orders=orders, now=clock.now())
    )
    return True
