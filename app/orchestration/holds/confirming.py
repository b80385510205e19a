"""Orders that come with a hold: received, and allocated as it was held for them, in one transaction."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.auth.principals import SYSTEM, Principal
from app.core.errors import NotFound
from app.core.ids import from_global
from app.models import Carrier, FulfilmentNode, Hold, HoldPart, HoldState, Order
from app.orchestration.allocations import adoption, bidding
from app.orchestration.allocations.adoption import Winner
from app.orchestration.allocations.batches import Demand
from app.orchestration.allocations.candidates import Candidate, Part
from app.orchestration.allocations.telling import Source
from app.orchestration.allocations.verdicts import Verdict
from app.orchestration.holds import operations
from app.orchestration.holds import queries as holds
from app.orchestration.inventory import operations as stock
from app.orchestration.orders import baskets
from app.orchestration.orders import operations as orders
from app.orchestration.orders import queries as order_queries
from app.orchestration.orders.drafts import OrderDraft, WindowDraft
from app.orchestration.orders.held import Held
from app.orchestration.orders.operations import Deployment, OrderResult
from app.orchestration.policies import queries as rules
from app.orchestration.rows import ErrorPolicy, RowOutcome


async def upsert(
    session: AsyncSession,
    *,
    drafts: Sequence[OrderDraft],
    error_policy: ErrorPolicy,
    deployment: Deployment,
    actor: Principal,
    now: datetime,
) -> list[OrderResult]:
    """Takes orders over, as orders/operations.py does; a new one with a hold is allocated as it was held for it.

    The customer was promised the window, so that nobody is asked, whatever autonomy the policy gives.
    """
    ids = {draft.hold_id: key for draft in drafts if draft.hold_id and (key := _key(draft.hold_id)) is not None}
    found = await holds.locked(session, ids.values()) if ids else {}
    results = await orders.upsert(
        session,
        drafts=drafts,
        error_policy=error_policy,
        deployment=deployment,
        actor=actor,
        now=now,
        holds={text: _held(found[key]) for text, key in ids.items() if key in found},
    )
    taken = {
        result.found: found[ids[draft.hold_id]]
        for result, draft in zip(results, drafts, strict=True)
        if draft.hold_id in ids and result.outcome is RowOutcome.CREATED and result.found is not None
    }
    if taken:
        await _confirm(session, taken, actor=actor, now=now)
    return results


def _key(hold_id: str) -> uuid.UUID | None:
    try:
        return from_global("Hold", hold_id)
    except NotFound:
        return None


def _held(found: Hold) -> Held:
    return Held(
        id=found.id,
        state=found.state,
        expires_at=found.expires_at,
        window=WindowDraft(start=found.window_start, end=found.window_end),
        basket=baskets.read(found.basket),
    )


async def _confirm(session: AsyncSession, taken: dict[uuid.UUID, Hold], *, actor: Principal, now: datetime) -> None:
    """The new orders take over what is held: the stock changes its owner, the places on the days stay taken."""
    parts = await holds.parts_of(session, [hold.id for hold in taken.values()])
    winners = await _winners(session, taken, parts)
    for order_id, hold in taken.items():
        await stock.pass_on(session, operations.goods_of(parts[hold.id]), order_id=order_id, now=now)
        hold.state = HoldState.CONFIRMED
        operations.log_confirmed(session, hold, order_id=order_id, actor=actor, now=now)
    await session.flush()
    await adoption.carry_out(session, winners, source=await _source(session), now=now)


async def _winners(
    session: AsyncSession, taken: dict[uuid.UUID, Hold], parts: dict[uuid.UUID, list[HoldPart]]
) -> list[Winner]:
    flat = [part for of_hold in parts.values() for part in of_hold]
    nodes = {
        node.id: node
        for node in await session.scalars(
            select(FulfilmentNode).where(col(FulfilmentNode.id).in_({part.node_id for part in flat}))
        )
    }
    carriers = {
        carrier.id: carrier
        for carrier in await session.scalars(
            select(Carrier).where(col(Carrier.id).in_({part.carrier_id for part in flat}))
        )
    }
    found = await session.scalars(select(Order).where(col(Order.id).in_(taken)).order_by(col(Order.reference)))
    lines = await order_queries.lines_of(session, SYSTEM, list(taken))
    winners = []
    for order in list(found):
        hold = taken[order.id]
        chosen = Candidate(
            id=str(hold.id),
            parts=tuple(_part(part, nodes[part.node_id], carriers[part.carrier_id]) for part in parts[hold.id]),
            window_start=hold.window_start,
            window_end=hold.window_end,
            costs=(),
        )
        verdict = Verdict(demand=Demand(order=order, lines=lines[order.id]), chosen=chosen)
        told = [part.decision for part in parts[hold.id]]
        winners.append(Winner(order=order, verdict=verdict, chosen=chosen, first_number=1, told=told))
    return winners


def _part(part: HoldPart, node: FulfilmentNode, carrier: Carrier) -> Part:
    return Part(
        node=node,
        carrier=carrier,
        service=part.service,
        quantities=part.quantities,
        cost_minor=part.cost_minor,
        price_minor=part.price_minor,
        day=part.capacity_date,
    )


async def _source(session: AsyncSession) -> Source:
    policy = await rules.current_version(session)
    return Source(
        policy_name=policy.name,
        policy_version=policy.version,
        rules=policy.document,
        solver=bidding.SOLVER,
    )
