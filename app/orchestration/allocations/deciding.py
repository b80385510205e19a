"""One order, now: allocated at once by the prices that the last batch left, without waiting for the next.

The decision reads without locks and is adopted under them, all or nothing. Where another order was faster, it is
decided anew on what is left.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import Principal
from app.core.errors import Conflict, NotFound
from app.models import DecisionKind, Event, Order, OrderState
from app.orchestration.allocations import bidding, operations, prices, queries
from app.orchestration.allocations.limits import Loaded
from app.orchestration.allocations.operations import Outcome
from app.orchestration.allocations.problem import Posed
from app.orchestration.allocations.queries import Memory, Setting
from app.orchestration.allocations.telling import MOST_ALTERNATIVES, Source
from app.orchestration.allocations.verdicts import Verdict, decided
from app.orchestration.orders import queries as orders

# After so many lost races something else is wrong, and the next batch looks at the order.
MOST_ATTEMPTS = 8
RECEIVED = "order.received"


async def decide(session: AsyncSession, *, order: Order, setting: Setting, now: datetime) -> Outcome:
    """Allocates one order that waits, or says why it cannot be. MOVED_ON: it no longer waits."""
    for _ in range(MOST_ATTEMPTS):
        loaded = await queries.loaded(session, [order], setting=setting, now=now)
        verdict = await verdict_on(session, loaded, now=now)
        counts = await operations.adopt(session, verdicts=[verdict], source=source_of(loaded), now=now)
        outcome = next(outcome for outcome, count in counts.items() if count)
        if outcome is not Outcome.MOVED_ON:
            return outcome
        await session.refresh(order)
        if order.state is not OrderState.RECEIVED:
            return Outcome.MOVED_ON
    return Outcome.MOVED_ON


async def verdict_on(session: AsyncSession, loaded: Loaded, *, now: datetime) -> Verdict:
    """What the prices say to the one demand that was loaded."""
    posed = Posed(loaded)
    return decided(posed, await prices.of_limits(session, posed.resources, now=now), most=MOST_ALTERNATIVES)


def source_of(loaded: Loaded) -> Source:
    """Whose rules decide."""
    return Source(
        policy_name=loaded.policy_name,
        policy_version=loaded.policy_version,
        rules=loaded.network.policy,
        solver=bidding.SOLVER,
        autonomy=loaded.network.policy.autonomy_of(DecisionKind.ALLOCATION),
    )


async def decide_by_reference(
    session: AsyncSession, *, reference: str, actor: Principal, memory: Memory, now: datetime
) -> Order:
    """Decides the order with this reference. Refuses one that the actor does not see, or that does not wait."""
    order: Order | None = await session.scalar(
        select(Order).where(col(Order.reference) == reference, orders.visible(actor))
    )
    if order is None:
        raise NotFound("order", repr(reference), field="reference")
    if order.state is not OrderState.RECEIVED:
        raise Conflict(
            "INVALID_STATE", f"Order {reference} is {order.state}, so that it does not wait.", field="reference"
        )
    await decide(session, order=order, setting=await memory.setting(session, now=now), now=now)
    return order


async def read(session: AsyncSession, events: Sequence[Event], now: datetime, *, memory: Memory) -> None:
    """The reader `arrivals`: decides orders as they come in, where the policy says so."""
    setting = await memory.setting(session, now=now)
    if not setting.policy.document.allocation.at_once:
        return
    waiting = await session.scalars(
        select(Order)
        .where(col(Order.id).in_([event.subject_id for event in events]), col(Order.state) == OrderState.RECEIVED)
        .order_by(col(Order.reference))
    )
    for order in list(waiting):
        await decide(session, order=order, setting=setting, now=now)
