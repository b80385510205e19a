"""Sending orders another way than they are allocated, all of a batch's together or none of them.

What one lets go of, another takes: so one that cannot move keeps all of them where they are.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.errors import Conflict
from app.models import Order
from app.orchestration.allocations import operations
from app.orchestration.allocations.operations import Outcome
from app.orchestration.allocations.standing import still_movable
from app.orchestration.allocations.telling import Source
from app.orchestration.allocations.verdicts import Verdict
from app.orchestration.tenders.release import release_orders
from app.orchestration.writing import one_of

RECONSIDERED = "RECONSIDERED"


async def move(session: AsyncSession, *, verdicts: Sequence[Verdict], source: Source, now: datetime) -> int:
    """Lets go of what these orders hold, and allocates them as the verdicts say; answers how many.

    Refuses with MOVED_ON, and changes nothing, where one of them changed since it was loaded, or something that they
    were to take has gone to another.
    """
    known = {verdict.demand.order.id: verdict for verdict in verdicts}
    locked = list(
        await session.scalars(
            select(Order)
            .where(one_of(Order.id, known))
            .order_by(col(Order.reference))
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        )
    )
    changed = [order for order in locked if order.version != known[order.id].demand.order.version]
    if changed or len(await still_movable(session, known)) < len(known):
        raise _moved_on()
    await release_orders(session, locked, because=RECONSIDERED, now=now)
    await session.flush()
    anew = [_of(known[order.id], order) for order in locked]
    counts = await operations.adopt(session, verdicts=anew, source=source, now=now)
    if counts[Outcome.ALLOCATED] < len(known):
        raise _moved_on()
    return len(known)


def _of(verdict: Verdict, order: Order) -> Verdict:
    return replace(verdict, demand=replace(verdict.demand, order=order))


def _moved_on() -> Conflict:
    return Conflict(
        "MOVED_ON", "What was to move changed meanwhile, and stays as it is. The next run looks at it again."
    )
